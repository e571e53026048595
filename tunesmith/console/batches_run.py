"""Batches that are not final → their answers, a few at a time, until they are. They go on where they were when the server is started again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool

from tunesmith.console.access import caller_of
from tunesmith.console.background import Background
from tunesmith.console.batches_folder import KIND, drop_folder, finish, folder, unfinished
from tunesmith.console.batches_journal import Journal
from tunesmith.console.batches_lane import PLACES, Lane, caller_behind, read_back
from tunesmith.console.batches_lines import Line, lines, survey
from tunesmith.console.failures import BUG_MESSAGE, ApiError
from tunesmith.console.ids import new_id
from tunesmith.console.names import find
from tunesmith.console.state import Console
from tunesmith.errors import NotFound
from tunesmith.spec.wire_batches import FINAL, BatchFault, BatchFaults
from tunesmith.store.objects import Stored

ACTIVE = 8
"""Batches that are worked on at once; the others wait."""
Ending = Literal["completed", "expired", "cancelled"]


@dataclass
class Run:
    """A batch that is being worked on."""

    stored: Stored
    journal: Journal
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it is to be cancelled."""


class BatchRunner:
    """The unfinished batches of one server."""

    def __init__(self, console: Console, lane: Lane) -> None:
        self.console = console
        self.lane = lane
        self._under_way = Background[Run](KIND, ACTIVE, self._advance, partial(_break, console))

    async def start(self) -> None:
        """Go on with what is unfinished."""
        for stored in await run_in_threadpool(unfinished, self.console):
            self.go_on(stored)

    async def stop(self) -> None:
        """Leave everything as it is, to go on another time."""
        await self._under_way.stop()

    def go_on(self, stored: Stored) -> None:
        """Work on a batch."""
        self._under_way.begin(stored.id, Run(stored, Journal(folder(self.console, stored.id) / "journal")))

    def cancel(self, name: str) -> None:
        """Have it end soon."""
        if (run := self._under_way.find(name)) is not None:
            run.stop.set()

    def seen(self, stored: Stored) -> dict[str, Any]:
        """The body of a batch with the counts of this moment."""
        run = self._under_way.find(stored.id)
        total = int(stored.body["request_counts"]["total"])
        if run is None or stored.body["status"] in FINAL or not run.journal.tally.done:
            return stored.body
        tally = run.journal.tally
        return {**stored.body, "request_counts": tally.counts(total).model_dump(), "usage": tally.usage().model_dump()}

    async def _advance(self, run: Run) -> None:
        """Bring a batch from wherever it stands to its end."""
        try:
            await self._end(run)
        finally:
            await run_in_threadpool(run.journal.close)

    async def _end(self, run: Run) -> None:
        body = run.stored.body
        if body["status"] == "validating":
            run.stored = await run_in_threadpool(validate, self.console, run.stored)
            body = run.stored.body
        ending: Ending = "completed"
        if body["status"] == "cancelling" or run.stop.is_set():
            ending = "cancelled"
        elif body["status"] == "in_progress":
            await run_in_threadpool(run.journal.open)
            ending = await self._answer_all(run)
            await run_in_threadpool(run.journal.close)
        elif body["status"] != "finalizing":
            return
        if ending == "completed":
            moved = await run_in_threadpool(_move, self.console, run.stored.id, "finalizing")
            if moved.body["status"] == "cancelling":  # asked for between the last answer and now
                ending = "cancelled"
        await run_in_threadpool(finish, self.console, run.stored.id, ending)

    async def _answer_all(self, run: Run) -> Ending:
        """Answer what has no answer yet; returns why that ended."""
        left = self._unanswered(run)
        expires_at = float(run.stored.body["expires_at"])
        stopping = asyncio.ensure_future(run.stop.wait())
        tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                while len(tasks) < PLACES and (line := await run_in_threadpool(next, left, None)) is not None:
                    tasks.add(asyncio.create_task(self._answer(run, line)))
                if run.stop.is_set():
                    return "cancelled"
                if not tasks:
                    return "completed"
                if (left_s := expires_at - time.time()) <= 0:
                    return "expired"
                done, _ = await asyncio.wait({*tasks, stopping}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
                for task in done & tasks:
                    task.result()
                tasks -= done
        finally:
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)

    def _unanswered(self, run: Run) -> Iterator[Line]:
        done = frozenset(run.journal.tally.done)
        every = lines(folder(self.console, run.stored.id) / "input.jsonl", self.console.configuration.body_bytes)
        return (line for line in every if line.number not in done)

    async def _answer(self, run: Run, line: Line) -> None:
        try:
            caller = await caller_behind(self.console, run.stored.owner)
            refuse_background(line.body)
            reply = await self.lane.answer(caller, run.stored.body["endpoint"], line.body, float(run.stored.body["expires_at"]))
            status, body = reply.status_code, read_back(reply)
        except ApiError as error:
            status, body = error.status_code, error.body()
        await run_in_threadpool(run.journal.append, line, status, body, new_id("req_"))


def refuse_background(raw: bytes) -> None:
    """Raise where a line asks to be answered behind the batch's back."""
    if from_json(raw).get("background"):
        raise ApiError(400, "'background' is not supported in a batch.", param="background", code="invalid_value")


def validate(console: Console, stored: Stored) -> Stored:
    """The batch, in progress or failed."""
    body, place = stored.body, folder(console, stored.id)
    try:
        key = console.keys.get(stored.owner or "")
    except NotFound:
        key = None

    def is_known(name: str) -> bool:
        return key is not None and find(console, name, caller_of(key)) is not None

    seen = survey(place / "input.jsonl", body["endpoint"], console.configuration.body_bytes, is_known)
    now = int(time.time())
    if seen.faults:
        new = {"status": "failed", "failed_at": now, "errors": BatchFaults(data=seen.faults).model_dump(mode="json")}
    else:
        model = next(iter(seen.models)) if len(seen.models) == 1 else None
        new = {"status": "in_progress", "in_progress_at": now, "model": model, "request_counts": {"total": seen.total, "completed": 0, "failed": 0}}
    stored = console.objects.change(KIND, stored.id, lambda old: old | new if old["status"] == "validating" else old)
    if stored.body["status"] == "failed":
        drop_folder(console, stored.id)
    return stored


def _move(console: Console, name: str, status: str) -> Stored:
    now = {"status": status, f"{status}_at": int(time.time())}
    return console.objects.change(KIND, name, lambda old: old | now if old["status"] == "in_progress" else old)


def _break(console: Console, name: str) -> None:
    fault = BatchFaults(data=[BatchFault(code="server_error", message=BUG_MESSAGE)]).model_dump(mode="json")
    new = {"status": "failed", "failed_at": int(time.time()), "errors": fault}
    console.objects.change(KIND, name, lambda old: old if old["status"] in FINAL else old | new)
