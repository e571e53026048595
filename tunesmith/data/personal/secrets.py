"""A text → keys, tokens, private keys and passwords in it.

Two ways: what an issuer's prefix gives away (`issuers.py`), and what is set as a password or key and is mixed as people and machines mix them.
Words such as `changeme` or `your-key`, variables, calls and keys from manuals are passed over.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from tunesmith.data.personal.issuers import PATTERNS
from tunesmith.data.personal.kinds import Span

MIN_BITS = 3.0
"""Bits a letter, from the counts of a key's letters: 32 random hexadecimal digits have 3.5, `aaaa…` none, English words 2.5 to 3.5 but no digits."""
_PRIVATE = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----(?:[\s\\rn]|[A-Za-z-]{4,20}: [^\n]{0,200}\n){0,12}[A-Za-z0-9+/=\s\\]{40,20000}"
    r"(?:-----END (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----)?"
)
_PUTTY = re.compile(r"Private-Lines: [0-9]{1,3}\s+[A-Za-z0-9+/=\s]{40,8000}")
_IN_ADDRESS = re.compile(r"(?<![A-Za-z])[a-z][a-z0-9+.-]{1,20}://[^\s/:@'\"<>]{0,64}:([^\s/@'\"<>]{3,128})@")
_NAMES = (
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "kennwort",
    "contrase",
    "clave",
    "senha",
    "wachtwoord",
    "adgangskode",
    "salasana",
    "parola",
    "bearer",
)
_OTHER_NAMES = ("hasł", "lösenord", "şifre", "парол", "密码", "密碼", "パスワード", "비밀번호")
KEY_LETTERS = 20
"""Without a space between: the least that every issuer's key has."""
_DENSE = re.compile(r"[A-Za-z0-9_-]{14}")
_NAME = (
    r"(?P<name>pass(?:wor[dt]|wd|phrase|code)?|pwd|kennwort|contraseñ?n?a|clave|mot de passe|senha|wachtwoord|hasł[oa]|lösenord(?:et)?|adgangskode|salasana|parola|şifre|парол[ья]"
    r"|密码|密碼|パスワード|비밀번호|(?:api|access|account|auth|secret|client|private|signing|encryption|subscription|webhook|refresh|session)[_ -]?(?:key|token|secret)|apikey|secret|token)"
)
_SETS = re.compile(
    _NAME
    + r"(?P<sets>[\"'`]?\s{0,3}(?::=|=>|==|[:=：])\s{0,3}|[\"'`]?\s{1,2}(?:is|ist|lautet|es|est|è|é|jest|är|er|on|to)\s{1,2}(?:now\s)?|[はは는은]\s?)(?P<quote>[\"'`]?)"
    r"(?P<value>[^\s\"'`<>{}()\[\],;]{8,200})",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\b(?:bearer|basic)\s{1,2}(?P<value>[A-Za-z0-9+/._~-]{20,1000}={0,2})", re.IGNORECASE)
_MADE_UP = re.compile(
    r"example|your|xxxx|\.\.\.|\*\*|placeholder|change.?me|dummy|redacted|insert|abcdefgh|12345678|0{8}|todo|sample|foobar|secret.?key|password|passwort|<|\$\{|%\(|eyjzdwiioiixmjm0nty3odkw"
    r"|mysecret|test.?key|fake|deadbeef"
)
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z_]*(?:[.:>-]+[A-Za-z_][A-Za-z0-9_]*)*[0-9]{0,3}\Z|[A-Z][A-Z0-9_]*\Z")
_EVERYBODYS = {
    "pass",
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "key",
    "user",
    "xxx",
    "passw0rd",
    "admin",
    "root",
    "test",
    "postgres",
    "mysql",
    "guest",
}


def secrets(text: str) -> list[Span]:
    """The secrets of a text: whole private keys, keys by their issuers' forms, passwords in addresses and assignments.

    >>> secrets("postgres://app:fD8#kqW2@db.intern/x")
    [Span(kind='password', start=15, end=23)]
    """
    found: list[Span] = []
    if "PRIVATE KEY" in text or "Private-Lines" in text:
        found += [Span("private_key", *m.span()) for pattern in (_PRIVATE, _PUTTY) for m in pattern.finditer(text)]
    if any(len(word) >= KEY_LETTERS and _DENSE.search(word) for word in text.split()):
        for mark, pattern in PATTERNS.items():
            if mark in text:
                found += [Span("secret", *m.span()) for m in pattern.finditer(text) if is_mixed(m[0])]
    if "://" in text and "@" in text:
        found += [Span("password", *m.span(1)) for m in _IN_ADDRESS.finditer(text) if not is_stand_in(m[1])]
    lower = text.lower()
    if any(name in lower for name in _NAMES) or (not text.isascii() and any(name in lower for name in _OTHER_NAMES)):
        found += _assigned(text)
    return found


def _assigned(text: str) -> Iterator[Span]:
    for match in _SETS.finditer(text):
        value = match["value"].rstrip(".!?:。")
        is_code = not match["quote"] and "=" in match["sets"]
        if is_password(value, is_code=is_code):
            kind = "secret" if re.search("key|token|secret", match["name"], re.IGNORECASE) else "password"
            yield Span(kind, match.start("value"), match.start("value") + len(value))
    for match in _BEARER.finditer(text):
        if is_mixed(match["value"]) and any(c.isdigit() for c in match["value"]):
            yield Span("secret", *match.span("value"))


def is_mixed(key: str) -> bool:
    """True if a key looks drawn at random and not made up for a manual.

    >>> is_mixed("ghp_x8Kd03bVmQz71LwpEr5TuNcYo2JaHs94fGiR"), is_mixed("ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")
    (True, False)
    """
    return bits(key[-40:]) >= MIN_BITS and not _MADE_UP.search(key.lower())


def is_stand_in(value: str) -> bool:
    """True if the password of an address is a word or a variable in its place."""
    return value.lower() in _EVERYBODYS or value[0] in "$%<{[*" or _MADE_UP.search(value.lower()) is not None or len(set(value)) == 1


def is_password(value: str, *, is_code: bool) -> bool:
    """True if a value is mixed like a password or a key.

    >>> is_password("Tr0ub4dor&3", is_code=False), is_password("getPassword2", is_code=True), is_password("incorrect", is_code=False)
    (True, False, False)
    """
    if len(value) < 8 or is_stand_in(value) or "://" in value or value[0] in "/.&@#\\-" or (is_code and _IDENTIFIER.match(value)):
        return False
    kinds = [any(map(test, value)) for test in (str.islower, str.isupper, str.isdigit)] + [not value.isalnum()]
    if sum(kinds) >= 3 and kinds[2]:
        return bits(value) >= 2.5 and not _DATE.match(value)
    return len(value) >= 20 and kinds[2] and bits(value) >= MIN_BITS and re.fullmatch(r"[A-Za-z0-9+/=_.-]+", value) is not None


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9.,]+(?:%|[A-Za-z]{0,3}|[A-Z]{0,2}[a-z]+|[A-Z]+)\Z|v?[0-9]+(?:\.[0-9]+)+")


def bits(text: str) -> float:
    """Bits a letter, from how often each letter stands in the text.

    >>> bits("abab"), bits("aaaa")
    (1.0, 0.0)
    """
    n = len(text)
    return sum(-count / n * math.log2(count / n) for count in Counter(text).values()) + 0.0
