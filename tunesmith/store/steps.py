"""A step's inputs and the function that does it → its artifact, made now or found in the store.

One process does the steps of one stage, or one training: when the next missing step is another's, `StageDone` ends the process and a fresh one
goes on, which finds everything so far in the store. So a process loads only its own stage, and a killed one loses at most one step.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tunesmith.spec.job import Monitor, StageFinished, StageStarted
from tunesmith.spec.noun import Noun, digest
from tunesmith.spec.report import Cost
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.work import Work

N = TypeVar("N", bound=Noun)
ALONE = frozenset({"train"})
"""Stages whose steps share no process: the memory of one training is given back before the next begins."""


class NotMade(Exception):
    """A step that was never done: whoever only looks finds no more."""


class StageDone(Exception):
    """This process has done its stage; the next step belongs to another one."""


@dataclass(frozen=True)
class Step:
    """One step, described before it is done."""

    stage: str
    """Its process: `data`, `measure`, `train` …"""
    title: str
    """For people: `zero-shot with prompt careful`."""
    kind: str
    """Of the artifact it makes."""
    inputs: dict[str, Any]
    """Everything the result depends on, as plain JSON: names of artifacts, the resolved configuration, the stage's version."""
    parents: tuple[str, ...] = ()
    rows: int = 0
    """How many rows it works on, for its rate."""

    @property
    def key(self) -> str:
        """The name under which the store remembers that this was done."""
        return digest({"stage": self.stage, "kind": self.kind, "inputs": self.inputs})


@dataclass
class Steps:
    """Does steps, each at most once ever."""

    store: Store
    monitor: Monitor
    stage: str | None = None
    """The stage that this process has worked for."""
    costs: dict[str, Cost] = field(default_factory=dict)
    """Title → what the clock said when it was done."""
    made: set[str] = field(default_factory=set)
    """Names of what this process made itself."""

    def do(
        self, step: Step, make: Callable[[Work], N], summary: Callable[[N], str], noun: type[N], beside: Callable[[], dict[str, Any]] = dict
    ) -> tuple[Artifact, N]:
        """The step's artifact and its manifest; `beside` gives more for the sidecar, once it is made.

        Raises: StageDone if it has to be done by another process, Busy if somebody else is doing it, and what `make` raises.
        """
        found = self.store.find(step.key)
        if found is not None:
            return self._reuse(step, found, summary, noun)
        if self.stage is not None and (self.stage != step.stage or step.stage in ALONE):
            raise StageDone
        self.stage = step.stage
        with self.store.work(step.key, stage=step.stage, title=step.title, parents=step.parents) as work:
            found = self.store.find(step.key)  # its former owner may have finished while we waited for the lease
            if found is not None:
                return self._reuse(step, found, summary, noun)
            self.monitor.emit(StageStarted(stage=step.stage, title=step.title))
            artifact, manifest, cost = self._carry_out(step, work, make, beside)
        self._finished(step, artifact, False, cost.seconds, summary(manifest))
        self.costs[step.title] = cost
        return artifact, manifest

    def part(self, step: Step, make: Callable[[Work], N], noun: type[N], beside: Callable[[], dict[str, Any]] = dict) -> tuple[Artifact, N]:
        """The same of a step that is done in the midst of another one, which alone is told of; what the part takes is in the other's cost too.

        Raises: as `do`, but for StageDone.
        """
        found = self.store.find(step.key)
        if found is None:
            with self.store.work(step.key, stage=step.stage, title=step.title, parents=step.parents) as work:
                found = self.store.find(step.key)
                if found is None:
                    return self._carry_out(step, work, make, beside)[:2]
        return found, found.load(noun)

    def _carry_out(self, step: Step, work: Work, make: Callable[[Work], N], beside: Callable[[], dict[str, Any]]) -> tuple[Artifact, N, Cost]:
        """What was made of a folder, and what the clock said."""
        started = time.monotonic()
        manifest = make(work)
        seconds = work.earlier_s + time.monotonic() - started
        cost = Cost(seconds=seconds, rows_per_s=step.rows / seconds if seconds else 0.0, peak_memory_bytes=peak_memory_bytes())
        artifact = work.finish(
            step.kind, manifest, parents=step.parents, sidecar={"cost": cost.model_dump(mode="json"), "title": step.title, **beside()}
        )
        self.made.add(artifact.name)
        return artifact, manifest, cost

    def _reuse(self, step: Step, found: Artifact, summary: Callable[[N], str], noun: type[N]) -> tuple[Artifact, N]:
        manifest = found.load(noun)
        cost = cost_of(found)
        self.costs[step.title] = cost
        self._finished(step, found, True, cost.seconds, summary(manifest))
        return found, manifest

    def _finished(self, step: Step, artifact: Artifact, reused: bool, seconds: float, words: str) -> None:
        self.monitor.emit(StageFinished(stage=step.stage, title=step.title, artifact=artifact.name, reused=reused, seconds=seconds, summary=words))


class Finding(Steps):
    """Steps that were done before, found without a word; none is done."""

    def do(
        self, step: Step, make: Callable[[Work], N], summary: Callable[[N], str], noun: type[N], beside: Callable[[], dict[str, Any]] = dict
    ) -> tuple[Artifact, N]:
        """The step's artifact and its manifest.

        Raises: NotMade if it was never done.
        """
        found = self.store.find(step.key)
        if found is None:
            raise NotMade(step.title)
        return found, found.load(noun)


def cost_of(artifact: Artifact) -> Cost:
    """What the clock said when the artifact was made; zeros where nothing was recorded."""
    raw = artifact.sidecar().get("cost")
    return Cost.model_validate(raw) if raw else Cost(seconds=0.0, rows_per_s=0.0, peak_memory_bytes=0)


def peak_memory_bytes() -> int:
    """The most memory this process has had in use so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
