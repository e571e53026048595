"""Failures among rows, two measurements of different rows → a rate that is never claimed to be zero, and a difference with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tunesmith.measure.quantities import mean_of
from tunesmith.measure.scorers import proportion
from tunesmith.measure.statistics import effective_rows
from tunesmith.spec.report import Metric

ENOUGH_CLUSTERS = 30
"""With fewer independent clusters an interval holds the truth less often than it says."""


def failure_rate(failures: Sequence[float], confidence: float, clusters: Sequence[str] | None = None) -> Metric:
    """The share of ones among zeros and ones, Wilson's interval; where nothing failed, the rule of three instead: at most 3 / n at 95 %.

    >>> found = failure_rate([0.0] * 100, 0.95)
    >>> found.value, found.low, round(found.high, 4), found.method
    (0.0, 0.0, 0.0295, 'rule of three')

    Clusters count as in `scorers.proportion`. Source: Hanley & Lippman-Hand 1983, the exact form 1 − (1 − confidence)^(1/n); one-sided.
    """
    if any(failures):
        return proportion(failures, confidence, clusters)
    worth = float(len(failures)) if clusters is None else effective_rows(mean_of(failures), clusters)
    high = 1 - (1 - confidence) ** (1 / worth) if worth else 1.0
    count = None if clusters is None else len(set(clusters))
    return Metric(value=0.0, low=0.0, high=high, n=len(failures), clusters=count, method="rule of three")


def distinct(first: Metric, second: Metric) -> Metric:
    """First minus second, measured on different rows; `n` and `clusters` are of the smaller side.

    >>> one = Metric(value=0.8, low=0.7, high=0.87, n=100, method="wilson")
    >>> other = Metric(value=0.5, low=0.4, high=0.6, n=100, method="wilson")
    >>> found = distinct(one, other)
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (0.3, 0.159, 0.422)

    Source: Newcombe 1998, method 10, for two Wilson intervals; Zou & Donner 2008 for any two intervals (MOVER): the distances of the nearer bounds, squared and added.
    """
    gap = first.value - second.value
    low = gap - math.hypot(first.value - first.low, second.high - second.value)
    high = gap + math.hypot(first.high - first.value, second.value - second.low)
    small = min(first, second, key=independent)
    return Metric(value=gap, low=low, high=high, n=small.n, clusters=small.clusters, method="newcombe")


def independent(metric: Metric) -> int:
    """How many independent pieces of evidence a measurement rests on, at most."""
    return metric.n if metric.clusters is None else metric.clusters


def roughness(metric: Metric) -> str:
    """What to say where an interval is rough because its rows fall into few clusters; empty where it is not.

    >>> roughness(Metric(value=0.5, low=0.2, high=0.8, n=90, clusters=12, method="wilson"))
    'the interval is rough: these 90 rows fall into only 12 independent clusters'
    """
    if metric.clusters is None or metric.clusters >= ENOUGH_CLUSTERS:
        return ""
    many = "one cluster" if metric.clusters == 1 else f"{metric.clusters} independent clusters"
    return f"the interval is rough: these {metric.n:,} rows fall into only {many}"
