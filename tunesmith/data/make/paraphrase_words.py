"""The shipped file of English → contractions, frames and phrases ready to be looked for in a text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tunesmith.data.make.outside_pool import read, shipped_questions

FILE = "paraphrase_en.toml"
NEXT = r"(?=\s+[A-Za-z])"
"""A word follows."""


@dataclass(frozen=True)
class Frame:
    """Forms that mean the same; `patterns[i]` finds what `forms[i]` holds."""

    name: str
    forms: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    verbs: frozenset[str]
    """The only first words that what is held may have; empty: any."""


@dataclass(frozen=True)
class Politeness:
    """What may stand before and after a text, and what may be taken off it."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    off_before: re.Pattern[str]
    off_after: re.Pattern[str]


@dataclass(frozen=True)
class English:
    """Everything that the rules look for."""

    contracting: Sequence[tuple[re.Pattern[str], str]]
    """(a long form, its short form)."""
    opening: Sequence[tuple[re.Pattern[str], str]]
    """(a short form, its long form)."""
    politeness: Politeness
    frames: tuple[Frame, ...]
    phrases: Mapping[str, tuple[str, ...]]
    """A phrase → those that may stand for it."""
    phrase: re.Pattern[str]
    """Finds any phrase, longer ones first."""


@cache
def english() -> English:
    """The shipped file."""
    content = read(FILE)
    pairs = content["contractions"].items()
    phrases = {phrase: tuple(other for other in line if other != phrase) for line in content["phrases"] for phrase in line}
    phrases |= {phrase: tuple(others) for phrase, others in content["one_way"].items()}
    longest_first = sorted(phrases, key=lambda phrase: (-len(phrase), phrase))
    return English(
        contracting=tuple((re.compile(rf"\b{re.escape(long)}\b{NEXT}", re.I), short) for long, short in pairs),
        opening=tuple((re.compile(rf"\b{_apostrophes(short)}\b{NEXT}{_unlike(short)}", re.I), long) for long, short in pairs),
        politeness=_politeness(content["politeness"]),
        frames=tuple(_frame(frame) for frame in content["frames"]),
        phrases=phrases,
        phrase=re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b", re.I),
    )


def _apostrophes(short: str) -> str:
    return re.escape(short).replace("'", "['’]")


def _unlike(short: str) -> str:
    """What must not follow a short form that is opened: `don't I` would become `do not I`, and `what's happened` is `what has happened`."""
    if short.lower().endswith("n't"):
        return r"(?!\s+(?:I|you|he|she|it|we|they|the|my|your|our|his|her|their|this|that|these|those|there|a|an)\b)"
    return r"(?!\s+(?:been|got|had|happened|become|gone|\w+ed)\b)" if short.lower().endswith("'s") or short.lower().endswith("'d") else ""


def _politeness(content: dict[str, Any]) -> Politeness:
    def either(phrases: Sequence[str]) -> str:
        return "|".join(map(re.escape, sorted(phrases, key=lambda phrase: -len(phrase))))

    return Politeness(
        tuple(content["before"]), tuple(content["after"]),
        re.compile(rf"\A\s*(?:{either(content['off_before'])})\b[\s,.!:-]+(?=\w)", re.I),
        re.compile(rf"[\s,.!?]*\b(?:{either(content['off_after'])})\s*[.!?]*\s*\Z", re.I),
    )  # fmt: skip


def _frame(content: dict[str, Any]) -> Frame:
    forms = tuple(content["forms"])
    return Frame(content["name"], forms, tuple(map(_pattern, forms)), frozenset(content.get("verbs", ())))


HELD = {"{x}": r"(?P<held>[^?!.:;]{2,120}?)", "{np}": r"(?P<held>(?:the|my|your|our|a|an)\s+[^?!.,:;]{2,60}?)"}


def _pattern(form: str) -> re.Pattern[str]:
    """What finds a form as a whole text, with any mark at its end and any white space."""
    place = next(place for place in HELD if place in form)
    before, after = form.rstrip("?.!").split(place)
    return re.compile(rf"\A\s*{_spaced(before)}{HELD[place]}{_spaced(after)}\s*[?.!]*\s*\Z", re.I)


def _spaced(text: str) -> str:
    return re.escape(text).replace(r"\ ", r"\s+").replace("'", "['’]")


@cache
def ordinary_words() -> frozenset[str]:
    """English words that are surely no names: those that stand in small letters inside the shipped questions that begin with a capital."""
    return frozenset(
        word for one in shipped_questions() if one.text[:1].isupper() for word in re.findall(r"(?<=\s)[a-z]{2,}(?=[\s.,?!]|\Z)", one.text)
    )
