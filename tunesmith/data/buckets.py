"""Entries (row, value, place) → the same entries in buckets, equal values in the same bucket, so that a join fits into memory.

Few entries stay in memory as one bucket; more go to unnamed temporary files, which vanish with the process whatever ends it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

ENTRIES_AT_ONCE = 3_000_000
ENTRY = np.dtype([("row", np.uint32), ("place", np.uint32), ("value", np.uint64)])


class Buckets:
    """Give it entries with `add`, then iterate once over (rows, values, places) of one bucket at a time."""

    def __init__(self, folder: Path, expected: int) -> None:
        self.count = max(1, -(-expected // ENTRIES_AT_ONCE))
        self._kept: list[NDArray[np.void]] = []
        self._stack = ExitStack()
        self._files: list[IO[bytes]] = [self._stack.enter_context(tempfile.TemporaryFile(dir=folder)) for _ in range(self.count) if self.count > 1]  # noqa: SIM115  (the stack closes them)

    def add(self, row: NDArray[np.int64], value: NDArray[np.uint64], place: NDArray[np.int64]) -> None:
        """Some entries."""
        entries = np.empty(len(row), ENTRY)
        entries["row"], entries["value"], entries["place"] = row, value, place
        if not self._files:
            self._kept.append(entries)
            return
        bucket = (value % np.uint64(self.count)).astype(np.int64)
        order = np.argsort(bucket, kind="stable")
        ends = np.searchsorted(bucket[order], np.arange(self.count + 1))
        for k, file in enumerate(self._files):
            file.write(entries[order[ends[k] : ends[k + 1]]].tobytes())

    def __iter__(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]]]:
        with self._stack:
            if self._kept:
                yield self._columns(np.concatenate(self._kept))
            for file in self._files:
                file.seek(0)
                yield self._columns(np.frombuffer(file.read(), dtype=ENTRY))
                file.truncate(0)

    @staticmethod
    def _columns(entries: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]]:
        return entries["row"].astype(np.int64), entries["value"].astype(np.uint64), entries["place"].astype(np.int64)
