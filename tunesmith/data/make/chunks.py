"""Passages of one document → chunks of at most so many tokens, cut where the document is cut: at headings, then between passages, then inside one.

Code is cut only where a block is larger than a chunk, and then between its lines; a paragraph only between sentences, a list between items, a table
between rows, with its header again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tunesmith.data.make.outline import fenced, written
from tunesmith.spec.passage import Passage

Count = Callable[[str], int]
FULL_ENOUGH = 0.5
"""A heading ends a chunk that is at least so full."""
DEEPEST_CUT = 3
"""Deeper headings do not end a chunk."""
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|(?<=[.!?…][\"”’)])\s+|(?<=[。！？])")
_ITEM = re.compile(r"\n(?=(?:[-*+]|\d+\.) )")


class Chunk(NamedTuple):
    """A piece of a document."""

    text: str
    tokens: int
    passages: tuple[Passage, ...]


@dataclass
class Piece:
    """What is put into a chunk as a whole."""

    text: str
    tokens: int
    passage: Passage


class Chunker:
    """Cuts documents; `count` says how many tokens a text has, `limit` how many a chunk may have."""

    def __init__(self, count: Count, limit: int, *, with_headings: bool = True) -> None:
        self.count, self.limit, self.with_headings = count, limit, with_headings
        self._joint = max(1, count("\n\n"))

    def chunks(self, passages: Sequence[Passage]) -> Iterator[Chunk]:
        """The chunks of one document, in order."""
        waiting: list[Piece] = []
        head, size = "", 0
        for passage in passages:
            if passage.kind == "heading" and (passage.level or 1) <= DEEPEST_CUT and size >= FULL_ENOUGH * self.limit:
                kept, waiting = split_headings(waiting)
                if kept:
                    yield self._chunk(head, kept)
                head, size = self._begin(waiting)
            for piece in self.pieces(passage):
                if waiting and size + piece.tokens > self.limit:
                    kept, waiting = split_headings(waiting)
                    if kept:
                        yield self._chunk(head, kept)
                    head, size = self._begin(waiting)
                    if waiting and size + piece.tokens > self.limit:  # no room for headings as pieces; the chunk names those over it
                        waiting = []
                waiting.append(piece)
                head, size = self._begin(waiting) if len(waiting) == 1 else (head, size + piece.tokens + self._joint)
        kept, _ = split_headings(waiting)
        if kept:
            yield self._chunk(head, kept)

    def _begin(self, pieces: Sequence[Piece]) -> tuple[str, int]:
        """(the headings over the first of these pieces as lines, the tokens of all); the outermost go first where there is no room."""
        size = sum(piece.tokens + self._joint for piece in pieces)
        path = list(pieces[0].passage.headings) if pieces and self.with_headings else []
        deep = len(path)
        while path:
            text = "\n".join("#" * min(6, deep - len(path) + i + 1) + " " + one for i, one in enumerate(path))
            tokens = self.count(text) + self._joint
            if tokens + size - self._joint <= self.limit and tokens * 4 <= self.limit:
                return text, size + tokens
            path = path[1:]
        return "", size

    def _chunk(self, head: str, pieces: Sequence[Piece]) -> Chunk:
        text = "\n\n".join(([head] if head else []) + [piece.text for piece in pieces])
        passages = tuple(dict.fromkeys(id(piece.passage) for piece in pieces))
        by_id = {id(piece.passage): piece.passage for piece in pieces}
        return Chunk(text, self.count(text), tuple(by_id[one] for one in passages))

    def pieces(self, passage: Passage) -> Iterator[Piece]:
        """The passage as one piece, or as several that fit."""
        text = "#" * min(6, passage.level or 1) + " " + passage.text if passage.kind == "heading" else written(passage)
        tokens = self.count(text)
        if tokens <= self.limit:
            yield Piece(text, tokens, passage)
            return
        for part in self.parts(passage):
            yield Piece(part, self.count(part), passage)

    def parts(self, passage: Passage) -> Iterator[str]:
        """A passage that is larger than a chunk, in parts that are not."""
        match passage.kind:
            case "code":
                room = self.limit - self.count(fenced("", passage.language))
                for part in self.packed(blocks_of(passage.text), "\n", max(1, room)):
                    yield fenced(part.strip("\n"), passage.language)
            case "table":
                header, rule, *rows = [*passage.text.split("\n"), "", ""][: max(2, passage.text.count("\n") + 1)]
                room = self.limit - self.count(f"{header}\n{rule}\n")
                if room * 4 < self.limit:
                    yield from self.packed(passage.text.split("\n"), "\n", self.limit)
                    return
                for part in self.packed(rows, "\n", room):
                    yield f"{header}\n{rule}\n{part}"
            case "list":
                yield from self.packed(_ITEM.split(passage.text), "\n", self.limit)
            case _:
                yield from self.packed(sentences(passage.text), " ", self.limit)

    def packed(self, units: Sequence[str], joint: str, limit: int) -> Iterator[str]:
        """Units joined into parts of at most `limit` tokens; a unit that is larger is cut between words, or in the end anywhere."""
        waiting = ""
        for unit in units:
            joined = f"{waiting}{joint}{unit}" if waiting else unit
            if self.count(joined) <= limit:
                waiting = joined
                continue
            if waiting:
                yield waiting
            *whole, waiting = list(self.cut(unit, limit)) or [""]
            yield from whole
        if waiting.strip():
            yield waiting

    def cut(self, text: str, limit: int) -> Iterator[str]:
        """One unit in parts of at most `limit` tokens: at line ends, at spaces, and where there are none, between characters."""
        rest = text
        while rest and self.count(rest) > limit:
            low, high = 1, len(rest)
            while low < high:  # the longest beginning that fits
                middle = (low + high + 1) // 2
                low, high = (middle, high) if self.count(rest[:middle]) <= limit else (low, middle - 1)
            at = max(rest.rfind("\n", 1, low), rest.rfind(" ", 1, low))
            at = at if at > low // 2 else low
            yield rest[:at].rstrip()
            rest = rest[at:].lstrip("\n") if rest[at : at + 1] != " " else rest[at + 1 :]
        if rest.strip():
            yield rest


def split_headings(pieces: Sequence[Piece]) -> tuple[list[Piece], list[Piece]]:
    """(the pieces without the headings at their end, these headings): a heading goes with what it heads."""
    end = len(pieces)
    while end and pieces[end - 1].passage.kind == "heading":
        end -= 1
    return list(pieces[:end]), list(pieces[end:])


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph; lines of their own stay apart.

    >>> sentences("One. Two? Three")
    ['One.', 'Two?', 'Three']
    """
    return [part for part in _SENTENCE.split(text) if part]


def blocks_of(code: str) -> list[str]:
    """Lines of code, those between two lines at the margin together where a blank line or a new definition begins one."""
    found: list[list[str]] = [[]]
    blank = False
    for line in code.split("\n"):
        begins = bool(line) and not line[0].isspace() and line[0] not in ")]}"
        if begins and blank and found[-1]:
            found.append([])
        found[-1].append(line)
        blank = not line.strip()
    return ["\n".join(lines) for lines in found]
