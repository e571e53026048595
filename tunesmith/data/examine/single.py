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


def check_rows(views: Sequence[View]) -> list[Checked]:
    """What was found in each row."""
    return [check_row(view) for view in views]


def check_row(view: View) -> Checked:
    """What was found in one row.

    >>> check_row(View("Write to eve@mail.org", "Done.", "", "", None, False)).flags
    (Flag(kind='email', note=''),)
    """
    people = [Flag(kind) for kind in kinds_in("\n".join(text for text in (view.question, view.answer, view.rest, view.system) if text))]
    return Checked((*check_text(view), *people), row_language(view))
