"""Trials so far → the next trial, or the finalists; and the finalists' test rows → the verdict (`conclude`). Pure: nothing is run here.

The plan goes from cheap to dear: majority, classifier, every written prompt, few-shot on the best of them, fine-tuning. The pipeline loops:

    while isinstance(step := next_step(history, dataset, project, train_rows, checkpoint), Trial):
        history.append(step with its candidate built and its report on dev)
    finalists = [step with its report on test for step in step.trials]
    verdict = conclude(finalists, answers, project, dataset, looks)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tunesmith.decide.conclude import conclude
from tunesmith.decide.rivals import few_shot, majority, tuned_prompt, written_prompts
from tunesmith.measure.quantities import WHICH_ROWS
from tunesmith.measure.scorers import deciding_metric
from tunesmith.spec.candidate import Classifier, Prompted, Tuned
from tunesmith.spec.chat import Prompt
from tunesmith.spec.dataset import Dataset, Record
from tunesmith.spec.noun import Noun
from tunesmith.spec.project import Project
from tunesmith.spec.task import LOWER_IS_BETTER, MetricName
from tunesmith.spec.trial import Remedy, Trial

__all__ = ["VERSION", "Finalists", "best_of", "conclude", "next_step", "planned"]

VERSION = 2
"""Part of every key this stage's results stand under; raised when the same history would lead to another step or verdict."""

FINAL_ORDER: tuple[Remedy, ...] = ("fine-tune", "prompt", "few-shot", "classifier", "majority")


class Finalists(Noun):
    """The trials whose candidates go on to the locked test split: the tuned one first, then at most one of every other remedy."""

    trials: tuple[Trial, ...]


def next_step(
    history: Sequence[Trial],
    dataset: Dataset,
    project: Project,
    train_rows: Sequence[Record],
    checkpoint: str | None,
    *,
    base: str | None = None,
    inherited: Prompt | None = None,
) -> Trial | Finalists:
    """The first planned trial that `history` has no report for; the finalists when there is none.

    `checkpoint` names the trained checkpoint, if there is one yet; until then the fine-tune trial carries an empty name. `base` is the
    model that the prompts are tried on (None: the project's), `inherited` the prompt of a checkpoint that training continues from.
    Raises: BadProject for prompts with unknown placeholders and for a goal whose metric the task does not have.
    """
    measured = [trial for trial in history if trial.report is not None]
    done = {(trial.remedy, trial.candidate.name) for trial in measured}
    model = base or project.base()
    for trial in planned(measured, dataset, project, train_rows, checkpoint, model=model, inherited=inherited):
        if (trial.remedy, trial.candidate.name) not in done:
            return trial
    return finalists(measured, deciding_metric(dataset.task, project.goal))


def planned(
    measured: Sequence[Trial],
    dataset: Dataset,
    project: Project,
    train_rows: Sequence[Record],
    checkpoint: str | None,
    *,
    model: str,
    inherited: Prompt | None,
) -> Iterator[Trial]:
    """Every trial in its order. The few-shot trial depends on the reports of the prompts, so those must be measured before it is drawn."""
    rivals, metric = project.rivals, deciding_metric(dataset.task, project.goal)
    written = written_prompts(project.task, dataset)  # before any trial, so that a bad placeholder costs no time
    if rivals.majority and dataset.labels:
        leave_out = dataset.out_of_scope if WHICH_ROWS[metric] == "in scope" else None
        yield Trial(remedy="majority", candidate=majority(train_rows, leave_out=leave_out))
    if rivals.classifier and len(dataset.labels) > 1:
        yield Trial(remedy="classifier", candidate=Classifier(name="classifier", embedder=rivals.embedder, weights=""))
    if rivals.prompts:
        for prompt in written:
            yield Trial(remedy="prompt", candidate=Prompted(name=f"prompt-{prompt.name}", model=model, prompt=prompt))
    if rivals.few_shot:
        shown = few_shot(best_prompt(measured, written, metric), train_rows, rivals.few_shot, project.split.seed, out_of_scope=dataset.out_of_scope)
        if shown.examples:  # rows with tools or several turns make no worked examples
            yield Trial(remedy="few-shot", candidate=Prompted(name="few-shot", model=model, prompt=shown))
    prompt = inherited or tuned_prompt(project.task, dataset)
    yield Trial(remedy="fine-tune", candidate=Tuned(name="tuned", checkpoint=checkpoint or "", prompt=prompt))


def best_prompt(measured: Sequence[Trial], written: Sequence[Prompt], metric: MetricName) -> Prompt:
    """The written prompt that is best on dev; the first one where none was measured."""
    best = best_of([trial for trial in measured if trial.remedy == "prompt"], metric)
    return best.candidate.prompt if best is not None and isinstance(best.candidate, Prompted) else written[0]


def best_of(trials: Sequence[Trial], metric: MetricName) -> Trial | None:
    """The trial with the best value on dev (ties: first by name; a report without the metric comes last); None for no trials."""

    def rank(trial: Trial) -> tuple[float, str]:
        found = trial.report.metrics.get(metric) if trial.report is not None else None
        if found is None:
            return math.inf, trial.candidate.name
        return (found.value if metric in LOWER_IS_BETTER else -found.value), trial.candidate.name

    return min(trials, key=rank, default=None)


def finalists(measured: Sequence[Trial], metric: MetricName) -> Finalists:
    """The best trial of every remedy, the tuned one first."""
    best = (best_of([trial for trial in measured if trial.remedy == remedy], metric) for remedy in FINAL_ORDER)
    return Finalists(trials=tuple(trial for trial in best if trial is not None))
