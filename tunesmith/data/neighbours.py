"""Texts as shingle sets → pairs that are near duplicates: candidates that lose none, then an exact check.

Two texts are near duplicates if the Jaccard similarity of their shingles is at least the threshold, or, for short texts, if one
typing slip (a letter missing, added, changed, or two swapped) turns one into the other and their digits agree.

`similar_pairs` is a complete join: two sets with Jaccard >= t share one of their first |x| - ceil(t|x|) + 1 shingles in any common
order; with the rarest first, few sets share one. `slip_pairs` is complete too: two texts one slip apart are equal after one
letter is taken from one or both of them. Both are checked against comparing all pairs in tests/data/test_neighbours.py.

Source: Chaudhuri, Ganti, Kaushik, "A primitive operator for similarity joins in data cleaning" (2006), for the prefix; Garbe's
SymSpell for the deletions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.buckets import Buckets
from tunesmith.data.shingles import MULTIPLIER, U64, mix
from tunesmith.data.spool import I64, FoldedTexts, Texts

MIN_SLIP_CHARACTERS = 8
MAX_SLIP_CHARACTERS = 400
PAIRS_AT_ONCE = 500_000
FEW_ENTRIES = 16
ROWS_AT_ONCE = 4_000
COUNTERS = 1 << 20
SETS_KEPT = 4_000
Pairs = tuple[I64, I64]


@dataclass
class Tally:
    """How much was compared."""

    pairs: int = 0


class Sets:
    """Shingle sets of rows as Python sets, the last few thousand kept: `&` on them is five times as fast as numpy's intersection."""

    def __init__(self, texts: Texts) -> None:
        self.hashes = texts.shingles()
        self.sizes: I64 = np.diff(texts.shingle_offsets)
        self._texts = texts
        self._kept: dict[int, frozenset[int]] = {}

    def array(self, row: int) -> U64:
        """The sorted shingle hashes of one row."""
        return self.hashes[self._texts.shingle_offsets[row] : self._texts.shingle_offsets[row + 1]]

    def __getitem__(self, row: int) -> frozenset[int]:
        found = self._kept.get(row)
        if found is None:
            if len(self._kept) >= SETS_KEPT:
                self._kept.clear()
            found = self._kept[row] = frozenset(self.array(row).tolist())
        return found

    def similarity(self, first: int, second: int) -> float:
        """Jaccard similarity: shared shingles over all shingles."""
        a, b = self[first], self[second]
        both = len(a & b)
        return both / max(1, len(a) + len(b) - both)


def similar_pairs(texts: Texts, rows: I64, side: NDArray[np.int8] | None, similarity: float, tally: Tally) -> Iterator[Pairs]:
    """Pairs (a, b) among `rows` with Jaccard >= similarity; with `side` (by row), only pairs whose sides differ. A pair may come twice."""
    sets = Sets(texts)
    for kind in (True, False):
        of_kind = rows[texts.is_short[rows] == kind]
        if len(of_kind) < 2:
            continue
        for row, token, place in rare_prefixes(texts, sets, of_kind, similarity):
            for i, j in pairs_in_runs(row, token, side):
                tally.pairs += len(i)
                first, second = row[i], row[j]
                keep = can_overlap(sets.sizes[first] - place[i], sets.sizes[second] - place[j], sets.sizes[first] + sets.sizes[second], similarity)
                keep[keep] = may_be_similar(texts.maps, sets.sizes, first[keep], second[keep], similarity)
                a, b = first[keep], second[keep]
                exact = np.fromiter((sets.similarity(x, y) >= similarity for x, y in zip(a.tolist(), b.tolist(), strict=True)), bool, len(a))
                yield a[exact], b[exact]


def can_overlap(left_a: I64, left_b: I64, total: I64, similarity: float) -> NDArray[np.bool_]:
    """False where the first shared shingle comes so late that too few are left for the similarity.

    Source: Xiao et al., "Efficient similarity joins for near-duplicate detection" (2008), the positional filter.
    """
    return np.asarray(np.minimum(left_a, left_b) >= similarity / (1 + similarity) * total - 1e-9)


def may_be_similar(maps: U64, sizes: I64, first: I64, second: I64, similarity: float) -> NDArray[np.bool_]:
    """False only where the sizes or the bitmaps prove that the similarity is not reached."""
    a, b = sizes[first], sizes[second]
    large = np.maximum(a, b)
    fits = np.minimum(a, b) >= similarity * large - 1e-9
    apart = np.bitwise_count(maps[first] ^ maps[second]).sum(axis=1, dtype=np.int64)
    return np.asarray(fits & (apart <= (a + b) * (1 - similarity) / (1 + similarity) + 1e-9))


def rare_prefixes(texts: Texts, sets: Sets, rows: I64, similarity: float) -> Buckets:
    """(row, shingle, its place in the row) for the rarest shingles of each row, as many as completeness needs."""
    counts = np.zeros(COUNTERS, np.int64)
    for _, tokens in _chunks(sets, rows):
        counts += np.bincount((tokens % np.uint64(COUNTERS)).astype(np.int64), minlength=COUNTERS)
    found = Buckets(texts.folder, int(prefix_size(sets.sizes[rows], similarity).sum()))
    for row, tokens in _chunks(sets, rows):
        order = np.lexsort((tokens, counts[(tokens % np.uint64(COUNTERS)).astype(np.int64)], row))
        row, tokens = row[order], tokens[order]
        starts = np.flatnonzero(np.r_[True, row[1:] != row[:-1]])
        sizes = np.diff(np.r_[starts, len(row)])
        place = np.arange(len(row)) - np.repeat(starts, sizes)
        chosen = place < np.repeat(prefix_size(sizes, similarity), sizes)
        found.add(row[chosen], tokens[chosen], place[chosen])
    return found


def prefix_size(sizes: I64, similarity: float) -> I64:
    """How many of its shingles a set must show so that every set similar to it shows one of them too."""
    return np.asarray(sizes - np.ceil(similarity * sizes - 1e-9).astype(np.int64) + 1)


def _chunks(sets: Sets, rows: I64) -> Iterator[tuple[I64, U64]]:
    """(row, shingle) pairs of some thousand rows at a time."""
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        yield np.repeat(some, sets.sizes[some]), np.concatenate([sets.array(row) for row in some.tolist()])


def pairs_in_runs(row: I64, value: U64, side: NDArray[np.int8] | None) -> Iterator[Pairs]:
    """All pairs of entries (places in `row`) that share a value and are of different rows (of different sides, where sides are given).

    At most about PAIRS_AT_ONCE at a time.
    """
    order = np.lexsort((row, value))
    starts = np.flatnonzero(np.r_[True, value[order][1:] != value[order][:-1]])
    sizes = np.diff(np.r_[starts, len(value)])
    shared = sizes > 1
    if side is None:
        yield from pairs_of_short_runs(row, order, starts, sizes)
        shared = sizes > FEW_ENTRIES
    waiting: list[Pairs] = []
    count = 0
    for start, size in zip(starts[shared].tolist(), sizes[shared].tolist(), strict=True):
        run = order[start : start + size]
        for pair in _run_pairs(run, None if side is None else side[row[run]]):
            waiting.append(pair)
            count += len(pair[0])
            if count >= PAIRS_AT_ONCE:
                yield _different(row, waiting)
                waiting, count = [], 0
    if waiting:
        yield _different(row, waiting)


def pairs_of_short_runs(row: I64, order: I64, starts: I64, sizes: I64) -> Iterator[Pairs]:
    """Pairs of entries (places in `row`) of different rows within the runs of `order` that have at most FEW_ENTRIES, of which there are most: all of one size
    at once. A run begins at each of `starts` and has as many entries as `sizes` says."""
    for size in range(2, FEW_ENTRIES + 1):
        left, right = np.triu_indices(size, 1)
        here, step = starts[sizes == size], max(1, PAIRS_AT_ONCE // len(left))
        for at in range(0, len(here), step):
            some = here[at : at + step, None]
            first, second = order[(some + left).reshape(-1)], order[(some + right).reshape(-1)]
            differ = row[first] != row[second]
            yield first[differ], second[differ]


def _run_pairs(run: I64, side: NDArray[np.int8] | None) -> Iterator[Pairs]:
    """Pairs within one run, in blocks; each pair once."""
    if side is not None:
        parts = [run[side == k] for k in np.unique(side)]
        for k, first in enumerate(parts):
            for second in parts[k + 1 :]:
                step = max(1, PAIRS_AT_ONCE // len(second))
                for at in range(0, len(first), step):
                    block = first[at : at + step]
                    yield np.repeat(block, len(second)), np.tile(second, len(block))
        return
    step = max(1, PAIRS_AT_ONCE // len(run))
    for at in range(0, len(run), step):
        places = np.arange(at, min(at + step, len(run)))
        left, right = np.repeat(places, len(run)), np.tile(np.arange(len(run)), len(places))
        later = right > left
        yield run[left[later]], run[right[later]]


def _different(row: I64, pairs: list[Pairs]) -> Pairs:
    first, second = np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])
    differ = row[first] != row[second]
    return first[differ], second[differ]


def slip_pairs(texts: Texts, rows: I64, side: NDArray[np.int8] | None, similarity: float, tally: Tally) -> Iterator[Pairs]:
    """Pairs among the short `rows` that one typing slip turns into each other, where one letter is at most 1 - similarity of the text."""
    folded = texts.folded()
    shortest = max(MIN_SLIP_CHARACTERS, math.ceil(1 / max(1e-9, 1 - similarity) - 1e-9)) if similarity < 1 else MAX_SLIP_CHARACTERS + 1
    size = texts.text_offsets[rows + 1] - texts.text_offsets[rows]  # bytes: at least the characters
    chosen = rows[texts.is_short[rows] & (size >= shortest - 1) & (size <= 4 * MAX_SLIP_CHARACTERS)]
    keys = Buckets(texts.folder, int(size[np.isin(rows, chosen)].sum()) + len(chosen))
    for start in range(0, len(chosen), ROWS_AT_ONCE):
        some = chosen[start : start + ROWS_AT_ONCE]
        kept = [(row, text) for row in some.tolist() if shortest - 1 <= len(text := folded[row]) <= MAX_SLIP_CHARACTERS]
        if kept:
            numbers, values = deletions([text for _, text in kept])
            keys.add(np.asarray([row for row, _ in kept], dtype=np.int64)[numbers], values, np.zeros(len(values), np.int64))
    for row, key, _ in keys:
        seen: set[tuple[int, int]] = set()
        for i, j in pairs_in_runs(row, key, side):
            fresh = set(zip(row[i].tolist(), row[j].tolist(), strict=True)) - seen
            seen |= fresh
            tally.pairs += len(fresh)
            good = sorted(p for p in fresh if max(len(folded[p[0]]), len(folded[p[1]])) >= shortest and one_slip(folded, *p))
            yield np.asarray([a for a, _ in good], dtype=np.int64), np.asarray([b for _, b in good], dtype=np.int64)


def deletions(texts: list[str]) -> tuple[I64, U64]:
    """(text number, key): for each text, the key of the text and of every text that one deletion leaves.

    The key is sum(c[j] * M**j) over mixed code points c, modulo 2**64; taking out letter i shifts what follows by M**-1.
    """
    lengths = np.asarray([len(text) for text in texts], dtype=np.int64)
    points = mix(np.frombuffer("".join(texts).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64) + np.uint64(1))
    starts = np.r_[0, np.cumsum(lengths)[:-1]]
    number = np.repeat(np.arange(len(texts)), lengths)
    place = np.arange(len(points)) - starts[number]
    powers = np.cumprod(np.r_[np.uint64(1), np.full(int(lengths.max()), MULTIPLIER, np.uint64)])
    through = np.cumsum(points * powers[place])
    base = np.where(starts > 0, through[starts - 1], np.uint64(0))[number]
    total = through[starts + lengths - 1]
    inverse = np.uint64(pow(int(MULTIPLIER), -1, 1 << 64))
    without = (through - base - points * powers[place]) + (total[number] - through) * inverse
    whole = total - np.where(starts > 0, through[starts - 1], np.uint64(0))
    return np.r_[np.arange(len(texts)), number], np.r_[whole, without]


def one_slip(folded: FoldedTexts, first: int, second: int) -> bool:
    """True if the two rows' texts differ by one slip and have the same digits."""
    a, b = folded[first], folded[second]
    return slip_apart(a, b) and [c for c in a if c.isdigit()] == [c for c in b if c.isdigit()]


def slip_apart(a: str, b: str) -> bool:
    """True if one insertion, deletion, substitution or swap of neighbours turns `a` into `b`.

    >>> slip_apart("my card", "my crad"), slip_apart("my card", "my cards"), slip_apart("my card", "my pin")
    (True, True, False)
    """
    if abs(len(a) - len(b)) > 1 or a == b:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    if len(a) == len(b):
        return a[start + 1 :] == b[start + 1 :] or (a[start : start + 2] == b[start : start + 2][::-1] and a[start + 2 :] == b[start + 2 :])
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    return longer[start + 1 :] == shorter[start:]
