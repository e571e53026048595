"""Slices: what is called worse, how they rank, and how seldom chance is taken for a weakness."""

from __future__ import annotations

import doctest
import random

import pytest
from scipy.stats import fisher_exact

from tunesmith.measure import slices
from tunesmith.measure.slices import Marked, sliced


def marked(score: float, number: int, **marks: str) -> Marked:
    return Marked(score, f"row {number}", marks)


def test_examples() -> None:
    assert doctest.testmod(slices).failed == 0


def test_a_weak_label_is_found() -> None:
    rows = [marked(float(label != "d" or k % 3 == 0), 100 * i + k, label=label) for i, label in enumerate("abcdefgh") for k in range(20)]
    found = sliced(rows, least=5)
    worst = found.slices[0]
    assert (worst.value, worst.outcome, worst.metric.n) == ("d", "worse", 20)
    assert worst.metric.value == pytest.approx(7 / 20)
    assert worst.rest.value == 1.0
    assert worst.p_value == pytest.approx(fisher_exact([[13, 7], [0, 140]])[1])
    assert worst.p_adjusted == pytest.approx(min(1, 8 * worst.p_value))
    assert {one.outcome for one in found.slices[1:]} == {"cannot tell"}


def test_the_smallest_slice_is_not_the_worst_by_luck() -> None:
    # 3 of 6 right beside 30 of 50 right: the raw value of the small slice is lower, its evidence is not
    rows = [marked(float(k < 3), k, label="small") for k in range(6)]
    rows += [marked(float(k < 27), 100 + k, label="large") for k in range(50)]
    rows += [marked(float(k < 85), 200 + 100 * i + k, label=name) for i, name in enumerate(("fine", "good")) for k in range(100)]
    found = sliced(rows, least=5)
    assert [one.value for one in found.slices][:2] == ["large", "small"]
    small = next(one for one in found.slices if one.value == "small")
    assert small.metric.value < next(one for one in found.slices if one.value == "large").metric.value
    assert small.shrunk > small.metric.value


def test_small_slices_are_counted_and_two_halves_are_one_question() -> None:
    rows = [
        marked(float(k % 4 > 0), k, label="rare" if k < 3 else "often" if k < 30 else "other", side="left" if k % 2 else "right") for k in range(60)
    ]
    found = sliced(rows, least=5)
    assert found.too_small == {"label": 1}
    sides = [one for one in found.slices if one.column == "side"]
    assert [one.value for one in sides] == ["right"]  # every fourth row is wrong, and even


def test_graded_scores_are_permuted() -> None:
    luck = random.Random(0)
    rows = [marked(luck.random() * (0.4 if k < 30 else 1.0), k, source="new" if k < 30 else "old", third=str(k % 3)) for k in range(120)]
    found = sliced(rows, least=5)
    worst = found.slices[0]
    assert (worst.column, worst.value, worst.outcome) == ("source", "new", "worse")
    assert worst.metric.method == "bca"
    assert worst.p_value == pytest.approx(1 / 10_001)
    assert sliced(rows, least=5) == found


def test_one_family_of_copies_is_no_weakness() -> None:
    rows = [Marked(0.0, "family", {"label": "a"}) for _ in range(20)] + [
        marked(float(k % 10 > 0), k, label="b" if k % 2 else "c") for k in range(100)
    ]
    found = {one.value: one for one in sliced(rows, least=5).slices}
    assert found["a"].metric.clusters == 1
    assert found["a"].outcome == "cannot tell"


def test_nothing_to_slice() -> None:
    assert sliced([], least=5).slices == ()
    assert sliced([marked(1.0, k, label="only") for k in range(30)], least=5).slices == ()


@pytest.mark.parametrize("clustered", [False, True])
def test_chance_is_seldom_called_a_weakness(clustered: bool) -> None:
    luck, alarms, runs = random.Random(2), 0, 120
    for _ in range(runs):
        rows = []
        for k in range(200 if not clustered else 60):
            score = float(luck.random() < 0.85)
            label = str(luck.randrange(12 if not clustered else 6))
            rows += [Marked(score, f"c{k}", {"label": label})] * (1 if not clustered else luck.randrange(1, 5))
        alarms += any(one.outcome != "cannot tell" for one in sliced(rows, least=5).slices)
    assert alarms / runs <= 0.09  # at most 5 %, and 2 standard errors
