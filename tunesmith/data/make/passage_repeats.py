"""Passages of many files → those that say nothing new: equal ones, near duplicates, and lines that stand in every file.

Equal passages are told by a digest; near duplicates among passages of running text by the same join as rows (data/duplicates.py).
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tunesmith.data.duplicates import Clusters, first_of_equals, join_near_duplicates
from tunesmith.data.fold import fold, key
from tunesmith.data.neighbours import Tally as Compared
from tunesmith.data.shingles import U64, bitmaps, is_short, shingle
from tunesmith.data.spool import I64, Texts
from tunesmith.spec.passage import Passage

BATCH = 2_000
MIN_EQUAL_WORDS = 8
"""A shorter passage may come again and again without harm."""
BOILERPLATE_CHARACTERS = 200
BOILERPLATE_SHARE = 0.1
PROSE = frozenset({"paragraph", "list", "table", "definitions"})


class Repeats:
    """Takes passages while documents are read; tells afterwards which repeat."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._folded = (folder / "folded.txt").open("wb")
        self._shingles = (folder / "shingles.u64").open("wb")
        self._text_offsets, self._shingle_offsets = array("q", [0]), array("q", [0])
        self._keys, self._is_prose, self._is_long, self._short = array("Q"), array("B"), array("B"), array("B")
        self._maps: list[U64] = []
        self._waiting: list[str] = []
        self._lines: Counter[int] = Counter()
        """Key of a short passage → files that hold it."""
        self._in_file: set[int] = set()
        self.files = 0

    def next_file(self) -> None:
        """What follows stands in another file."""
        self._lines.update(self._in_file)
        self._in_file = set()
        self.files += 1

    def add(self, passage: Passage) -> None:
        """One passage."""
        text = fold(passage.text)
        mine = key(text)
        if len(text) <= BOILERPLATE_CHARACTERS and passage.kind in ("paragraph", "list"):
            self._in_file.add(mine)
        words = text.count(" ") + 1
        is_prose = passage.kind in PROSE and not is_short(text)
        self._keys.append(mine)
        self._is_prose.append(is_prose)
        self._is_long.append(passage.kind != "heading" and (words >= MIN_EQUAL_WORDS or len(text) >= BOILERPLATE_CHARACTERS))
        self._short.append(is_short(text))
        self._waiting.append(text if is_prose else "")
        if len(self._waiting) == BATCH:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        hashes, offsets = shingle(self._waiting)
        self._shingles.write(hashes.tobytes())
        base = self._shingle_offsets[-1]
        self._shingle_offsets.extend((offsets[1:] + base).tolist())
        self._maps.append(bitmaps(hashes, offsets))
        for text in self._waiting:
            self._text_offsets.append(self._text_offsets[-1] + len(text.encode()))
            self._folded.write(text.encode())
        self._waiting = []

    def found(self, similarity: float, boilerplate_files: int, tick: Callable[[int], None]) -> dict[int, str]:
        """Passage (by its number) → `boilerplate`, `equal` or `near_duplicate`; the first of its like is not among them."""
        self.next_file()
        self.files -= 1
        self._flush()
        self._folded.close()
        self._shingles.close()
        if not len(self._keys):
            return {}
        keys: U64 = np.array(self._keys, dtype=np.uint64)
        needed = max(boilerplate_files, BOILERPLATE_SHARE * self.files)
        everywhere = {mine for mine, files in self._lines.items() if files >= needed}
        reasons = {i: "boilerplate" for i, mine in enumerate(self._keys) if mine in everywhere}
        first = first_of_equals(keys)
        for i in np.flatnonzero((first != np.arange(len(keys))) & np.array(self._is_long, dtype=bool)).tolist():
            reasons.setdefault(i, "equal")
        texts = Texts(
            self.folder,
            np.array(self._text_offsets, dtype=np.int64),
            np.array(self._shingle_offsets, dtype=np.int64),
            np.array(self._short, dtype=bool),
            np.concatenate(self._maps),
        )
        rows: I64 = np.array([i for i in np.flatnonzero(np.array(self._is_prose, dtype=bool)).tolist() if i not in reasons], dtype=np.int64)
        clusters = Clusters(len(keys))
        if similarity < 1 and len(rows) > 1:
            join_near_duplicates(clusters, texts, rows, similarity, Compared(), tick)
            roots = clusters.roots()
            reasons.update(dict.fromkeys(rows[roots[rows] != rows].tolist(), "near_duplicate"))
        return reasons
