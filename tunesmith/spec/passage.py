"""A document in reading order → passages: what each is, the headings over it, and where a person finds it again."""

from __future__ import annotations

from typing import Literal

from tunesmith.errors import Problem
from tunesmith.spec.noun import Noun

PassageKind = Literal["heading", "paragraph", "list", "table", "code", "definitions", "faq"]
"""`definitions`: terms with what is said of them. `faq`: questions that a page states in its own data (schema.org), beside its visible text."""


class Spot(Noun):
    """Where something stands. The format decides which number is set; all are 1-based."""

    file: str
    """As the user named it."""
    line: int | None = None
    """Of text, Markdown, reStructuredText, HTML and tables."""
    last_line: int | None = None
    page: int | None = None
    """Of a PDF."""
    paragraph: int | None = None
    """Of a Word file, counted from its beginning, cells of tables not counted."""

    def words(self) -> str:
        """The spot for a person.

        >>> Spot(file="a.pdf", page=3).words()
        'a.pdf page 3'
        """
        for unit in ("line", "page", "paragraph"):
            number = getattr(self, unit)
            if number is not None:
                return f"{self.file} {unit} {number}"
        return self.file


class Passage(Noun):
    """One block of a document, its markup removed."""

    kind: PassageKind
    text: str
    """As a person reads it. Inline code stands in backticks, code inside a list in fences, a table with bars; a `code` passage is the bare code."""
    headings: tuple[str, ...] = ()
    """The headings over it, the outermost first; a heading is not among its own."""
    level: int | None = None
    """Of a heading: 1 is the outermost."""
    spot: Spot
    rows: tuple[tuple[str, ...], ...] = ()
    """`table`: its cells, row by row. `definitions` and `faq`: (term or question, what is said)."""
    language: str | None = None
    """Of code, where the document names it."""


class Skipped(Noun):
    """Something that was read and not used, and why."""

    spot: Spot
    reason: str
    """A stable word: `scanned`, `no_answer`, `duplicate` …"""
    message: str
    """What a person needs to know; never the row itself."""
    fix: str = ""

    def problem(self) -> Problem:
        """The same as a problem that the terminal shows."""
        return Problem(self.message, self.spot.words(), fix=self.fix)
