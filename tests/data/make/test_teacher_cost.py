"""Tokens and money, before and after."""

from __future__ import annotations

import doctest

from tunesmith.answer.remote_reply import approximate_tokens
from tunesmith.data.make import teacher_cost
from tunesmith.data.make.teacher_cost import estimated, money, prompt_tokens, spent
from tunesmith.spec import making_teacher
from tunesmith.spec.chat import Message
from tunesmith.spec.making_teacher import Asked, LocalTeacher, RemoteTeacher

PRICED = RemoteTeacher(base_url="https://x.org/v1", model="m", prompt_price=2.0, answer_price=8.0, currency="EUR")


def test_examples():
    assert doctest.testmod(teacher_cost).failed == 0
    assert doctest.testmod(making_teacher).failed == 0


def test_money_by_hand():
    assert money(PRICED, 1_000_000, 500_000) == 2.0 + 4.0
    assert money(PRICED.model_copy(update={"answer_price": None}), 1_000_000, 500_000) == 2.0
    assert money(PRICED.model_copy(update={"answer_price": None, "prompt_price": None}), 10**9, 10**9) is None
    assert money(LocalTeacher(model="smollm2-135m-instruct"), 10**9, 10**9) is None


def test_what_is_spent():
    found = spent(PRICED, 3, 1000, 100)
    assert (found.requests, found.prompt_tokens, found.answer_tokens, found.cost, found.currency) == (3, 1000, 100, 0.0028, "EUR")


def test_the_estimate_says_it_in_one_line():
    told = estimated(PRICED, 10, 40_000, 6_000, already=2).words()
    assert told == "about 10 requests, 40,000 prompt tokens and 6,000 answer tokens (2 more are answered already): about 0.13 EUR"
    assert "EUR" not in estimated(PRICED.model_copy(update={"prompt_price": None, "answer_price": None}), 10, 40_000, 6_000).words()


def test_tokens_of_prose_are_near_those_of_a_real_vocabulary():
    """SmolLM2 makes about 52 tokens of it (49,152 pieces); larger vocabularies make fewer."""
    text = (
        "The city of Paris is the capital of France. It lies on the river Seine, in the north of the country, and more than two million people live "
        "there. Every year many visitors come to see its museums, its churches and the famous Eiffel Tower."
    )
    assert 50 <= approximate_tokens(text) <= 70
    assert prompt_tokens(Asked(messages=(Message(role="user", content=text),))) == approximate_tokens(text) + 4
