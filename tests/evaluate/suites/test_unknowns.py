"""Questions about things that do not exist: each rule by example, and what must never be exchanged."""

from __future__ import annotations

import re

import pytest

from tests.evaluate.suites.scripted import row
from tunesmith.evaluate.suites.unknowns import RULES, Domain, domain_of, unknowns
from tunesmith.measure.text import words
from tunesmith.spec.dataset import Record
from tunesmith.spec.suite import SuiteLimits

TRAIN = [
    row(100, "Where is my card?", "In the post to you."),
    row(101, "Block my card, please", "Done."),
    row(102, "my card is lost", "Order a new one."),
    row(103, "Does it work with Lufthansa miles?", "Yes, also with Lufthansa Cargo."),
    row(104, "Can I pay with Lufthansa points?", "No."),
    row(105, "What does os.path.join do, and `len`?", "It joins. See e.g. the manual of Python 3.11."),
    row(106, "what is my_account_id for?", "It names the account."),
]
DOMAIN = domain_of(TRAIN, [])


def made(kind: str, question: str, domain: Domain = DOMAIN) -> tuple[str, str, str] | None:
    return RULES[kind](question, domain, "key")  # type: ignore[index]


@pytest.mark.parametrize(
    ("kind", "question", "replaced", "shape"),
    [
        ("thing", "How do I block my card?", "card", r"How do I block my [a-z]+\?"),
        ("thing", "my card is lost, block my card", "card", r"my ([a-z]+) is lost, block my \1"),
        ("name", "Do you know Lufthansa well?", "Lufthansa", r"Do you know [A-Z][a-z]+ well\?"),
        ("identifier", "What does os.path.join do?", "os.path.join", r"What does os\.path\.[a-z]+ do\?"),
        ("identifier", "What is `len` good for?", "len", r"What is `[a-z]+` good for\?"),
        ("identifier", "what is my_account_id", "my_account_id", r"what is [a-z]+_[a-z]+_[a-z]+"),
        ("number", "What changed in Python 3.11?", "Python 3.11", r"What changed in Python \d+\.\d+\?"),
    ],
)
def test_a_known_thing_becomes_an_invented_one(kind: str, question: str, replaced: str, shape: str) -> None:
    found = made(kind, question)
    assert found is not None
    assert found[1] == replaced
    assert re.fullmatch(shape, found[0]), found[0]
    assert found[0] != question


@pytest.mark.parametrize(
    ("kind", "question"),
    [
        ("thing", "Where is my parcel?"),  # not of the domain
        ("thing", "Put my card into my car"),  # two things
        ("name", "Lufthansa flies?"),  # a sentence's first word may be any word
        ("name", "Do you work on Monday?"),
        ("name", "Do you fly with Ryanair?"),  # unknown already
        ("identifier", "See e.g. this"),
        ("identifier", "What is sys.exit?"),
        ("number", "Send 3.11 pounds"),
        ("number", "In Python 3.12?"),  # not said in training
    ],
)
def test_what_is_left_alone(kind: str, question: str) -> None:
    assert made(kind, question) is None


def test_plurals_stay_plurals() -> None:
    many = domain_of([row(k, f"{k}: where are my cards", "here") for k in range(3)], [])
    found = made("thing", "where are my cards", many)
    assert found is not None
    assert found[2].endswith("s")


def rows() -> list[Record]:
    return [row(k, f"How do I {verb} my card with Lufthansa and os.path.join?", "So.") for k, verb in enumerate(("block", "pay", "order", "find"))]


def test_invented_words_stand_nowhere() -> None:
    said = {word for one in [*TRAIN, *rows()] for message in one.conversation.messages for word in words(message.content or "")}  # type: ignore[union-attr]
    for one in unknowns(rows(), TRAIN, SuiteLimits()):
        assert not set(words(one.invented.split(".")[-1])) & said
        assert one.invented in one.question
        assert one.parent in {other.id for other in rows()}


def test_limits_kinds_and_order() -> None:
    limits = SuiteLimits(unknown_questions=5, unknown_per_row=2)
    found = unknowns(rows(), TRAIN, limits)
    assert len(found) == 5
    assert max([one.parent for one in found].count(name) for name in {one.parent for one in found}) == 2
    assert {one.kind for one in found} == {"identifier", "name"}
    assert unknowns(rows()[::-1], TRAIN, limits) == found
    assert unknowns(rows(), TRAIN, SuiteLimits(seed=1, unknown_questions=5)) != found


def test_nothing_known_nothing_made() -> None:
    assert unknowns(rows(), [], SuiteLimits()) == []
    assert unknowns([], TRAIN, SuiteLimits()) == []
