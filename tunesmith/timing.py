"""A line on this machine → how long answering and training take here: measured in short, where a budget rests on it.

Readings are steps with keys, so that a process that was killed goes on behind them; what is known of the machine beside them stands in its file of speeds.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any

from tunesmith.errors import Interrupted
from tunesmith.line import Line
from tunesmith.settings import settings
from tunesmith.spec.candidate import Prompted
from tunesmith.spec.job import Reading, Silent, Spoken
from tunesmith.spec.plan import Activity, Facts, Speeds, Timed
from tunesmith.store.speeds import machine_name
from tunesmith.store.steps import Step
from tunesmith.store.work import Work

VERSION = 5
"""Part of every reading's key; raised when another piece of work is timed."""
TIMED_ROWS = 48
"""Questions that are answered to see how fast this machine is."""
TIMED_STEPS = 3
TIMED_TRAINING_ROWS = 64
"""So many steps, or as many as have these rows, of a training that is made to see how fast this machine is."""


def this_machine() -> str:
    """The name that this machine's speeds are kept under."""
    return machine_name(settings().computing())


class Clocked(Silent):
    """A monitor that reads the clock at the end of every step of a training: the first one warms up."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def emit(self, event: Spoken) -> None:
        """Read the clock where a step has ended."""
        if isinstance(event, Reading) and "train_loss" in event.values:
            self.at.append(time.monotonic())


@dataclass(frozen=True)
class Timing:
    """Readings of the clock for the plans of one line."""

    line: Line
    facts: Facts
    since: float
    """When the job began, in Unix time."""

    @property
    def activities(self) -> tuple[Activity, ...]:
        """What plans rest on."""
        return (self.facts.answering, *(("train",) if self.line.project.tunes() else ()))

    def completed(self, known: Speeds) -> Speeds:
        """What is known, and a reading of each activity of which nothing is."""
        for activity in self.activities:
            longest = self._longest(activity)
            if not any(timed.work.activity == activity and timed.work.longest == longest for timed in known.timed):
                known = Speeds(timed=(*known.timed, *self._timed(self._step(activity), activity).timed))
        return known

    def afresh(self) -> Speeds:
        """Readings of this job alone: what was known before may be of a time when the machine was busy with something else."""
        found: list[Timed] = []
        for activity in self.activities:
            step = self._step(activity)
            kept = self.line.store.find(step.key)
            if kept is None or kept.created_at < self.since:
                step = replace(step, title=f"{step.title}, once more", inputs={**step.inputs, "job": self.since})
            found += self._timed(step, activity).timed
        return Speeds(timed=tuple(found))

    def _longest(self, activity: Activity) -> int | None:
        return self.facts.longest if activity == self.facts.answering else None

    def _step(self, activity: Activity) -> Step:
        """The step that reads the clock."""
        dataset = self.line.dataset[0].name
        inputs: dict[str, Any] = {"version": VERSION, "machine": this_machine(), "activity": activity, "longest": self._longest(activity)}
        stage, title = ("train", "time a few training steps") if activity == "train" else ("measure", "time a few answers")
        return Step(stage, title, "timing", inputs | {"base": self.line.footing.base.digest, "dataset": dataset}, (dataset,))

    def _timed(self, step: Step, activity: Activity) -> Speeds:
        """One reading of the clock, made or found."""
        make = self._time_training if activity == "train" else self._time_answers
        return self.line.steps.do(step, make, lambda found: ", ".join(f"{t.work.rows} rows in {t.seconds:.1f} s" for t in found.timed), Speeds)[1]

    def _time_answers(self, work: Work) -> Speeds:
        from tunesmith.answer.candidate import open_candidate
        from tunesmith.decide.run import asked, sampled_questions
        from tunesmith.evaluate.run import decoding_for

        line, base = self.line, self.facts.bases[0]
        every = [row for row in line.references("dev") if row.conversation is not None]
        questions = sampled_questions(every, TIMED_ROWS, self.facts.seed)
        answerer = open_candidate(Prompted(name="timing", model=base.id, prompt=self.facts.prompt), line.bench)
        decoding = decoding_for(line.project.task, line.dataset[1])
        answerer.answer(questions[:1], decoding, done=lambda n: None, stop=line.monitor.stopping)  # loading comes once, and many questions after it
        began = time.monotonic()
        answers = answerer.answer(questions, decoding, done=lambda n: None, stop=line.monitor.stopping)
        if len(answers) < len(questions):
            raise Interrupted("stopped while this machine was being timed", where="plan", fix="run the same command again")
        asked_rows = asked(self.facts, base, len(questions)).model_copy(update={"begun": True})
        return Speeds(timed=(Timed(work=asked_rows, seconds=time.monotonic() - began),))

    def _time_training(self, work: Work) -> Speeds:
        from tunesmith.decide.run import trained

        steps = Clocked()
        size = self.facts.recipe.budget.step_rows
        rows = self.line.trainings.few_steps(work, 1 + max(TIMED_STEPS, math.ceil(TIMED_TRAINING_ROWS / size)), steps).trained_rows - size
        if len(steps.at) < 2 or rows <= 0:  # fewer rows than two steps have
            return Speeds()
        later = trained(self.facts, self.facts.bases[0], 1.0).model_copy(update={"rows": rows, "begun": True})
        return Speeds(timed=(Timed(work=later, seconds=steps.at[-1] - steps.at[0]),))
