"""A text → its IBANs; digits → whether they are the number of a payment card."""

from __future__ import annotations

import re

from tunesmith.data.personal.check_digits import luhn_fits, mod_97_10_fits
from tunesmith.data.personal.kinds import Span

IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22,
    "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22,
    "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30,
    "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20,
    "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22,
    "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26,
    "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
"""Source: ISO 13616, the SWIFT registry of IBAN formats."""

_IBAN = re.compile(r"[A-Za-z](?<![A-Za-z0-9][A-Za-z])[A-Za-z][0-9]{2}(?:[ \u00a0-]?[A-Za-z0-9]){11,40}")
_HEAD = re.compile(r"[0-9](?<=[A-Za-z]{2}[0-9])[0-9]")
"""Its check digits: digits are rarer than letters."""
_GAPS = " \u00a0-"
_BRAND = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|3(?:0[0-5]|095|[689]\d)\d{11}"
    r"|3(?:0[0-5]|[689]\d)\d{13}|35(?:2[89]|[3-8]\d)\d{12}|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14,17}|(?:5[06-8]|6[37])\d{14}|220[0-4]\d{12}|9792\d{12}"
)
"""How long the numbers of each brand are, by how they begin: Visa, Mastercard, American Express, Diners Club, JCB, Discover, UnionPay, Maestro, Mir, Troy."""


def ibans(text: str) -> list[Span]:
    """The IBANs of their country's length with the right check digits.

    >>> ibans("to DE89 3704 0044 0532 0130 00 please")
    [Span(kind='iban', start=3, end=30)]
    """
    found: list[Span] = []
    for head in _HEAD.finditer(text):
        match = _IBAN.match(text, head.start() - 2)
        end = iban_end(match) if match and (not found or match.start() >= found[-1].end) else None
        if match and end is not None:
            found.append(Span("iban", match.start(), end))
    return found


def iban_end(match: re.Match[str]) -> int | None:
    """Where the IBAN that a match begins with ends; None if there is none."""
    places = [at for at, c in enumerate(match[0]) if c not in _GAPS]
    length = IBAN_LENGTHS.get(match[0][:2].upper())
    if length is None or length > len(places):
        return None
    letters = "".join(match[0][at] for at in places[:length])
    if letters.isupper() or letters.islower():  # mixed case is a word or a key
        end = places[length - 1] + 1
        follows = match.string[match.start() + end : match.start() + end + 1]
        if iban_fits(letters) and not (follows.isalnum() and follows.isascii()):
            return match.start() + end
    return None


def iban_fits(iban: str) -> bool:
    """True if an IBAN without spaces leaves the remainder 1.

    >>> iban_fits("DE89370400440532013000"), iban_fits("DE88370400440532013000")
    (True, False)

    Source: ISO 7064, MOD 97-10.
    """
    return mod_97_10_fits(iban[4:] + iban[:4])


def card_fits(digits: str) -> bool:
    """True for a brand's beginning and length and the right Luhn sum; a row of one digit is no card.

    >>> card_fits("4012888888881881"), card_fits("4012888888881882"), card_fits("9999999999999995")
    (True, False, False)
    """
    return len(set(digits)) > 1 and _BRAND.fullmatch(digits) is not None and luhn_fits(digits)
