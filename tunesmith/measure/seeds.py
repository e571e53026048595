"""Answers of candidates that were trained more than once → numbers and paired comparisons over all their seeds.

A gain is the recipe's and not one lucky seed's only if it holds over the seeds: rows are paired, the values of the seeds are averaged row by row, and
what the seeds differ by widens the interval and weakens the test. With two seeds of equal systems whose skill moves by 2 points from seed to
seed, the rows alone call 17 % of 1,000-row comparisons better or worse, this does so in 3 % (bench/statistics.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from tunesmith.errors import NotEnoughData
from tunesmith.measure.comparison import by_id, check_same_rows, comparison, p_value_of
from tunesmith.measure.quantities import Quantity, clusters_of, difference_of, measurable, quantity, rows_of
from tunesmith.measure.scorers import metric_of
from tunesmith.measure.statistics import NORMAL, critical, interval, minimum_detectable, rows_to_settle, variance_of
from tunesmith.spec.report import Comparison, Metric, Scored
from tunesmith.spec.task import LOWER_IS_BETTER, UNBOUNDED, MetricName

Runs = Sequence[Sequence[Scored]]
"""The rows of one candidate, once per seed; one run where nothing was trained."""
USUAL = 0.02
"""Trainings that differ in the seed alone are apart by about so much (standard deviation, of a share)."""
USUAL_SEEDS = 2
"""What is usual counts as much as so many further seeds: two trainings alone cannot tell that seeds do not matter."""
LEAST_P = 1e-300
"""A smaller p-value counts as this one: of some 1,075 rows that all speak for one side the test's is 0, and no standard error could be told from that."""


def averaged(quantities: Sequence[Quantity]) -> Quantity:
    """One number whose rows are the mean of the seeds' rows: the same rows, in the same order.

    >>> from tunesmith.measure.quantities import mean_of
    >>> averaged([mean_of([1, 0]), mean_of([1, 1])]).value()
    0.75
    """
    first = quantities[0]
    return Quantity(np.mean([one.columns for one in quantities], axis=0), first.value_of, first.low, first.high)


@dataclass(frozen=True)
class Spread:
    """What the seeds add to the squared standard error of a mean over them."""

    measured: float
    """By what they differ; 0 where each side has one seed: it cannot be known."""
    believed: float
    """The same, held together with what seeds are known to do: two of them may be alike by luck."""
    freedom: float
    """How well that is known, in degrees of freedom."""


def spread(*sides: Sequence[float], scale: float = 1.0) -> Spread:
    """What the seeds add, from the values of every seed on each side; `scale` is the size of the metric, 1 for shares.

    >>> found = spread([0.80, 0.84], [0.7])
    >>> round(found.measured, 6), round(found.believed, 6), found.freedom
    (0.0004, 0.000267, 3.0)
    """
    measured = believed = weight = 0.0
    for values in sides:
        if len(values) > 1:
            variance, known = float(np.var(values, ddof=1)), len(values) - 1
            together = (USUAL_SEEDS * (USUAL * scale) ** 2 + known * variance) / (USUAL_SEEDS + known)
            measured += variance / len(values)
            believed += together / len(values)
            weight += (together / len(values)) ** 2 / (USUAL_SEEDS + known)
    return Spread(measured, believed, believed**2 / weight if weight else math.inf)


def metric_over(metric: MetricName, runs: Runs, *, confidence: float, seed: int = 0) -> Metric | None:
    """The metric over all seeds, with its interval; None where no row shows it. One run: what `metric_of` says."""
    if len(runs) == 1:
        return metric_of(metric, runs[0], confidence=confidence, seed=seed)
    same = in_order(runs, runs[0])
    used = [rows_of(metric, rows)[1] for rows in same]
    if not all(measurable(metric, rows) for rows in used):
        return None
    quantities = [quantity(metric, rows) for rows in used]
    found = interval(averaged(quantities), confidence=confidence, seed=seed, groups=clusters_of(used[0]))
    wide = widened(found, spread([one.value() for one in quantities]).measured, confidence)
    return wide.model_copy(update={"low": max(wide.low, quantities[0].low), "high": min(wide.high, quantities[0].high)})


def widened(found: Metric, between: float, confidence: float) -> Metric:
    """The number with an interval that holds what the seeds differ by too: the two errors are added in squares."""
    if not between:
        return found
    more = critical(confidence) ** 2 * between
    low, high = (math.sqrt(reach**2 + more) for reach in (found.value - found.low, found.high - found.value))
    return found.model_copy(update={"low": found.value - low, "high": found.value + high, "method": f"{found.method} over seeds"})


def compared(better: str, mine: Runs, rival: str, theirs: Runs, metric: MetricName, *, confidence: float, seed: int = 0) -> Comparison:
    """`better` against `rival` over all seeds of both, uncorrected; pass several to `comparison.correct` together.

    Raises: BadData if they did not answer the same rows; NotEnoughData if the metric has no rows to rest on.
    """
    first, second = (in_order(runs, mine[0], name, better) for runs, name in ((mine, better), (theirs, rival)))
    if len(first) == len(second) == 1:
        return comparison(better, first[0], rival, second[0], metric, confidence=confidence, seed=seed)
    which, rows = rows_of(metric, first[0])
    used = [[rows_of(metric, run)[1] for run in runs] for runs in (first, second)]
    if not all(measurable(metric, run) for runs in used for run in runs):
        what = f"{len(rows)} rows ({which}) with what {metric} needs"
        raise NotEnoughData(f"{metric} cannot be compared", where=f"{better} and {rival}", got=what, expected="at least one")
    ours, others = ([quantity(metric, run) for run in runs] for runs in used)
    between = spread(*([one.value() for one in runs] for runs in (ours, others)), scale=abs(averaged(ours).value()) if metric in UNBOUNDED else 1.0)
    clusters = clusters_of(rows)
    p_value, test = p_value_of(averaged(ours), averaged(others), clusters, seed=seed)
    difference = difference_of(averaged(ours), averaged(others))
    units = difference.grouped(clusters)
    variance = variance_of(units, confidence=confidence) * (len(rows) / len(units.columns)) + between.believed * len(rows)
    p_value = softened(p_value, difference.value(), between)
    return Comparison(
        better=better,
        rival=rival,
        metric=metric,
        rows=which,
        difference=widened(interval(difference, confidence=confidence, seed=seed, groups=clusters), between.measured, confidence),
        p_value=p_value,
        p_adjusted=p_value,
        test=f"{test} over {max(len(first), len(second))} seeds",
        outcome="cannot tell",
        minimum_detectable=minimum_detectable(variance, len(rows), confidence=confidence),
        rows_to_settle=rows_to_settle(difference.value(), variance, len(rows), confidence=confidence),
    )


def softened(p_value: float, difference: float, between: Spread) -> float:
    """The p-value with what the seeds add to the standard error of the rows, which the p-value itself implies (one below `LEAST_P` counts as that).

    Source: Welch 1947 and Satterthwaite 1946 for the degrees of freedom of a sum of two variances.
    """
    if not between.believed or p_value >= 1 or not difference:
        return p_value
    rows = (difference / NORMAL.inv_cdf(max(p_value, LEAST_P) / 2)) ** 2
    whole = rows + between.believed
    freedom = between.freedom * (whole / between.believed) ** 2
    return max(p_value, 2 * float(stdtr(freedom, -abs(difference) / math.sqrt(whole))))


def holds(found: Comparison, mine: Runs, theirs: Runs) -> bool:
    """True if every seed alone is on the side that `found` says: a mean that one seed carries is no gain of the recipe."""
    if found.outcome == "cannot tell" or len(mine) == len(theirs) == 1:
        return True
    first, second = (in_order(runs, mine[0]) for runs in (mine, theirs))
    values = [[quantity(found.metric, rows_of(found.metric, run)[1]).value() for run in runs] for runs in (first, second)]
    is_higher = (found.outcome == "better") != (found.metric in LOWER_IS_BETTER)
    return min(values[0]) > max(values[1]) if is_higher else max(values[0]) < min(values[1])


def in_order(runs: Runs, like: Sequence[Scored], name: str = "a seed", other: str = "another seed") -> list[list[Scored]]:
    """The runs with their rows in the order of `like`.

    Raises: BadData if a run has other rows.
    """
    wanted = by_id(like, other)
    found = []
    for run in runs:
        rows = by_id(run, name)
        check_same_rows(other, wanted, name, rows)
        found.append([rows[key] for key in wanted])
    return found
