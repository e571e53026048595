"""Rows of numbers that take long to compute → a file that survives a kill: what was finished is not computed again.

`NAME.rows` holds the numbers, one row after the other. `NAME.json` says what they were made from and how many are finished; it is replaced in
one rename, after the rows it counts are on the disk. So a kill costs at most the block in work, and a file made from something else is never
taken for the one that is wanted.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tunesmith.store.disk import disk_faults, write_json


class KeptRows:
    """`rows` rows of `width` numbers beside `path`, of which the first `done` are finished."""

    def __init__(self, path: Path, made_from: str, width: int, dtype: DTypeLike = np.float16) -> None:
        self.path, self.width, self.dtype = path.with_suffix(".rows"), width, np.dtype(dtype)
        self._header = path.with_suffix(".json")
        self._facts: dict[str, Any] = {"made_from": made_from, "width": width, "dtype": self.dtype.str}
        self._row_bytes = width * self.dtype.itemsize
        with disk_faults(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self.done = self._finished()
            with self.path.open("ab") as file:
                file.truncate(self.done * self._row_bytes)  # what a killed process wrote and did not count

    def _finished(self) -> int:
        """Rows that an earlier process finished from the same inputs; 0 for anything else that lies there."""
        try:
            found = json.loads(self._header.read_bytes())
            count = int(found.pop("done"))
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return 0
        there = self.path.stat().st_size // max(1, self._row_bytes) if self.path.exists() else 0
        return min(count, there) if found == self._facts else 0

    def add(self, block: NDArray[Any]) -> None:
        """The next rows, on the disk when this returns.

        Raises: StoreUnusable on a full or read-only disk.
        """
        assert block.ndim == 2
        assert block.shape[1] == self.width
        with disk_faults(self.path):
            with self.path.open("ab") as file:
                file.write(np.ascontiguousarray(block, dtype=self.dtype).tobytes())
                file.flush()
                os.fsync(file.fileno())
            self.done += len(block)
            write_json(self._header, self._facts | {"done": self.done})

    def read(self) -> NDArray[Any]:
        """[done, width] the finished rows, mapped from disk."""
        if not self.done:
            return np.zeros((0, self.width), self.dtype)
        return np.memmap(self.path, dtype=self.dtype, mode="r", shape=(self.done, self.width)).view(np.ndarray)
