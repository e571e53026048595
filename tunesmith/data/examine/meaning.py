"""Texts → unit vectors in a file on disk, each different text computed once, going on after a kill where it stopped.

Half precision on disk: 77 MB for 100,000 rows of 384 numbers, and a cosine moves by less than 0.0005. Who compares the vectors reads them
in blocks (`closest.py`), so memory does not grow with the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.examine.kept import KeptRows
from tunesmith.data.intake import look
from tunesmith.spec.job import Monitor

I64 = NDArray[np.int64]
F32 = NDArray[np.float32]
Vectors = NDArray[np.float16] | F32
"""[N, D] unit vectors, in memory or mapped from disk."""
FORMAT = 1
TEXTS_AT_ONCE = 2_048
"""Embedded and put on the disk together: a kill costs at most so many, half a minute's work. They are sorted by length among themselves."""


@dataclass(frozen=True)
class Encoder:
    """What turns texts into vectors, like `answer.embed.Embedder`."""

    embed: Callable[[Sequence[str]], F32]
    """N texts → [N, width] unit vectors."""
    width: int
    digest: str
    """Of the weights and of the way of computing: vectors of another digest are not taken over."""


@dataclass(frozen=True)
class Meanings:
    """The vectors of N texts, of which U are different."""

    vectors: NDArray[np.float16]
    """[U, D], mapped from disk, in the order of the texts' first appearance."""
    number: I64
    """[N] for each text, the row of its vector."""
    first: I64
    """[U] for each vector, the first text that has it."""

    def of(self, texts: I64) -> F32:
        """[R, D] the vectors of some texts, by the texts' numbers."""
        return self.vectors[self.number[texts]].astype(np.float32)

    def every(self) -> F32:
        """[N, D] all texts' vectors in memory: 4·N·D bytes."""
        return self.of(np.arange(len(self.number)))


def meanings(texts: Sequence[str], encoder: Encoder, path: Path, monitor: Monitor, label: str = "reading for meaning") -> Meanings:
    """The vectors of `texts`, kept in files beside `path` (its suffix is replaced). An earlier, unfinished call with the same texts is gone on with.

    Raises: Interrupted once the user wants a stop; StoreUnusable on a full or read-only disk.
    """
    number, first = distinct(texts)
    kept = KeptRows(path, made_from(texts, first, encoder), encoder.width)
    look(monitor, label, kept.done, len(first), "texts")
    while kept.done < len(first):
        chosen = first[kept.done : kept.done + TEXTS_AT_ONCE]
        kept.add(encoder.embed([texts[i] for i in chosen.tolist()]))
        look(monitor, label, kept.done, len(first), "texts")
    return Meanings(kept.read(), number, first)


def distinct(texts: Sequence[str]) -> tuple[I64, I64]:
    """([N] the number of each text among the different ones, [U] where each of those stands first).

    >>> number, first = distinct(["b", "a", "b"])
    >>> number.tolist(), first.tolist()
    ([0, 1, 0], [0, 1])
    """
    numbers: dict[str, int] = {}
    number = np.fromiter((numbers.setdefault(text, len(numbers)) for text in texts), np.int64, len(texts))
    first = np.zeros(len(numbers), np.int64)
    first[number[::-1]] = np.arange(len(texts))[::-1]  # written last, so the first text of each number stays
    return number, first


def made_from(texts: Sequence[str], first: I64, encoder: Encoder) -> str:
    """sha256 (hex) of the different texts in their order, and of the encoder."""
    found = hashlib.sha256(f"{FORMAT} {encoder.digest} {encoder.width} {len(first)}\n".encode())
    for i in first.tolist():
        encoded = texts[i].encode("utf-8", "surrogatepass")
        found.update(len(encoded).to_bytes(8, "little") + encoded)
    return found.hexdigest()
