"""Rows with their splits → a proof that no question stands in two splits, exactly or nearly; complete, unlike the clustering.

The clustering takes its candidates from MinHash, which may miss a pair. Here every pair across splits that could reach the similarity
is compared, by another method (neighbours.py). Pairs that were missed are returned, so that their clusters can be joined and
the rows split again; the proof that is kept has found none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.duplicates import first_of_equals
from tunesmith.data.neighbours import Tally, similar_pairs, slip_pairs
from tunesmith.data.spool import I64, Facts, Texts
from tunesmith.spec.dataset import LeakProof


@dataclass(frozen=True)
class Leaks:
    """Pairs of rows that stand in different splits and should not."""

    exact: tuple[tuple[int, int], ...]
    near: tuple[tuple[int, int], ...]
    compared: int

    def proof(self, similarity: float, rounds: int) -> LeakProof:
        """What was checked, for the manifest."""
        again = f"; {rounds} rounds: pairs that MinHash had missed were joined and the rows split again" if rounds > 1 else ""
        near = (
            f"all pairs across splits with shingle Jaccard >= {similarity:g} (prefix-filtered join) or one typing slip apart"
            if similarity < 1
            else "near pairs not looked for (similarity 1)"
        )
        return LeakProof(
            exact_pairs=len(self.exact),
            near_pairs=len(self.near),
            pairs_compared=self.compared,
            method=f"equal folded questions; {near}; both complete{again}",
        )


def find_leaks(facts: Facts, texts: Texts, rows: I64, side: NDArray[np.int8], similarity: float) -> Leaks:
    """Every exact and near pair among `rows` across splits; `side` holds each row's split."""
    tally = Tally()
    exact = exact_pairs(facts.asked, rows, side)
    near: set[tuple[int, int]] = set()
    if similarity < 1:
        distinct = _one_per_side(facts.asked, rows, side)
        for found in (similar_pairs(texts, distinct, side, similarity, tally), slip_pairs(texts, distinct, side, similarity, tally)):
            for first, second in found:
                near.update((min(a, b), max(a, b)) for a, b in zip(first.tolist(), second.tolist(), strict=True) if facts.asked[a] != facts.asked[b])
    return Leaks(tuple(exact), tuple(sorted(near)), tally.pairs + len(rows))


def exact_pairs(asked: NDArray[np.uint64], rows: I64, side: NDArray[np.int8]) -> list[tuple[int, int]]:
    """For each question that stands in several splits: its first row, with the first row of each other split."""
    order = rows[np.lexsort((rows, side[rows], asked[rows]))]
    same = asked[order][1:] == asked[order][:-1]
    crossing = same & (side[order][1:] != side[order][:-1])
    first = first_of_equals(asked[order])
    return [(int(order[first[i + 1]]), int(order[i + 1])) for i in np.flatnonzero(crossing)]


def _one_per_side(asked: NDArray[np.uint64], rows: I64, side: NDArray[np.int8]) -> I64:
    """One row for each question and split: more would only repeat the same comparisons."""
    order = rows[np.lexsort((rows, side[rows], asked[rows]))]
    again = (asked[order][1:] == asked[order][:-1]) & (side[order][1:] == side[order][:-1])
    return np.sort(order[np.r_[True, ~again]])
