"""Headings and blocks in reading order → passages, each under its headings; and a passage → the text that stands for it in an answer.

Every reader of a format feeds one Outline, so that nesting means the same in all of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TypedDict, Unpack

from tunesmith.spec.passage import Passage, PassageKind, Spot

MAX_HEADING_CHARACTERS = 300
LABEL = re.compile(r"\s*(?:\*\*|__)?(?:q|a|f|p|r|d|question|answer|frage|antwort|pregunta|respuesta|domanda|risposta|réponse|问|答|問|質問|回答|вопрос|ответ)\s?\d{0,3}\s?[.:：)]", re.I)  # fmt: skip
BULLET = re.compile(r"\s*(?:[-*+•‣◦▪·–]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+\S")
_TICKS = re.compile(r"`+")


class Numbers(TypedDict, total=False):
    """The numbers of a Spot."""

    line: int | None
    last_line: int | None
    page: int | None
    paragraph: int | None


class Outline:
    """The headings that are open at the current place of one document."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._open: list[tuple[float, str]] = []

    def path(self) -> tuple[str, ...]:
        """The open headings, outermost first."""
        return tuple(text for _, text in self._open)

    def depth(self) -> float:
        """The level of the innermost open heading; 0 where none is open."""
        return self._open[-1][0] if self._open else 0

    def heading(self, level: float, text: str, **numbers: Unpack[Numbers]) -> Passage:
        """A heading; it closes every open one of its level or deeper."""
        self.close(level)
        over = self.path()
        self._open.append((level, text))
        return Passage(kind="heading", text=text, headings=over, level=len(self._open), spot=Spot(file=self.file, **numbers))

    def close(self, level: float) -> None:
        """End every open heading of this level or deeper."""
        while self._open and self._open[-1][0] >= level:
            self._open.pop()

    def block(
        self, kind: PassageKind, text: str, rows: Iterable[Sequence[str]] = (), language: str | None = None, **numbers: Unpack[Numbers]
    ) -> Passage:
        """Anything but a heading."""
        cells = tuple(tuple(row) for row in rows)
        return Passage(kind=kind, text=text, headings=self.path(), spot=Spot(file=self.file, **numbers), rows=cells, language=language)


def fenced(code: str, language: str | None = None) -> str:
    """Code between fences that are longer than any run of backticks in it.

    >>> fenced("x = 1", "python")
    '```python\\nx = 1\\n```'
    """
    longest = max((len(run) for run in _TICKS.findall(code)), default=0)
    mark = "`" * max(3, longest + 1)
    return f"{mark}{language or ''}\n{code}\n{mark}"


def ticked(code: str) -> str:
    """Inline code between backticks.

    >>> ticked("a`b")
    '`` a`b ``'
    """
    text = " ".join(code.split())
    if not text:
        return ""
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    return f"`{text}`" if not longest else f"{'`' * (longest + 1)} {text} {'`' * (longest + 1)}"


def barred(rows: Sequence[Sequence[str]], *, has_header: bool = True) -> str:
    """A table with bars, one row a line.

    >>> print(barred([["a", "b"], ["1", "2"]]))
    | a | b |
    | --- | --- |
    | 1 | 2 |
    """
    width = max((len(row) for row in rows), default=0)
    if not width:
        return ""
    full = [[_cell(cell) for cell in row] + [""] * (width - len(row)) for row in rows]
    if not has_header:
        full.insert(0, [""] * width)
    full.insert(1, ["---"] * width)
    return "\n".join("| " + " | ".join(row) + " |" for row in full)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def listed(items: Sequence[str], first_number: int | None = None) -> str:
    """Items, each with its mark; further lines of an item are indented.

    >>> print(listed(["one", "two\\nlines"], 1))
    1. one
    2. two
       lines
    """
    lines = []
    for i, item in enumerate(items):
        mark = "- " if first_number is None else f"{first_number + i}. "
        lines.append(mark + indented(item, len(mark)))
    return "\n".join(lines)


def indented(text: str, width: int) -> str:
    """Every line but the first moved to the right; blank lines stay blank."""
    head, *rest = text.split("\n")
    return "\n".join([head, *(" " * width + line if line else "" for line in rest)])


def reflow(lines: Iterable[str]) -> str:
    """Lines of one paragraph as running text; a line that begins a list item, or a question or answer marked as such, begins a line.

    >>> reflow(["Q: Why is", "this so?", "A: Because."])
    'Q: Why is this so?\\nA: Because.'
    """
    text = ""
    for raw in lines:
        line = " ".join(raw.split())
        if not line:
            continue
        if not text:
            text = line
        elif LABEL.match(line) or BULLET.match(line):
            text += "\n" + line
        else:
            text += line if _joins(text[-1], line[0]) else " " + line
    return text


def _joins(left: str, right: str) -> bool:
    """True between two letters of a script that is written without spaces."""
    return ord(left) > 0x2E7F and ord(right) > 0x2E7F and all(unicodedata.east_asian_width(c) in "WF" for c in (left, right))


def one_line(text: str) -> str:
    """White space as single spaces, cut where a heading cannot be that long.

    >>> one_line("  How do\\n I  start? ")
    'How do I start?'
    """
    line = " ".join(text.split())
    return line if len(line) <= MAX_HEADING_CHARACTERS else line[: MAX_HEADING_CHARACTERS - 1] + "…"


def plain(text: str) -> str:
    """A heading without the backticks of its inline code.

    >>> plain("Is a `*.pyd` file the same?")
    'Is a *.pyd file the same?'
    """
    return re.sub(r"(`+) ?(.+?) ?\1", r"\2", text)


def written(passage: Passage) -> str:
    """The passage as it stands in an answer or a chunk: code in fences, an inner heading in bold."""
    if passage.kind == "code":
        return fenced(passage.text, passage.language)
    return f"**{passage.text}**" if passage.kind == "heading" else passage.text
