"""Passages in reading order → sections that are asked about at once: what stands under one heading, up to so many words.

A request for each paragraph would pay for the instructions more often than for the document, and cut what belongs together.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tunesmith.measure.text import words
from tunesmith.spec.making import Cited
from tunesmith.spec.passage import Passage, Spot

BETWEEN = "\n\n"


@dataclass(frozen=True)
class Section:
    """Passages of one file under the same headings, one after the other."""

    passages: tuple[Passage, ...]

    @property
    def text(self) -> str:
        """Their texts, an empty line between them."""
        return BETWEEN.join(passage.text for passage in self.passages)

    @property
    def headings(self) -> tuple[str, ...]:
        """Outermost first."""
        return self.passages[0].headings

    @property
    def spot(self) -> Spot:
        """Where it begins."""
        return self.passages[0].spot

    @property
    def group(self) -> str:
        """The same for all rows that are made of this text, so that they stay in one split."""
        return "section-" + hashlib.sha256("\0".join((*self.headings, self.text)).encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def find(self, quote: str) -> Cited | None:
        """Where the words of `quote` stand, white space aside, with the quote as the section has it; None if they do not stand here."""
        pieces = quote.split()
        if not pieces:
            return None
        found = re.search(r"\s+".join(map(re.escape, pieces)), self.text)
        if found is None:
            return None
        at = found.start()
        for passage in self.passages:
            if at < len(passage.text) + len(BETWEEN):
                return Cited.of(_moved(passage, passage.text[:at].count("\n")), self.headings, found[0])
            at -= len(passage.text) + len(BETWEEN)
        raise AssertionError("a match lies within the text")


def _moved(passage: Passage, lines: int) -> Spot:
    """The spot of a line within a passage, where its lines are those of the file."""
    spot = passage.spot
    if spot.line is None or spot.last_line is None or spot.last_line - spot.line != passage.text.count("\n"):
        return spot  # its lines were joined or its markup removed: the beginning is what is sure
    return spot.model_copy(update={"line": spot.line + lines})


def sections(passages: Iterable[Passage], most_words: int) -> Iterator[Section]:
    """The passages, headings aside, in groups of one file and one heading with at most so many words; a longer passage stands alone."""
    held: list[Passage] = []
    count = 0
    for passage in passages:
        if passage.kind == "heading" or not passage.text.strip():
            continue
        size = len(words(passage.text))
        if held and (not _belong(held, passage) or count + size > most_words):
            yield Section(tuple(held))
            held, count = [], 0
        held.append(passage)
        count += size
    if held:
        yield Section(tuple(held))


def _belong(held: Sequence[Passage], passage: Passage) -> bool:
    return held[0].spot.file == passage.spot.file and held[0].headings == passage.headings
