"""Rows → those that hold personal data or secrets: e-mail and IP addresses, phone numbers, bank accounts, payment cards, API keys.

Recognisers of forms that can be checked (a country's IBAN length and its remainder, a card's Luhn sum, an address's parts), not guesses about
names. Each pattern is bounded, so that no text makes it slow; of a row's text the first million characters are looked at.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

from tunesmith.spec.dataset import Record

MAX_CHARACTERS = 1_000_000
KINDS = ("e-mail address", "phone number", "IBAN", "payment card", "IP address", "API key")
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28,
    "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18,
    "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32,
    "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24,
    "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TN": 24, "TR": 26,
    "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip
"""Source: ISO 13616, the SWIFT registry of IBAN formats."""

_LOCAL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}\Z")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])")
_IBAN = re.compile(r"[A-Z](?<![A-Za-z0-9][A-Z])[A-Z][0-9]{2}(?:[ -]?[A-Z0-9]){11,40}")
_CARD = re.compile(r"[2-6](?<![\w.+-][2-6])(?:[ -]?[0-9]){12,18}(?![\w-])")
_BRAND = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|35\d{14}|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14,17}"
)
"""How long the numbers of each brand are, by how they begin."""
_IP4 = re.compile(r"[0-9](?<![\w.-][0-9])(?<!ersion [0-9])[0-9]{0,2}\.(?:[0-9]{1,3}\.){2}[0-9]{1,3}(?![\w-]|\.[0-9])")
_IP6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){3,7}[0-9A-Fa-f]{1,4}(?![\w:])")
_INTERNATIONAL = re.compile(r"(?:\+(?<![\w.+=/-]\+)|0(?<![\w.+=/-]0)0)[1-9](?:(?:[ ./-]|[ ]?\(0?|\)[ ]?)?[0-9]){6,13}(?![\w-])")
_AMERICAN = re.compile(
    r"[(1-9](?<![\w.+/-][(1-9])(?:(?<=1)[ .-]\(?[2-9]|(?<=\()[2-9]|(?<=[2-9]))[0-9]{2}(?:\) ?|[ .-])[2-9][0-9]{2}[ .-][0-9]{4}(?![\w-]|[.][0-9])"
)
_NATIONAL = re.compile(
    r"(?:\((?<![\w.+/-]\()0|0(?<![\w.+/-]0))[1-9][0-9]{1,4}(?:\)[ ]?|[ ]?[/-][ ]?|[ ])[0-9]{2,8}(?:[ -][0-9]{2,5}){0,3}(?![\w-]|[.][0-9])"
)
"""The first character stands before what must not precede it: the search then leaps from one possible beginning to the next."""
_SECRETS = re.compile(
    r"(?<![A-Za-z0-9_-])(?:sk-(?:proj-|svcacct-|admin-|ant-[a-z0-9]{2,8}-)?[A-Za-z0-9_-]{20,200}|(?:AKIA|ASIA)[A-Z2-7]{16}|gh[pousr]_[A-Za-z0-9]{36,255}"
    r"|github_pat_[A-Za-z0-9_]{60,255}|glpat-[A-Za-z0-9_-]{20,64}|xox[abeprs]-[A-Za-z0-9-]{10,200}|AIza[A-Za-z0-9_-]{35}|hf_[A-Za-z0-9]{30,64}"
    r"|(?:sk|rk)_live_[A-Za-z0-9]{20,200}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,255}"
    r"|eyJ[A-Za-z0-9_-]{10,4000}\.eyJ[A-Za-z0-9_-]{10,8000}\.[A-Za-z0-9_-]{10,2000})(?![A-Za-z0-9])"
    r"|-----BEGIN (?:[A-Z]{2,12} ){0,2}PRIVATE KEY-----"
)
_MARKS = (
    "sk-",
    "sk_",
    "rk_",
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xox",
    "AIza",
    "hf_",
    "npm_",
    "pypi-",
    "eyJ",
    "-----BEGIN ",
)
_LONG = re.compile(r"[0-9](?:[ ().:/-]{0,3}[0-9]){7}")
_DOTS = re.compile(r"[0-9]\.[0-9]{1,3}\.[0-9]")
_COLONS = re.compile(r":[0-9A-Fa-f]{0,4}:")
"""Cheap to look for, and part of every number or address: most texts are passed over by these."""


def personal_data(records: Iterable[Record]) -> dict[str, list[int]]:
    """Kind → the examples (numbered from 1) that hold such data, for each kind that was found."""
    found: dict[str, list[int]] = {}
    for example, record in enumerate(records, 1):
        for kind in kinds_in("\n".join(texts_of(record))):
            found.setdefault(kind, []).append(example)
    return {kind: found[kind] for kind in KINDS if kind in found}


def texts_of(record: Record) -> Iterator[str]:
    """Everything that is said in a record, tool calls and the rejected answer included."""
    messages = (*(record.conversation.messages if record.conversation else ()), *(record.rejected or ()))
    for message in messages:
        if message.content:
            yield message.content
        for call in message.tool_calls or ():
            yield call.function.arguments
    if record.text:
        yield record.text


def kinds_in(text: str) -> list[str]:
    """The kinds of personal data in a text.

    >>> kinds_in("Write to eve@example.org, IBAN DE89 3704 0044 0532 0130 00.")
    ['e-mail address', 'IBAN']
    """
    text = text[:MAX_CHARACTERS]
    found = set()
    if "@" in text and has_email(text):
        found.add("e-mail address")
    if any(mark in text for mark in _MARKS) and _SECRETS.search(text):
        found.add("API key")
    if (_DOTS.search(text) or _COLONS.search(text)) and has_address(text):
        found.add("IP address")
    rest = without_ibans(text)
    if rest != text:
        found.add("IBAN")
    if _LONG.search(rest):
        text, rest = rest, without_cards(rest)
        if rest != text:
            found.add("payment card")
        if has_phone(rest):  # in what is left: digits of an account are no phone number
            found.add("phone number")
    return [kind for kind in KINDS if kind in found]


def has_email(text: str) -> bool:
    """True if the text holds an e-mail address; looked for around each `@`."""
    at = text.find("@")
    while at >= 0:
        local = _LOCAL.search(text[max(0, at - 64) : at])
        if local and not local[0].endswith(".") and _DOMAIN.match(text, at + 1):
            return True
        at = text.find("@", at + 1)
    return False


def without_ibans(text: str) -> str:
    """The text without the IBANs of their country's length with the right check digits."""

    def rest(match: re.Match[str]) -> str:
        places = [at for at, c in enumerate(match[0]) if c not in " -"]
        length = IBAN_LENGTHS.get(match[0][:2], len(places) + 1)
        fits = length <= len(places) and iban_fits("".join(match[0][at] for at in places[:length]))
        return match[0][places[length - 1] + 1 :] if fits else match[0]

    return _IBAN.sub(rest, text)


def iban_fits(iban: str) -> bool:
    """True if an IBAN without spaces leaves the remainder 1.

    >>> iban_fits("DE89370400440532013000"), iban_fits("DE88370400440532013000")
    (True, False)

    Source: ISO 7064, MOD 97-10.
    """
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


def without_cards(text: str) -> str:
    """The text without the numbers of payment cards: a brand's beginning and length, and the right Luhn sum."""

    def rest(match: re.Match[str]) -> str:
        digits = re.sub(r"[ -]", "", match[0])
        return "" if _BRAND.fullmatch(digits) and len(set(digits)) > 1 and luhn_fits(digits) else match[0]

    return _CARD.sub(rest, text)


def luhn_fits(digits: str) -> bool:
    """True if the digits' Luhn sum is a multiple of ten.

    >>> luhn_fits("4111111111111111"), luhn_fits("4111111111111112")
    (True, False)
    """
    numbers = [int(c) for c in reversed(digits)]
    return (sum(numbers[::2]) + sum(n * 2 - 9 * (n > 4) for n in numbers[1::2])) % 10 == 0


def has_address(text: str) -> bool:
    """True if the text holds an IP address of some machine; `127.0.0.1`, `0.0.0.0` and masks are nobody's."""
    for pattern in (_IP4, _IP6):
        for match in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(match[0])
            except ValueError:
                continue
            if not (address.is_loopback or address.is_unspecified or address.is_multicast or str(address).startswith("255.")):
                return True
    return False


def has_phone(text: str) -> bool:
    """True if the text holds a phone number written as one: with a country's code, or in an American or a European national form."""
    for pattern in (_INTERNATIONAL, _AMERICAN, _NATIONAL):
        for match in pattern.finditer(text):
            digits = re.sub(r"[^0-9]", "", match[0])
            if match[0].startswith("00") and match[0].isdigit():  # a number with leading zeros, as likely as not
                continue
            if 9 <= len(digits) <= 15 and len(set(digits)) > 2:
                return True
    return False
