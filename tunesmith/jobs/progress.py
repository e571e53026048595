"""What a stage says → rows that any door can read, thinned and bounded.

Events are collected and written together a few times a second: `emit` costs microseconds, so stages may call it for every batch. What is lost
when the worker is killed is the last quarter of a second of talk, never work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, delete, func, insert, select

from tunesmith.jobs.queue import Queue
from tunesmith.spec.job import Event, Note, Progress, Reading, Resolved, Saved, Spoken, StageFinished, StageStarted
from tunesmith.store.tables import EVENTS

PROGRESS_GAP_S = 0.2
"""Between two progress events of one label; the last one of a label is always kept."""
FLUSH_S = 0.25
STOP_CHECK_S = 0.5
KEPT_EVENTS = 20_000
"""Per job. Beyond it the oldest progress goes first, then the oldest readings, then the oldest of all."""
DROP_ORDER: tuple[tuple[str, ...], ...] = (
    ("progress",),
    ("reading",),
    ("note", "stage_started", "stage_finished", "resolved", "saved"),
)
EVENT: TypeAdapter[Spoken] = TypeAdapter(Event)


class JobMonitor:
    """The monitor of one job: implements `spec.job.Monitor`. Threads may share it."""

    def __init__(self, queue: Queue, job_id: str, *, kept: int = KEPT_EVENTS, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._job = job_id
        self._kept = kept
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, Spoken]] = []
        self._held_back: dict[str, tuple[float, Progress]] = {}
        self._last_progress: dict[str, float] = {}
        self._flushed_at = clock()
        self._asked_at = float("-inf")
        self._stopping = threading.Event()
        with queue.database.read() as connection:
            mine = EVENTS.c.job == job_id
            self._count: int = connection.execute(select(func.count()).where(mine)).scalar_one()
            told = connection.execute(select(EVENTS.c.body).where(mine, EVENTS.c.kind != "progress")).scalars()
            self._told: set[tuple[Any, ...] | None] = {once for body in told if (once := identity(EVENT.validate_python(body))) is not None}

    def emit(self, event: Spoken) -> None:
        """Pass an event on. Progress of one label is thinned; anything else is preceded by what thinning held back.

        Every child of a job walks the line from its beginning, and one that goes on after a crash says again what was said: nothing that this
        job has told of is told twice.
        """
        once, now = identity(event), self._clock()
        with self._lock:
            if once is not None and once in self._told and not (isinstance(event, StageFinished) and not event.reused):
                return
            self._told.add(once)
            if isinstance(event, Progress):
                self._emit_progress(event, now)
            else:
                self._release()
                self._waiting.append((time.time(), event))
            is_due = now - self._flushed_at >= FLUSH_S or isinstance(event, StageStarted | StageFinished)
        if is_due:
            self.flush()

    def _emit_progress(self, event: Progress, now: float) -> None:
        is_last = event.total is not None and event.done >= event.total
        if is_last or now - self._last_progress.get(event.label, float("-inf")) >= PROGRESS_GAP_S:
            self._held_back.pop(event.label, None)
            self._last_progress[event.label] = now
            self._waiting.append((time.time(), event))
        else:
            self._held_back[event.label] = (time.time(), event)

    def _release(self) -> None:
        self._waiting.extend(self._held_back.values())
        self._held_back.clear()

    def stopping(self) -> bool:
        """True once somebody asked the job to stop. The database is asked at most twice a second."""
        now = self._clock()
        if not self._stopping.is_set() and now - self._asked_at >= STOP_CHECK_S:
            self._asked_at = now
            if self._queue.is_stopping(self._job):
                self._stopping.set()
        return self._stopping.is_set()

    def stop(self) -> None:
        """Make `stopping` true: the lease was lost."""
        self._stopping.set()

    def flush(self) -> None:
        """Write what was collected. Called by `emit`, by the worker's heartbeat and at the end."""
        with self._lock:
            self._flushed_at = self._clock()
            events, self._waiting = self._waiting, []
            if not events:
                return
            with self._queue.database.write() as connection:
                last = connection.execute(select(func.coalesce(func.max(EVENTS.c.seq), 0)).where(EVENTS.c.job == self._job)).scalar_one()
                rows = [
                    {"job": self._job, "seq": last + i, "at": at, "kind": event.kind, "body": event.model_dump(mode="json")}
                    for i, (at, event) in enumerate(events, start=1)
                ]
                connection.execute(insert(EVENTS), rows)
                dropped = self._drop(connection, self._count + len(rows) - self._kept)
            self._count += len(rows) - dropped

    def close(self) -> None:
        """Write everything, what thinning held back included."""
        with self._lock:
            self._release()
        self.flush()

    def _drop(self, connection: Connection, excess: int) -> int:
        """Delete a twentieth of the allowance once it is exceeded; returns how many rows went."""
        if excess <= 0:
            return 0
        wanted = left = excess + self._kept // 20
        for kinds in DROP_ORDER:
            oldest = select(EVENTS.c.seq).where(EVENTS.c.job == self._job, EVENTS.c.kind.in_(kinds)).order_by(EVENTS.c.seq).limit(left)
            left -= connection.execute(delete(EVENTS).where(EVENTS.c.job == self._job, EVENTS.c.seq.in_(oldest))).rowcount
            if left <= 0:
                break
        return wanted - left


def identity(event: Spoken) -> tuple[Any, ...] | None:
    """What makes two events of a job the same; None for what may be said again.

    >>> identity(Reading(step=3, values={"lr": 0.1})) == identity(Reading(step=3, values={"lr": 0.2}))
    True
    """
    match event:
        case StageFinished():
            return (event.kind, event.stage, event.title)
        case Reading():
            return (event.kind, event.step, *sorted(event.values))
        case Saved():
            return (event.kind, event.step)
        case Note():
            return (event.kind, event.level, event.text)
        case Resolved():
            return (event.kind,)
        case Progress() | StageStarted():
            return None


def last_event(queue: Queue, job_id: str) -> int:
    """The number of the last thing that a job said; 0 where it said nothing yet."""
    with queue.database.read() as connection:
        return int(connection.execute(select(func.coalesce(func.max(EVENTS.c.seq), 0)).where(EVENTS.c.job == job_id)).scalar_one())


def events_since(queue: Queue, job_id: str, seq: int) -> list[tuple[int, float, Spoken]]:
    """(number, Unix time, event) of everything the job said after event number `seq`, oldest first."""
    query = select(EVENTS).where(EVENTS.c.job == job_id, EVENTS.c.seq > seq).order_by(EVENTS.c.seq)
    with queue.database.read() as connection:
        return [(row.seq, row.at, EVENT.validate_python(row.body)) for row in connection.execute(query)]
