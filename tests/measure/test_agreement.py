"""Answers to the same question: agreement, worst of k and sensitivity, by hand and in general."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.measure import agreement as module
from tunesmith.measure.agreement import Versions, agreement, classes, means_the_same, pairwise, sensitivity

SAME = str.__eq__
ANSWERS = st.lists(st.sampled_from("abc"), min_size=1, max_size=7)


def test_examples() -> None:
    assert doctest.testmod(module).failed == 0


def test_by_hand() -> None:
    rows = [
        Versions(("a", "a", "a"), (True, True, True), "1"),
        Versions(("a", "a", "b"), (True, True, False), "2"),
        Versions(("a", "b", "c"), (False, False, False), "3"),
    ]
    found = agreement(rows, SAME, confidence=0.95)
    assert found.agreement.value == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert found.mean.value == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert (found.worst.value, found.worst.method) == (pytest.approx(1 / 3), "wilson")
    assert found.sensitivity.value == pytest.approx((0 + 0.5794 + 1) / 3, abs=1e-4)  # −(2/3 ln 2/3 + 1/3 ln 1/3) / ln 3 = 0.5794


def test_rows_of_a_cluster_count_once() -> None:
    rows = [Versions(("a", "a"), (k % 2 == 0,) * 2, str(k // 10)) for k in range(60)]
    assert agreement(rows, SAME, confidence=0.95).worst.clusters == 6


def test_meaning_and_not_letters() -> None:
    assert means_the_same("generate", "You can reset the PIN in the app.", "you can reset PIN in app")
    assert not means_the_same("generate", "You can reset the PIN in the app.", "Call the branch.")
    assert means_the_same("extract", '{"a": 1, "b": 2}', '{"b": 2, "a": 1}')
    assert not means_the_same("classify", "lost card", "lost cards please")


@given(ANSWERS)
def test_what_always_holds(answers: list[str]) -> None:
    assert 0 <= pairwise(answers, SAME) <= 1
    assert 0 <= sensitivity(answers, SAME) <= 1 + 1e-12
    assert (len(set(answers)) == 1) == (sensitivity(answers, SAME) == 0) == (pairwise(answers, SAME) == 1)
    assert len(set(classes(answers, SAME))) == len(set(answers))
    assert pairwise(answers, SAME) == pytest.approx(pairwise(answers[::-1], SAME))
