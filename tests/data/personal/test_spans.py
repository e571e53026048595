"""Personal data and secrets in texts: what is found, what only looks like it, in which order, and that no text makes it slow."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.waiting import computing
from tunesmith.data.personal.masking import masked
from tunesmith.data.personal.spans import KINDS, PLACEHOLDER, Span, kinds_in, spans, without_overlaps

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def said(text):
    return [(span.kind, text[span.start : span.end]) for span in spans(text)]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("email", "jane.doe+x@mail.co.uk"), ("email", "jürgen@müller.de"), ("email", "o'brien@mail.ie"), ("email", "a@b.de"), ("email", "иван@почта.рф"),
        ("email", "jane (at) mail (dot) org"), ("email", "jane[at]mail.org"),
        ("phone", "+49 (0)30 901820"), ("phone", "+14155552671"), ("phone", "(415) 555-2671"), ("phone", "1-415-555-2671"), ("phone", "06 12 34 56 78"), ("phone", "089 / 12 34 56 78"),
        ("phone", "0044 20 8366 1177"), ("phone", "(11) 91234-5678"), ("phone", "090-1234-5678"), ("phone", "8 (912) 345-67-89"), ("phone", "07911 123456"),
        ("iban", "DE89370400440532013000"), ("iban", "GB29 NWBK 6016 1331 9268 19"), ("iban", "NO93 8601 1117 947"), ("iban", "MT84 MALT 0110 0001 2345 MTLC AST0 01S"),
        ("iban", "de89 3704 0044 0532 0130 00"),
        ("card", "4111 1111 1111 1111"), ("card", "5500-0000-0000-0004"), ("card", "378282246310005"), ("card", "3782 822463 10005"), ("card", "4012888888881881"),
        ("ip_address", "93.184.215.14"), ("ip_address", "2a00:1450:4001:81b::200e"),
        ("mac_address", "3c:22:fb:9a:1e:07"), ("mac_address", "3C-22-FB-9A-1E-07"),
    ],
)  # fmt: skip
def test_found(kind, text):
    assert said(text) == [(kind, text)]
    for around in ("before {} after", "“{}”", "x: {}, y", "{}.", "电话{}。"):
        assert (kind, text) in said(around.format(text)), around


@pytest.mark.parametrize(
    "text",
    [
        "", "@user", "foo@bar", "a @ b.de", "x@.com", "me@example.com", "me@mail.example.org", "me@host.local", "logo@2x.png", "git@github.com:a/b.git", "x@w.shape", "look at me (at) home",
        "3.14159265358979", "1,234,567.89", "on 2024-05-06 12:30:45", "12.05.2023", "1712345678901", "555-1234", "ISBN 978-3-16-148410-0", "0000000000000000", "4111 1111 1111 1112",
        "order 1234 5678 9012 3456", "DE88370400440532013000", "ZZ89370400440532013000", "DE8937040044053201300", "v1.2.3.4", "version 1.2.3.4", "10.0.0.256", "1.2.3.4.5", "127.0.0.1",
        "0.0.0.0", "255.255.255.0", "192.168.178.20", "192.0.2.7", "8.8.8.8", "2001:db8::8a2e:370:7334", "std::vector", "abc::def", "12:30:45", "::1", "fe80::1", "sk-learn", "00123456789",
        "(212) 555-0143", "+1 212 555 0143", "+44 7700 900123", "see 3.2.1.4", "ff:ff:ff:ff:ff:ff", "00:00:5e:00:53:af", "4512 rows of 8,192 tokens", "1e-4 + 12345678.25",
        "+49 1", "a+49301234567b", "£1234 567 8901", "x[1234567890123456]", "12/34/5678 90:12", "2 + 2 = 4, 16 - 3 - 4 = <<16-3-4=9>>9",
    ],
)  # fmt: skip
def test_not_found(text):
    assert said(text) == []
    assert said(f"before {text} after") == []


def test_neighbours_are_told_apart():
    text = "DE89 3704 0044 0532 0130 00 GB29NWBK60161331926819 +49 30 901820 4111 1111 1111 1111 5500 0000 0000 0004"
    assert [kind for kind, _ in said(text)] == ["iban", "iban", "phone", "card", "card"]
    assert said("IBAN DE89370400440532013000 A 030 901820, Tel. 030 901821")[0] == ("iban", "DE89370400440532013000")


def test_a_phone_in_a_national_form_needs_a_word_or_a_look():
    assert said("call 030 901820 now") == [("phone", "030 901820")]
    assert said("my card. meter reading 471614.790\ncontactless_not_working") == []
    assert said("Rückruf unter der Telefonnummer 030901820 erbeten") == [("phone", "030901820")]
    assert said("llámame al 612 34 56 78") == [("phone", "612 34 56 78")]
    assert said("номер 030 901820 в списке") == []
    assert said("612 34 56 78") == []


def test_every_wrong_digit_of_a_card_and_an_iban_is_seen():
    for number in ("DE89370400440532013000", "4012888888881881"):
        for at in range(2 if number[0] == "D" else 0, len(number)):
            assert said(number[:at] + str((int(number[at]) + 1) % 10) + number[at + 1 :]) == []


def test_kinds_come_in_their_order():
    assert kinds_in("93.184.215.14 and a@b.de and DE89370400440532013000") == ["email", "iban", "ip_address"]
    assert kinds_in("nothing") == []
    assert all(PLACEHOLDER.fullmatch(f"[{sort.mark}_12]") for sort in KINDS.values())


def test_of_overlapping_spans_the_first_and_longest_stays():
    spans_ = [Span("a", 3, 5), Span("b", 0, 4), Span("c", 3, 9), Span("d", 9, 10)]
    assert without_overlaps(spans_) == [Span("b", 0, 4), Span("d", 9, 10)]


@given(TEXTS)
def test_spans_lie_in_order_and_apart(text):
    found = spans(text)
    assert all(0 <= span.start < span.end <= len(text) and span.kind in KINDS for span in found)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))


def test_masked():
    assert masked("Eve: eve@mail.org, SSN 536-90-4399") == "Eve: [EMAIL], SSN [NATIONAL_ID]"
    assert masked(masked("call +49 30 901820")) == "call [PHONE]"


@pytest.mark.parametrize(
    "text",
    [
        "1", "1 ", "a@", "@a.", "+1", "(0", "sk-", "eyJ", "A1", "AA11", "1.", ":", "1:", "0123 ", "-----BEGIN PRIVATE KEY-----", "DE89 ", "4111 ", "a.", "+49 ", "password=", "https://a:b@", "1-",
        "(1)", "A1B2C3D4 ", "[EMAIL_1]", "key is ", "a (at) b", "2001:", "aa:", "030 1234567 tel ", "secret token key ",
    ],
)  # fmt: skip
def test_no_text_is_slow(text):
    with computing(30):  # about a second at worst on an idle machine
        kinds_in(text * (200_000 // len(text)))
