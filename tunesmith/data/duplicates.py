"""Rows → clusters that must not be torn apart: equal questions, equal groups, near duplicates.

Near duplicates by MinHash: R-MinHash signatures of 128 values (rensa, in Rust) are cut into bands, rows that agree in a band are
candidates, and each candidate is confirmed by the exact Jaccard similarity; at the threshold a pair is missed once in ten thousand.
What is missed is found by the complete join in leak.py, which looks between the splits only and is therefore cheap.
Alternative: datasketch's LSH, pure Python, about a hundred times slower on 100,000 rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from tunesmith.data.neighbours import FEW_ENTRIES, Sets, Tally, may_be_similar, pairs_of_short_runs, slip_pairs
from tunesmith.data.shingles import U64, mix
from tunesmith.data.spool import I64, Texts

PERMUTATIONS = 128
SEED = 42
ROWS_AT_ONCE = 4_000
RIVALS = 32
MISSED = 1e-4
Tick = Callable[[int], None]


class Clusters:
    """Disjoint sets of rows (union-find); the smallest row of a set stands for it, so that the order of joining does not matter."""

    def __init__(self, rows: int) -> None:
        self._parent = list(range(rows))

    def copy(self) -> Clusters:
        """The same sets, to be joined on their own."""
        made = Clusters(0)
        made._parent = self._parent.copy()
        return made

    def find(self, row: int) -> int:
        """The row that stands for `row`'s set."""
        parent = self._parent
        root = row
        while parent[root] != root:
            root = parent[root]
        while parent[row] != root:
            parent[row], row = root, parent[row]
        return root

    def join(self, first: int, second: int) -> None:
        """Make the two rows' sets one."""
        a, b = self.find(first), self.find(second)
        self._parent[max(a, b)] = min(a, b)

    def join_equal(self, values: NDArray[np.generic]) -> None:
        """Join all rows that have the same value."""
        order = np.argsort(values, kind="stable")
        same = np.flatnonzero(values[order][1:] == values[order][:-1])
        for i in same.tolist():
            self.join(int(order[i]), int(order[i + 1]))

    def roots(self) -> I64:
        """The row that stands for each row's set."""
        return np.fromiter((self.find(i) for i in range(len(self._parent))), np.int64, len(self._parent))


def first_of_equals(values: NDArray[np.generic]) -> I64:
    """For each row, the first row with the same value.

    >>> first_of_equals(np.array([7, 8, 7, 7])).tolist()
    [0, 1, 0, 0]
    """
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    return np.asarray(first[inverse], dtype=np.int64)


def band_rows(similarity: float) -> int:
    """Signature values per band: as many as possible while a pair at the threshold is missed less than once in ten thousand.

    >>> band_rows(0.8)
    5
    """
    fitting = [r for r in range(1, 17) if (1 - similarity**r) ** (PERMUTATIONS // r) < MISSED]
    return max(fitting, default=1)


def join_near_duplicates(clusters: Clusters, texts: Texts, rows: I64, similarity: float, tally: Tally, tick: Tick) -> None:
    """Join near duplicates among `rows` (distinct questions)."""
    if similarity >= 1 or len(rows) < 2:
        return
    for kind in (True, False):
        of_kind = rows[texts.is_short[rows] == kind]
        if len(of_kind) > 1:
            _join_by_bands(clusters, texts, of_kind, similarity, tally, tick)
    for first, second in slip_pairs(texts, rows, None, similarity, tally):
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            clusters.join(a, b)


def _join_by_bands(clusters: Clusters, texts: Texts, rows: I64, similarity: float, tally: Tally, tick: Tick) -> None:
    sets = Sets(texts)
    bands = band_keys(sets, rows, band_rows(similarity), tick)
    for band in bands:
        order = np.argsort(band, kind="stable")
        starts = np.flatnonzero(np.r_[True, band[order][1:] != band[order][:-1]])
        sizes = np.diff(np.r_[starts, len(order)])
        for first, second in pairs_of_short_runs(rows, order, starts, sizes):
            _join_pairs(clusters, texts.maps, sets, rows[first], rows[second], similarity, tally)
        for start, size in zip(starts[sizes > FEW_ENTRIES].tolist(), sizes[sizes > FEW_ENTRIES].tolist(), strict=True):
            _join_run(clusters, texts.maps, sets, rows[np.sort(order[start : start + size])], similarity, tally)


def band_keys(sets: Sets, rows: I64, width: int, tick: Tick) -> NDArray[np.uint32]:
    """[bands, rows]: rows that agree in a band are candidates. 32 bits: a chance agreement costs one comparison."""
    bands = PERMUTATIONS // width
    keys = np.zeros((bands, len(rows)), np.uint32)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        flat = np.concatenate([sets.array(row) for row in some.tolist()])
        offsets = np.r_[0, np.cumsum(sets.sizes[some])].astype(np.uint64)
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(flat, offsets, PERMUTATIONS, SEED)
        values = np.asarray(matrix.to_rows(), dtype=np.uint64)[:, : bands * width].reshape(len(some), bands, width)
        key = values[:, :, 0]
        for k in range(1, width):
            key = mix(key) + values[:, :, k]
        keys[:, start : start + len(some)] = (mix(key) >> np.uint64(32)).astype(np.uint32).T
        tick(start + len(some))
    return keys


def _join_pairs(clusters: Clusters, maps: U64, sets: Sets, first: I64, second: I64, similarity: float, tally: Tally) -> None:
    """Compare the rows of each pair that are not in one cluster yet."""
    tally.pairs += len(first)
    likely = may_be_similar(maps, sets.sizes, first, second, similarity)
    for a, b in zip(first[likely].tolist(), second[likely].tolist(), strict=True):
        if clusters.find(a) != clusters.find(b) and sets.similarity(a, b) >= similarity:
            clusters.join(a, b)


def _join_run(clusters: Clusters, maps: U64, sets: Sets, run: I64, similarity: float, tally: Tally) -> None:
    """Compare the rows of one run with those before them that are not in their cluster yet.

    At most RIVALS of them: templated rows could make a run of tens of thousands, and the complete join finds what is left out.
    """
    before: list[int] = []
    for row in run.tolist():
        root = clusters.find(row)
        others = np.asarray([other for other in before if clusters.find(other) != root], dtype=np.int64)
        if len(others):
            tally.pairs += len(others)
            likely = others[may_be_similar(maps, sets.sizes, others, np.full(len(others), row), similarity)]
            for other in likely.tolist():
                if sets.similarity(row, other) >= similarity:
                    clusters.join(row, other)
        if len(before) < RIVALS:
            before.append(row)
