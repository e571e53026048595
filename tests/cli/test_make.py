"""What is asked of a teacher is agreed upon before, and an interrupted making can be given again word by word."""

from __future__ import annotations

import pytest

from tunesmith.cli import make as making
from tunesmith.cli.make import COMMANDS, a_teacher, is_free, spoken
from tunesmith.errors import BadProject
from tunesmith.spec.making_teacher import Estimate, LocalTeacher

NO_PRICE = Estimate(requests=9, already_answered=0, prompt_tokens=9, answer_tokens=9, cost=None, currency="USD", method="")
TEACHER = ["--teacher-url", "https://api.example.org/v1", "--teacher-model", "big"]


def teacher(url="https://api.example.org/v1", **more):
    return a_teacher(url, "big", None, None, **more)


@pytest.mark.parametrize(
    "words",
    [
        ["questions", "docs", "--out", "o.jsonl", "--no-topics", "--system", "Be brief."],
        ["questions", "a.md", "b.md", "--out", "o.jsonl", "--per-section", "2", "--rows", "r.csv", "--seed", "3", "-y", *TEACHER],
        ["questions", "a.md", "--out", "o.jsonl", *TEACHER, "--teacher-key", "KEY", "--prompt-price", "1", "--answer-price", "0", "--budget", "2"],
        ["questions", "a.md", "--out", "o.jsonl", "--teacher-local", "tiny"],
        ["conversations", "t.csv", "--out", "o.jsonl", "--agent", "@acme.com", "--agent", "eve", "--gap-minutes", "5", "--thread", "id"],
        ["corpus", "docs", "--out", "o.jsonl", "--tokens", "64", "--no-headings", "--force"],
        ["outside", "a.csv", "--out", "o.jsonl", "--refusal", "oos", "--label", "label", "--own-name", "Acme", "--encoder", "mini", "--only-made"],
        ["paraphrases", "a.csv", "--out", "o.jsonl", "--per-row", "2", "--balance-to", "9", "--strength", "strong", "--delimiter", ";"],
    ],
)
def test_an_order_is_said_as_it_was_given(cli, monkeypatch, words):
    orders = []
    monkeypatch.setattr(making, "carry", lambda order, files, **more: orders.append((order, files, more)))
    cli("data", "make", *words)
    order, files, more = orders[0]
    cli("data", "make", COMMANDS.get(order.kind, order.kind), *files, *spoken(order, yes=more.get("yes", False)))
    assert orders[0] == orders[1]


def test_a_budget_holds_or_is_refused():
    with pytest.raises(BadProject, match="tokens have a price"):
        teacher(budget=5.0)
    with pytest.raises(BadProject, match="tokens have a price"):
        teacher(budget=0.0, prompt_price=1.0, answer_price=1.0)
    assert teacher(budget=5.0, prompt_price=0.0, answer_price=1.0).budget == 5.0


def test_a_teacher_elsewhere_without_a_price_is_not_taken_for_free():
    assert not is_free(teacher(), NO_PRICE)
    assert is_free(teacher("http://127.0.0.1:8000/v1"), NO_PRICE)
    assert is_free(LocalTeacher(model="tiny"), NO_PRICE)
    assert is_free(teacher(), NO_PRICE.model_copy(update={"cost": 0.0}))
    assert not is_free(teacher(), NO_PRICE.model_copy(update={"cost": 0.1}))
