"""What a job said → the events and checkpoints that clients follow, newest first.

Ids are made from the job and the number of what it said, so that they are the same whenever they are asked for, and `after` finds its place
without a search. The end of a job that nobody could announce any more (cancelled, killed) is told by a last event made from its record.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from tunesmith.console.ids import ALNUM
from tunesmith.console.paging import unknown
from tunesmith.console.state import Console
from tunesmith.jobs.progress import EVENT
from tunesmith.spec.job import Job, Note, Reading, Resolved, Saved, Spoken
from tunesmith.spec.openai import CheckpointObject, EventObject
from tunesmith.store.tables import EVENTS

MARK, PLACE = 14, 10
"""Letters of an id that name the job, and those that number the event."""
LAST = 62**PLACE - 1
"""The number of an event that is made from the job's record."""
LOSSES = (("train_loss", "training loss"), ("valid_loss", "validation loss"), ("full_valid_loss", "full validation loss"))
CHECKPOINT = ":ckpt-step-"
"""In the name of every kept checkpoint but the last, which is the model itself and announced as that."""
ANNOUNCED = or_(EVENTS.c.kind != "saved", EVENTS.c.body["model"].as_string().contains(CHECKPOINT))
LEVELS = {"info": "info", "warning": "warn", "error": "error"}
Told = tuple[int, float, Spoken]
"""(number, Unix time, event)."""


def told(console: Console, job_id: str, kinds: Sequence[str], *more: ColumnElement[bool], limit: int | None = None) -> list[Told]:
    """What the job said of these kinds, newest first; only what `more` holds for."""
    query = select(EVENTS).where(EVENTS.c.job == job_id, EVENTS.c.kind.in_(kinds), *more).order_by(EVENTS.c.seq.desc())
    with console.store.database.read() as connection:
        return [(row.seq, row.at, EVENT.validate_python(row.body)) for row in connection.execute(query if limit is None else query.limit(limit))]


def events(console: Console, job: Job, after: str | None, limit: int) -> tuple[list[EventObject], bool]:
    """(a page of the job's events, whether there are older ones). Raises: ApiError 400 for an `after` that is none of its events."""
    older = [EVENTS.c.seq < number_of(job.id, "ftevent-", after)] if after is not None else []
    found = [_event(job, one) for one in told(console, job.id, ("note", "reading", "saved"), ANNOUNCED, *older, limit=limit + 1)]
    if after is None:
        newest = told(console, job.id, ("note",), limit=3)
        found = [*_ending(job, {one.text for _, _, one in newest if isinstance(one, Note)}), *found]
    return found[:limit], len(found) > limit


def checkpoints(console: Console, job: Job) -> list[CheckpointObject]:
    """The checkpoints of a job, highest step first."""
    return [
        CheckpointObject(
            id=id_of(job.id, "ftckpt_", seq),
            created_at=int(at),
            fine_tuned_model_checkpoint=one.model,
            fine_tuning_job_id=job.id,
            step_number=one.step,
            metrics={"step": float(one.step)} | {name: value for name, value in one.metrics.items() if math.isfinite(value)},
        )
        for seq, at, one in told(console, job.id, ("saved",))
        if isinstance(one, Saved)
    ]


def resolved(console: Console, job_id: str) -> dict[str, Any]:
    """The numbers that `auto` came to; empty before that is known."""
    found = told(console, job_id, ("resolved",), limit=1)
    return dict(found[0][2].hyperparameters) if found and isinstance(found[0][2], Resolved) else {}


def estimated_finish(console: Console, job_id: str) -> int | None:
    """When a running job will be done (Unix time), by the pace of its last hundred readings; None before there is a pace."""
    steps = [
        (one.step, at, one.values["total_steps"])
        for _, at, one in told(console, job_id, ("reading",), limit=100)
        if isinstance(one, Reading) and "total_steps" in one.values
    ]
    if len(steps) < 2 or steps[0][0] <= steps[-1][0]:
        return None
    (newest, at, total), (oldest, earlier, _) = steps[0], steps[-1]
    return int(at + max(0.0, total - newest) * (at - earlier) / (newest - oldest))


def id_of(job_id: str, prefix: str, seq: int) -> str:
    """The id of an event."""
    text = ""
    for _ in range(PLACE):
        seq, digit = divmod(seq, len(ALNUM))
        text = ALNUM[digit] + text
    return prefix + _mark(job_id) + text


def number_of(job_id: str, prefix: str, name: str) -> int:
    """The number of the event with this id. Raises: ApiError 400 if it is none of this job's."""
    start = prefix + _mark(job_id)
    digits = name.removeprefix(start)
    if not name.startswith(start) or len(digits) != PLACE or not set(digits) <= set(ALNUM):
        raise unknown(name)
    number = 0
    for letter in digits:
        number = number * len(ALNUM) + ALNUM.index(letter)
    return min(number, 2**63 - 1)


def _mark(job_id: str) -> str:
    number, text = int.from_bytes(hashlib.sha256(job_id.encode()).digest()[:16], "big"), ""
    for _ in range(MARK):
        number, digit = divmod(number, len(ALNUM))
        text += ALNUM[digit]
    return text


def _event(job: Job, one: Told) -> EventObject:
    seq, at, event = one
    name, created = id_of(job.id, "ftevent-", seq), int(at)
    match event:
        case Reading():
            return EventObject(id=name, created_at=created, level="info", message=reading_message(event), type="metrics", data=reading_data(event))
        case Saved():
            message = f"Checkpoint created at step {event.step} with Snapshot ID: {event.model}"
            return EventObject(id=name, created_at=created, level="info", message=message, type="message", data={})
        case Note():
            level = LEVELS[event.level]
            return EventObject(id=name, created_at=created, level=level, message=event.text, type="message", data={})
    raise AssertionError(event.kind)  # only these kinds are read


def reading_message(reading: Reading) -> str:
    """The words of a reading.

    >>> reading_message(Reading(step=3, values={"train_loss": 0.251, "valid_loss": 0.3, "total_steps": 9}))
    'Step 3/9: training loss=0.25, validation loss=0.30'
    """
    total = reading.values.get("total_steps")
    losses = [f"{words}={reading.values[name]:.2f}" for name, words in LOSSES if name in reading.values]
    return f"Step {reading.step}" + (f"/{int(total)}" if total is not None else "") + (": " + ", ".join(losses) if losses else "")


def reading_data(reading: Reading) -> dict[str, Any]:
    """The numbers of a reading; what is no finite number has no place in JSON."""
    values = {name: value for name, value in reading.values.items() if name != "total_steps" and math.isfinite(value)}
    total = reading.values.get("total_steps")
    return {"step": reading.step, **({"total_steps": int(total)} if total is not None else {}), **values}


def _ending(job: Job, said: set[str]) -> list[EventObject]:
    """The event that tells how a job ended, where it did not say so itself."""
    match job.status:
        case "cancelled":
            level, message = "info", "The job was cancelled"
        case "failed":
            level, message = "error", str((job.error or {}).get("message", "The job failed"))
        case _:
            return []
    if message in said:
        return []
    at = int(job.finished_at or job.created_at)
    return [EventObject(id=id_of(job.id, "ftevent-", LAST), created_at=at, level=level, message=message, type="message", data={})]
