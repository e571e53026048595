"""Answers and references → scores per row (`score`), and scores → metrics with intervals (`aggregate`). The single source of truth.

Every metric but perplexity is in [0, 1]. `exact_match` rests on the rows in scope, `accuracy` on all rows; the full list of which metric
rests on which rows is `quantities.WHICH_ROWS`. A metric without a row to rest on is left out, never reported as 0.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tunesmith.errors import BadProject
from tunesmith.measure.fields import Fits, field_f1
from tunesmith.measure.quantities import PER_ROW, clusters_of, mean_of, measurable, quantity, rows_of
from tunesmith.measure.refusal import Refusals
from tunesmith.measure.similarity import rouge_n
from tunesmith.measure.statistics import effective_rows, interval, wilson
from tunesmith.measure.support import supported_share, unsupported
from tunesmith.measure.text import bleu, chrf, is_json, normalise, rouge_l, same_json, spread_json, token_f1
from tunesmith.spec.report import Metric, Scored
from tunesmith.spec.task import KINDS, NEEDS, Goal, MetricName, TaskKind, form_of

DECLINING: tuple[MetricName, ...] = ("out_of_scope_recall", "out_of_scope_precision", "false_refusal_rate")
EVERYWHERE: tuple[MetricName, ...] = (*DECLINING, "own_score", "judge_score", "perplexity")
"""Declining needs an out-of-scope answer, the two scores somebody who gives them, perplexity log-likelihoods."""
KIND_METRICS: Mapping[TaskKind, tuple[MetricName, ...]] = {kind: (*found.metrics, *EVERYWHERE) for kind, found in KINDS.items()}
"""What is reported for each kind of task, as far as the rows allow."""


@dataclass(frozen=True)
class Aggregate:
    """What the rows of one candidate say together."""

    metrics: dict[MetricName, Metric]
    confusion: dict[str, dict[str, int]]
    """Reference label → answered label → rows; empty unless the task is `classify`."""
    per_label: dict[str, Metric]
    """Recall by reference label; empty unless the task is `classify`."""


def deciding_metric(kind: TaskKind, goal: Goal, given: Collection[str] = ()) -> MetricName:
    """The metric that decides: the goal's, the user's own score where there is one, or the first of the kind's that can be measured.

    `given` are the places of the project file that name something to judge by, as `NEEDS` has them: `Task.given()`, and `judge`.

    Raises: BadProject if the goal names a metric that this kind of task does not have, or that needs what the project does not name.
    """
    own: tuple[MetricName, ...] = ("own_score",) if goal.scorer is not None else ()
    there = {*given, "goal.scorer"} if own else set(given)
    default: MetricName = next(name for name in (*own, *KINDS[kind].deciding) if name not in NEEDS or NEEDS[name] in there)
    metric: MetricName = default if goal.metric is None else goal.metric
    if metric not in KIND_METRICS[kind]:
        known = ", ".join(KIND_METRICS[kind])
        raise BadProject(f"a task of kind `{kind}` has no such metric", where="goal.metric", got=metric, expected=f"one of {known}", fix="change it")
    if metric in NEEDS and NEEDS[metric] not in there:
        need = NEEDS[metric]
        raise BadProject(
            "cannot be measured alone", where="goal.metric", got=metric, expected=f"`{need}` beside it", fix=f"set {need}, or another metric"
        )
    return metric


def score(
    kind: TaskKind, answer: str, reference: str, *, refusals: Refusals | None, sources: Sequence[str] | None = None, fits: Fits | None = None
) -> dict[str, float]:
    """The scores of one answer, each in [0, 1]; `refused` says whether it declines, by `refusals`: None where the task has no out-of-scope answer.

    A right answer in scope is no refusal, however it sounds. A label is exact when it is verbatim (outer white space aside), JSON when its value is equal, free text when it is equal after
    `normalise`. `sources`: what the answer may rest on (the text to summarise, the passages that were shown with the question); None: not known, and what
    rests on them is left out. `fits`: whether an answer fits the task's JSON schema.
    """
    form = form_of(kind)
    is_same = same_answer(kind, answer, reference)
    exact, refused = {"exact_match": float(is_same)}, dict[str, float]()
    if refusals is not None and refusals.fixed is not None:
        refused = {"refused": float(refusals.sign(answer) is not None and (not is_same or same_answer(kind, reference, refusals.fixed)))}
    match form:
        case "classify":
            return exact | refused
        case "extract":
            alike = {"json_valid": float(is_json(answer)), "token_f1": token_f1(spread_json(answer), spread_json(reference))}
            fitting = {} if fits is None else {"schema_valid": float(fits(answer))}
            return exact | refused | alike | {"field_f1": field_f1(answer, reference)} | fitting
        case "generate":
            alike = {"rouge_l": rouge_l(answer, reference), "chrf": chrf(answer, reference), "bleu": bleu(answer, reference)}
            return exact | refused | {"token_f1": token_f1(answer, reference)} | alike | more_scores(kind, answer, reference, sources)


def more_scores(kind: TaskKind, answer: str, reference: str, sources: Sequence[str] | None) -> dict[str, float]:
    """What only some kinds of free text are scored by."""
    found = {f"rouge_{n}": rouge_n(answer, reference, n) for n in (1, 2) if f"rouge_{n}" in KINDS[kind].metrics}
    if sources is not None and "unsupported_rate" in KINDS[kind].metrics:
        found |= {"unsupported": float(bool(unsupported(answer, sources))), "supported": supported_share(answer, sources)}
    return found


def sources_of(kind: TaskKind, question: str, passages: Sequence[str] | None, *, has_documents: bool) -> list[str] | None:
    """What an answer may rest on: the text to summarise, the passages that were shown, or the question where it brings its text itself.

    `passages`: None for a candidate that is shown none; what such a one says about documents it has not read is not held against them.
    """
    match kind:
        case "summarise":
            return [question]
        case "answer" if not has_documents:
            return [question]
        case "answer" if passages is not None:
            return [*passages, question]
        case _:
            return None


def same_answer(kind: TaskKind, answer: str, reference: str) -> bool:
    """True if the two answers count as the same in a task of this kind."""
    if answer.strip() == reference.strip():
        return True
    match form_of(kind):
        case "classify":
            return False
        case "extract":
            return same_json(answer, reference)
        case "generate":
            return normalise(answer) == normalise(reference)


def aggregate(rows: Sequence[Scored], kind: TaskKind, *, confidence: float, seed: int = 0) -> Aggregate:
    """Every metric of the kind that `rows` allow, with its interval: Wilson for proportions, BCa bootstrap (fixed seed) for the rest."""
    measured = {metric: metric_of(metric, rows, confidence=confidence, seed=seed) for metric in KIND_METRICS[kind]}
    metrics = {metric: value for metric, value in measured.items() if value is not None}
    if form_of(kind) != "classify":
        return Aggregate(metrics, {}, {})
    return Aggregate(metrics, confusion(rows), per_label(rows, confidence=confidence))


def metric_of(metric: MetricName, rows: Sequence[Scored], *, confidence: float, seed: int = 0) -> Metric | None:
    """One metric with its interval over the rows of `rows` that it rests on; None where there are none or they lack what it needs."""
    _, used = rows_of(metric, rows)
    if not measurable(metric, used):
        return None
    if metric == "out_of_scope_precision":
        used = [row for row in used if row.scores["refused"] == 1]
        return proportion([float(row.out_of_scope) for row in used], confidence, clusters_of(used)) if used else None
    clusters = clusters_of(used)
    if metric in PER_ROW and is_binary(values := [row.scores[PER_ROW[metric]] for row in used]):
        return proportion(values, confidence, clusters)
    return interval(quantity(metric, used), confidence=confidence, seed=seed, groups=clusters)


def is_binary(values: Sequence[float]) -> bool:
    """True if every value is 0 or 1."""
    return bool(np.isin(values, (0.0, 1.0)).all())


def proportion(values: Sequence[float], confidence: float, clusters: Sequence[str] | None = None) -> Metric:
    """The share of ones among zeros and ones, with its Wilson interval; where rows share clusters, over as many rows as they are worth."""
    share = sum(values) / len(values)
    if clusters is None:
        low, high = wilson(sum(values), len(values), confidence)
        return Metric(value=share, low=low, high=high, n=len(values), method="wilson")
    worth = effective_rows(mean_of(values), clusters)
    low, high = wilson(share * worth if share < 1 else worth, worth, confidence)
    return Metric(value=share, low=low, high=high, n=len(values), clusters=len(set(clusters)), method="wilson")


def confusion(rows: Sequence[Scored]) -> dict[str, dict[str, int]]:
    """Reference label → answered label → rows, both sorted; pairs that never occur are absent."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        counts[row.reference.strip()][row.answer.strip()] += 1
    return {reference: dict(sorted(answers.items())) for reference, answers in sorted(counts.items())}


def per_label(rows: Sequence[Scored], *, confidence: float) -> dict[str, Metric]:
    """Recall of each reference label, with its Wilson interval."""
    having: dict[str, list[Scored]] = defaultdict(list)
    for row in rows:
        having[row.reference.strip()].append(row)
    return {
        label: proportion([float(row.answer.strip() == label) for row in found], confidence, clusters_of(found))
        for label, found in sorted(having.items())
    }
