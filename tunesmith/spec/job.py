"""Long work: its state, and what it says while it runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from tunesmith.spec.noun import Noun

JobKind = Literal["run", "data", "train", "evaluate", "pull", "chat", "finetune", "check", "mend", "make", "verify"]
JobStatus = Literal["queued", "running", "paused", "succeeded", "failed", "cancelled", "interrupted"]
FINAL: frozenset[JobStatus] = frozenset({"succeeded", "failed", "cancelled", "interrupted"})
Phase = Literal["validating", "waiting", "training"]
"""`waiting`: its files are in order, and no worker trains yet."""
Stop = Literal["interrupt", "pause", "resume", "cancel"]
"""What a running job was asked to do. `resume`: it was told to pause, and then to go on, before it had stopped."""


class Progress(Noun):
    """How far something countable is."""

    kind: Literal["progress"] = "progress"
    label: str
    """What is being done, for a person: `reading bank.csv`, `training`."""
    done: float
    total: float | None = None
    unit: str = "rows"


DEV_MATCH = "dev_exact_match"
DEV_PREFERENCE = "dev_preference"
"""The reading that says which share of the dev rows is answered exactly right."""


class Reading(Noun):
    """Named numbers at a step, for live curves."""

    kind: Literal["reading"] = "reading"
    step: int
    values: dict[str, float]


class Note(Noun):
    """A line for a person."""

    kind: Literal["note"] = "note"
    level: Literal["info", "warning", "error"] = "info"
    text: str


class Resolved(Noun):
    """What the automatic settings of a fine-tuning job came to."""

    kind: Literal["resolved"] = "resolved"
    hyperparameters: dict[str, float | int]


class Saved(Noun):
    """A checkpoint of a fine-tuning job that can be served."""

    kind: Literal["saved"] = "saved"
    step: int
    checkpoint: str
    """Name of the artifact."""
    model: str
    """Name that it is served under."""
    metrics: dict[str, float]


class StageStarted(Noun):
    """A step of the line begins."""

    kind: Literal["stage_started"] = "stage_started"
    stage: str
    title: str


class StageFinished(Noun):
    """A step of the line has its artifact."""

    kind: Literal["stage_finished"] = "stage_finished"
    stage: str
    title: str
    artifact: str
    reused: bool
    """It was in the store already."""
    seconds: float
    summary: str
    """What it found, in one line."""


Spoken = Progress | Reading | Note | StageStarted | StageFinished | Resolved | Saved
Event = Annotated[Spoken, Field(discriminator="kind")]


class Monitor(Protocol):
    """What a stage talks to while it works. Both methods are cheap and may be called for every batch."""

    def emit(self, event: Spoken) -> None:
        """Pass an event on to whoever follows; progress of one label is thinned out on the way."""

    def stopping(self) -> bool:
        """True once the user wants a stop: save, then raise Interrupted."""


class Silent:
    """A monitor that nobody follows: for tests and for embedding in other programs."""

    def emit(self, event: Spoken) -> None:
        """Drop the event."""

    def stopping(self) -> bool:
        """Never."""
        return False


class Job(Noun):
    """One piece of enqueued work."""

    id: str
    kind: JobKind
    status: JobStatus
    title: str
    payload: dict[str, Any]
    """What the worker needs, as plain JSON."""
    created_at: float
    """Unix time, seconds; so are the others."""
    started_at: float | None = None
    finished_at: float | None = None
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    """`TunesmithError.to_json()`, or code `internal` with a traceback for our own mistakes."""
    holder: str | None = None
    """`host:pid` of the worker that holds the lease."""
    stop: Stop | None = None
    """What it was asked for while it runs."""
    owner: str | None = None
    """The id of the key that asked for it; None: the user of this machine."""
    priority: int = 0
    """Higher goes first."""
    phase: Phase | None = None
    """Of a fine-tuning job: its files are looked at before it waits for a device."""
    is_shared: bool = False
    """Any supervisor may run it, and goes on with it after a crash; else it belongs to the command that enqueued it."""
    attempts: int = 0
    """How often it was lost together with its supervisor without having got on in between."""
    worked_s: float = 0.0
    """Seconds in which holders had it, up to the present one: pauses, waits and the silence after a death are none."""
    held_since: float | None = None
    """From when on the present holder's seconds count; None: nobody has it."""

    def worked(self, now: float) -> float:
        """Seconds in which the job was worked on, up to `now` (Unix time)."""
        return self.worked_s + (max(0.0, now - self.held_since) if self.held_since is not None else 0.0)
