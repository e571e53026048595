"""Unit vectors → nearest neighbours, pairs of the same meaning and their clusters: exact, in blocks, never N × N numbers in memory.

100,000 rows of 384 numbers are 7.7 TFLOP for all neighbours and half of that for pairs. What is kept of a block is found by comparing it with
each query's worst neighbour so far: after the first block few numbers pass. An approximate index (SemHash uses usearch) is faster
beyond some hundred thousand rows and misses pairs; `bench/semantic.py` compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tunesmith.data.duplicates import Clusters
from tunesmith.data.examine.meaning import F32, I64, Vectors
from tunesmith.data.fold import key

BLOCK = 1_024
"""Rows of a block of queries and of keys: 4 MB of cosines, which stay in the processor's cache."""
MANY_PAIRS = 2_000
"""From so many pairs in one block on, they are first reduced to those that join something new."""
SAME_MEANING = 0.95
"""Cosine from which two texts count as saying the same: 99.8 % of such pairs of CLINC150's have the same intent, 98.8 % of BANKING77's."""
Tick = Callable[[int, int], None]
"""Hears (rows done, rows in all)."""
Pairs = tuple[I64, I64, F32]
"""(first rows, second rows, their cosines)."""


def silent(done: int, total: int) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Kin:
    """Rows that must not count as one another's neighbours: those of the same number among `queries` and `keys`."""

    queries: I64
    keys: I64

    @classmethod
    def themselves(cls, rows: int) -> Kin:
        """Every row is kin to itself only: for neighbours within one set."""
        return cls(np.arange(rows), np.arange(rows))


def nearest(queries: Vectors, keys: Vectors, count: int, kin: Kin | None = None, tick: Tick = silent) -> tuple[I64, F32]:
    """([Q, count] the nearest keys of each query, [Q, count] their cosines), nearest first; equal cosines by the smaller number.

    Where a query has fewer keys that are not its kin, the rest are -1 with cosine -inf.
    """
    found, cosines = np.full((len(queries), count), -1, np.int64), np.full((len(queries), count), -np.inf, np.float32)
    if not len(keys) or not count:
        return found, cosines
    for start in range(0, len(queries), BLOCK):
        part = slice(start, min(start + BLOCK, len(queries)))
        query = np.asarray(queries[part], dtype=np.float32)
        hidden = _hidden(kin, part) if kin is not None else None
        for at in range(0, len(keys), BLOCK):
            block = query @ np.asarray(keys[at : at + BLOCK], dtype=np.float32).T
            if hidden is not None:
                here = (hidden[1] >= at) & (hidden[1] < at + BLOCK)
                block[hidden[0][here], hidden[1][here] - at] = -np.inf
            _keep_best(found[part], cosines[part], block, at)
        tick(part.stop, len(queries))
    return found, cosines


def _hidden(kin: Kin, part: slice) -> tuple[I64, I64]:
    """(places within the part, keys) that are kin."""
    order = np.argsort(kin.keys, kind="stable")
    low, high = (np.searchsorted(kin.keys[order], kin.queries[part], side) for side in ("left", "right"))
    counts = high - low
    place = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
    return place, order[np.repeat(low, counts) + within]


def _keep_best(found: I64, cosines: F32, block: F32, at: int) -> None:
    """Take into `found` and `cosines` [B, count], in place, what `block` [B, C] of the keys from `at` on has of better."""
    count = found.shape[1]
    worst = cosines[:, -1]
    if at == 0 and block.shape[1] > count:
        worst = np.partition(block, -count, axis=1)[:, -count]
        row, column = np.nonzero((block >= worst[:, None]) & (block > -np.inf))
    else:
        row, column = np.nonzero(block > worst[:, None])
    if not len(row):
        return
    touched = np.unique(row)
    rows = np.concatenate([np.repeat(touched, count), row])
    keys = np.concatenate([found[touched].ravel(), column + at])
    values = np.concatenate([cosines[touched].ravel(), block[row, column]])
    order = np.lexsort((keys, -values, rows))
    order = order[_place_in_run(rows[order]) < count]
    found[touched], cosines[touched] = keys[order].reshape(-1, count), values[order].reshape(-1, count)


def _place_in_run(sorted_values: I64) -> I64:
    """How many equal values stand before each in its run.

    >>> _place_in_run(np.array([4, 4, 7, 9, 9, 9])).tolist()
    [0, 1, 0, 0, 1, 2]
    """
    starts = np.flatnonzero(np.r_[True, sorted_values[1:] != sorted_values[:-1]])
    return np.arange(len(sorted_values)) - np.repeat(starts, np.diff(np.r_[starts, len(sorted_values)]))


def figures(texts: Sequence[str]) -> I64:
    """[N] a key of the numbers that stand in each text: "send 100 dollars" and "send 200 dollars" say different things at a cosine of 0.99."""
    keys = (key(" ".join(sorted(re.findall(r"\d+", text)))) for text in texts)
    return np.fromiter(keys, np.uint64, len(texts)).view(np.int64)


def semantic_pairs(vectors: Vectors, threshold: float = SAME_MEANING, tick: Tick = silent, numbers: I64 | None = None) -> Iterator[Pairs]:
    """Every pair (a, b), a < b, with a cosine of at least `threshold` and equal `numbers` (`figures`), in blocks."""
    for start in range(0, len(vectors), BLOCK):
        query = np.asarray(vectors[start : start + BLOCK], dtype=np.float32)
        for at in range(start, len(vectors), BLOCK):
            block = query @ np.asarray(vectors[at : at + BLOCK], dtype=np.float32).T
            row, column = np.nonzero(block >= threshold)
            if at == start:
                later = column > row
                row, column = row[later], column[later]
            if numbers is not None:
                same = numbers[row + start] == numbers[column + at]
                row, column = row[same], column[same]
            if len(row):
                yield row + start, column + at, block[row, column]
        tick(min(start + BLOCK, len(vectors)), len(vectors))


def crossing_pairs(
    first: Vectors, second: Vectors, threshold: float = SAME_MEANING, tick: Tick = silent, numbers: tuple[I64, I64] | None = None
) -> Iterator[Pairs]:
    """Every pair of a row of `first` and one of `second` with a cosine of at least `threshold` and equal `numbers` of both, in blocks."""
    for start in range(0, len(first), BLOCK):
        query = np.asarray(first[start : start + BLOCK], dtype=np.float32)
        for at in range(0, len(second), BLOCK):
            block = query @ np.asarray(second[at : at + BLOCK], dtype=np.float32).T
            row, column = np.nonzero(block >= threshold)
            if numbers is not None:
                same = numbers[0][row + start] == numbers[1][column + at]
                row, column = row[same], column[same]
            if len(row):
                yield row + start, column + at, block[row, column]
        tick(min(start + BLOCK, len(first)), len(first))


@dataclass(frozen=True)
class Alike:
    """Rows that say the same in other words."""

    clusters: tuple[tuple[int, ...], ...]
    """Rows that belong together, in their order; the largest cluster first. Chains count: a ~ b and b ~ c put a beside c."""
    pairs: int
    """Pairs at or over the threshold."""


def alike(vectors: Vectors, threshold: float = SAME_MEANING, tick: Tick = silent, numbers: I64 | None = None) -> Alike:
    """The clusters of rows whose meaning is the same; every row should be another text (`meaning.Meanings.vectors`)."""
    clusters, count = Clusters(len(vectors)), 0
    for first, second, _ in semantic_pairs(vectors, threshold, tick, numbers):
        count += len(first)
        for a, b in joining(first, second, len(vectors)) if len(first) > MANY_PAIRS else zip(first.tolist(), second.tolist(), strict=True):
            clusters.join(a, b)
    return Alike(grouped(clusters.roots()), count)


def joining(first: I64, second: I64, rows: int) -> Iterator[tuple[int, int]]:
    """Fewer pairs that join the same rows as the given ones: each row with the first of its component."""
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(rows, rows))
    _, component = connected_components(graph, directed=False)
    named = np.unique(np.concatenate([first, second]))
    _, at = np.unique(component, return_index=True)
    yield from zip(named.tolist(), at[component[named]].tolist(), strict=True)


def grouped(roots: I64) -> tuple[tuple[int, ...], ...]:
    """The sets of more than one row, largest first, by the row that stands for each.

    >>> grouped(np.array([0, 1, 0, 3, 3, 0]))
    ((0, 2, 5), (3, 4))
    """
    order = np.argsort(roots, kind="stable")
    parts = np.split(order, np.flatnonzero(roots[order][1:] != roots[order][:-1]) + 1)
    return tuple(sorted((tuple(part.tolist()) for part in parts if len(part) > 1), key=lambda part: (-len(part), part[0])))


@dataclass(frozen=True)
class Crossing:
    """A row of one file that says the same as a row of another."""

    row: int
    other: int
    cosine: float


def crossings(
    first: Vectors, second: Vectors, threshold: float = SAME_MEANING, tick: Tick = silent, numbers: tuple[I64, I64] | None = None
) -> tuple[Crossing, ...]:
    """For each row of `first` with a match in `second`, its nearest one; the most alike first."""
    best: dict[int, Crossing] = {}
    for rows, others, cosines in crossing_pairs(first, second, threshold, tick, numbers):
        for row, other, cosine in zip(rows.tolist(), others.tolist(), cosines.tolist(), strict=True):
            if row not in best or cosine > best[row].cosine:
                best[row] = Crossing(row, other, cosine)
    return tuple(sorted(best.values(), key=lambda found: (-found.cosine, found.row)))


def density(cosines: F32) -> NDArray[np.float32]:
    """[Q] the mean cosine of each query's neighbours, those it has; 0 for one without any."""
    there = cosines > -np.inf
    return np.asarray(np.where(there, cosines, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1), dtype=np.float32)
