"""A text → payment cards, national numbers and phone numbers: every run of digit groups is cut at its spaces in all ways, longest first, and looked up by layout.

A layout is the lengths of the groups with what stands between them: `123-45-6789` is `3-2-4`. One pass over the text serves
some sixty kinds of number: which of them a piece can be is one look into a table, where sixty regular expressions would each read the text.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tunesmith.data.personal import national, phones
from tunesmith.data.personal.kinds import Span
from tunesmith.data.personal.money import card_fits

MAX_GROUPS = 8
MIN_DIGITS = 8
MIN_CARD_DIGITS = 13
_RUN = re.compile(r"[0-9]+(?:[ \u00a0\u2009\u202f.()/\u2010-\u2013-]{1,3}[0-9]+){0,63}")
_TOKEN = re.compile(r"[0-9A-ZÑ](?<![\w][0-9A-ZÑ])[0-9A-ZÑ ./()+&-]{6,25}", re.ASCII)
_MIXED = re.compile(r"[0-9][ (.+-]{0,2}[A-ZÑ]|[A-ZÑ&][ -]?[0-9]")
_GROUP = re.compile(r"[0-9]+")
_JOINTS = {
    " ": " ",
    "  ": " ",
    "-": "-",
    " - ": "-",
    ".": ".",
    "/": "/",
    " / ": "/",
    "/ ": "/",
    ")": ")",
    ") ": ")",
    " (": " (",
    "(": "(",
    "-(": "-(",
    ")-": ")",
    ") -": ")",
}
"""What may stand between two groups of one number → how it counts; anything else ends the number."""
_ODD_GAPS = str.maketrans("\u00a0\u2009\u202f\u2010\u2011\u2012\u2013", "   ----")
_GLUED = re.compile(r"[\w+#/\\&@_-]\Z|[0-9][.,]\Z|[$€£¥₹]\s?\Z", re.ASCII)
"""Before a number: it is part of something else, or an amount."""
_GOES_ON = re.compile(
    r"[\w\\@]|[-–/.,:][0-9A-Za-z]|\s?(?:[$€£¥₹%=*×÷]|(?:usd|eur|euros?|dollars?|km|kg|ms|mb|gb|tokens|rows|people|units)\b)", re.IGNORECASE | re.ASCII
)
_CARD_WORD = re.compile(
    r"card|visa|master|amex|maestro|karte|tarjeta|\bcarte|carta|cartão|cartao|kaart|kart[aąęyu]\b|kort|карт|カード|卡|카드|कार्ड|بطاقة|debit|credit|kredit|pan\b",
    re.IGNORECASE,
)
_MAJOR = re.compile(
    r"4\d{15}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|35\d{14}|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14}"
)
"""Brands whose numbers count without a word for cards, written as one group."""
_CARD_LAYOUTS = {"4 4 4 4", "4-4-4-4", "4 6 5", "4-6-5", "4 6 4", "4-6-4", "4 4 4 4 3", "4-4-4-4-3", "6 13", "4.4.4.4"}


class Piece(NamedTuple):
    """Digits that may be one number, and where they stand."""

    digits: str
    layout: str
    start: int
    end: int
    is_whole: bool = True
    """No other digits stand beside them, a space apart."""

    @property
    def is_apart(self) -> bool:
        """True if its layout sets it apart from digits beside it."""
        return self.is_whole or not self.layout.replace(" ", "").isdigit()


def cards(text: str) -> list[Span]:
    """The payment cards.

    >>> cards("card 4012 8888 8888 1881")
    [Span(kind='card', start=5, end=24)]
    """
    return list(_found(text, card_kind, MIN_CARD_DIGITS))


def numbers(text: str) -> list[Span]:
    """The national numbers, and the phone numbers without a country's code.

    >>> numbers("SSN 536-90-4399")
    [Span(kind='us_ssn', start=4, end=15)]
    """
    return list(_found(text, number_kind, MIN_DIGITS))


def _found(text: str, kind_of: Callable[[Piece, str], str | None], least: int) -> Iterator[Span]:
    done = 0
    for match in _RUN.finditer(text):
        if (
            len(match[0]) < least
            or sum(map(str.isdigit, match[0][:400])) < least
            or (least == MIN_DIGITS and text[match.start() - 1 : match.start()] == "+")
        ):
            continue  # behind a plus: a country's code, and what follows is no number of its own
        for piece in pieces(match, least):
            if piece.start >= done and (kind := kind_of(piece, text)):
                yield Span(kind, piece.start, piece.end)
                done = piece.end


def pieces(match: re.Match[str], least: int = 8) -> Iterator[Piece]:
    """The parts of a run with at least so many digits that may be one number: from left to right, from each start the longest first."""
    text, base = match.string, match.start()
    groups = [m.span() for m in _GROUP.finditer(match[0])]
    joints = [_JOINTS.get(match[0][left[1] : right[0]].translate(_ODD_GAPS)) for left, right in itertools.pairwise(groups)]
    for first in range(len(groups)):
        opening = text[base + groups[first][0] - 1] == "(" if base + groups[first][0] else False
        if first == 0:
            before = text[max(0, base - 3) : base]
            if _GLUED.search(before[:-1] if opening else before):
                continue
        elif joints[first - 1] not in (" ", " (", None):
            continue
        layout, digits = "(" if opening else "", ""
        reach = []
        for last in range(first, min(len(groups), first + MAX_GROUPS)):
            if last > first:
                joint = joints[last - 1]
                if joint is None:
                    break
                layout += joint
            start, end = groups[last]
            layout += str(end - start)
            digits += match[0][start:end]
            follows = joints[last] if last + 1 < len(groups) else None
            ends = follows in (" ", " (", None) if last + 1 < len(groups) else not _GOES_ON.match(text[base + end : base + end + 10])
            if ends and len(digits) >= least:
                wraps = opening and ")" not in layout  # "(4111 1111 …)": the bracket is the sentence's
                is_whole = (first == 0 or joints[first - 1] is None) and follows is None
                reach.append(Piece(digits, layout[1:] if wraps else layout, base + groups[first][0] - (opening and not wraps), base + end, is_whole))
        yield from reversed(reach)


def card_kind(piece: Piece, text: str) -> str | None:
    """`card`, if a piece is one: in groups as cards have them, or in one group of a usual brand, or beside a word for cards."""
    if not 13 <= len(piece.digits) <= 19 or not card_fits(piece.digits):
        return None
    is_card = piece.layout in _CARD_LAYOUTS or (piece.layout.isdigit() and (_MAJOR.fullmatch(piece.digits) or _named(_CARD_WORD, piece, text)))
    return "card" if is_card else None


def number_kind(piece: Piece, text: str) -> str | None:
    """What a piece is; None if it is only digits. A word for a number beside it goes before its layout."""
    digits, layout = piece.digits, piece.layout
    alone, named = national.ALONE.get(layout, ()), national.NAMED.get(layout, ())
    fitting = [rule for rule in (*alone, *named) if rule.fits(digits)]
    for rule in fitting:
        if _named(national.WORDS[rule.kind], piece, text):
            return str(rule.kind)
    sure = next((rule for rule in fitting if rule in alone), None) if piece.is_apart else None
    if sure is not None:
        is_other = layout.isdigit() and any(_named(national.WORDS[rule.kind], piece, text) for rule in (*alone, *named))
        return None if is_other else sure.kind  # said to be another number, and a wrong one
    if phones.is_national(digits, layout, text, (piece.start, piece.end), is_whole=piece.is_apart):
        is_other = any(_named(national.WORDS[rule.kind], piece, text) for rule in named)
        return None if is_other else "phone"
    if fitting and _named(national.GENERAL, piece, text):
        return str(fitting[0].kind)
    return None


def lettered(text: str) -> list[Span]:
    """The national numbers that hold letters.

    >>> lettered("DNI 12345678Z")
    [Span(kind='es_dni', start=4, end=13)]
    """
    found = []
    for token in _TOKEN.finditer(text):
        if not _MIXED.search(token[0]):
            continue
        for rule, pattern, needs_word in national.LETTERED:
            for match in pattern.finditer(text, token.start(), token.end() + 2):
                compact = re.sub(r"[^0-9A-ZÑ&]", "", match[0])
                if rule.fits(compact) and (not needs_word or _named(national.WORDS[rule.kind], Piece(compact, "", *match.span()), text)):
                    found.append(Span(rule.kind, *match.span()))
    return found


def _named(words: re.Pattern[str], piece: Piece, text: str) -> bool:
    """True if one of the words stands up to 60 characters before the piece or 30 behind it."""
    return bool(words.search(text[max(0, piece.start - 60) : piece.start].lower()) or words.search(text[piece.end : piece.end + 30].lower()))
