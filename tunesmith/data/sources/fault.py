"""One thing wrong with one row → a reason that is counted and a message that a person can act on."""

from __future__ import annotations

from typing import Any

from tunesmith.errors import visible

EXCERPT_CHARACTERS = 60


class RowFault(Exception):
    """A row that cannot be used. `reason` is a stable word; `message` names key, value and rule."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        self.message = message
        super().__init__(message)


def excerpt(value: Any, characters: int = EXCERPT_CHARACTERS) -> str:
    """The start of a hostile value, quoted, with control characters as escapes.

    >>> excerpt("a\\x1b[31m\\nb")
    '"a\\\\x1b[31m\\\\nb"'
    """
    text = value if isinstance(value, str) else repr(value)
    cut = text[:characters] + ("…" if len(text) > characters else "")
    return '"' + visible(cut).replace("\n", "\\n") + '"'
