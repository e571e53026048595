"""The deciding metric, dev references and trials so far → whether anything that is tried can show that metric: a run without hope ends before training.

A candidate without the metric proves little: it may have declined nothing, been asked a part of dev, or been shown no passages. So what is asked is whether
the references carry the metric, and then whether those who would show it do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tunesmith.decide.reach import in_full, reach
from tunesmith.measure.quantities import WHICH_ROWS
from tunesmith.spec.candidate import Retrieval
from tunesmith.spec.plan import Facts, Plan
from tunesmith.spec.task import ABOUT_OUT_OF_SCOPE, MetricName
from tunesmith.spec.trial import Remedy, Trial

WRITING: tuple[Remedy, ...] = ("prompt", "fine-tune")
"""Who answers with a model of this machine and is shown no passages; a constant has no perplexity."""
READING: tuple[Remedy, ...] = ("rag", "fine-tune-rag")
RESTS_ON_PASSAGES: frozenset[MetricName] = frozenset({"supported_share", "unsupported_rate"})
"""Where answers come from documents: whoever was shown none of them is not measured by these."""
NEEDS_A_REFUSAL: frozenset[MetricName] = frozenset({"out_of_scope_precision"})
"""Who declines nothing does not show these, and the next candidate may decline."""


def is_carried(metric: MetricName, references: Iterable[str | None], out_of_scope: str | None) -> bool:
    """True if some of the rows with these reference answers is one that the metric rests on; `out_of_scope`: the answer that declines, where there is one.

    >>> is_carried("out_of_scope_recall", ["card", "other"], "other"), is_carried("out_of_scope_recall", ["card"], "other")
    (True, False)
    """
    outside = [out_of_scope is not None and answer == out_of_scope for answer in references]
    if metric in ABOUT_OUT_OF_SCOPE and out_of_scope is None:
        return False
    if metric in NEEDS_A_REFUSAL or WHICH_ROWS[metric] == "out of scope":
        return any(outside)
    return bool(outside) if WHICH_ROWS[metric] == "all" else not all(outside)


def is_for_readers(trials: Sequence[Trial], facts: Facts) -> bool:
    """True if only candidates that are shown passages can have the metric, as those that are shown none have seen."""
    if facts.metric not in RESTS_ON_PASSAGES or not (facts.rag or facts.rag_tuned):
        return False
    plain = in_full(trials, WRITING, facts)
    return bool(plain) and all(reach(trial, facts.metric) is None for trial in plain)


def is_hidden(history: Sequence[Trial], facts: Facts, plan: Plan) -> bool:
    """True if nobody has shown the metric on all of dev, though somebody should have, and nothing that is planned would."""
    if facts.metric in NEEDS_A_REFUSAL or any(reach(trial, facts.metric) is not None for trial in history):
        return False
    reading = is_for_readers(history, facts) and any(step.kind in READING for step in plan.steps)
    measured = [trial for trial in history if trial.report is not None and trial.report.rows >= facts.dev_rows]
    if not reading:
        return any(trial.remedy in WRITING for trial in measured)
    return any(isinstance(trial.candidate, Retrieval) and trial.candidate.shown == "passages" for trial in measured)
