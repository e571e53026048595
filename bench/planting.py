"""A row → the same row as it turns up a second time: copied, mistyped, reordered, answered otherwise; and rows that only look like that.

Each change takes a text and returns the new one, or None where it does not fit. All draw from the random numbers that they are given.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable

from tunesmith.data.fold import fold

Change = Callable[[random.Random, str], str | None]
FEWEST_WORDS = 5
"""Shorter questions with the same words in another order often ask something else."""
FEW_WORDS = 5
_VERB = re.compile(r"\b(?:is|are|am|was|can|could|do|does|did|has|have|will|should|would)\b", re.IGNORECASE)
_NEGATED = re.compile(r"\b(?:not|no|never|none|without|cannot|nor)\b|n['’]t\b", re.IGNORECASE)


def copied(rng: random.Random, text: str) -> str | None:
    """Byte for byte."""
    return text


def recased(rng: random.Random, text: str) -> str | None:
    """In other letter case, with more white space."""
    changed = rng.choice((str.upper, str.lower, str.title))(text)
    return f"  {changed} " if changed == text or rng.random() < 0.5 else changed.replace(" ", "  ", 1)


def mistyped(rng: random.Random, text: str) -> str | None:
    """One slip of a letter: missing, doubled, another one, or two swapped."""
    places = [i for i, c in enumerate(text[:-1]) if c.isalpha() and text[i + 1].isalpha()]
    for _ in range(20 if places else 0):
        i = rng.choice(places)
        other = rng.choice(string.ascii_lowercase)
        made = rng.choice(
            (text[:i] + text[i + 1 :], text[: i + 1] + text[i:], text[:i] + other + text[i + 1 :], text[:i] + text[i + 1] + text[i] + text[i + 2 :])
        )
        if fold(made) != fold(text):
            return made
    return None


def briefly_mistyped(rng: random.Random, text: str) -> str | None:
    """One slip in a question of few words."""
    return mistyped(rng, text) if len(text.split()) <= FEW_WORDS else None


def mistyped_twice(rng: random.Random, text: str) -> str | None:
    """Two slips."""
    once = mistyped(rng, text)
    twice = mistyped(rng, once) if once else None
    return twice if twice and fold(twice) != fold(text) else None


def reordered(rng: random.Random, text: str) -> str | None:
    """The same words, two neighbours swapped or the end put first."""
    words = text.split()
    if len(words) < FEWEST_WORDS:
        return None
    i = rng.randrange(1, len(words))
    made = [*words[i:], *words[:i]] if rng.random() < 0.5 else [*words[: i - 1], words[i], words[i - 1], *words[i + 1 :]]
    return " ".join(made) if fold(" ".join(made)) != fold(text) else None


def renumbered(rng: random.Random, text: str) -> str | None:
    """Another number: another question."""
    if not re.search(r"\d", text):
        return None
    return re.sub(r"\d+", lambda m: str(int(m[0][:15]) + rng.randint(1, 9)), text)


def negated(rng: random.Random, text: str) -> str | None:
    """The opposite: another question."""
    verb = _VERB.search(text)
    return f"{text[: verb.end()]} not{text[verb.end() :]}" if verb and not _NEGATED.search(text) else None
