"""Digits → whether their check digits are right, and whether a date can be one. Plain arithmetic, each with its standard."""

from __future__ import annotations

from collections.abc import Sequence

DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Of each month; 29 February always passes, since a number's century is often open."""
_VERHOEFF_TURN = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
_DIHEDRAL = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 3, 4, 0, 6, 7, 8, 9, 5), (2, 3, 4, 0, 1, 7, 8, 9, 5, 6), (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8), (5, 9, 8, 7, 6, 0, 4, 3, 2, 1), (6, 5, 9, 8, 7, 1, 0, 4, 3, 2), (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4), (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)  # fmt: skip


def luhn_fits(digits: str) -> bool:
    """True if the digits' Luhn sum is a multiple of ten.

    >>> luhn_fits("4111111111111111"), luhn_fits("4111111111111112")
    (True, False)

    Source: ISO/IEC 7812-1, annex B.
    """
    numbers = [int(c) for c in reversed(digits)]
    return (sum(numbers[::2]) + sum(n * 2 - 9 * (n > 4) for n in numbers[1::2])) % 10 == 0


def verhoeff_fits(digits: str) -> bool:
    """True if the last digit is the Verhoeff digit of the others.

    >>> verhoeff_fits("2363"), verhoeff_fits("2364")
    (True, False)

    Source: Verhoeff, Error Detecting Decimal Codes (1969).
    """
    check = 0
    for place, c in enumerate(reversed(digits)):
        n = int(c)
        for _ in range(place % 8):
            n = _VERHOEFF_TURN[n]
        check = _DIHEDRAL[check][n]
    return check == 0


def mod_97_10_fits(text: str) -> bool:
    """True if letters and digits, A as 10 to Z as 35, leave the remainder 1.

    >>> mod_97_10_fits("370400440532013000DE89")
    True

    Source: ISO 7064, MOD 97-10.
    """
    return int("".join(str(int(c, 36)) for c in text)) % 97 == 1


def mod_11_10_fits(digits: str) -> bool:
    """True if the last digit is the hybrid check digit of the others.

    >>> mod_11_10_fits("794623"), mod_11_10_fits("794624")
    (True, False)

    Source: ISO 7064, MOD 11,10.
    """
    rest = 10
    for c in digits[:-1]:
        rest = ((rest + int(c)) % 10 or 10) * 2 % 11
    return (rest + int(digits[-1])) % 10 == 1


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of the first digits, each times its weight.

    >>> weighted("123", (3, 2))
    7
    """
    return sum(int(c) * weight for c, weight in zip(digits, weights, strict=False))


def is_day(month: str | int, day: str | int) -> bool:
    """True if some year has this day.

    >>> is_day("02", "29"), is_day(2, 30), is_day(13, 1)
    (True, False, False)
    """
    month, day = int(month), int(day)
    return 1 <= month <= 12 and 1 <= day <= DAYS[month - 1]
