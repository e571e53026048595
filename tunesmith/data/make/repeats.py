"""Texts → for each, the earlier text that it repeats: an equal one, or a near duplicate, by the complete join of neighbours.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tunesmith.data.fold import fold, key
from tunesmith.data.neighbours import Tally, similar_pairs
from tunesmith.data.spool import Spool


def repeats(texts: Sequence[str], similarity: float, folder: Path, kept: int = 0) -> list[int | None]:
    """For each text, the number of the first text that stays and that it repeats; None: it stays. The first `kept` texts always stay.

    `folder` holds scratch files and is gone afterwards. A similarity of 1 compares only equal texts (case and white space aside).
    """
    folded = [fold(text) for text in texts]
    near: dict[int, list[int]] = {}
    for first, second in _pairs(folded, similarity, folder) if similarity < 1 and len(texts) > 1 else ():
        near.setdefault(max(first, second), []).append(min(first, second))
    found: list[int | None] = []
    seen: dict[int, int] = {}
    for number, text in enumerate(folded):
        mine = key(text)
        others = [other for other in near.get(number, ()) if found[other] is None]
        if mine in seen:
            others.append(seen[mine])
        found.append(min(others) if others and number >= kept else None)
        if found[number] is None:
            seen.setdefault(mine, number)
    return found


def _pairs(folded: Sequence[str], similarity: float, folder: Path) -> Iterator[tuple[int, int]]:
    """Pairs of texts that are near duplicates."""
    with Spool(folder) as spool:
        spool.shingle(folded)
        _, texts = spool.finish()
        for first, second in similar_pairs(texts, np.arange(len(folded)), None, similarity, Tally()):
            yield from zip(first.tolist(), second.tolist(), strict=True)
