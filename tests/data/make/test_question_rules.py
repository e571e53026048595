"""Headings that ask, headings that can be made to ask, and all others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.make.question_rules import as_question, as_statement, bare, from_definition, from_topic


@pytest.mark.parametrize(
    ("heading", "question"),
    [
        ("What is Python?", "What is Python?"),
        ("1.2 What is Python?", "What is Python?"),
        ("1 What is Python?", "What is Python?"),
        ("3) Q2: Can I pay by card?", "Can I pay by card?"),
        ("My program is too slow. How do I speed it up?", "My program is too slow. How do I speed it up?"),
        ("None of my threads seem to run: why?", "None of my threads seem to run: why?"),
        ("How do I delete a file? (And other file questions...)", "How do I delete a file?"),
        ('Is there an equivalent of C\'s "?:" ternary operator?', 'Is there an equivalent of C\'s "?:" ternary operator?'),
        ("“Why so slow?”", "Why so slow?"),
        ("How do you remove multiple items from a list", "How do you remove multiple items from a list?"),
        ("What's the limit", "What's the limit?"),
        ("Can I return a gift", "Can I return a gift?"),
        ("How many books can I borrow", "How many books can I borrow?"),
        ("Wie setze ich mein Passwort zurück?", "Wie setze ich mein Passwort zurück?"),
        ("如何重置密码？", "如何重置密码？"),
        ("Why Python?", "Why Python?"),
        ("__import__('x.y.z') returns <module 'x'>; how do I get z?", "__import__('x.y.z') returns <module 'x'>; how do I get z?"),
    ],
)
def test_what_asks(heading, question):
    assert as_question(heading) == question


@pytest.mark.parametrize(
    "heading",
    [
        "Installation", "Why Python uses colons", "What Python is good at", '"Why is Python Installed on my Computer?" FAQ', "Questions?", "Any questions?",
        "Need help?", "Still have questions?", "Was this page helpful?", "Really?", "Can openers", "Will Smith", "May 2020", "What users say about us",
        "How to install", "What is X? A guide", "Is", "", "?", "What's new?",
    ],
)  # fmt: skip
def test_what_does_not_ask(heading):
    assert as_question(heading) is None


@pytest.mark.parametrize(
    ("heading", "question"),
    [
        ("How to reset your password", "How do I reset my password?"),
        ("How to pay before you leave", "How do you pay before you leave?"),
        ("When to use a spool", "When should I use a spool?"),
        ("Where to find the key", "Where can I find the key?"),
        ("What to do if the light blinks", "What should I do if the light blinks?"),
        ("How the cache works", "How does the cache work?"),
        ("Installing the driver", "How do I install the driver?"),
        ("2. Setting up your account", "How do I set up my account?"),
        ("Logging in to your account", "How do I log in to my account?"),
        ("Cancelling an order", "How do I cancel an order?"),
        ("Change your address", "How do I change my address?"),
        ("Create a new user", "How do I create a new user?"),
    ],
)
def test_topics_whose_grammar_is_certain(heading, question):
    assert from_topic(heading) == question


@pytest.mark.parametrize(
    "heading",
    [
        "Installation", "Shipping costs", "Opening hours", "Working with files", "Return policy", "Getting started", "Building materials", "Overview",
        "Booking", "Understanding the model", "How not to do it", "Note the following", "Order history", "Contact us", "What is this?", "Running costs", "Validating the request and selectively responding",
    ],
)  # fmt: skip
def test_topics_that_stay_topics(heading):
    assert from_topic(heading) is None


@pytest.mark.parametrize(
    ("heading", "sentence", "question"),
    [
        ("Delegation", "Delegation is an object oriented technique.", "What is Delegation?"),
        ("Loyalty card", "A loyalty card is a card that you show.", "What is a loyalty card?"),
        ("Wheels", "Wheels are the packages that pip installs.", "What are Wheels?"),
        ("Prices", "Prices are on the back.", None),
        ("Speed", "Nothing is a problem.", None),
        ("C++ (11)", "C++ (11) is a language.", "What is C++ (11)?"),
    ],
)
def test_definitions(heading, sentence, question):
    assert from_definition(heading, sentence) == question


def test_statements_in_the_first_person():
    assert as_statement("I try to use __spam and I get an error about _SomeClassName__spam.")
    assert as_statement("My class defines __del__ but it is not called when I delete the object.")
    assert as_statement("Our products and services at a glance") is None
    assert as_statement("My account") is None


def test_numbers_and_labels_go_but_not_words():
    assert bare("3 ways to pay") == "3 ways to pay"
    assert bare("Q: Why -22 // 10?") == "Why -22 // 10?"
    assert bare("**FAQ 3: Why?**") == "Why?"


@given(st.text(max_size=400))
def test_any_text_gives_a_question_or_none(text):
    for found in (as_question(text), from_topic(text), from_definition(text, text)):
        assert found is None or found.rstrip('"”»’').endswith(("?", "？", "؟"))
