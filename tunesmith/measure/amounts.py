"""A text → the numbers, dates and times of day that it states, each with every way it can be read.

`1,234` may be a thousand or a little more than one, `5/3/24` may lie in March or in May: a statement carries all its readings, and two statements
agree where one reading of each does. Signs are not read, since a hyphen before a number is mostly none.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tunesmith.measure.amount_words import MAGNITUDES, MONTHS, NUMBER_WORDS, UNITS, UNNAMED_MONTHS

SAME = 1e-6
"""Relative: conversions are rounded."""
Reading = tuple[int | None, int | None, int | None]

_MONTH = "|".join(sorted(map(re.escape, MONTHS), key=len, reverse=True))
_LETTERS = "A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff"
"""Of scripts that put spaces between words: behind one of them digits are a part of a name."""
_SPACES = " \u00a0\u2009\u202f"
_NUMBER = re.compile(
    rf"(?<![{_LETTERS}\d_.,])(?P<before>[$€£¥₹]|\b(?:USD|EUR|GBP|CHF|JPY)\b)?[{_SPACES}]?"
    rf"(?P<digits>\d{{1,3}}(?:[{_SPACES},.'’]\d{{3}})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)*)"
    rf"(?:st|nd|rd|th|º|ª)?(?:[{_SPACES}-]?(?P<first>%|‰|[万亿億]|[^\W\d_]+\.?|[$€£¥₹]))?(?:[{_SPACES}-]?(?P<second>%|[^\W\d_]+|[$€£¥₹]))?"
)
_DATES = (
    re.compile(r"(?<!\d)(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)"),
    re.compile(r"(?<!\d)(?:(?P<y>\d{4})年)?(?P<m>\d{1,2})月(?:(?P<d>\d{1,2})日)?"),
    re.compile(r"(?<![\d.])(?P<a>\d{1,2})(?P<sep>[./-])(?P<b>\d{1,2})(?P=sep)(?P<y>\d{4}|\d{2})(?![\d.]\d)(?!\d)"),
    re.compile(
        rf"(?<![\d.,])(?P<d>\d{{1,2}})(?:st|nd|rd|th|er|º|\.)?\s+(?:of\s+|de\s+)?(?P<month>{_MONTH})\b\.?(?:,?\s+(?:de\s+|del\s+)?(?P<y>\d{{4}}))?",
        re.I,
    ),
    re.compile(rf"\b(?P<month>{_MONTH})\b\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?![\d.,:]*\d)(?:,?\s+(?P<y>\d{{4}}))?", re.I),
    re.compile(rf"\b(?P<month>{_MONTH})\b\.?,?\s+(?:of\s+|de\s+)?(?P<y>\d{{4}})\b", re.I),
)
_MONTH_ALONE = re.compile(rf"\b(?P<month>{_MONTH})\b", re.I)
_TIMES = re.compile(
    r"(?<![\d.,:])(?P<h>\d{1,2})(?::(?P<m>\d{2})(?::\d{2})?|\.(?P<n>\d{2})(?=\s*(?:[ap]\.?m\b|uhr\b)))?\s*(?P<half>[ap]\.?m\b\.?|uhr\b|o['’]clock\b)?",
    re.I,
)
_LIST_MARK = re.compile(r"^[ \t]*\d{1,3}[.)][ \t]", re.M)
REACH = 24
"""Characters before a number in which "about" is looked for."""
_BETWEEN = re.compile(r"\s*(?:to|-|–|—|and|or|bis|und|oder|à|et|ou|a|y|o|до|и)\s*", re.I)
_ROUGH = re.compile(r"(?:about|around|nearly|almost|roughly|some|approximately|etwa|rund|fast|knapp|environ|près de|casi|unos|~|≈|circa|ca\.)\s*$", re.I)  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?")


@dataclass(frozen=True)
class Amount:
    """A number with its unit."""

    text: str
    readings: frozenset[float]
    dimension: str | None = None
    """What the unit measures; None: no unit that we know."""
    factor: float = 1.0
    """In units of the dimension."""
    is_rough: bool = False
    """Said to be about right, or in millions: a rounded number counts as the same."""
    digits: int = 0
    """Significant ones."""


@dataclass(frozen=True)
class Day:
    """A date, or a part of one, as (year, month, day)."""

    text: str
    readings: frozenset[Reading]


@dataclass(frozen=True)
class Stated:
    """Everything with a number in a text."""

    amounts: tuple[Amount, ...]
    days: tuple[Day, ...]
    minutes: tuple[tuple[str, int], ...]
    """Times of day, in minutes since midnight."""


def stated(text: str) -> Stated:
    """The numbers, dates and times in `text`; marks of numbered lists are none.

    >>> [amount.text for amount in stated("1. It took 2.5 hours for 1,200 people on 5 March.").amounts]
    ['2.5 hours', '1,200']
    """
    text = _LIST_MARK.sub(lambda found: " " * len(found[0]), western(text))
    text, days = taken_days(text)
    text, minutes = taken_minutes(text)
    return Stated(tuple(amounts(text)), days, minutes)


def western(text: str) -> str:
    """`text` with the digits of every script as 0 to 9, of the same length."""
    return text if text.isascii() else "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


def taken_days(text: str) -> tuple[str, tuple[Day, ...]]:
    """(text without its dates, the dates)."""
    found: list[Day] = []

    def take(match: re.Match[str]) -> str:
        readings = readings_of(match)
        if not readings:
            return match[0]
        found.append(Day(match[0], readings))
        return " " * len(match[0])

    for pattern in _DATES:
        text = pattern.sub(take, text)
    return text, tuple(found)


def readings_of(match: re.Match[str]) -> frozenset[Reading]:
    """The dates that a match can mean; none where no month and day are like this."""
    parts = match.groupdict()
    year = int(parts["y"]) if parts.get("y") else None
    if "a" in parts:
        assert year is not None
        full = year if year > 99 else year + (2000 if year < 70 else 1900)
        pairs = {(int(parts["a"]), int(parts["b"])), (int(parts["b"]), int(parts["a"]))}
        return frozenset((full, month, day) for month, day in pairs if is_day(month, day))
    if parts.get("month") in ("may", "march"):  # a verb, without its capital letter
        return frozenset()
    month = MONTHS[parts["month"].casefold()] if "month" in parts else int(parts["m"])
    day = int(parts["d"]) if parts.get("d") else None
    return frozenset({(year, month, day)}) if is_day(month, day or 1) else frozenset()


def is_day(month: int, day: int) -> bool:
    """True if a calendar has such a month and day."""
    return 1 <= month <= 12 and 1 <= day <= 31


def months_named(text: str) -> set[int]:
    """Months that are named, with or without a day or a year."""
    names = (found["month"] for found in _MONTH_ALONE.finditer(text))
    return {MONTHS[name.casefold()] for name in names if name.casefold() not in UNNAMED_MONTHS or name[:1].isupper()}


def taken_minutes(text: str) -> tuple[str, tuple[tuple[str, int], ...]]:
    """(text without its times of day, those in minutes since midnight)."""
    found: list[tuple[str, int]] = []

    def take(match: re.Match[str]) -> str:
        minute, half = match["m"] or match["n"], (match["half"] or "").lower()
        hour = int(match["h"])
        if (minute is None and not half) or hour > 24 or int(minute or 0) > 59:
            return match[0]
        hour = hour % 12 + 12 * half.startswith("p") if half[:1] in ("a", "p") else hour
        found.append((match[0].strip(), hour * 60 + int(minute or 0)))
        return " " * len(match[0])

    return _TIMES.sub(take, text), tuple(found)


def amounts(text: str) -> Iterator[Amount]:
    """The numbers in a text without dates and times. The first of a pair like `2 to 3 million km` shares the unit of the second."""
    waiting: tuple[Amount, int] | None = None
    for match in _NUMBER.finditer(text):
        found, end = amount_of(match, text)
        if waiting is not None:
            first, before = waiting
            yield sharing(first, found) if _BETWEEN.fullmatch(text[before : match.start()]) else first
        waiting = (found, end)
    if waiting is not None:
        yield waiting[0]


def amount_of(match: re.Match[str], text: str) -> tuple[Amount, int]:
    """The number in a match, and where it ends with its unit."""
    written, end = match["digits"], match.end("digits")
    scale, unit = 1.0, UNITS.get((match["before"] or "").casefold())
    names = [(group, (match[group] or "").casefold().rstrip(".")) for group in ("first", "second")]
    for group, name in names:
        is_metre = name == "m" and match.start(group) != match.end("digits") and unit is None  # 5m may be both, 5 m are metres
        if name in MAGNITUDES and scale == 1.0 and not is_metre:
            scale, end = MAGNITUDES[name], match.end(group)
        elif name in UNITS and unit is None:
            unit, end = UNITS[name], match.end(group)
        else:
            break
    values = [value * scale for value in values_of(written)]
    if scale != 1.0 and (match["first"] or "").casefold().rstrip(".") in UNITS and unit is None:
        values += values_of(written)  # `5 m` may be five metres or five million
    rough = scale != 1.0 or _ROUGH.search(text[max(0, match.start() - REACH) : match.start()]) is not None
    digits = len(re.sub(r"\D", "", written).strip("0")) or 1
    dimension, factor = unit or (None, 1.0)
    return Amount(text[match.start() : end].strip().rstrip("."), frozenset(values), dimension, factor, rough, digits), end


def values_of(written: str) -> list[float]:
    """Every way to read digits with separators; none for what is no number, like `3.11.2`.

    >>> values_of("1,234"), values_of("1.234,5"), values_of("3,5"), values_of("3.11.2")
    ([1234.0, 1.234], [1234.5], [3.5], [])
    """
    plain = re.sub(rf"[{_SPACES}'’]", "", written)
    marks = [c for c in plain if c in ".,"]
    if not marks:
        return [float(plain)]
    grouped = re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", plain) is not None
    if len(set(marks)) == 1:
        whole = [float(re.sub(r"[.,]", "", plain))] if grouped else []
        decimal = len(marks) == 1 and not (grouped and plain.endswith("000"))  # nobody writes four as 4,000
        return whole + ([float(plain.replace(",", "."))] if decimal else [])
    head, tail = plain[: plain.rindex(marks[-1])], plain[plain.rindex(marks[-1]) + 1 :]
    return [float(re.sub(r"[.,]", "", head) + "." + tail)] if marks.count(marks[-1]) == 1 else []


def sharing(first: Amount, second: Amount) -> Amount:
    """The first of two numbers with the second one's unit and magnitude, where it has none of its own."""
    if first.dimension is not None or len(first.readings) == 0 or not second.readings:
        return first
    scale = next((s for s in sorted(set(MAGNITUDES.values()), reverse=True) if second.is_rough and max(second.readings) >= s), 1.0)
    return replace(
        first,
        readings=first.readings | {value * scale for value in first.readings},
        dimension=second.dimension,
        factor=second.factor,
        is_rough=first.is_rough or scale > 1,
    )


def parts_of(amount: Amount) -> list[float]:
    """The numbers that stand side by side where spaces need not be those of thousands: `10 300`."""
    pieces = re.findall(r"\d+", amount.text) if re.search(rf"\d[{_SPACES}]\d", amount.text) else []
    return [float(piece) for piece in pieces]


def said_in_words(text: str) -> set[float]:
    """Numbers that a text says in words, up to a hundred and in a few languages.

    >>> sorted(said_in_words("Twenty-five people, drei Hunde"))
    [3.0, 25.0]
    """
    found: set[float] = set()
    for word in _WORD.findall(text.casefold()):
        if word in NUMBER_WORDS:
            found.add(float(NUMBER_WORDS[word]))
        elif "-" in word:
            tens, _, ones = word.partition("-")
            if tens in NUMBER_WORDS and ones in NUMBER_WORDS:
                found.add(float(NUMBER_WORDS[tens] + NUMBER_WORDS[ones]))
    return found


def agree(mine: Amount, theirs: Amount) -> bool:
    """True if the two can mean the same: equal readings where a unit is missing, equal after conversion where both have one."""
    if mine.dimension is not None and theirs.dimension is not None and mine.dimension != theirs.dimension:
        return False
    both = mine.dimension is not None and theirs.dimension is not None
    for value in mine.readings:
        for other in theirs.readings:
            wanted = other * theirs.factor / mine.factor if both else other
            if math.isclose(value, wanted, rel_tol=SAME) or (mine.is_rough and rounded(wanted, mine.digits) == rounded(value, mine.digits)):
                return True
            if mine.dimension == "percent" and theirs.dimension is None and math.isclose(value / 100, other, rel_tol=SAME):
                return True
    return False


def rounded(value: float, digits: int) -> float:
    """`value` with so many significant digits.

    >>> rounded(3_312_456, 2)
    3300000.0
    """
    return float(f"{value:.{max(digits, 1)}g}")


def same_day(mine: Day, theirs: Sequence[Day], months: set[int], numbers: set[float]) -> bool:
    """True if one of `theirs` is that date; a year may stand elsewhere in the text, a month with it."""
    for year, month, day in mine.readings:
        for other in (reading for found in theirs for reading in found.readings):
            if (
                month == other[1]
                and (day is None or day == other[2])
                and (year is None or year == other[0] or (other[0] is None and year in numbers))
            ):
                return True
        if day is None and month in months and (year is None or year in numbers):
            return True
    return False
