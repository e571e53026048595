"""A user's own questions → how they are written; and a shipped question written the same way.

A model takes the easiest way: if only questions out of scope begin with a capital letter, it learns capital letters.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tunesmith.data.make.lexicon import COMMON_ENGLISH

_MARK = re.compile(r"[\s.?!…]+\Z")
_ASKS = re.compile(
    r"(?:who|whom|whose|what|when|where|why|which|how|is|are|am|was|were|do|does|did|can|could|may|might|will|would|should|shall|must|has|have|had|whats|wheres|hows|plural)\b",
    re.I,
)
LEAST_ENGLISH = 0.5
"""Share of questions with one of these words from which a user's rows count as English (99 % of BANKING77 and CLINC150 have one)."""


@dataclass(frozen=True)
class Style:
    """Shares of the user's questions."""

    lower: float
    """Without any capital letter."""
    marked: float
    """That end with a mark."""
    english: float


def style_of(questions: Sequence[str]) -> Style:
    """How the questions are written."""
    count = max(1, len(questions))
    return Style(
        lower=sum(question == question.lower() for question in questions) / count,
        marked=sum(_MARK.search(question) is not None and question.rstrip()[-1:] in ".?!…" for question in questions) / count,
        english=sum(not COMMON_ENGLISH.isdisjoint(re.findall(r"[a-z]+", question.lower())) for question in questions) / count,
    )


def in_style(text: str, style: Style, rng: random.Random) -> str:
    """The text with capitals and a last mark as often as the user's questions have them.

    >>> in_style("Who sang Purple Rain?", Style(lower=1, marked=0, english=1), random.Random(0))
    'who sang purple rain'
    """
    is_lower, is_marked = rng.random() < style.lower, rng.random() < style.marked
    bare = _MARK.sub("", text)
    if is_marked and bare == text.rstrip():
        text = bare + ("?" if _ASKS.match(bare) else ".")
    elif not is_marked:
        text = bare
    return text.lower() if is_lower else text[:1].upper() + text[1:]
