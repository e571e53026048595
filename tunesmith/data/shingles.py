"""Folded texts → sets of 64-bit shingle hashes, many texts at a time.

Word 5-grams for texts of at least SHORT_WORDS words, character 4-grams below that: five words of a short question are most of it,
and one typing slip would leave nothing in common. Hashes are the same in every process; computing them with numpy over a few thousand
texts at once is about twenty times faster than sets of strings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

SHORT_WORDS = 20
WORD_GRAM = 5
CHARACTER_GRAM = 4
U64 = NDArray[np.uint64]
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
WORDS_REMEMBERED = 400_000


class _Words(dict[str, int]):
    """Word → its hash, computed when it is first asked for."""

    def __missing__(self, word: str) -> int:
        value = self[word] = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
        return value


_words = _Words()


def mix(values: U64) -> U64:
    """Every bit of each value spread over all 64 (the finaliser of splitmix64)."""
    mixed: U64 = values ^ (values >> np.uint64(30))
    mixed = mixed * np.uint64(0xBF58476D1CE4E5B9)
    mixed = mixed ^ (mixed >> np.uint64(27))
    mixed = mixed * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return mixed


def is_short(folded: str) -> bool:
    """True if the text is compared by characters."""
    return folded.count(" ") < SHORT_WORDS - 1


def shingle(texts: Sequence[str]) -> tuple[U64, NDArray[np.int64]]:
    """(hashes, offsets): the sorted distinct shingle hashes of text i are `hashes[offsets[i]:offsets[i + 1]]`."""
    rows: list[NDArray[np.int64]] = []
    found: list[U64] = []
    flags = np.fromiter(map(is_short, texts), bool, len(texts))
    short, long = np.flatnonzero(flags), np.flatnonzero(~flags)
    for numbers, grams_of in ((short, _character_grams), (long, _word_grams)):
        if len(numbers):
            hashes, place = grams_of([texts[i] for i in numbers.tolist()])
            found.append(hashes)
            rows.append(numbers[place])
    row = np.concatenate(rows) if rows else np.zeros(0, np.int64)
    value = np.concatenate(found) if found else np.zeros(0, np.uint64)
    order = np.argsort(value)
    narrow = row[order].astype(np.uint16) if len(texts) <= 1 << 16 else row[order]  # of 16 bits numpy's stable sort is a radix sort
    order = order[np.argsort(narrow, kind="stable")]
    row, value = row[order], value[order]
    first = np.ones(len(row), bool)
    first[1:] = (row[1:] != row[:-1]) | (value[1:] != value[:-1])
    row, value = row[first], value[first]
    offsets = np.searchsorted(row, np.arange(len(texts) + 1)).astype(np.int64)
    return value, offsets


def _grams(flat: U64, lengths: NDArray[np.int64], n: int) -> tuple[U64, NDArray[np.int64]]:
    """(hash of every run of n items within a row, its row); every row has at least n items."""
    row = np.repeat(np.arange(len(lengths)), lengths)
    last = len(flat) - n + 1
    if last <= 0:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    inside = row[:last] == row[n - 1 :]
    value = flat[:last].copy()
    for k in range(1, n):
        value = value * MULTIPLIER + flat[k : k + last]
    return mix(value[inside]), row[:last][inside]


def _character_grams(texts: list[str]) -> tuple[U64, NDArray[np.int64]]:
    padded = [text.ljust(CHARACTER_GRAM, "\0") for text in texts]
    lengths = np.asarray([len(text) for text in padded], dtype=np.int64)
    points = np.frombuffer("".join(padded).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    return _grams(mix(points + np.uint64(1)), lengths, CHARACTER_GRAM)


def _word_grams(texts: list[str]) -> tuple[U64, NDArray[np.int64]]:
    if len(_words) > WORDS_REMEMBERED:  # a bound on memory; the hashes stay the same
        _words.clear()
    words = [text.split(" ") for text in texts]
    lengths = np.asarray([len(one) for one in words], dtype=np.int64)
    flat = np.fromiter(map(_words.__getitem__, chain.from_iterable(words)), dtype=np.uint64, count=int(lengths.sum()))
    return _grams(flat, lengths, WORD_GRAM)


def bitmaps(hashes: U64, offsets: NDArray[np.int64]) -> U64:
    """[rows, 4]: each set as 256 bits. |A △ B| is at least the number of bits in which their bitmaps differ.

    Source: Sandes, Teodoro, Melo, "Bitmap filter: speeding up exact set similarity joins with bitwise operations" (2020), section 4.
    """
    row = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    place = hashes & np.uint64(255)
    maps = np.zeros((len(offsets) - 1, 4), np.uint64)
    np.bitwise_or.at(maps, (row, (place >> np.uint64(6)).astype(np.int64)), np.uint64(1) << (place & np.uint64(63)))
    return maps
