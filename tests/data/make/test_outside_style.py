"""A shipped question is written as the user's are."""

from __future__ import annotations

import doctest
import random

from hypothesis import given
from hypothesis import strategies as st

from tests.data.make.rows_of import bank
from tunesmith.data.make import outside_style
from tunesmith.data.make.outside_pool import shipped_questions
from tunesmith.data.make.outside_style import LEAST_ENGLISH, Style, in_style, style_of


def test_examples():
    assert doctest.testmod(outside_style).failed == 0


def test_how_questions_are_written():
    questions = [row.conversation.messages[0].content for row in bank()]
    assert style_of(questions) == Style(lower=0, marked=1, english=1)
    assert style_of(["where is my card", "Card lost.", "karte verloren"]).lower == 2 / 3
    assert style_of([]) == Style(0, 0, 0)
    german = ["Wo ist meine Karte?", "Karte verloren", "Ich will mein Konto auflösen", "Warum wird Geld abgebucht?"]
    assert style_of(german).english < LEAST_ENGLISH


@given(st.sampled_from([one.text for one in shipped_questions()]), st.integers(0, 99))
def test_the_words_stay(text, seed):
    for style in (Style(1, 0, 1), Style(0, 1, 1), Style(0.5, 0.5, 1)):
        made = in_style(text, style, random.Random(seed))
        assert made.lower().strip(" .?!…") == text.lower().strip(" .?!…")
    assert in_style(text, Style(1, 0, 1), random.Random(seed)).islower()
    marked = in_style(text, Style(0, 1, 1), random.Random(seed))
    assert marked[0] == marked[0].upper()
    assert marked[-1] in ".?!…'\""


def test_over_many_questions_the_shares_are_the_users():
    rng = random.Random(0)
    made = [in_style(one.text, Style(lower=0.3, marked=0.6, english=1), rng) for one in shipped_questions()]
    found = style_of(made)
    assert abs(found.lower - 0.3) < 0.06
    assert abs(found.marked - 0.6) < 0.06
