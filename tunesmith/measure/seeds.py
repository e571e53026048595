"""Answers of candidates that were trained more than once → numbers and paired comparisons over all their seeds.

A gain is the recipe's and not one lucky seed's only if it holds over the seeds: rows are paired, the values of the seeds are averaged row by row, and
what the seeds differ by, held together with what they usually do, widens the interval and weakens the test; one training is less sure than two. With two
seeds of equal systems whose skill moves by 2 points from seed to seed, the rows alone call 17 % of 1,000-row comparisons better or worse
(bench/statistics.py says what this does).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tunesmith.errors import NotEnoughData
from tunesmith.measure.comparison import Names, Trained, by_id, check_same_rows, comparison, weighed
from tunesmith.measure.power import NO_SEEDS, USUAL_FREEDOM, USUAL_SEEDS, Spread, widened
from tunesmith.measure.quantities import Quantity, clusters_of, difference_of, measurable, quantity, rows_of
from tunesmith.measure.scorers import metric_of
from tunesmith.measure.statistics import interval
from tunesmith.spec.report import Comparison, Metric, Scored
from tunesmith.spec.task import LOWER_IS_BETTER, UNBOUNDED, MetricName

Runs = Sequence[Sequence[Scored]]
"""The rows of one candidate, once per seed; one run where nothing was trained."""
USUAL = 0.05
"""Trainings that differ in the seed alone are apart by about so much of the spread of one answer (standard deviation): by 2 points at 80 %, by 1 at 96 %.

Near the ends of the scale there is less that a seed could change, as there is less that chance could."""
USUAL_UNBOUNDED = 0.02
"""The same for a metric without bounds, as a share of its value."""
FARTHEST = 0.98
"""However near to the ends a share lies, seeds do not count as alike."""


def averaged(quantities: Sequence[Quantity]) -> Quantity:
    """One number whose rows are the mean of the seeds' rows: the same rows, in the same order.

    >>> from tunesmith.measure.quantities import mean_of
    >>> averaged([mean_of([1, 0]), mean_of([1, 1])]).value()
    0.75
    """
    first = quantities[0]
    return Quantity(np.mean([one.columns for one in quantities], axis=0), first.value_of, first.low, first.high)


def usual(metric: MetricName, value: float) -> float:
    """By how much the metric usually moves from seed to seed, as a standard deviation.

    >>> round(usual("accuracy", 0.8), 4), round(usual("accuracy", 0.96), 4), usual("perplexity", 10.0)
    (0.02, 0.0098, 0.2)
    """
    if metric in UNBOUNDED:
        return USUAL_UNBOUNDED * abs(value)
    share = min(max(value, 1 - FARTHEST), FARTHEST)
    return USUAL * math.sqrt(share * (1 - share))


def spread(*sides: Sequence[float], by: float) -> Spread:
    """What the seeds add, from the values of every seed on each side that was trained; `by` is how far seeds usually lie apart.

    One training says nothing of it, so that what is usual stands alone: it is less sure than two that are as far apart as usual.

    >>> found = spread([0.80, 0.84], by=0.02)
    >>> round(found.believed, 6), round(found.freedom, 1)
    (0.000267, 3.6)
    >>> spread([0.80], by=0.02)
    Spread(believed=0.0004, freedom=8.0)

    Source: Satterthwaite 1946 for the degrees of freedom of a weighted sum of variances, and of the sum over both sides.
    """
    believed = weight = 0.0
    for values in sides:
        known = len(values) - 1
        measured = known * float(np.var(values, ddof=1)) if known else 0.0
        parts = ((USUAL_SEEDS * by**2, USUAL_FREEDOM), (measured, known))
        scale = (USUAL_SEEDS + known) * len(values)
        believed += sum(part for part, _ in parts) / scale
        weight += sum((part / scale) ** 2 / freedom for part, freedom in parts if part)
    return Spread(believed, believed**2 / weight) if weight else NO_SEEDS


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
    wide = widened(found, spread([one.value() for one in quantities], by=usual(metric, found.value)), confidence)
    return wide.model_copy(update={"low": max(wide.low, quantities[0].low), "high": min(wide.high, quantities[0].high)})


def compared(
    better: str,
    mine: Runs,
    rival: str,
    theirs: Runs,
    metric: MetricName,
    *,
    confidence: float,
    trained: tuple[bool, bool] = (False, False),
    served: tuple[int, int] = (0, 0),
    seed: int = 0,
) -> Comparison:
    """`better` against `rival` over all seeds of both, uncorrected; pass several to `comparison.correct` together.

    `trained` says which of the two other seeds could have made otherwise, `served` which run of each is the one that would be served.
    Raises: BadData if they did not answer the same rows; NotEnoughData if the metric has no rows to rest on.
    """
    first, second = (in_order(runs, mine[0], name, better) for runs, name in ((mine, better), (theirs, rival)))
    if len(first) == len(second) == 1 and not any(trained):
        return comparison(better, first[0], rival, second[0], metric, confidence=confidence, seed=seed)
    which, rows = rows_of(metric, first[0])
    used = [[rows_of(metric, run)[1] for run in runs] for runs in (first, second)]
    if not all(measurable(metric, run) for runs in used for run in runs):
        what = f"{len(rows)} rows ({which}) with what {metric} needs"
        raise NotEnoughData(f"{metric} cannot be compared", where=f"{better} and {rival}", got=what, expected="at least one")
    sides = [[quantity(metric, run) for run in runs] for runs in used]
    values = [[one.value() for one in runs] for runs, is_trained in zip(sides, trained, strict=True) if is_trained or len(runs) > 1]
    by = usual(metric, float(np.mean([value for some in values for value in some])))
    mine_alone, theirs_alone = (runs[place] for runs, place in zip(sides, served, strict=True))
    of_these = interval(difference_of(mine_alone, theirs_alone), confidence=confidence, seed=seed, groups=clusters_of(rows))
    return weighed(
        Names(better, rival, metric, which),
        averaged(sides[0]),
        averaged(sides[1]),
        clusters_of(rows),
        confidence=confidence,
        seed=seed,
        trained=Trained(spread(*values, by=by), max(len(some) for some in values), of_these),
    )


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
