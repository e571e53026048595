"""A kind of personal data or secret → its name for people, its placeholder, and how it is told from what only looks like it."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """A place in a text; `kind` is a key of `spans.KINDS`."""

    kind: str
    start: int
    end: int


class Sort(NamedTuple):
    """What a kind is called."""

    title: str
    """For people: `e-mail address`."""
    mark: str
    """In placeholders: `EMAIL` of `[EMAIL_1]`."""
    told_by: str
    """What makes a finding sure."""


SECRETS = {
    "private_key": Sort("private key", "PRIVATE_KEY", "the frame of a PEM or PuTTY block and at least 40 characters of key in it"),
    "secret": Sort("API key or token", "SECRET", "its issuer's prefix, length and alphabet, and letters as mixed as chance makes them"),
    "password": Sort("password", "PASSWORD", "what is set as a password or key, or stands before the host of an address, and is mixed like one"),
}
CONTACTS = {
    "email": Sort("e-mail address", "EMAIL", "a name, @ and a domain; the domains reserved for examples do not count"),
    "phone": Sort("phone number", "PHONE", "a layout of phone numbers, and a number that its country's plan has"),
    "iban": Sort("IBAN", "IBAN", "its country's length and the remainder 1 (ISO 13616): 1 of 97 wrong numbers passes"),
    "card": Sort("payment card", "CARD", "a brand's beginning and length and the Luhn sum"),
    "ip_address": Sort("IP address", "IP_ADDRESS", "a public address; private, example and loopback ranges and well-known resolvers do not count"),
    "mac_address": Sort("MAC address", "MAC_ADDRESS", "six pairs of hexadecimal digits; broadcast and example ranges do not count"),
}
NATIONAL_MARK = "NATIONAL_ID"
