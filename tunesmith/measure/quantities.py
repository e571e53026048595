"""A metric + the rows it looks at → a table whose column sums give the metric.

A mean, a ratio, perplexity, macro-F1, BLEU and chrF are all functions of sums over rows. Written so (`Quantity`), one bootstrap, one
jackknife and one permutation test serve them all, and 10,000 resampled corpora are a matrix product instead of 10,000 loops.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tunesmith.measure.text import bleu_counts, bleu_of, chrf_counts, chrf_of
from tunesmith.spec.report import Scored
from tunesmith.spec.task import MetricName

Array = NDArray[np.float64]
Which = Literal["in scope", "out of scope", "all"]

WHICH_ROWS: Mapping[MetricName, Which] = {
    "exact_match": "in scope",
    "accuracy": "all",
    "macro_f1": "all",
    "out_of_scope_recall": "out of scope",
    "out_of_scope_precision": "all",
    "false_refusal_rate": "in scope",
    "token_f1": "in scope",
    "rouge_1": "in scope",
    "rouge_2": "in scope",
    "rouge_l": "in scope",
    "chrf": "in scope",
    "bleu": "in scope",
    "json_valid": "in scope",
    "schema_valid": "in scope",
    "field_f1": "in scope",
    "unsupported_rate": "in scope",
    "supported_share": "in scope",
    "execution_accuracy": "in scope",
    "query_runs": "in scope",
    "tests_passed": "in scope",
    "own_score": "in scope",
    "judge_score": "in scope",
    "perplexity": "all",
}
"""The rows each metric rests on. `exact_match` and the text metrics look at rows in scope only, for every kind of task: how well the
model declines has metrics of its own, and a mean over both would move with the share of out-of-scope rows in the file."""

PER_ROW: Mapping[MetricName, str] = {
    "exact_match": "exact_match",
    "accuracy": "exact_match",
    "out_of_scope_recall": "refused",
    "false_refusal_rate": "refused",
    "token_f1": "token_f1",
    "rouge_1": "rouge_1",
    "rouge_2": "rouge_2",
    "rouge_l": "rouge_l",
    "json_valid": "json_valid",
    "schema_valid": "schema_valid",
    "field_f1": "field_f1",
    "unsupported_rate": "unsupported",
    "supported_share": "supported",
    "execution_accuracy": "same_result",
    "query_runs": "query_runs",
    "tests_passed": "tests_passed",
    "own_score": "own_score",
    "judge_score": "judge_score",
}
"""Metrics that are the mean of one per-row score, and its name in `Scored.scores`."""


@dataclass(frozen=True)
class Quantity:
    """A number that is a function of column sums over rows."""

    columns: Array
    """(rows, columns)."""
    value_of: Callable[[Array], Array]
    """(…, columns) sums → (…) values."""
    low: float = 0.0
    """The least value that can be."""
    high: float = 1.0
    """The greatest value that can be."""

    def value(self) -> float:
        """The number over all rows."""
        return float(self.value_of(self.columns.sum(axis=0)))

    def grouped(self, groups: Sequence[object] | None) -> Quantity:
        """The same number with one row per group, so that resampling draws whole groups; None: every row is its own."""
        if groups is None:
            return self
        _, places = np.unique(np.array([str(group) for group in groups]), return_inverse=True)
        columns = np.zeros((int(places.max(initial=-1)) + 1, self.columns.shape[1]))
        np.add.at(columns, places, self.columns)
        return Quantity(columns, self.value_of, self.low, self.high)


def mean_of(values: Sequence[float] | Array, *, low: float = 0.0, high: float = 1.0) -> Quantity:
    """The mean of `values`, which lie between `low` and `high`."""
    column = np.asarray(values, dtype=np.float64)
    return Quantity(np.stack([column, np.ones_like(column)], axis=1), ratio, low, high)


def difference_of(first: Quantity, second: Quantity) -> Quantity:
    """The first number minus the second one, on the same rows in the same order."""
    width = first.columns.shape[1]
    spread = first.high - first.low
    return Quantity(
        np.concatenate([first.columns, second.columns], axis=1),
        lambda sums: first.value_of(sums[..., :width]) - second.value_of(sums[..., width:]),
        -spread,
        spread,
    )


def rows_of(metric: MetricName, rows: Sequence[Scored]) -> tuple[Which, list[Scored]]:
    """The rows that `metric` rests on and the words for them: `all` where nothing is out of scope."""
    which = WHICH_ROWS[metric]
    mixed = any(row.out_of_scope for row in rows)
    if which == "all" or (which == "in scope" and not mixed):
        return "all", list(rows)
    return which, [row for row in rows if row.out_of_scope == (which == "out of scope")]


def clusters_of(rows: Sequence[Scored]) -> tuple[str, ...] | None:
    """The cluster of each row, its own where it stands alone; None where no two rows share one: then rows are the units of every interval and test."""
    named = tuple(f"cluster {row.cluster}" if row.cluster is not None else f"row {row.id}" for row in rows)
    return named if len(set(named)) < len(rows) else None


def measurable(metric: MetricName, rows: Sequence[Scored]) -> bool:
    """True if `rows` (those that `metric` rests on) carry what it needs; False where there are none."""
    match metric:
        case "perplexity":
            needed = {"nll", "tokens"}
        case "out_of_scope_precision":
            needed = {"refused"}
        case "macro_f1" | "chrf" | "bleu":
            needed = set()
        case _:
            needed = {PER_ROW[metric]}
    return bool(rows) and all(needed <= row.scores.keys() for row in rows)


def quantity(metric: MetricName, rows: Sequence[Scored]) -> Quantity:
    """`metric` over `rows`, which must be the rows it rests on and carry what it needs (`rows_of`, `measurable`)."""
    match metric:
        case "perplexity":
            return Quantity(table([[row.scores["nll"], row.scores["tokens"]] for row in rows], 2), perplexity_of, 1.0, math.inf)
        case "out_of_scope_precision":
            return Quantity(table([[row.scores["refused"] * row.out_of_scope, row.scores["refused"]] for row in rows], 2), ratio)
        case "macro_f1":
            return Quantity(confusion_columns(rows), macro_f1_of)
        case "chrf":
            return Quantity(table([chrf_counts(row.answer, row.reference) for row in rows], 18), chrf_of)
        case "bleu":
            return Quantity(table([bleu_counts(row.answer, row.reference) for row in rows], 10), bleu_of)
        case _:
            return mean_of([row.scores[PER_ROW[metric]] for row in rows])


def table(rows: Sequence[Sequence[float]], width: int) -> Array:
    """(rows, width) numbers, also where there are no rows."""
    return np.array(rows, dtype=np.float64).reshape(len(rows), width)


def ratio(sums: Array) -> Array:
    """First column over second; 0 where there is nothing to divide by."""
    return np.where(sums[..., 1] > 0, sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], 1), 0.0)


def perplexity_of(sums: Array) -> Array:
    """exp(negative log-likelihood in nats per token); infinite beyond what a float holds."""
    with np.errstate(over="ignore"):
        found: Array = np.exp(ratio(sums))
    return found


def confusion_columns(rows: Sequence[Scored]) -> Array:
    """(rows, 3 × labels): hits, rows that have the label, rows answered with it. Labels: those that occur as a reference."""
    labels = {label: index for index, label in enumerate(sorted({row.reference.strip() for row in rows}))}
    columns = np.zeros((len(rows), 3, len(labels)))
    for index, row in enumerate(rows):
        reference, answer = labels[row.reference.strip()], labels.get(row.answer.strip())
        columns[index, 1, reference] = 1
        if answer is not None:  # an answer outside the labels is a miss of the reference's label and of nothing else
            columns[index, 2, answer] = 1
            columns[index, 0, reference] = answer == reference
    return columns.reshape(len(rows), 3 * len(labels))


def macro_f1_of(sums: Array) -> Array:
    """Mean F1 over the labels that have rows: 2 × hits / (rows + answers) each."""
    hits, having, answered = np.split(sums, 3, axis=-1)
    present = having > 0
    f1 = 2 * hits / np.maximum(having + answered, 1)
    mean: Array = np.where(present, f1, 0.0).sum(axis=-1) / np.maximum(present.sum(axis=-1), 1)
    return mean
