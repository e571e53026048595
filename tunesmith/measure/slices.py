"""Scores of rows and what the rows have in common → where the scores are lower than elsewhere, with care for having looked in many places.

Among 40 slices of 15 rows one is always bad. So a slice is called worse than the rest only if two things agree: the interval of the difference excludes 0, and its
p-value, adjusted by Holm for all slices of the report, is below 1 − confidence. And slices rank by a value that is drawn towards the mean, the more the fewer rows
there are (empirical Bayes): else the smallest slice is always the worst.

p-values: Fisher's exact test for right/wrong scores of independent rows, else a permutation test that moves the means of whole clusters between
slice and rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import fisher_exact

from tunesmith.measure.quantities import mean_of
from tunesmith.measure.rates import distinct, independent
from tunesmith.measure.scorers import is_binary, proportion
from tunesmith.measure.statistics import SAME, holm, interval
from tunesmith.spec.report import Metric
from tunesmith.spec.suite import Slice

Array = NDArray[np.float64]
PERMUTATIONS = 10_000
FEWEST_PERMUTATIONS = 1_000
DRAWS = 20_000_000
"""Most draws for the permutations of one column: about 2 s."""
CHUNK = 2_000_000


@dataclass(frozen=True)
class Marked:
    """One scored row."""

    score: float
    """In [0, 1], higher is better."""
    cluster: str
    marks: Mapping[str, str]
    """Column → value. A row without a column stands with the rest of its slices."""


@dataclass(frozen=True)
class Sliced:
    """All slices that could be judged, lowest `shrunk` first, and how many values of each column had too few rows."""

    slices: tuple[Slice, ...]
    too_small: dict[str, int]


def sliced(rows: Sequence[Marked], *, least: int, confidence: float = 0.95, seed: int = 0) -> Sliced:
    """Every value of every column with at least `least` rows on both sides, against all other rows.

    Of a column with two values only the lower one is judged: the other is its rest.
    """
    found: list[Slice] = []
    too_small: dict[str, int] = {}
    for column in dict.fromkeys(column for row in rows for column in row.marks):
        counts = Counter(row.marks[column] for row in rows if column in row.marks)
        kept = sorted(value for value, n in counts.items() if least <= n <= len(rows) - least)
        small = sum(n < least for n in counts.values())
        too_small |= {column: small} if small else {}
        made = _column(rows, column, kept, confidence, seed)
        halves = len(counts) == 2 and sum(counts.values()) == len(rows)
        found += sorted(made, key=lambda one: (one.metric.value, one.value))[:1] if halves else made
    adjusted = holm([one.p_value for one in found])
    judged = [_judged(one, p, confidence) for one, p in zip(found, adjusted, strict=True)]
    return Sliced(tuple(sorted(judged, key=lambda one: (one.shrunk, one.metric.value, one.column, one.value))), too_small)


def _judged(one: Slice, p_adjusted: float, confidence: float) -> Slice:
    low, high = one.difference.low, one.difference.high
    sure = p_adjusted < 1 - confidence and (high < 0 or low > 0)
    return one.model_copy(update={"p_adjusted": p_adjusted, "outcome": "cannot tell" if not sure else "worse" if high < 0 else "better"})


def _column(rows: Sequence[Marked], column: str, values: Sequence[str], confidence: float, seed: int) -> list[Slice]:
    """The slices of one column, uncorrected."""
    if not values:
        return []
    inside = {value: [row for row in rows if row.marks.get(column) == value] for value in values}
    outside = {value: [row for row in rows if row.marks.get(column) != value] for value in values}
    metrics = {value: mean(some, confidence, seed) for value, some in inside.items()}
    rests = {value: mean(some, confidence, seed) for value, some in outside.items()}
    p_values = _p_values(rows, column, values, seed)
    towards = shrunk([metrics[value] for value in values], float(np.var([row.score for row in rows])))
    return [
        Slice(
            column=column,
            value=value,
            metric=metrics[value],
            rest=rests[value],
            difference=distinct(metrics[value], rests[value]),
            p_value=p,
            p_adjusted=p,
            shrunk=drawn,
            outcome="cannot tell",
        )
        for value, p, drawn in zip(values, p_values, towards, strict=True)
    ]


def mean(rows: Sequence[Marked], confidence: float, seed: int = 0) -> Metric:
    """The mean score with its interval: Wilson for right and wrong, BCa for the rest, over clusters where rows share some."""
    scores, names = [row.score for row in rows], [row.cluster for row in rows]
    clusters = names if len(set(names)) < len(names) else None
    if is_binary(scores):
        return proportion(scores, confidence, clusters)
    return interval(mean_of(scores), confidence=confidence, seed=seed, groups=clusters)


def shrunk(metrics: Sequence[Metric], variance: float) -> list[float]:
    """Each value drawn towards the mean of all by τ² / (τ² + σ²/n); `variance` σ² is that of single rows.

    >>> one, other = (Metric(value=v, low=0, high=1, n=n, method="wilson") for v, n in ((0.5, 4), (0.9, 400)))
    >>> [round(x, 3) for x in shrunk([one, other], 0.1)]
    [0.607, 0.9]

    Source: DerSimonian & Laird 1986 for the variance τ² between slices, by moments; 0 where they differ no more than by chance.
    """
    values = np.array([metric.value for metric in metrics])
    weights = np.array([independent(metric) for metric in metrics]) / max(variance, SAME)
    middle = float((weights * values).sum() / weights.sum())
    spread = float((weights * (values - middle) ** 2).sum()) - (len(values) - 1)
    scale = float(weights.sum() - (weights**2).sum() / weights.sum())
    between = max(0.0, spread / scale) if scale > SAME else 0.0
    return [middle + float(value - middle) * between / (between + 1 / float(weight)) for value, weight in zip(values, weights, strict=True)]


def _p_values(rows: Sequence[Marked], column: str, values: Sequence[str], seed: int) -> list[float]:
    """The two-sided p-value of each slice against its rest."""
    names = [row.cluster for row in rows]
    if len(set(names)) == len(names) and is_binary([row.score for row in rows]):
        return [fisher(rows, column, value) for value in values]
    owners = [(row.cluster, row.marks.get(column)) for row in rows]  # a cluster that spans slices counts as one piece in each
    places = {owner: i for i, owner in enumerate(dict.fromkeys(owners))}
    units = np.zeros((len(places), 2))
    for owner, row in zip(owners, rows, strict=True):
        units[places[owner]] += (row.score, 1.0)
    units[:, 0] /= units[:, 1]  # each piece counts once: pieces of different sizes could not be exchanged
    units[:, 1] = 1.0
    sizes: list[int] = []
    observed: list[float] = []
    for value in values:
        mine = np.array([mark == value for _, mark in places])
        sizes.append(int(mine.sum()))
        observed.append(abs(float(_gap(units[mine].sum(axis=0), units.sum(axis=0)))) - SAME)
    return _permuted(units, sizes, observed, seed)


def fisher(rows: Sequence[Marked], column: str, value: str) -> float:
    """Fisher's exact test of right and wrong inside and outside the slice."""
    table = np.zeros((2, 2), dtype=int)
    for row in rows:
        table[int(row.marks.get(column) != value), int(row.score)] += 1
    return float(fisher_exact(table)[1])


def _gap(part: Array, whole: Array) -> Array:
    """Mean of a part minus mean of the rest, from (sum, rows); shape (…, 2) → (…)."""
    rest = whole - part
    found: Array = part[..., 0] / part[..., 1] - rest[..., 0] / rest[..., 1]
    return found


def _permuted(units: Array, sizes: Sequence[int], observed: Sequence[float], seed: int) -> list[float]:
    """The share of random parts of so many units that differ as much from their rest; one shuffling serves all sizes."""
    generator = np.random.default_rng(seed)
    count = min(PERMUTATIONS, max(FEWEST_PERMUTATIONS, DRAWS // len(units)))
    hits = np.zeros(len(sizes))
    size = max(1, CHUNK // len(units))
    for start in range(0, count, size):
        order = generator.random((min(size, count - start), len(units))).argsort(axis=1)
        sums = units[order].cumsum(axis=1)
        for i, (m, least) in enumerate(zip(sizes, observed, strict=True)):
            hits[i] += (np.abs(_gap(sums[:, m - 1], sums[:, -1])) >= least).sum() if m < len(units) else len(order)
    return [float(x) for x in (1 + hits) / (1 + count)]
