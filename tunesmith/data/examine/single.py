"""Views of rows → what is wrong with each by itself, and its language. Pure, and runs in a process beside the one that reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tunesmith.data.examine.text import check_text
from tunesmith.data.examine.tongue import row_language
from tunesmith.data.examine.view import Flag, View
from tunesmith.data.personal.spans import kinds_in


class Checked(NamedTuple):
    """What was found in one row."""

    flags: tuple[Flag, ...]
    language: str | None
    """None: it cannot be told for certain."""


def check_rows(views: Sequence[View], people: bool = True) -> list[Checked]:
    """What was found in each row; `people`: personal data and secrets too."""
    return [check_row(view, people) for view in views]


def check_row(view: View, people: bool = True) -> Checked:
    """What was found in one row.

    >>> check_row(View("Write to eve@mail.org", "Done.", "", "", None, False)).flags
    (Flag(kind='email', note=''),)
    """
    held = kinds_in("\n".join(text for text in (view.question, view.answer, view.rest, view.system, view.columns) if text)) if people else []
    return Checked((*check_text(view), *map(Flag, held)), row_language(view))
