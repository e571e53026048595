"""A text → the IP and MAC addresses in it that can be somebody's."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from tunesmith.data.personal.kinds import Span

_IP4 = re.compile(r"[0-9](?<![\w.-][0-9])[0-9]{0,2}\.(?:[0-9]{1,3}\.){2}[0-9]{1,3}(?![\w-]|\.[0-9])", re.ASCII)
_IP6 = re.compile(r"[23](?<![\w:.][23])[0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,35}(?![\w])", re.ASCII)
"""Of addresses that are given out, 2000::/3."""
_MAC = re.compile(r"[0-9A-Fa-f](?<![\w:.-][0-9A-Fa-f])[0-9A-Fa-f]([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:-])", re.ASCII)
_DOTS = re.compile(r"[0-9]\.[0-9]{1,3}\.[0-9]")
_COLONS = re.compile(r":[0-9A-Fa-f]{0,4}:")
_DASHES = re.compile(r"-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-")
"""Cheap to look for, and part of every such address: most texts are passed over by these."""
_VERSION = re.compile(
    r"(?:version|release|build|firmware|section|chapter|clause|paragraph|kapitel|abschnitt|§|versi[oó]n|wersja|versie|верси\w+|\bv|ver\.?)\W{0,3}$",
    re.I,
)
_VERSION_AFTER = re.compile(r"\W{1,3}(?:is |was )?(?:the )?(?:\w+ )?(?:version|release|build|firmware)", re.I)
_MACHINE = re.compile(
    r"\bips?\b|ip4|ipv4|ip-|address|adress|direcci|host|server|serveur|ping|subnet|dns|gateway|router|login|client|proxy|port|ssh|addr|адрес|地址|アドレス|主机",
    re.I,
)
RESOLVERS = {"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "208.67.222.222", "208.67.220.220", "2001:4860:4860::8888", "2001:4860:4860::8844", "2606:4700:4700::1111"}  # fmt: skip
"""Everybody's."""
SMALL_PART = 31
"""Four numbers below this are more often a version or a section; an address of that form is one in 5,000."""


def addresses(text: str) -> list[Span]:
    """The IP and MAC addresses of some machine. Private, loopback and example ranges, masks and well-known resolvers are nobody's.

    >>> addresses("from 93.184.215.14, not 127.0.0.1 or 192.0.2.7")
    [Span(kind='ip_address', start=5, end=18)]
    """
    found = []
    if _DOTS.search(text):
        found += [Span("ip_address", *m.span()) for m in _IP4.finditer(text) if is_somebodys(m[0]) and not is_version(m)]
    if _COLONS.search(text):
        found += list(_with_colons(text))
    if _DASHES.search(text):
        found += [Span("mac_address", *m.span()) for m in _MAC.finditer(text) if is_device(m[0])]
    return found


def _with_colons(text: str) -> Iterator[Span]:
    for match in _MAC.finditer(text):
        if is_device(match[0]):
            yield Span("mac_address", *match.span())
    for match in _IP6.finditer(text):
        address = match[0] if match[0].endswith("::") else match[0].rstrip(":")
        if is_somebodys(address):
            yield Span("ip_address", match.start(), match.start() + len(address))


def is_somebodys(text: str) -> bool:
    """True for a public address of one machine.

    Source: IANA's special-purpose registries as the standard library has them; RFC 5737 and 3849 for the ranges of examples.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_global and not address.is_multicast and str(address) not in RESOLVERS


def is_version(match: re.Match[str]) -> bool:
    """True if four numbers are more likely a version or a section of a text."""
    text, start, end = match.string, match.start(), match.end()
    before = text[max(0, start - 40) : start]
    if _VERSION.search(before) or _VERSION_AFTER.match(text[end : end + 30]):
        return True
    is_small = all(int(part) < SMALL_PART for part in match[0].split("."))
    return is_small and not re.match(r":[0-9]{2,5}\b|/[0-9]{1,2}\b", text[end : end + 6]) and not _MACHINE.search(before + " " + text[end : end + 20])


def is_device(text: str) -> bool:
    """True for the address of one device: not the broadcast's, the empty one, or one of the ranges for examples (RFC 7042)."""
    digits = re.sub(r"[:-]", "", text).lower()
    return len(set(digits)) > 2 and not digits.startswith(("00005e00", "01005e")) and digits != "123456789abc" and digits != "001122334455"
