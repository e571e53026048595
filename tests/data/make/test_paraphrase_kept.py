"""Numbers, names and negations are seen wherever they stand."""

from __future__ import annotations

import doctest

import pytest

from tunesmith.data.make import paraphrase_kept
from tunesmith.data.make.paraphrase_kept import kept, names, negations, numbers


def test_examples():
    assert doctest.testmod(paraphrase_kept).failed == 0


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("send 30 euros", "send 300 euros"), ("three cards", "two cards"), ("at 10:30", "at 10:40"), ("on 2024-02-29", "on 2024-02-28"), ("I see it", "I don't see it"),
        ("no card", "a card"), ("I never paid", "I paid"), ("I cant pay", "I can pay"), ("card from Anna", "card from Anne"), ("pay with Apple Pay", "pay with apple pay"),
        ("error E15", "error E51"), ("mail a@b.org", "mail a@b.com"), ("use foo_bar", "use foo_baz"), ("my card", "my Visa card"), ("Das geht", "Das geht nicht"),
        ("ohne Karte", "mit Karte"), ("it is 5", "it is 5 5"),
    ],
)  # fmt: skip
def test_what_is_not_kept(text, other):
    assert not kept(text, other)
    assert not kept(other, text)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("I don't see it", "I do not see it"), ("I can't", "I cannot"), ("can not pay", "can't pay"), ("Where is it?", "where is it"), ("My card is lost. Why?", "Why? My card is lost."),
        ("I lost it", "Hi, i lost it"), ("Pay 3.50 to Anna", "please pay Anna's 3.50"), ("Revolut is down.", "Hi, Revolut is down"),
    ],
)  # fmt: skip
def test_what_is_kept(text, other):
    assert kept(text, other)


def test_what_is_seen():
    assert dict(numbers("twice 1,500 and 07/2024")) == {"twice": 1, "1,500": 1, "07/2024": 1}
    assert negations("No, I don't and can not, never without") == 5
    assert set(names("Hello. My name is Bob! Is PayPal, Inc. down? https://x.org/a")) == {"Bob", "PayPal", "Inc", "https://x.org/a"}
    assert set(names("I'm here and I'll stay")) == set()
