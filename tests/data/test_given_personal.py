"""Personal data: what is found, what only looks like it, and that no text makes it slow."""

from __future__ import annotations

import time

import pytest

from tunesmith.data.given_personal import IBAN_LENGTHS, KINDS, iban_fits, kinds_in, luhn_fits, personal_data
from tunesmith.spec.chat import Conversation, FunctionCall, Message, ToolCall
from tunesmith.spec.dataset import Origin, Record


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("e-mail address", "a@b.de"),
        ("e-mail address", "Write to <jane.doe+x@mail.example.co.uk>."),
        ("phone number", "call +49 (0)30 1234567"),
        ("phone number", "+14155552671"),
        ("phone number", "0044 1632 960961"),
        ("phone number", "(415) 555-2671"),
        ("phone number", "1-415-555-2671"),
        ("phone number", "Tel: 089 / 12 34 56 78"),
        ("phone number", "tel.:030/1234567"),
        ("IBAN", "DE89370400440532013000"),
        ("IBAN", "to GB29 NWBK 6016 1331 9268 19 BIC NWBKGB2L"),
        ("IBAN", "NO93 8601 1117 947,"),
        ("IBAN", "DE89 3704 0044 0532 0130 00"),
        ("payment card", "4111 1111 1111 1111"),
        ("payment card", "5500-0000-0000-0004"),
        ("payment card", "378282246310005"),
        ("payment card", "30569309025904"),
        ("IP address", "from 93.184.216.34:"),
        ("IP address", "192.168.178.20."),
        ("IP address", "2001:db8::8a2e:370:7334"),
        ("API key", "sk-proj-abcdefghijklmnopqrstuvwx"),
        ("API key", "AKIAIOSFODNN7EXAMPLE"),
        ("API key", "token=ghp_" + "a1" * 18),
        ("API key", "-----BEGIN RSA PRIVATE KEY-----"),
        ("API key", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijklmnop"),
    ],
)
def test_found(kind, text):
    assert [kind] == kinds_in(text)
    assert [kind] == kinds_in(f"before {text} after")


@pytest.mark.parametrize(
    "text",
    [
        "", "@user", "foo@bar", "a @ b.de", "x@.com", "3.14159265358979", "1,234,567.89", "on 2024-05-06 12:30:45", "12.05.2023", "1712345678901", "555-1234",
        "ISBN 978-3-16-148410-0", "0000000000000000", "4111 1111 1111 1112", "order 1234 5678 9012 3456", "DE88370400440532013000", "ZZ89370400440532013000",
        "DE8937040044053201300", "v1.2.3.4", "version 1.2.3.4", "10.0.0.256", "1.2.3.4.5", "127.0.0.1", "0.0.0.0", "255.255.255.0", "std::vector", "12:30:45", "::1",
        "sk-learn", "sk-", "risk-free-and-very-long-words-in-here", "task_list", "eyJ.eyJ.x", "00123456789",
    ],
)  # fmt: skip
def test_not_found(text):
    assert kinds_in(text) == []
    assert kinds_in(f"before {text} after") == []


def test_what_stands_behind_an_account_is_found_as_well():
    text = "DE89 3704 0044 0532 0130 00 GB29NWBK60161331926819 +49 30 1234567 4111 1111 1111 1111 5500 0000 0000 0004"
    assert kinds_in(text) == ["phone number", "IBAN", "payment card"]
    assert kinds_in("IBAN DE89370400440532013000 A 030 1234567") == ["phone number", "IBAN"]


def test_every_wrong_digit_is_seen():
    iban, card = "DE89370400440532013000", "4012888888881881"
    assert iban_fits(iban)
    assert luhn_fits(card)
    for at in range(2, len(iban)):
        assert not iban_fits(iban[:at] + str((int(iban[at]) + 1) % 10) + iban[at + 1 :])
    for at in range(len(card)):
        assert not luhn_fits(card[:at] + str((int(card[at]) + 1) % 10) + card[at + 1 :])


def test_the_lengths_are_those_of_the_standard():
    assert (IBAN_LENGTHS["DE"], min(IBAN_LENGTHS.values()), max(IBAN_LENGTHS.values()) + 1) == (22, 15, 33)
    assert all(len(country) == 2 and country.isupper() for country in IBAN_LENGTHS)


def row(answer: Message, rejected: str | None = None) -> Record:
    turns = (Message(role="user", content="x"), answer)
    bad = None if rejected is None else (Message(role="assistant", content=rejected),)
    return Record(id="0" * 16, conversation=Conversation(messages=turns), rejected=bad, origin=Origin(file="f", line=1))


def test_rows_are_numbered_by_kind():
    call = ToolCall(id="c", function=FunctionCall(name="f", arguments='{"to": "a@b.de"}'))
    rows = [
        row(Message(role="assistant", content="nothing")),
        row(Message(role="assistant", tool_calls=(call,))),
        row(Message(role="assistant", content="8.8.8.8 and a@b.de"), "DE89370400440532013000"),
    ]
    found = personal_data(rows)
    assert found == {"e-mail address": [2, 3], "IBAN": [3], "IP address": [3]}
    assert [kind for kind in KINDS if kind in found] == list(found)
    assert personal_data([]) == {}


@pytest.mark.parametrize(
    "text", ["1", "1 ", "a@", "@a.", "+1", "(0", "sk-", "eyJ", "A1", "AA11", "1.", ":", "1:", "0123 ", "-----BEGIN ", "DE89 ", "4111 ", "a.", "+49 "]
)
def test_no_text_is_slow(text):
    started = time.perf_counter()
    kinds_in(text * (1_000_000 // len(text)))
    assert time.perf_counter() - started < 10, "about a second at worst on an idle machine"
