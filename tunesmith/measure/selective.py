"""Confidence, correctness and scope per row → what a threshold on confidence buys, and which one keeps a promise.

A threshold is chosen on dev in a way that pays for having tried many. The share of declined questions can only rise with the threshold, so they are tried in rising order
up to the first that passes the bound (a fixed sequence costs nothing). Risk goes up and down: ten thresholds are tried, at each tenth of the answers, with
intervals that hold for all ten together (Bonferroni). Source: Angelopoulos et al. 2021 (arXiv 2110.01052), "Learn then Test"; Geifman & El-Yaniv 2017 (arXiv 1705.08500).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.measure.rates import failure_rate
from tunesmith.spec.report import Metric

MOST_CANDIDATES = 400
TENTHS = 10


@dataclass(frozen=True)
class Judged:
    """One answer with a confidence."""

    confidence: float
    right: bool
    """The answer, refusals included, is what the row wants."""
    declined: bool
    """The candidate declined by itself."""
    outside: bool
    """The question is out of scope."""
    cluster: str


@dataclass(frozen=True)
class Outcome:
    """What a threshold does to some rows."""

    false_refusals: Metric | None
    """Of the rows in scope; None where there are none."""
    risk: Metric | None
    """Of the answers given; None where none is."""
    recall: Metric | None
    """Of the rows out of scope; None where there are none."""
    coverage: Metric


def outcome_at(rows: Sequence[Judged], threshold: float, confidence: float) -> Outcome:
    """What happens if nothing below `threshold` is answered; 0: as it is."""
    given = [not row.declined and row.confidence >= threshold for row in rows]
    inside = [(not is_given, row) for is_given, row in zip(given, rows, strict=True) if not row.outside]
    outside = [(not is_given, row) for is_given, row in zip(given, rows, strict=True) if row.outside]
    answered = [(not row.right, row) for is_given, row in zip(given, rows, strict=True) if is_given]
    covered = rate([(is_given, row) for is_given, row in zip(given, rows, strict=True)], confidence)
    assert covered is not None
    return Outcome(rate(inside, confidence), rate(answered, confidence), rate(outside, confidence), covered)


def rate(found: Sequence[tuple[bool, Judged]], confidence: float) -> Metric | None:
    """The share of rows that are marked, over clusters where rows share some; None for no rows."""
    if not found:
        return None
    names = [row.cluster for _, row in found]
    return failure_rate([float(mark) for mark, _ in found], confidence, names if len(set(names)) < len(names) else None)


def by_false_refusals(rows: Sequence[Judged], bound: float, confidence: float, *, sure: bool = True) -> float | None:
    """The highest threshold that keeps the share of declined questions in scope within `bound`; None if not even none at all does.

    `sure`: by the end of its interval, so that fresh rows keep to it; else by the share itself.
    """
    kept = None
    for step in candidates(rows):
        found = outcome_at(rows, step, confidence).false_refusals
        if found is None or (found.high if sure else found.value) > bound:
            break
        kept = step
    return kept


def by_risk(rows: Sequence[Judged], bound: float, confidence: float, *, sure: bool = True) -> float | None:
    """The lowest of ten thresholds that keeps the share of wrong answers among those given within `bound`; None if none does. `sure` as above."""
    given = sorted((row.confidence for row in rows if not row.declined), reverse=True)
    if not given:
        return None
    steps = sorted({given[max(0, len(given) * tenth // TENTHS - 1)] for tenth in range(1, TENTHS + 1)})
    strict = 1 - (1 - confidence) / TENTHS
    found = ((step, outcome_at(rows, step, strict).risk) for step in steps)
    return next((step for step, risk in found if risk is not None and (risk.high if sure else risk.value) <= bound), None)


def candidates(rows: Sequence[Judged]) -> list[float]:
    """0, then the confidences that occur, in rising order, but for the lowest, which declines nothing either; evenly thinned where there are very many."""
    found = np.unique([row.confidence for row in rows])[1:]
    if len(found) > MOST_CANDIDATES:
        found = found[np.unique(np.linspace(0, len(found) - 1, MOST_CANDIDATES).astype(int))]
    return [0.0, *(float(x) for x in found)]


def area(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float | None:
    """The area under the risk–coverage curve: the mean of the risk when the 1, 2, … n most confident rows are answered; None for no rows.

    Rows of equal confidence come in any order: the mean over all of them is taken.

    >>> round(area(np.array([0.9, 0.5, 0.7, 0.7]), np.array([True, False, True, False])), 4)  # 0, then half of one wrong in 2, 1 in 3, 2 in 4
    0.2708

    Source: Geifman, Uziel & El-Yaniv 2019 (arXiv 1805.08206), AURC.
    """
    n = len(confidence)
    if not n:
        return None
    order = np.argsort(-confidence, kind="stable")
    ranked, wrong = confidence[order], np.cumsum(~right[order])
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    expected = np.interp(np.arange(1, n + 1), np.append(0, ends + 1), np.append(0, wrong[ends]))
    return float((expected / np.arange(1, n + 1)).mean())
