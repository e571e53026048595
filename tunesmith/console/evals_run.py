"""Runs of evals that have not ended → their output items, in the order of the rows, and the counts over them. They survive a restart."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool

from tunesmith.console.background import Background
from tunesmith.console.batches_lane import PLACES, Lane, caller_behind, read_back
from tunesmith.console.evals_rows import rows_of, snapshot_path
from tunesmith.console.evals_sample import Sample, sample, shown
from tunesmith.console.failures import BUG_MESSAGE, ApiError, Reply
from tunesmith.console.graders import embedder_of
from tunesmith.console.graders_grade import Graded, Judges, Used, grade, words
from tunesmith.console.ids import new_id
from tunesmith.console.state import Console
from tunesmith.errors import TunesmithError
from tunesmith.measure.graders import passes
from tunesmith.spec.wire_evals import PENDING, Completions, Jsonl, Row
from tunesmith.spec.wire_graders import Single, known
from tunesmith.store.disk import remove
from tunesmith.store.objects import Stored

ACTIVE = 4
PATIENCE_S = 600.0
"""A busy server is asked again for so long before a row counts as an error."""
CRITERIA: TypeAdapter[tuple[Any, ...]] = TypeAdapter(tuple[Single, ...])
DATA: TypeAdapter[Any] = TypeAdapter(Jsonl | Completions)


@dataclass
class Tally:
    """What the items so far say together."""

    done: set[int] = field(default_factory=set)
    statuses: dict[str, int] = field(default_factory=lambda: {"pass": 0, "fail": 0, "error": 0})
    criteria: dict[str, dict[str, int]] = field(default_factory=dict)
    used: dict[str, Used] = field(default_factory=dict)

    def add(self, body: dict[str, Any]) -> None:
        """Count an item, as it is stored."""
        item = body["item"]
        self.done.add(item["datasource_item_id"])
        self.statuses[item["status"]] += 1
        for result in item["results"]:
            one = self.criteria.setdefault(result["name"], {"passed": 0, "failed": 0})
            one["passed" if result["passed"] else "failed"] += 1
        for model, used in body["used"].items():
            own = self.used.setdefault(model, Used())
            for name, value in used.items():
                setattr(own, name, getattr(own, name) + value)

    def shown(self) -> dict[str, Any]:
        """As a run shows it."""
        good, bad, broken = (self.statuses[name] for name in ("pass", "fail", "error"))
        usage = [
            {"model_name": name, "invocation_count": one.calls, "prompt_tokens": one.prompt_tokens, "completion_tokens": one.completion_tokens,
                "total_tokens": one.total, "cached_tokens": one.cached_tokens}
            for name, one in self.used.items()
        ]  # fmt: skip
        return {
            "result_counts": {"total": good + bad + broken, "errored": broken, "failed": bad, "passed": good},
            "per_model_usage": usage,
            "per_testing_criteria_results": [{"testing_criteria": name, **counts} for name, counts in self.criteria.items()],
        }


@dataclass
class Work:
    """A run that is being worked on."""

    stored: Stored
    tally: Tally = field(default_factory=Tally)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    criteria: list[Any] = field(default_factory=list)
    data: Jsonl | Completions | None = None
    embedder: str | None = None


class EvalRunner:
    """The runs of one server that have not ended."""

    def __init__(self, console: Console, lane: Lane) -> None:
        self.console = console
        self.lane = lane
        self._under_way = Background[Work]("run", ACTIVE, self._advance, partial(_break, console))

    async def start(self) -> None:
        """Go on with what has not ended."""
        for stored in await run_in_threadpool(_unfinished, self.console):
            self.go_on(stored)

    async def stop(self) -> None:
        """Leave everything as it is, to go on another time."""
        await self._under_way.stop()

    def go_on(self, stored: Stored) -> None:
        """Work on a run."""
        self._under_way.begin(stored.id, Work(stored))

    async def end(self, name: str) -> None:
        """Return when nothing is done for the run any more."""
        if (work := self._under_way.find(name)) is not None:
            work.stop.set()
            await self._under_way.ended(name)

    def seen(self, stored: Stored) -> dict[str, Any]:
        """The body of a run with the counts of this moment."""
        work = self._under_way.find(stored.id)
        live = work.tally.shown() if work is not None and work.tally.done and stored.body["status"] in PENDING else {}
        return stored.body | live

    async def _advance(self, work: Work) -> None:
        if work.stop.is_set():
            return
        await run_in_threadpool(_prepare, self.console, work)
        left = await run_in_threadpool(_left, self.console, work)
        stopping = asyncio.ensure_future(work.stop.wait())
        waiting: deque[asyncio.Task[dict[str, Any]]] = deque()
        try:
            while not work.stop.is_set():
                while len(waiting) < PLACES and (row := await run_in_threadpool(next, left, None)) is not None:
                    waiting.append(asyncio.create_task(self._item(work, *row)))
                if not waiting:
                    break
                await asyncio.wait({waiting[0], stopping}, return_when=asyncio.FIRST_COMPLETED)
                if waiting[0].done():
                    body = waiting.popleft().result()
                    await run_in_threadpool(_keep, self.console, work, body)
        finally:
            for task in (*waiting, stopping):
                task.cancel()
            await asyncio.gather(*waiting, stopping, return_exceptions=True)
        await run_in_threadpool(_end, self.console, work.stored.id, "canceled" if work.stop.is_set() else "completed", work.tally.shown())
        await run_in_threadpool(remove, snapshot_path(self.console, work.stored.id))

    async def _item(self, work: Work, number: int, row: Row) -> dict[str, Any]:
        """What is stored for one row."""

        async def ask(path: str, body: dict[str, Any]) -> dict[str, Any]:
            caller = await caller_behind(self.console, work.stored.owner)
            return read_back(await self.lane.answer(caller, path, bytes(Reply(body).body), time.time() + PATIENCE_S))

        assert work.data is not None
        try:
            made = await sample(work.data, row, ask)
        except ApiError as error:
            made = unanswered(work.data, error.code or "error", error.message)
        except TunesmithError as error:
            made = unanswered(work.data, error.code, words(error))
        graded: list[Graded] = []
        if made.shown["error"] is None:
            spaces = {"item": row.item, "sample": made.space}
            graded = [await grade(criterion, spaces, Judges(ask, work.embedder)) for criterion in work.criteria]
        return _stored_item(work, number, row, made, graded)


def unanswered(data: Jsonl | Completions, code: str, message: str) -> Sample:
    """The sample of a row that has none."""
    completions = data if isinstance(data, Completions) else None
    model = completions.model if completions is not None else None
    return Sample({}, shown([], [], data=completions, model=model, error={"code": code, "message": message}))


def names_of(criteria: list[Any]) -> list[str]:
    """The names by which results are told apart: those of the criteria, numbered where one occurs twice."""
    names = [one.name for one in criteria]
    return [name if names.count(name) == 1 else f"{name} {names[: i + 1].count(name)}" for i, name in enumerate(names)]


def _stored_item(work: Work, number: int, row: Row, made: Sample, graded: list[Graded]) -> dict[str, Any]:
    results = []
    total = Graded(used=dict(made.used))
    for name, criterion, found in zip(names_of(work.criteria), work.criteria, graded, strict=False):
        total.take_in(found)
        passed = not found.errors and passes(criterion, found.score)
        kind = f"{criterion.type.replace('_', '-')}-grader"
        result: dict[str, Any] = {"name": name, "type": kind, "score": found.score, "passed": passed, "sample": found.sample}
        if found.errors:
            code, message = next(iter(found.errors.items()))
            result["error"] = {"code": code, "message": message}
        results.append(result)
    is_broken = made.shown["error"] is not None or bool(total.errors)
    status = "error" if is_broken else "pass" if all(result["passed"] for result in results) else "fail"
    item = {
        "id": new_id("outputitem_"),
        "object": "eval.run.output_item",
        "created_at": int(time.time()),
        "run_id": work.stored.id,
        "eval_id": work.stored.parent,
        "status": status,
        "datasource_item_id": number,
        "datasource_item": row.item,
        "results": results,
        "sample": made.shown,
    }
    return {"item": item, "used": {model: asdict(used) for model, used in total.used.items()}}


def _unfinished(console: Console) -> list[Stored]:
    """The runs that are to go on, oldest first; rows of others, left by a crash, are deleted."""
    found = console.objects.page("run", newest_first=False, where=lambda one: one.body["status"] in PENDING).items
    kept = {snapshot_path(console, one.id).name for one in found}
    place = console.store.home / "evals"
    for path in place.iterdir() if place.is_dir() else ():
        if path.name not in kept:
            remove(path)
    return found


def _prepare(console: Console, work: Work) -> None:
    """Read what the run needs. Raises: NotFound if it, or its eval, was deleted."""
    work.stored = console.objects.change("run", work.stored.id, lambda old: old | ({"status": "in_progress"} if old["status"] in PENDING else {}))
    if work.stored.body["status"] not in PENDING:
        work.stop.set()
    parent = console.objects.get("eval", work.stored.parent or "")
    work.criteria = [known(one) for one in CRITERIA.validate_json(json.dumps(parent.body["testing_criteria"]))]
    work.data = DATA.validate_json(json.dumps(work.stored.body["data"]))
    work.embedder = embedder_of(console)
    work.tally = Tally(criteria={name: {"passed": 0, "failed": 0} for name in names_of(work.criteria)})
    for item in console.objects.page("item", parent=work.stored.id, newest_first=False).items:
        work.tally.add(item.body)


def _left(console: Console, work: Work) -> Iterator[tuple[int, Row]]:
    done = frozenset(work.tally.done)
    return ((number, row) for number, row in rows_of(console, work.stored.id) if number not in done)


def _keep(console: Console, work: Work, body: dict[str, Any]) -> None:
    console.objects.add("item", body["item"]["id"], body, parent=work.stored.id, owner=work.stored.owner)
    work.tally.add(body)


def _break(console: Console, name: str) -> None:
    _end(console, name, "failed", {"error": {"code": "server_error", "message": BUG_MESSAGE}})


def _end(console: Console, name: str, status: str, more: dict[str, Any]) -> None:
    """Write how a run ended; one that was canceled stays so."""
    console.objects.change("run", name, lambda old: old | more | {"status": status if old["status"] in PENDING else old["status"]})
