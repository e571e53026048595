"""A text → the same text fit to be shown: what is personal or secret is hidden behind the name of its kind."""

from __future__ import annotations

from tunesmith.data.personal.spans import KINDS, spans


def masked(text: str) -> str:
    """The text with what is personal or secret hidden.

    >>> masked("Write to eve@mail.org")
    'Write to [EMAIL]'
    """
    while found := spans(text):  # again, since what is gone may have hidden something; each round leaves less
        for span in reversed(found):
            text = f"{text[: span.start]}[{KINDS[span.kind].mark}]{text[span.end :]}"
    return text
