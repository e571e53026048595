"""Rows as vectors → the n of them that stand for all, and what is given up with the others.

Greedy facility location: each step takes the row that brings all rows nearest to what is chosen, plus what the row is worth in itself. All rows
against all would be N² numbers, so rows are cut into parts of their neighbours (or of their label), each part is chosen from alone, and the
steps of all parts are merged by their gain: the greedy solution of the sum over parts, in time N · part. Greedy reaches at least
1 - 1/e of the best there is. Alternative: k-centre, which takes outliers first; on small samples worse than chance (docs/log.md).
Source: Nemhauser, Wolsey, Fisher 1978 for the bound; Minoux 1978 for lazy evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.examine.closest import nearest
from tunesmith.data.examine.meaning import F32, I64, Vectors
from tunesmith.data.examine.topics import assign, k_means
from tunesmith.data.intake import look
from tunesmith.spec.job import Monitor

F64 = NDArray[np.float64]
PART_ROWS = 1_000
"""Rows of a part, about; at most twice as many: 16 MB of cosines."""
LEARNT_ROWS = 20_000
"""Rows that the parts' centres are learnt from, at most."""
MOST_CENTRES = 256
"""Of one cut; larger files are cut again."""
ROUNDS = 8
WORTH = 0.5
"""What a row of full worth adds to its gain: as much as bringing five rows nearer by a cosine of 0.1."""
HALVED = 0.5


@dataclass(frozen=True)
class Choice:
    """The chosen rows, and how well they stand for the others."""

    rows: I64
    """Ascending."""
    mean_distance: float
    """Of the rows left out, to the nearest chosen one: 1 - cosine, on average; 0 where none is left out."""
    worst_distance: float
    farthest: I64
    """Up to ten rows left out that nothing chosen is near to, the farthest first."""
    stands_for: I64
    """[N] the chosen row that is nearest to each row; a chosen row itself."""


@dataclass(frozen=True)
class Shortfall:
    """What became of labels or topics, by their numbers."""

    lost: tuple[int, ...]
    """None of their rows is chosen."""
    halved: tuple[int, ...]
    """Their share of the chosen rows is less than half of what it was, the most reduced first."""


def choose(vectors: Vectors, count: int, monitor: Monitor, groups: I64 | None = None, worth: F64 | None = None, seed: int = 0) -> Choice:
    """`count` of the N rows (all, if there are not more).

    With `groups` [N] (labels or topics), every group gets the same number of rows, as far as it has them. `worth` [N] is in 0 … 1, for
    example a rank of difficulty; NaN counts as 0.5.

    Raises: Interrupted once the user wants a stop.
    """
    total = len(vectors)
    if count >= total:
        return Choice(np.arange(total), 0.0, 0.0, np.zeros(0, np.int64), np.arange(total))
    random = np.random.default_rng(seed)
    value = np.zeros(total) if worth is None else WORTH * np.where(np.isnan(worth), 0.5, worth)
    if groups is None:
        groups = np.zeros(total, np.int64)
    names, of = np.unique(groups, return_inverse=True)
    taken = []
    for group, quota in enumerate(quotas(np.bincount(of), count)):
        look(monitor, "choosing rows", group, len(names), "groups")
        if quota:
            taken.append(_from_group(vectors, np.flatnonzero(of == group), quota, value, random, monitor))
    rows = np.sort(np.concatenate(taken)) if taken else np.zeros(0, np.int64)
    return _told(vectors, rows, monitor)


def quotas(sizes: I64, count: int) -> list[int]:
    """Rows that each group gives: the same number, and all it has where it has fewer; what remains goes to the larger groups.

    >>> quotas(np.array([100, 3, 50]), 43)
    [20, 3, 20]
    """
    given = np.zeros(len(sizes), np.int64)
    for place, group in enumerate(np.argsort(sizes, kind="stable").tolist()):
        given[group] = min(int(sizes[group]), (count - int(given.sum())) // (len(sizes) - place))
    return [int(n) for n in given]


def _from_group(vectors: Vectors, rows: I64, quota: int, value: F64, random: np.random.Generator, monitor: Monitor) -> I64:
    """The `quota` rows of one group that stand for it."""
    if quota == len(rows):
        return rows
    chosen, gains = [], []
    for part in parts(vectors, rows, random):
        look(monitor, "choosing rows", 0, None)
        order, gain = greedy(np.asarray(vectors[part], dtype=np.float32), value[part], min(quota, len(part)))
        chosen.append(part[order])
        gains.append(gain)
    every, gain = np.concatenate(chosen), np.concatenate(gains)
    return every[np.lexsort((every, -gain))[:quota]]


def parts(vectors: Vectors, rows: I64, random: np.random.Generator) -> Iterator[I64]:
    """`rows` cut into neighbours of at most 2,000."""
    if len(rows) <= 2 * PART_ROWS:
        yield rows
        return
    sample = rows if len(rows) <= LEARNT_ROWS else np.sort(random.choice(rows, LEARNT_ROWS, replace=False))
    learnt = np.asarray(vectors[sample], dtype=np.float32)
    centres = k_means(learnt, min(MOST_CENTRES, -(-len(rows) // PART_ROWS)), random, ROUNDS)
    number, _ = assign(vectors[rows], centres)
    pieces = [rows[number == n] for n in range(len(centres))]
    if max(map(len, pieces)) == len(rows):  # all alike: any cut is as good as another
        pieces = np.array_split(rows, -(-len(rows) // PART_ROWS))
    for piece in pieces:
        if len(piece):
            yield from parts(vectors, piece, random)


def greedy(vectors: F32, value: F64, count: int) -> tuple[I64, F64]:
    """(`count` places in the order in which they are taken, what each added): facility location over cosines, lazily.

    Gains only shrink, so a row whose last known gain is below another's present one need not be looked at again.
    """
    alike = np.maximum(vectors @ vectors.T, 0)
    covered = np.zeros(len(vectors), np.float32)
    gain = alike.sum(axis=1, dtype=np.float64) + value
    is_fresh = np.ones(len(vectors), bool)
    order, gains = np.zeros(count, np.int64), np.zeros(count)
    for step in range(count):
        while not is_fresh[best := int(gain.argmax())]:
            gain[best] = float(np.maximum(alike[best] - covered, 0).sum(dtype=np.float64)) + value[best]
            is_fresh[best] = True
        order[step], gains[step] = best, gain[best]
        covered = np.maximum(covered, alike[best])
        gain[best] = -np.inf
        is_fresh[:] = False
        is_fresh[order[: step + 1]] = True
    return order, gains


def _told(vectors: Vectors, rows: I64, monitor: Monitor) -> Choice:
    """The choice, with how far the rows left out are from it."""
    left = np.setdiff1d(np.arange(len(vectors)), rows)
    if not len(rows):
        return Choice(rows, 2.0, 2.0, left[:10], np.full(len(vectors), -1))

    def tick(done: int, total: int) -> None:
        look(monitor, "measuring what the choice covers", done, total)

    place, cosine = nearest(vectors[left], vectors[rows], 1, tick=tick)
    stands_for = np.arange(len(vectors))
    stands_for[left] = rows[place[:, 0]]
    apart = np.maximum(1 - cosine[:, 0].astype(np.float64), 0)
    order = np.lexsort((left, -apart))
    return Choice(rows, float(apart.mean()), float(apart.max()), left[order[:10]], stands_for)


def shortfall(groups: I64, rows: I64) -> Shortfall:
    """Which labels or topics [N] the chosen rows have lost, and which they have less than half of.

    >>> shortfall(np.array([0, 0, 0, 0, 1, 1, 1, 2]), np.array([0, 1, 2, 3, 4]))
    Shortfall(lost=(2,), halved=())
    """
    names, of = np.unique(groups, return_inverse=True)
    before = np.bincount(of, minlength=len(names)) / max(1, len(groups))
    after = np.bincount(of[rows], minlength=len(names)) / max(1, len(rows))
    kept = after / before
    lost = tuple(int(name) for name in names[after == 0])
    order = [int(i) for i in np.argsort(kept, kind="stable") if 0 < kept[i] < HALVED]
    return Shortfall(lost, tuple(int(names[i]) for i in order))
