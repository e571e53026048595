"""Rows and the shipped probes of general ability → rows that hold a probe: its question as theirs, or a long run of its words anywhere in them.

Two ways to hold one. The row's question has the same words as the probe, case and marks aside. Or the row shares at least half of the probe's word 8-grams,
or six of them, which a run of 13 words has: half is what PaLM's report flags from (Chowdhery et al. 2022, section 7; there 70 %), 13 words in a row what
GPT-3's did (Brown et al. 2020, appendix C). A probe of fewer than eight words is looked for as a whole question only: its words stand in many innocent rows.

A row is looked at word by word once; windows with a word that stands in no probe cost nothing further, so almost all of them do.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.examine.findings import Suspicion, excerpt
from tunesmith.data.examine.rows import Rows
from tunesmith.data.examine.view import View, view_of
from tunesmith.data.intake import ROWS_PER_LOOK, look
from tunesmith.data.shingles import U64, mix
from tunesmith.spec.dataset import Record
from tunesmith.spec.job import Monitor

KIND = "probe_leak"
GRAM = 8
SHARE = 0.5
"""Of a probe's 8-grams, from which on a row holds it."""
RUN = 6
"""8-grams that a run of 13 words has."""
TEXTS_AT_ONCE = 4_000
SHOWN_CHARACTERS = 60
MULTIPLIER = 0x9E3779B97F4A7C15
POWERS = np.array([pow(MULTIPLIER, k, 2**64) for k in range(GRAM)], dtype=np.uint64)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Held:
    """A text that holds a probe."""

    text: int
    """Place of the text among those that were looked at."""
    probe: str
    """The probe's id."""
    is_whole: bool
    """The text is the probe's question; else it shares so many of its 8-grams."""


class ProbeIndex:
    """Texts that must not be trained on, ready to be found in others."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        spelt = {name: _WORD.findall(text.casefold()) for name, text in texts.items()}
        self.texts = dict(texts)
        self._whole = {" ".join(words): name for name, words in reversed(spelt.items())}  # of equal ones the first counts
        self._values = {word: word_value(word) for words in spelt.values() for word in words}
        self._owners: dict[int, list[str]] = defaultdict(list)
        self._needed: dict[str, int] = {}
        for name, words in spelt.items():
            values = np.array([self._values[word] for word in words], dtype=np.uint64)
            grams = set(windows(values, np.zeros(len(values), np.int64))[0].tolist())
            for gram in grams:
                self._owners[gram].append(name)
            if grams:
                self._needed[name] = min(math.ceil(SHARE * len(grams)), RUN)
        self._grams = np.sort(np.fromiter(self._owners, np.uint64, len(self._owners)))

    def found(self, texts: Sequence[str], questions: Sequence[bool]) -> Iterator[Held]:
        """Every probe that one of the texts holds. `questions`: which texts can be a probe as a whole."""
        words = [_WORD.findall(text.casefold()) for text in texts]
        for place, spelt in enumerate(words):
            if questions[place] and (name := self._whole.get(" ".join(spelt))) is not None:
                yield Held(place, name, True)
        shared: dict[int, Counter[str]] = defaultdict(Counter)
        for gram, place in self._shared(words):
            shared[place].update(self._owners[gram])
        for place in sorted(shared):
            for name, count in shared[place].items():
                if count >= self._needed[name]:
                    yield Held(place, name, False)

    def _shared(self, words: Sequence[Sequence[str]]) -> Iterator[tuple[int, int]]:
        """(8-gram that stands in a probe, place of the text), each once for a text."""
        values = np.array([self._values.get(word, 0) for spelt in words for word in spelt], dtype=np.uint64)
        place = np.repeat(np.arange(len(words)), np.array([len(spelt) for spelt in words], dtype=np.int64))
        grams, owner = windows(values, place)
        hit = np.isin(grams, self._grams)
        yield from sorted(set(zip(grams[hit].tolist(), owner[hit].tolist(), strict=True)), key=lambda pair: (pair[1], pair[0]))


def word_value(word: str) -> int:
    """64 bits that stand for a word; never 0, which stands for a word of no probe."""
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little") | 1


def windows(values: U64, place: NDArray[np.int64]) -> tuple[U64, NDArray[np.int64]]:
    """(hash of every run of 8 known words within one text, the text's place)."""
    if len(values) < GRAM:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    unknown = np.concatenate([[0], np.cumsum(values == 0)])
    starts = np.flatnonzero((unknown[GRAM:] == unknown[:-GRAM]) & (place[GRAM - 1 :] == place[: len(place) - GRAM + 1]))
    runs = values[starts[:, None] + np.arange(GRAM)]  # [N, 8]
    return mix((runs * POWERS).sum(axis=1, dtype=np.uint64)), place[starts]


@dataclass(frozen=True)
class Part:
    """A text of a row in which a probe may stand; no run of words crosses from one into the next."""

    row: int
    text: str
    is_question: bool


def probe_leaks(rows: Rows, examined: NDArray[np.bool_], index: ProbeIndex, monitor: Monitor) -> Iterator[Suspicion]:
    """The examined rows that hold a probe, each with the probe that it holds.

    Raises: Interrupted.
    """
    notes: dict[int, str] = {}
    for parts in _batches(rows, examined, monitor):
        for held in index.found([part.text for part in parts], [part.is_question for part in parts]):
            words = excerpt(index.texts[held.probe], SHOWN_CHARACTERS)
            notes.setdefault(parts[held.text].row, f"{'is' if held.is_whole else 'holds'} the probe {held.probe}: {words}")
    if notes:
        yield Suspicion(KIND, np.array(sorted(notes), dtype=np.int64), notes=notes)


def held_by(records: Iterable[Record], index: ProbeIndex) -> tuple[str, ...]:
    """Ids of the probes that stand in any of these rows, sorted: what a model tuned on them must not be judged by."""
    parts = [part for row, record in enumerate(records) if record.conversation is not None for part in parts_of(row, view_of(record))]
    found: set[str] = set()
    for start in range(0, len(parts), TEXTS_AT_ONCE):
        some = parts[start : start + TEXTS_AT_ONCE]
        found |= {held.probe for held in index.found([part.text for part in some], [part.is_question for part in some])}
    return tuple(sorted(found))


def _batches(rows: Rows, examined: NDArray[np.bool_], monitor: Monitor) -> Iterator[list[Part]]:
    """The texts of the examined rows, some thousand at a time."""
    parts: list[Part] = []
    for row, record in enumerate(rows.every_record()):
        if row % ROWS_PER_LOOK == 0:
            look(monitor, "comparing with the probes of general ability", row, len(rows))
        if not examined[row]:
            continue
        parts += parts_of(row, view_of(record))
        if len(parts) >= TEXTS_AT_ONCE:
            yield parts
            parts = []
    yield parts


def parts_of(row: int, view: View) -> list[Part]:
    """The texts of a row, its question first."""
    return [Part(row, view.question, True), *(Part(row, text, False) for text in (view.answer, view.system, view.rest) if text)]
