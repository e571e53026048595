"""A number that is no function of sums over rows (AUROC, an area, a calibration error) → its bootstrap interval.

`statistics.interval` needs a table whose column sums give the number; ranks and bins have none. Here the number is computed anew from every drawn sample of
rows, 1,000 times: 0.2 s for an AUROC of 600 rows. The interval is corrected for bias (not accelerated): a calibration error of few rows is biased upwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tunesmith.measure.statistics import FEWEST_ROWS, NORMAL, SAME, corrected, critical, wilson
from tunesmith.spec.report import Metric

Places = NDArray[np.intp]

RESAMPLES = 1_000


def redrawn(
    value: Callable[[Places], float | None],
    n: int,
    *,
    clusters: Sequence[object] | None = None,
    worth: int | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Metric | None:
    """`value` of all `n` rows with its interval in [0, 1]; None where it has no value.

    `value` gets the numbers of rows, some of them several times, and returns None for a sample that has no such value. With `clusters` whole
    clusters are drawn. Where every sample gives the same, the interval is Wilson's for `worth` rows (all rows if it is not given).
    Source: Efron 1981, the bias-corrected percentile interval.
    """
    found = value(np.arange(n))
    if found is None:
        return None
    members = _members(n, clusters)
    samples = np.array([x for x in _samples(value, members, seed) if x is not None], dtype=np.float64)
    if len(members) < FEWEST_ROWS or len(samples) < RESAMPLES // 2:
        low, high, method = 0.0, 1.0, "bounds"
    elif float(np.ptp(samples)) <= SAME:
        rows = min(n if worth is None else worth, len(members))
        low, high, method = *wilson(found * rows, rows, confidence), "wilson"
    else:
        low, high, method = *_bounds(samples, found, confidence), "bootstrap"
    return Metric(value=found, low=min(low, found), high=max(high, found), n=n, clusters=None if clusters is None else len(members), method=method)


def _members(n: int, clusters: Sequence[object] | None) -> list[Places]:
    """The rows of each cluster."""
    if clusters is None:
        return [np.array([i]) for i in range(n)]
    _, places = np.unique(np.array([str(cluster) for cluster in clusters]), return_inverse=True)
    order = np.argsort(places, kind="stable")
    return np.split(order, np.cumsum(np.bincount(places))[:-1]) if n else []


def _samples(value: Callable[[Places], float | None], members: list[Places], seed: int) -> list[float | None]:
    generator = np.random.default_rng(seed)
    if not members:
        return []
    draws = (generator.integers(0, len(members), size=len(members)) for _ in range(RESAMPLES))
    if all(len(rows) == 1 for rows in members):
        single = np.concatenate(members)
        return [value(single[draw]) for draw in draws]
    return [value(np.concatenate([members[i] for i in draw])) for draw in draws]


def _bounds(samples: NDArray[np.float64], found: float, confidence: float) -> tuple[float, float]:
    below = float(np.mean(samples < found - SAME) + np.mean(np.abs(samples - found) <= SAME) / 2)
    bias = NORMAL.inv_cdf(min(max(below, 0.5 / len(samples)), 1 - 0.5 / len(samples)))
    low, high = np.quantile(samples, [corrected(bias, 0.0, sign * critical(confidence)) for sign in (-1, 1)])
    return float(low), float(high)
