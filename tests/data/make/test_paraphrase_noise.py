"""Typing slips, capitals and marks: always small, never in numbers, names or words that say no."""

from __future__ import annotations

import doctest
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.make import paraphrase_noise
from tunesmith.data.make.paraphrase_kept import kept
from tunesmith.data.make.paraphrase_noise import AZERTY, NOISE, QWERTY, QWERTZ, casing, neighbours, punctuation, slip, typo

WORDS = [
    "card",
    "never",
    "account",
    "fourteen",
    "Revolut",
    "E15",
    "3.50",
    "don't",
    "please",
    "iPhone",
    "without",
    "2024-02-29",
    "Apple",
    "transfer",
    "why",
    "a@b.org",
]
TEXTS = st.tuples(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join), st.sampled_from(["", "?", ".", "!"])).map("".join)


def every(rule, text, *more):
    return {rule(text, random.Random(seed), *more) for seed in range(80)}


def test_examples():
    assert doctest.testmod(paraphrase_noise).failed == 0


def test_keyboards():
    for rows in (QWERTY, QWERTZ, AZERTY):
        around = neighbours(rows)
        assert len(around) == 26
        assert all(key in around[other] for key, others in around.items() for other in others), "who is beside whom is mutual"
    assert set(neighbours(QWERTZ)["t"]) == set("rzfg")


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=12), st.integers(0, 99))
def test_a_slip_is_one_letter(word, seed):
    made = slip(word, random.Random(seed))
    assert made[0] == word[0]
    assert abs(len(made) - len(word)) <= 1
    differ = [i for i, (a, b) in enumerate(zip(made, word, strict=False)) if a != b]
    assert len(made) != len(word) or len(differ) <= 2


@given(TEXTS, st.integers(0, 30), st.sampled_from(["en", "de", "fr", "es"]))
def test_numbers_names_and_negations_stay(text, seed, language):
    for rule in NOISE.values():
        made = rule(text, random.Random(seed), language)
        if made is not None:
            assert made != text
            assert kept(text, made), made


def test_typos_touch_ordinary_words_only():
    assert every(typo, "ALL NOT 1234 E15 Revolut") == {None}
    touched = {one for made in every(typo, "pay with revolut or netflix account") - {None} for one in made.split()}
    assert {"revolut", "netflix"} <= touched, "in small letters a name cannot be told: only words that are surely none are touched"
    assert any(word not in "pay with revolut or netflix account" for word in touched)
    assert every(typo, "see https://pages.example/with/words") == {None}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Where is my Visa card? I lost it.", "where is my Visa card? i lost it."), ("where is my card", "Where is my card"), ("Revolut charged me", None),
        ("My iPhone shows E15", "my iPhone shows E15"), ("WHERE IS IT", None), ("1 card", None), ("ok?", "Ok?"), ("Can Anna's card be sent?", "can Anna's card be sent?"),
    ],
)  # fmt: skip
def test_capitals(text, made):
    assert casing(text, random.Random(0)) == made


def test_capitals_in_other_languages_stay_where_they_may_be_names():
    assert casing("Der Brief ist weg", random.Random(0), "de") == "der Brief ist weg"
    assert casing("Zürich liegt am See", random.Random(0), "de") is None


def test_marks():
    assert every(punctuation, "Hello, where is my card?") == {"Hello, where is my card", "Hello, where is my card??", "Hello where is my card?"}
    assert every(punctuation, "where is my card") == {"where is my card?"}
    assert every(punctuation, "I don't know.") == {"I don't know", "I dont know."}
    assert every(punctuation, "It costs 3,50") == {"It costs 3,50."}
    assert every(punctuation, "") == {None}
    assert all(re.sub(r"\W", "", one) == "Helloyou" for one in every(punctuation, "Hello, you!"))
