"""Placeholders: stable within a data set, never colliding, and redacting twice changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.personal.redact import Placeholders, redact, redact_all, same
from tunesmith.data.personal.spans import MAX_CHARACTERS, spans

PIECES = [
    "eve@mail.org", "Eve@Mail.org", "bob@mail.org", "DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "4012 8888 8888 1881", "+49 30 901820", "0049 30 901820", "536-90-4399",
    "93.184.215.14", "[EMAIL_1]", "[EMAIL_2]", "[PHONE]", "password = Tr0ub4dor&3", "call", "tel.", "BSN", "111222333", "030 901820", " ", ", ", "\n", "x", "1", "-", ".", "(", ")", "@", "+",
    "https://a:Gx7!pqrw2@h.io", "12345678Z", "SSN", "key:", "3c:22:fb:9a:1e:07",
]  # fmt: skip
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.lists(st.sampled_from(PIECES), max_size=10).map(" ".join), st.text(max_size=60)
)


def test_the_same_value_has_the_same_placeholder():
    book = Placeholders()
    assert redact("eve@mail.org, bob@mail.org, EVE@mail.org", book) == ("[EMAIL_1], [EMAIL_2], [EMAIL_1]", ("email",))
    assert redact("bob@mail.org: DE89 3704 0044 0532 0130 00 or DE89370400440532013000", book)[0] == "[EMAIL_2]: [IBAN_1] or [IBAN_1]"
    assert redact("+49 30 901820 or 0049 30/901820 or +49 (0)30 901820", book)[0] == "[PHONE_1] or [PHONE_1] or [PHONE_1]"
    assert len(book) == 4


def test_only_the_kinds_that_are_asked_for():
    assert redact("eve@mail.org, 536-90-4399", Placeholders(), {"us_ssn"}) == ("eve@mail.org, [NATIONAL_ID_1]", ("us_ssn",))
    assert redact("nothing", Placeholders()) == ("nothing", ())


def test_placeholders_that_were_there_do_not_collide():
    book = Placeholders()
    assert redact("[EMAIL_1] is not eve@mail.org", book) == ("[EMAIL_1] is not [EMAIL_2]", ("email",))
    book = Placeholders()
    for text in ("eve@mail.org", "[EMAIL_1], [EMAIL_2]"):
        book.reserve(text)
    assert redact("eve@mail.org", book)[0] == "[EMAIL_3]"


@given(TEXTS)
def test_redacting_twice_changes_nothing(text):
    book = Placeholders()
    once, kinds = redact(text, book)
    assert spans(once) == []
    assert redact(once, book) == (once, ())
    assert redact(once, Placeholders()) == (once, ())
    assert bool(kinds) == (once != text)


@given(TEXTS, st.sampled_from(["email", "phone", "card", "password"]))
def test_one_kind_can_be_redacted_twice_as_well(text, kind):
    once, _ = redact(text, Placeholders(), {kind})
    assert redact(once, Placeholders(), {kind}) == (once, ())


def test_long_texts_are_redacted_to_their_end():
    text = "a line of words\n" * (MAX_CHARACTERS // 16 + 10) + "eve@mail.org"
    made, kinds = redact(text, Placeholders())
    assert made.endswith("[EMAIL_1]")
    assert kinds == ("email",)
    assert len(made) == len(text) - len("eve@mail.org") + len("[EMAIL_1]")


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("email", "jane (at) mail (dot) org", "Jane@mail.org"), ("iban", "DE89 3704", "de89-3704"), ("phone", "+49 30 901820", "004930901820"), ("ip_address", "2a00:0::1", "2a00::1"),
        ("person", "Eve  Adams", "eve adams"), ("us_ssn", "536-90-4399", "536904399"),
    ],
)  # fmt: skip
def test_spellings_of_one_value(kind, one, other):
    assert same(kind, one) == same(kind, other)


def test_secrets_are_compared_as_they_stand():
    assert same("password", "Abc") != same("password", "abc")


def test_a_row_is_redacted_as_a_whole():
    book = Placeholders()
    assert redact_all(["Your NHS number?", "943 476 5919", ""], book) == (["Your NHS number?", "[NATIONAL_ID_1]", ""], ("gb_nhs",))
    assert redact_all(["a\n\0\nb", "eve@mail.org"], book) == (["a\n\0\nb", "[EMAIL_1]"], ("email",))
    assert redact_all([], book) == ([], ())


@given(st.lists(TEXTS, max_size=4))
def test_a_row_keeps_its_texts_apart(texts):
    made, _ = redact_all(texts, Placeholders())
    assert len(made) == len(texts)
    assert redact_all(made, Placeholders())[1] == ()
