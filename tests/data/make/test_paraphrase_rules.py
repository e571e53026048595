"""Each rule by example: what it makes, and where it leaves a text alone."""

from __future__ import annotations

import doctest
import random

import pytest

from tunesmith.data.make import paraphrase_rules
from tunesmith.data.make.paraphrase_rules import contraction, frame, order, phrase, politeness
from tunesmith.data.make.paraphrase_words import english, ordinary_words


def every(rule, text):
    """All that a rule makes of a text."""
    return {rule(text, random.Random(seed)) for seed in range(400)}


def test_examples():
    assert doctest.testmod(paraphrase_rules).failed == 0


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("I am waiting.", {"I'm waiting."}), ("i am waiting", {"i'm waiting"}), ("What is it for?", {"What's it for?"}), ("I do not know, I am new", {"I don't know, I am new", "I do not know, I'm new"}),
        ("I can't pay", {"I cannot pay"}), ("It won't work", {"It will not work"}), ("That's my card", {"That is my card"}), ("where's my card", {"where is my card"}),
        ("Why don't I see it?", {None}), ("Isn't the card here?", {None}), ("What's happened to it?", {None}), ("He's been here", {None}), ("Yes, I am.", {None}),
        ("Tell me who she is", {None}), ("The cannot-do list", {None}), ("I don’t see", {"I do not see"}),
    ],
)  # fmt: skip
def test_contractions(text, made):
    assert made == every(contraction, text)


@pytest.mark.parametrize(
    ("text", "expected", "never"),
    [
        ("How do I reset my PIN?", "What do I need to do to reset my PIN?", "How do I reset my PIN?"), ("how to reset my pin", "how can i reset my pin", None),
        ("Can I pay in cash?", "Is it possible to pay in cash?", None), ("Is it possible for me to pay in cash?", "Can I pay in cash?", None),
        ("Do you ship to Norway?", "I would like to know if you ship to Norway.", None), ("I want to close my account.", "I'd like to close my account.", None),
        ("I need to close it", "I have to close it", None), ("Can you send me a form?", "Could you please send me a form?", None), ("What is the fee?", "Can you tell me what the fee is?", None),
        ("Where is my card", "Do you know where my card is", None), ("What's my limit?", "I would like to know what my limit is.", None),
        ("I would like to pay, how do I do that?", "How can I pay?", None), ("How do I pay? Thanks!", "How can I pay?", None),
    ],
)  # fmt: skip
def test_frames(text, expected, never):
    made = every(frame, text)
    assert expected in made
    assert never not in made
    assert text not in made


@pytest.mark.parametrize(
    "text",
    [
        "Why was I charged?", "What is my card doing?", "What is wrong with my card?", "What is the card used for?", "Where is the card that I ordered?", "Can I?", "Can you swim?",
        "Was it you?", "How do I pay. And how much?", "What are you", "My card is lost", "Can I not pay?", "",
    ],
)  # fmt: skip
def test_frames_leave_alone_what_they_do_not_know(text):
    assert every(frame, text) == {None}


def test_politeness_is_put_on_and_taken_off():
    made = every(politeness, "Where is my card?")
    assert {"Hi, where is my card?", "Where is my card? Thank you!", "Can you help me with this? Where is my card?"} <= made
    assert every(politeness, "Hello, where is my card?") == {"Where is my card?"}
    assert every(politeness, "please block my card") == {"block my card"}
    assert every(politeness, "Where is my card? Thanks!") == {"Where is my card?"}
    assert "Hi, Revolut charged me twice." in every(politeness, "Revolut charged me twice."), "a name keeps its capital"
    assert all(one == one.lower() for one in every(politeness, "where is my card"))
    assert every(politeness, "Hi!") != {""}


def test_phrases():
    assert every(phrase, "I need it right now.") == {"I need it at the moment.", "I need it at present."}
    assert every(phrase, "Maybe it is lost") == {"Perhaps it is lost"}
    assert every(phrase, "Where can I buy it?") == {"Where can I purchase it?"}
    assert every(phrase, "My purchase is lost") == {None}, "the other way round it could be a noun"
    assert every(phrase, "unremarkable") == {None}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("What do I do if my card is lost?", "If my card is lost, what do I do?"), ("If my card is lost, what do I do?", "What do I do if my card is lost?"),
        ("Is there a fee when I pay abroad?", "When I pay abroad, is there a fee?"), ("When I pay abroad, is there a fee?", "Is there a fee when I pay abroad?"),
        ("what happens after i close my account", "after i close my account, what happens"), ("My card is lost. What do I do?", "What do I do? My card is lost."),
        ("Can you tell me if I can pay?", None), ("I want to know when my card arrives.", None), ("How do I check if it works?", None), ("What if I lose it?", None),
        ("I lost my card. Can you block it?", None), ("Is it open if needed?", None), ("I wonder if the card is lost", None), ("My card, if I may say so, is lost.", None),
        ("Ask me before you close it, please.", None),
    ],
)  # fmt: skip
def test_order(text, made):
    assert every(order, text) == {made}


def test_the_shipped_file_is_sound():
    table = english()
    for one in table.frames:
        for form, pattern in zip(one.forms, one.patterns, strict=True):
            filled = form.replace("{x}", "send it back").replace("{np}", "the fee")
            assert pattern.match(filled), form
    assert all(phrase not in others for phrase, others in table.phrases.items())
    assert all(phrase == phrase.lower() for phrase in table.phrases)
    assert {"my", "account", "weather"} <= ordinary_words()
    assert not {"netflix", "london", "adele", "amazon"} & ordinary_words()
