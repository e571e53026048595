"""Requests that come and go → answers, all written side by side: the one place of the service where models compute.

One thread does all model work, in turns: take in what has come, give places to those who wait, then one step of one target's rows (round
robin). Within a target all rows go through the network together. A place is given to whoever's owner has the fewest, so that one client's
flood does not shut out the others. Memory is bounded three ways: so many requests wait, so many rows are answered at once, and their keys
and values take so many bytes; a row that outgrows them waits and is read again.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TypeVar

import torch

from tunesmith.answer.asked import Target
from tunesmith.answer.limits import Limits
from tunesmith.answer.prefixes import Prefixes
from tunesmith.answer.residents import Residents
from tunesmith.answer.shelves import rounded
from tunesmith.answer.table import Table
from tunesmith.answer.ticket import LiveRow, Ticket
from tunesmith.errors import Busy, Overloaded, TunesmithError

LOG = logging.getLogger(__name__)
IDLE_S = 0.5
"""How long it sleeps where nothing is to do; whatever comes wakes it."""
LOOK_S = 0.005
"""How long it sleeps while it waits for something that is being loaded."""
OPEN_S = 0.05
"""How long requests are put into tokens before the others' answers go on."""
R = TypeVar("R")


class Live:
    """The scheduler. `submit`, `call` and `errand` may be called from any thread."""

    def __init__(self, residents: Residents, limits: Limits | None = None) -> None:
        self.residents = residents
        self.limits = limits or residents.limits
        self.prefixes = Prefixes(self.limits.prefix_bytes)
        self.tables: dict[Target, Table] = {}
        self.waiting: list[Ticket] = []
        self.going: list[Ticket] = []
        """Tickets of which every row has, or had, a place."""
        self.errands: deque[tuple[Iterator[bool], Future[None]]] = deque()
        self.came: deque[Callable[[], None]] = deque()
        self.wake = threading.Event()
        self.is_closing = False
        self.pending = 0
        """Requests that were submitted and have no place yet."""
        self.turns: deque[Target] = deque()
        self._order = 0
        self._lock = threading.Lock()
        residents.changed = self.wake.set
        residents.forgotten = lambda target: self.prefixes.forget(str(target))

    def submit(self, ticket: Ticket) -> None:
        """Let a request wait for its turn.

        Raises: Overloaded if too many wait already.
        """
        with self._lock:
            if self.pending >= self.limits.waiting:
                raise Overloaded(
                    "too many requests are waiting", where="engine", got=f"{self.pending} waiting", expected=f"at most {self.limits.waiting}",
                    fix="try again in a moment",
                )  # fmt: skip
            self.pending += 1
            self._order += 1
            ticket.order = self._order
        self._come(lambda: self.waiting.append(ticket))

    def cancel(self, ticket: Ticket) -> None:
        """Stop a request within one step; it says no more."""
        ticket.cancelled.set()
        self.wake.set()

    def call(self, function: Callable[[], R]) -> Future[R]:
        """The function's result, computed between two steps."""
        future: Future[R] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return  # nobody waits for it any more
            try:
                future.set_result(function())
            except Exception as error:  # a boundary between threads: the other one hears it
                future.set_exception(error)

        self._come(work)
        return future

    def errand(self, parts: Iterator[bool]) -> Future[None]:
        """Work in parts, one in each turn; a part is True if something was done, False if it waits."""
        future: Future[None] = Future()
        self._come(lambda: self.errands.append((parts, future)))
        return future

    def close(self) -> None:
        """End the thread that answers."""
        self.is_closing = True
        self.wake.set()

    def run(self) -> None:
        """Answer until `close`."""
        while not self.is_closing:
            self.wake.clear()
            if not self.turn():
                self.wake.wait(LOOK_S if self.residents.loading or self.errands else IDLE_S)
        self.residents.close()

    @torch.inference_mode()
    def turn(self) -> bool:
        """Take in, give places, one step; False if there was nothing to do."""
        while self.came:
            self.came.popleft()()
        self._dismiss()
        self._admit()
        worked = self._step() | self._run_errand()
        for ticket in self.going + self.waiting:
            ticket.flush()
        self.going = [ticket for ticket in self.going if not ticket.is_over]
        return worked

    @property
    def running(self) -> int:
        """Rows that are being written."""
        return sum(len(table.rows) for table in self.tables.values())

    def unload(self, target: Target) -> None:
        """Forget a model. In the answering thread: through `call`.

        Raises: Busy while somebody is being answered by it; NotFound is not raised: what is not there is unloaded.
        """
        if target in self.busy():
            raise Busy("is answering", where=str(target), fix="try again when it has finished")
        self.tables.pop(target, None)
        if target in self.residents.there:
            self.residents.unload(target)

    def share(self, part: float) -> Future[int]:
        """Leave other processes their part of the threads: `part` of ours are used from now on, one at least."""

        def divide() -> int:
            torch.set_num_threads(max(1, round(self.residents.placement.threads * part)))
            return torch.get_num_threads()

        return self.call(divide)

    def threads(self) -> int:
        """Threads that a step uses. In the answering thread."""
        return torch.get_num_threads()

    def _come(self, work: Callable[[], None]) -> None:
        self.came.append(work)
        self.wake.set()

    def busy(self) -> set[Target]:
        """Targets that must stay in memory."""
        return {t for t, table in self.tables.items() if table.rows} | {ticket.target for ticket in self.waiting if ticket.prepared is not None}

    def _dismiss(self) -> None:
        """Let go of requests that were cancelled or came too late."""
        for ticket in self.going + self.waiting:
            if ticket.cancelled.is_set():
                ticket.end()
            elif ticket.is_late():
                ticket.fail(Overloaded("the answer was not ready by the request's deadline", where="engine", fix="try again, or ask for less"))
        self._leave_queue([ticket for ticket in self.waiting if ticket.is_over])

    def _leave_queue(self, tickets: list[Ticket]) -> None:
        self.waiting = [ticket for ticket in self.waiting if ticket not in tickets]
        with self._lock:
            self.pending -= sum(1 for ticket in tickets if not ticket.is_started)

    def _admit(self) -> None:
        """Give places to waiting rows, first those whose owners have the fewest."""
        places = Counter(row.ticket.owner for table in self.tables.values() for row in table.rows)
        blocked: int | None = None
        until = time.monotonic() + OPEN_S
        for ticket in sorted(self.waiting, key=lambda ticket: ticket.order):
            if time.monotonic() > until:
                break
            if blocked is None and ticket.prepared is None and not self._open(ticket):
                blocked = None if self.residents.loading else ticket.order  # what came later must not keep it out of memory for ever
        ready = [t for t in self.waiting if t.prepared is not None and not t.is_over and (blocked is None or t.order < blocked)]
        while ready:
            ticket = min(ready, key=lambda ticket: (places[ticket.owner], ticket.order))
            row = self._next_row(ticket)
            if row is None:
                ready.remove(ticket)
                continue
            if not self._has_room(row):
                break
            if self._enter(ticket, row):
                places[ticket.owner] += 1
            else:
                ready.remove(ticket)
        self._leave_queue([t for t in self.waiting if t.is_over])
        full = [t for t in self.waiting if t.prepared is not None and not t.waiting]
        self.going += full
        self.waiting = [t for t in self.waiting if t not in full]

    def _open(self, ticket: Ticket) -> bool:
        """Whether the request's model is there; then it is put into tokens. A request that cannot be answered ends."""
        try:
            resident = self.residents.get(ticket.target, self.busy())
            if resident is None:
                return False
            ticket.prepared = ticket.prepare(ticket, resident)
            ticket.waiting = list(ticket.prepared.rows)
        except Exception as error:  # a boundary: a request that fails must not stop the others
            ticket.fail(told(error))
        return True

    def _next_row(self, ticket: Ticket) -> LiveRow | None:
        """The row that may come in next: a prompt's further answers wait until it was read once, since it need not be read again."""
        reading = {row.prompt_number for row in ticket.prepared.rows if not row.is_read and row not in ticket.waiting} if ticket.prepared else set()
        return next((row for row in ticket.waiting if row.prompt_number not in reading or row.scored is not None), None)

    def _has_room(self, row: LiveRow) -> bool:
        running = self.running
        if running == 0:
            return True
        model = self.residents.there[row.ticket.target].house.model if row.ticket.target in self.residents.there else None
        if model is None or running >= self.limits.rows:
            return False
        table, need = self.tables.get(row.ticket.target), len(row.feed) + 1
        if table is None:
            return self._cached() + rounded(need) * model.shape.cached(model.placement.dtype) <= self.limits.cache_bytes
        return self._cached() - table.session.bytes() + table.session.bytes(need) <= self.limits.cache_bytes

    def _cached(self) -> int:
        return sum(table.session.bytes() for table in self.tables.values())

    def _enter(self, ticket: Ticket, row: LiveRow) -> bool:
        """Give the row a place; False if its model was unloaded meanwhile."""
        resident = self.residents.get(ticket.target, self.busy())
        if resident is None:
            return False
        table = self.tables.get(ticket.target)
        if table is None or table.resident is not resident:
            table = self.tables[ticket.target] = Table(resident, self.prefixes)
            self.turns.append(ticket.target)
        ticket.waiting.remove(row)
        cached = table.enter(row)
        if not ticket.is_started:
            ticket.start(resident, cached)
            with self._lock:
                self.pending -= 1
        return True

    def _step(self) -> bool:
        """One step of the target whose turn it is."""
        self.tables = {target: table for target, table in self.tables.items() if table.desk.rows}
        self.turns = deque(target for target in self.turns if target in self.tables)
        if not self.turns:
            return False
        target = self.turns[0]
        self.turns.rotate(-1)
        table = self.tables[target]
        try:
            table.step()
        except Exception as error:  # a boundary: what one target's rows meet must not stop the others
            for ticket in {id(row.ticket): row.ticket for row in table.desk.rows}.values():
                ticket.fail(told(error))
            del self.tables[target]
        self._shed()
        return True

    def _shed(self) -> None:
        """Take places away from those who came last while keys and values take more than they may."""
        while self._cached() > self.limits.cache_bytes and self.running > 1:
            table, row = max(((t, row) for t in self.tables.values() for row in t.rows), key=lambda pair: (pair[1].ticket.order, pair[1].index))
            table.withdraw(row)
            row.ticket.waiting.insert(0, row)
            if row.ticket in self.going:
                self.going.remove(row.ticket)
                self.waiting.append(row.ticket)

    def _run_errand(self) -> bool:
        """One part of the errand whose turn it is."""
        if not self.errands:
            return False
        parts, future = self.errands.popleft()
        if future.cancelled():
            return True
        try:
            worked = next(parts)
        except StopIteration:
            with suppress(InvalidStateError):  # it was cancelled just now
                future.set_result(None)
            return True
        except Exception as error:  # a boundary between threads: the other one hears it
            with suppress(InvalidStateError):
                future.set_exception(error)
            return True
        self.errands.append((parts, future))
        return worked


def told(error: Exception) -> TunesmithError | dict[str, object]:
    """The error as its client may hear it. One that is ours is logged without its message, which could hold what somebody wrote."""
    if isinstance(error, TunesmithError):
        return error
    frames = " ← ".join(f"{f.name} ({f.filename.rpartition('/')[2]}:{f.lineno})" for f in reversed(traceback.extract_tb(error.__traceback__)[-6:]))
    LOG.error("%s in %s", type(error).__name__, frames)
    problem = {"message": f"{type(error).__name__} while answering", "fix": "this is a mistake in Tunesmith; please report it with the engine's log"}
    return {"code": "internal", "message": problem["message"], "problems": [problem]}
