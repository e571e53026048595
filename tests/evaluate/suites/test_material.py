"""Rows that are chosen, and questions that are put in another's place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests import tiny
from tests.evaluate.suites.scripted import OUTSIDE, data, material, row
from tunesmith.evaluate.refusals import reference_of
from tunesmith.evaluate.suites.material import asking, chosen, limits_for
from tunesmith.spec.suite import SuiteLimits

ROWS = [row(k, f"question {k}", "card", cluster=str(k // 3) if k < 9 else None) for k in range(20)]


def test_every_cluster_comes_before_any_comes_twice() -> None:
    found = chosen(ROWS, 14, 0, "x")
    assert len({one.cluster or one.id for one in found}) == 14
    assert len(chosen(ROWS, 16, 0, "x")) == 16
    assert chosen(ROWS, 100, 0, "x") == ROWS


@given(st.integers(0, 25), st.integers(0, 5), st.permutations(ROWS))
def test_the_choice_depends_on_rows_and_seed_alone(limit: int, seed: int, shuffled: list) -> None:
    assert {one.id for one in chosen(ROWS, limit, seed, "x")} == {one.id for one in chosen(shuffled, limit, seed, "x")}


def test_another_purpose_draws_other_rows() -> None:
    assert chosen(ROWS, 5, 0, "x") != chosen(ROWS, 5, 0, "y")


def test_asking_keeps_what_stands_before() -> None:
    talk = tiny.chat("first", "answer", "second", "answer", system="be kind")
    made = asking(talk, "other")
    assert [message.content for message in made.messages] == ["be kind", "first", "answer", "other"]
    assert asking(tiny.chat(system="alone"), "other").messages[-1].content == "other"


def test_what_is_out_of_scope() -> None:
    train = [row(1, "a", "I cannot say", label=OUTSIDE), row(3, "c", OUTSIDE), row(4, "d", "card")]
    found = material(data(), ROWS, train=train)
    assert found.refusals.fixed == OUTSIDE
    assert [found.outside(one) for one in train] == [False, True, False]
    assert (found.split, reference_of(train[2])) == ("dev", "card")
    assert len(found.asked_dev()) == 20


def test_free_answers_are_asked_for_less_often() -> None:
    assert limits_for("route") == SuiteLimits()
    assert limits_for("chat").train_rows < limits_for("route").train_rows
