"""Facts, wishes and trials so far → a frozen plan, the next trial, the finalists; and the finalists' test rows → the verdict. Pure: nothing is run here.

facts = facts_of(Given(project, dataset, …))
plan = make_plan(facts, decide, speeds)
while isinstance(step := next_trial(history, facts, plan), PlannedTrial):
    history.append(step.trial with its candidate built and its report on step.dev_rows rows of dev)
    plan = revise(plan, facts, speeds, spent, passed, hopeless(history, facts)) between steps, shorten(…) in the middle of a search
finalists = [one with its report on test for one in (*step.trials, *step.replicas)]
verdict = conclude(finalists, answers, project, dataset, looks, Known(outlook=outlook_of(history, step, dataset, facts), …))
"""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.decide.budget import as_anywhere, changes, covers, fewer_probes, goes_as_far, least, make_plan, plan_words, revise, shorten
from tunesmith.decide.conclude import conclude, spoken_for
from tunesmith.decide.cost import learn, spoken
from tunesmith.decide.curve import outlook
from tunesmith.decide.economy import paces
from tunesmith.decide.facts import Given, facts_of
from tunesmith.decide.failing import failed_words
from tunesmith.decide.limits import limited
from tunesmith.decide.next import curve_of, next_trial, passes_of, points_of
from tunesmith.decide.progress import hopeless, progress, under_way
from tunesmith.decide.prompt_search import dev_sample, sampled_questions
from tunesmith.decide.provisional import is_telling, provisional
from tunesmith.decide.reach import best_of, going_on, owner
from tunesmith.decide.shares import share_of
from tunesmith.decide.showing import RESTS_ON_PASSAGES, is_carried, is_hidden
from tunesmith.decide.steps import (
    PROBE_SHARES,
    alone,
    answering,
    asked,
    examination,
    largest_base,
    leaves_a_choice,
    probed_models,
    starting,
    trained,
    training,
    wanted,
)
from tunesmith.decide.waits import ASKED_ALONE, LONGEST_S
from tunesmith.measure.curve import falling, needs
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.plan import Done, Facts
from tunesmith.spec.task import LOWER_IS_BETTER
from tunesmith.spec.trial import Trial
from tunesmith.spec.verdict import Outlook

__all__ = [
    "ASKED_ALONE",
    "LONGEST_S",
    "PROBE_SHARES",
    "RESTS_ON_PASSAGES",
    "VERSION",
    "Given",
    "alone",
    "answering",
    "as_anywhere",
    "asked",
    "best_of",
    "changes",
    "conclude",
    "covers",
    "dev_sample",
    "examination",
    "facts_of",
    "failed_words",
    "fewer_probes",
    "goes_as_far",
    "going_on",
    "hopeless",
    "is_carried",
    "is_hidden",
    "is_telling",
    "largest_base",
    "learn",
    "least",
    "leaves_a_choice",
    "limited",
    "make_plan",
    "next_trial",
    "outlook_of",
    "owner",
    "paces",
    "passes_of",
    "plan_words",
    "probed_models",
    "progress",
    "provisional",
    "revise",
    "sampled_questions",
    "share_of",
    "shorten",
    "spoken",
    "spoken_for",
    "starting",
    "trained",
    "training",
    "under_way",
    "wanted",
]

VERSION = 13
"""Part of every key this stage's results stand under; raised when the same history would lead to another step or verdict."""


def outlook_of(history: Sequence[Trial], end: Done, dataset: Dataset, facts: Facts) -> Outlook | None:
    """What more training rows would bring the tuned model; None where too few small trainings say anything about that."""
    found = curve_of(history, facts)
    if found is None:
        said = falling(points_of(history, facts))
        return Outlook(sentence=said, rows=facts.train_rows, more=None) if said else None
    tuned = next((trial.report for trial in end.trials if trial.remedy == "fine-tune" and trial.report is not None), None)
    weak = needs(dataset.profile.labels.get("train", {}), tuned.per_label, found) if tuned is not None else ()
    return outlook(found, weak, facts.goal.at_least, is_lower_better=facts.metric in LOWER_IS_BETTER)
