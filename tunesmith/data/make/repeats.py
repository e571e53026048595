"""Texts → for each, the earlier text that it repeats: an equal one, or a near duplicate, by the complete join of neighbours.py."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tunesmith.data.fold import fold, key
from tunesmith.data.neighbours import Tally, similar_pairs
from tunesmith.data.shingles import bitmaps, is_short, shingle
from tunesmith.data.spool import Texts


def repeats(texts: Sequence[str], similarity: float, folder: Path, kept: int = 0) -> list[int | None]:
    """For each text, the number of the first text that stays and that it repeats; None: it stays. The first `kept` texts always stay.

    `folder` holds scratch files and is gone afterwards. A similarity of 1 compares only equal texts (case and white space aside).
    """
    folded = [fold(text) for text in texts]
    near: dict[int, list[int]] = {}
    if similarity < 1 and len(texts) > 1:
        for first, second in _pairs(folded, similarity, folder):
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


def _pairs(folded: Sequence[str], similarity: float, folder: Path) -> list[tuple[int, int]]:
    """Pairs of texts that are near duplicates."""
    folder.mkdir(parents=True)
    try:
        hashes, offsets = shingle(folded)
        (folder / "shingles.u64").write_bytes(hashes.tobytes())
        (folder / "folded.txt").write_bytes("".join(folded).encode())
        ends = np.cumsum([0, *(len(text.encode()) for text in folded)], dtype=np.int64)
        is_short_text = np.array([is_short(text) for text in folded], dtype=bool)
        all_texts = Texts(folder, ends, offsets, is_short_text, bitmaps(hashes, offsets))
        rows = np.arange(len(folded), dtype=np.int64)
        found = similar_pairs(all_texts, rows, None, similarity, Tally())
        return [pair for first, second in found for pair in zip(first.tolist(), second.tolist(), strict=True)]
    finally:
        shutil.rmtree(folder)
