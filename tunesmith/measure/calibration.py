"""Confidence and correctness per row → how far a candidate's confidence can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.spec.report import Scored

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Rows whose confidence lies in (low, high]; the first bin holds 0 as well."""

    low: float
    high: float
    rows: int
    confidence: float
    """Mean."""
    accuracy: float
    """Share of the rows that are right."""


@dataclass(frozen=True)
class Calibration:
    """How confidence and correctness go together."""

    rows: int
    """Rows that carry a confidence."""
    expected_error: float
    """Mean distance between confidence and accuracy over the bins, weighted by rows (ECE)."""
    bins: tuple[Bin, ...]
    """Without the empty ones."""
    auroc: float | None
    """Probability that a right answer has more confidence than a wrong one (ties count half); None where all are right or all wrong."""


@dataclass(frozen=True)
class Point:
    """What happens when only the most confident answers are given."""

    coverage: float
    """Share of rows answered."""
    risk: float
    """Share of wrong answers among them."""
    threshold: float
    """The least confidence that is answered."""


def calibration(rows: Sequence[Scored], *, bins: int = BINS, score: str = "exact_match") -> Calibration | None:
    """The calibration over the rows that carry a confidence; a row counts as right if `scores[score]` is 1. None where there are none.

    Source: Naeini et al. 2015 for the expected calibration error with bins of equal width.
    """
    confidence, right = believed(rows, score)
    if not len(confidence):
        return None
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    found = tuple(
        Bin(k / bins, (k + 1) / bins, int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for k in range(bins)
        if (inside := places == k).any()
    )
    error = sum(one.rows * abs(one.confidence - one.accuracy) for one in found) / len(confidence)
    return Calibration(len(confidence), error, found, auroc(confidence, right))


def believed(rows: Sequence[Scored], score: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Confidence and correctness of the rows that carry a confidence."""
    kept = [(row.confidence, row.scores[score] == 1) for row in rows if row.confidence is not None]
    return np.array([c for c, _ in kept], dtype=np.float64), np.array([r for _, r in kept], dtype=bool)


def auroc(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float | None:
    """Area under the ROC curve of confidence as a sign of a right answer, from mid-ranks (Mann–Whitney); None without both kinds."""
    hits, misses = int(right.sum()), int((~right).sum())
    if not hits or not misses:
        return None
    _, places, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2  # mean 1-based rank of each distinct value
    return (float(middle[places][right].sum()) - hits * (hits + 1) / 2) / (hits * misses)


def risk_coverage(rows: Sequence[Scored], *, score: str = "exact_match") -> tuple[Point, ...]:
    """One point per distinct confidence, from the most confident answers only to all of them; empty where no row carries a confidence.

    Rows of equal confidence are answered together: a threshold cannot tell them apart.
    """
    confidence, right = believed(rows, score)
    order = np.argsort(-confidence, kind="stable")
    ranked, wrong = confidence[order], np.cumsum(~right[order])
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], len(ranked) > 0))
    return tuple(Point((k + 1) / len(ranked), int(wrong[k]) / (k + 1), float(ranked[k])) for k in map(int, last))
