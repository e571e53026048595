"""A text → the places of personal data and secrets in it, none over another.

Recognisers of forms that can be checked (a sum, a country's plan, an address's parts), not guesses about names; those are for `presidio.py`. Each
takes its finds out of the text for the next one, the surest first: digits of an account are no phone number. Each pattern is bounded, so that no text
makes it slow; of a text the first million characters are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tunesmith.data.personal import phones
from tunesmith.data.personal.address import addresses
from tunesmith.data.personal.emails import emails
from tunesmith.data.personal.kinds import CONTACTS, NATIONAL_MARK, SECRETS, Sort, Span
from tunesmith.data.personal.money import ibans
from tunesmith.data.personal.national import RULES
from tunesmith.data.personal.numbers import cards, lettered, numbers
from tunesmith.data.personal.secrets import secrets

__all__ = ["KINDS", "MAX_CHARACTERS", "PLACEHOLDER", "Span", "kinds_in", "spans", "without_overlaps"]

MAX_CHARACTERS = 1_000_000
NATIONAL = {
    rule.kind: Sort(rule.title, NATIONAL_MARK, "its check digits, dates and layout, and a word for it nearby where they leave room for chance")
    for rule in RULES
}
PEOPLE = {
    "person": Sort("name of a person", "PERSON", "a language model's guess, asked for with `presidio`"),
    "location": Sort("place", "LOCATION", "a language model's guess, asked for with `presidio`"),
}
KINDS: dict[str, Sort] = SECRETS | CONTACTS | NATIONAL | PEOPLE
"""Every kind, the gravest first."""
PLACEHOLDER = re.compile(r"\[(?:" + "|".join(sorted({sort.mark for sort in KINDS.values()})) + r")(?:_[1-9][0-9]*)?\]")
_DIGIT = re.compile(r"[0-9]")
_LONG = re.compile(r"[0-9](?:[ \u00a0().:/\u2010-\u2013A-Z-]{0,3}[0-9]){5}")
_TAXED = re.compile(r"[0-9](?<=[A-Z]{5}[0-9])[0-9]{3}[A-Z]")
"""Cheap to look for, and part of every number here: most texts are passed over by it."""


def spans(text: str) -> list[Span]:
    """Personal data and secrets, sorted by place, none over another.

    >>> spans("Write to eve@mail.org, IBAN DE89 3704 0044 0532 0130 00.")
    [Span(kind='email', start=9, end=21), Span(kind='iban', start=28, end=55)]
    """
    text = text[:MAX_CHARACTERS]
    found: list[Span] = []
    rest = text
    if "[" in text:
        rest = PLACEHOLDER.sub(lambda m: "\0" * len(m[0]), text)
    rest = _take(found, rest, secrets(rest))
    rest = _take(found, rest, emails(rest))
    if not _DIGIT.search(rest):
        return sorted(found, key=lambda span: span.start)
    rest = _take(found, rest, addresses(rest))
    if _LONG.search(rest) or _TAXED.search(rest):
        rest = _take(found, rest, ibans(rest))
        rest = _take(found, rest, lettered(rest))
        rest = _take(found, rest, cards(rest))
        rest = _take(found, rest, phones.international(rest))
        _take(found, rest, numbers(rest))
    return sorted(found, key=lambda span: span.start)


def _take(found: list[Span], rest: str, new: Iterable[Span]) -> str:
    """Add what does not lie over one another; the text without it, as long as before."""
    for span in without_overlaps(new):
        found.append(span)
        rest = rest[: span.start] + "\0" * (span.end - span.start) + rest[span.end :]
    return rest


def without_overlaps(new: Iterable[Span]) -> list[Span]:
    """The spans, less those that lie over an earlier one; of two that begin together the longer stays."""
    kept: list[Span] = []
    for span in sorted(new, key=lambda span: (span.start, -span.end)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def kinds_in(text: str) -> list[str]:
    """The kinds of personal data and secrets in a text, in the order of `KINDS`.

    >>> kinds_in("IBAN DE89 3704 0044 0532 0130 00, write to eve@mail.org")
    ['email', 'iban']
    """
    found = {span.kind for span in spans(text)}
    return [kind for kind in KINDS if kind in found] if found else []
