"""A planned trial → what it reached on dev, and a finalist → on the locked rows; or why it came to nothing, which is stored like a result. No torch."""

from __future__ import annotations

import time

from tunesmith.errors import Alarm, DoesNotFit, Overloaded, TunesmithError
from tunesmith.line import Line
from tunesmith.settings import settings
from tunesmith.spec.job import Note
from tunesmith.spec.noun import digest
from tunesmith.spec.plan import Facts, PlannedTrial
from tunesmith.spec.report import Report
from tunesmith.spec.trial import Failure, Trial
from tunesmith.store.artifacts import Artifact
from tunesmith.store.steps import Step
from tunesmith.store.work import Work


def tried(line: Line, step: PlannedTrial, facts: Facts) -> Trial:
    """A planned trial with its candidate built and its report on dev; where its training failed, or its base does not fit, with why.

    A failure is stored like a result, and holds until there are weights after all: the same settings meet the same alarm again. That of a model elsewhere,
    which does not answer, holds for the job.
    Raises: what is no failure of the trial: a stop, a mistake of the user's, a model of the project's own that cannot be measured.
    """
    elsewhere = step.trial.remedy == "remote"
    if step.recipe is None and step.base == facts.bases[0].id and not elsewhere:
        return measured(line, step, facts)
    training = line.trainings.step(line.training(step)) if step.recipe is not None else None
    rests_on = {"training": training.key} if training is not None else line.answering(step.trial.candidate)
    name = training.title if training is not None else step.trial.candidate.name
    inputs = {
        "of": rests_on,
        **({"job": line.since} if elsewhere else {"memory": settings().memory_bytes}),
    }  # who is silent today may answer tomorrow
    failing = Step("measure", f"{name} failed", "failure", inputs, (line.dataset[0].name,))
    kept, weights = line.store.find(failing.key), line.store.find(training.key) if training is not None else None
    if kept is None or (weights is not None and weights.created_at > kept.created_at):
        fails: tuple[type[TunesmithError], ...] = (Overloaded,) if elsewhere else (Alarm, DoesNotFit)
        began = time.monotonic()
        try:
            return measured(line, step, facts)
        except fails as error:
            if step.base == facts.bases[0].id and training is not None and line.store.find(training.key) is not None:
                raise  # it was trained: that the project's own base has no room to answer now is no fault of these settings
            kept = keep_failure(line, failing, Failure(error=error.to_json(), of=digest(rests_on), recipe=step.recipe), time.monotonic() - began)
    failure = kept.load(Failure)
    tell_failure(line, step.trial, "failed and is left out", failure)
    return step.trial.model_copy(update={"failure": failure, "artifact": kept.name})


def proven(line: Line, trial: Trial) -> tuple[Artifact, Report] | Failure:
    """(Its answers on the locked split, the report) of a finalist; of a model elsewhere that answers no more, why: the others' proof does not wait for it.

    Like its failure on dev, this one holds for the job.
    Raises: what measuring raises, of any other candidate.
    """
    if trial.remedy != "remote":
        return line.measure(trial.candidate, "test", "measure")
    rests_on = line.answering(trial.candidate)
    failing = Step(
        "measure", f"{trial.candidate.name} failed on the locked rows", "failure", {"of": rests_on, "job": line.since, "split": "test"},
        (line.dataset[0].name,),
    )  # fmt: skip
    kept = line.store.find(failing.key)
    if kept is None:
        began = time.monotonic()
        try:
            return line.measure(trial.candidate, "test", "measure")
        except Overloaded as error:
            kept = keep_failure(line, failing, Failure(error=error.to_json(), of=digest(rests_on)), time.monotonic() - began)
    failure = kept.load(Failure)
    tell_failure(line, trial, "failed on the locked rows and has no part in the verdict", failure)
    return failure


def keep_failure(line: Line, failing: Step, failure: Failure, took: float) -> Artifact:
    """The failure in the store; the seconds that it took count as time that is spent."""

    def make(work: Work) -> Failure:
        work.earlier_s = took
        return failure

    return line.steps.part(failing, make, Failure)[0]


def tell_failure(line: Line, trial: Trial, came_to: str, failure: Failure) -> None:
    """Warn that a trial failed, with the reason and what mends it."""
    fixes = "; ".join(problem["fix"] for problem in failure.error["problems"] if problem["fix"])
    said = f"{trial.candidate.name} {came_to}: {failure.reason}" + (f". Fix: {fixes}" if fixes else "")
    line.monitor.emit(Note(level="warning", text=said))


def measured(line: Line, step: PlannedTrial, facts: Facts) -> Trial:
    """A planned trial with its candidate built and its report on dev."""
    candidate = line.build(step)
    rows = step.dev_rows if step.dev_rows < facts.dev_rows else None
    artifact, report = line.measure(candidate, "dev", "measure", rows)
    wait = line.wait(candidate, "dev", artifact) if rows is None else None
    return step.trial.model_copy(update={"candidate": candidate, "report": report, "artifact": artifact.name, "wait": wait})
