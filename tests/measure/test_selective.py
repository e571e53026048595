"""Thresholds that keep a promise, and the area under the risk–coverage curve."""

from __future__ import annotations

import doctest
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.measure import selective
from tunesmith.measure.selective import Judged, area, by_false_refusals, by_risk, candidates, outcome_at


def judged(confidence: float, right: bool, *, declined: bool = False, outside: bool = False, cluster: str = "") -> Judged:
    return Judged(confidence, right, declined, outside, cluster or f"{random.random()}")


def test_examples() -> None:
    assert doctest.testmod(selective).failed == 0


def test_outcome_by_hand() -> None:
    rows = [
        judged(0.9, True),
        judged(0.6, False),
        judged(0.4, True),
        judged(0.8, False, declined=True),  # in scope, declined by itself
        judged(0.3, False, outside=True),
        judged(0.7, False, outside=True),
        judged(0.5, True, declined=True, outside=True),
    ]
    before, after = outcome_at(rows, 0.0, 0.95), outcome_at(rows, 0.5, 0.95)
    assert before.false_refusals is not None
    assert after.false_refusals is not None
    assert (before.false_refusals.value, after.false_refusals.value) == (1 / 4, 2 / 4)
    assert before.recall is not None
    assert after.recall is not None
    assert (before.recall.value, after.recall.value) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert before.risk is not None
    assert after.risk is not None
    assert (before.risk.value, after.risk.value) == (pytest.approx(3 / 5), pytest.approx(2 / 3))
    assert (before.coverage.value, after.coverage.value) == (pytest.approx(5 / 7), pytest.approx(3 / 7))


def test_the_highest_threshold_within_the_bound() -> None:
    # 1,000 rows in scope with confidences 0.001 … 1.000: declining 37 of them is 3.7 % [2.7, 5.1], 36 is 3.6 % [2.6, 4.95]
    rows = [judged((k + 1) / 1000, True, cluster=str(k)) for k in range(1000)]
    value = by_false_refusals(rows, 0.05, 0.95)
    assert value is not None
    found = outcome_at(rows, value, 0.95).false_refusals
    higher = outcome_at(rows, value + 0.01, 0.95).false_refusals
    assert found is not None
    assert higher is not None
    assert found.high <= 0.05 < higher.high


def test_a_candidate_that_declines_too_much_already() -> None:
    rows = [judged(0.9, True, declined=k % 5 == 0, cluster=str(k)) for k in range(200)]
    assert by_false_refusals(rows, 0.05, 0.95) is None
    assert by_false_refusals(rows, 0.05, 0.95, sure=False) is None


def test_too_few_rows_promise_nothing() -> None:
    rows = [judged(0.9, True, cluster=str(k)) for k in range(20)]
    assert by_false_refusals(rows, 0.05, 0.95) is None  # 0 of 20 may be 14 %
    assert by_risk(rows, 0.05, 0.95) is None
    assert by_risk(rows, 0.05, 0.95, sure=False) == 0.9


def test_by_the_share_alone_it_is_bolder() -> None:
    rows = [judged((k + 1) / 100, True, cluster=str(k)) for k in range(100)]
    assert by_false_refusals(rows, 0.05, 0.95) == 0.0  # 0 of 100 is at most 3 %, but 1 of 100 may be 5.4 %
    assert by_false_refusals(rows, 0.05, 0.95, sure=False) == 0.06  # five of 100 lie below


def test_the_boldest_threshold_within_a_risk() -> None:
    # above 0.5 everything is right, below it everything is wrong
    rows = [judged((k + 1) / 400, k >= 200, cluster=str(k)) for k in range(400)]
    value = by_risk(rows, 0.05, 0.95)
    assert value is not None
    assert 0.47 < value <= 0.5025
    found = outcome_at(rows, value, 0.95).risk
    assert found is not None
    assert found.high <= 0.05


def test_a_promise_is_kept_on_fresh_rows() -> None:
    luck, broken = random.Random(0), 0
    for _ in range(60):
        dev = [judged(luck.random() ** 0.5, True, cluster=str(k)) for k in range(300)]
        value = by_false_refusals(dev, 0.05, 0.95)
        assert value is not None
        broken += value**2 > 0.05  # of confidences √u a share t² lies below t
    assert broken <= 4  # nominal 2.5 %


def test_many_confidences_are_thinned() -> None:
    rows = [judged(k / 5000, True) for k in range(5000)]
    steps = candidates(rows)
    assert steps[0] == 0
    assert len(steps) <= selective.MOST_CANDIDATES + 1
    assert steps == sorted(steps)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.booleans()), min_size=1, max_size=30))
def test_area_is_the_mean_over_orders_of_ties(pairs: list[tuple[float, bool]]) -> None:
    sure, right = np.array([c for c, _ in pairs]), np.array([r for _, r in pairs])
    found = area(sure, right)
    assert found is not None
    assert 0 <= found <= 1
    assert found == pytest.approx(area(sure[::-1], right[::-1]))
    if right.all():
        assert found == 0


def test_area_of_nothing() -> None:
    assert area(np.array([]), np.array([], dtype=bool)) is None
