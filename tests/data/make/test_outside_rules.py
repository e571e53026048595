"""Near misses by rule: good English, about something else, and without a word of the user's own."""

from __future__ import annotations

import doctest
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.make.rows_of import FRAMES, THINGS
from tunesmith.data.make import outside_rules
from tunesmith.data.make.outside_pool import near_miss_words
from tunesmith.data.make.outside_rules import by_attribute, by_false_premise, by_name, by_slot, slot_of, things, vocabulary, with_article

NOBODY = vocabulary([])
SLOTS = {"card": ["library"], "account": ["Instagram"], "policy": ["immigration"], "PIN": ["alarm system"]}


def rng():
    return random.Random(1)


def test_examples():
    assert doctest.testmod(outside_rules).failed == 0


@pytest.mark.parametrize(
    ("question", "made"),
    [
        ("How do I block my card?", "How do I block my library card?"), ("where are my cards", "where are my library cards"), ("Is this policy valid?", "Is this immigration policy valid?"),
        ("I need an account", "I need an Instagram account"), ("I need a account", "I need an Instagram account"), ("Two new policies, please.", "Two new immigration policies, please."), ("Move my card to my account", None), ("Why did your machine keep my card?", None), ("Can I get one of your cards?", "Can I get one of your library cards?"),
        ("My card is lost. What now?", None),
        ("My PIN is wrong", "My alarm system PIN is wrong"), ("card lost", None), ("Give me a virtual card", None), ("I want to account for it", None), ("my cardboard", None),
    ],
)  # fmt: skip
def test_another_thing_of_the_same_name(question, made):
    assert made == by_slot(question, SLOTS, NOBODY, rng())


def test_a_word_of_the_users_own_is_never_put_in():
    assert by_slot("How do I block my card?", SLOTS, vocabulary(["our library is open"]), rng()) is None
    assert by_slot("How do I block my card?", {"card": ["gift", "SIM"]}, vocabulary(["Gift cards"]), rng()) == "How do I block my SIM card?"
    words = near_miss_words()
    own = vocabulary([" ".join(words.things), " ".join(words.places)])
    assert list(by_false_premise(["card"], own, words, rng())) == []


@pytest.mark.parametrize(
    ("question", "made"),
    [
        ("What are your fees?", "What are IKEA's fees?"), ("Do you deliver abroad?", "Does IKEA deliver abroad?"), ("are you open today", "is IKEA open today"),
        ("How do I close my Acme account?", "How do I close my IKEA account?"), ("Does acme Pay work?", "Does IKEA work?"), ("Where is my card?", None), ("Can you tell me more?", None),
        ("thanks for your help", None), ("Do you know why?", None), ("Do you guys ship abroad?", "Does IKEA ship abroad?"), ("How old do you have to be?", None), ("Why did you cancel my payment?", None),
        ("Will your card work when you move?", None), ("Do you charge a fee? I hope not.", None),
    ],
)  # fmt: skip
def test_another_company(question, made):
    assert made == by_name(question, ("Acme", "Acme Pay"), ["IKEA"], rng())


def test_a_name_that_owns_already_owns_once():
    assert by_name("What are your fees?", (), ["McDonald's"], rng()) == "What are McDonald's fees?"


def test_how_do_you_asks_nobody_in_particular():
    assert by_name("How do you Top Up on the apple watch?", (), ["Deliveroo"], rng()) is None
    assert by_name("How are your fees set, and do you publish them?", (), ["IKEA"], rng()) == "How are IKEA's fees set, and does IKEA publish them?"


def test_no_name_left_no_question():
    assert by_name("What are your fees?", (), [], rng()) is None


def test_what_the_questions_are_about():
    questions = [frame.format(thing.lower()) for frame in FRAMES for thing in THINGS]
    assert set(things(questions)) == {thing.lower() for thing in THINGS}, "plurals (`fees`) fit no frame"
    assert things(["my card", "my card", "my dog is here"]) == [], "three times at least"
    assert things(["my fault"] * 5) == []


def test_attributes_and_false_premises_name_the_thing():
    words = near_miss_words()
    made = list(by_attribute(["card", "account"], ("Acme",), words))
    assert len(made) == 2 * len(words.attributes) + len(words.attributes_of_names)
    assert len({text for text, _ in made}) == len(made)
    for text, thing in [*made, *by_false_premise(["card", "account"], NOBODY, words, rng())]:
        assert thing in text or "{" not in text
        assert "{" not in text
        assert " a a" not in text
        assert " an c" not in text
    assert "an account" in " ".join(text for text, _ in made)


@given(st.sampled_from(FRAMES), st.sampled_from(THINGS), st.integers(0, 50))
def test_the_question_stays_but_for_what_is_put_in(frame, thing, seed):
    question = frame.format(thing)
    made = by_slot(question, near_miss_words().slots, NOBODY, random.Random(seed))
    if made is not None:
        added = [word for word in made.split() if word not in question.split()]
        assert 1 <= len(added) <= 3
        assert [word for word in made.split() if word not in added] == [word for word in question.split() if word not in added]


def test_articles():
    assert with_article("an card, a apple and A hour; Anna has a unit") == "a card, an apple and An hour; Anna has a unit"
    assert slot_of("policies", SLOTS) == "policy"
    assert slot_of("pins", SLOTS) == "PIN"
    assert slot_of("car", SLOTS) is None
