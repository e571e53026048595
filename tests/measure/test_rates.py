"""Rates that are never zero, differences of two samples, and rough intervals: by hand and against published numbers."""

from __future__ import annotations

import doctest
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.measure import rates
from tunesmith.measure.rates import distinct, failure_rate, independent, roughness
from tunesmith.measure.scorers import proportion
from tunesmith.spec.report import Metric


def test_examples() -> None:
    assert doctest.testmod(rates).failed == 0


def test_nothing_seen_is_three_in_n() -> None:
    for n in (50, 100, 1000):
        assert failure_rate([0.0] * n, 0.95).high == pytest.approx(3 / n, rel=0.04)  # the rule of thumb, 3 / n, is a little too wide


def test_something_seen_is_wilson() -> None:
    assert failure_rate([1.0, 0.0, 0.0, 0.0], 0.95) == proportion([1.0, 0.0, 0.0, 0.0], 0.95)


def test_clusters_without_failures_count_as_themselves() -> None:
    found = failure_rate([0.0] * 40, 0.95, [str(k // 4) for k in range(40)])
    assert found.clusters == 10
    assert found.high == pytest.approx(1 - 0.05 ** (1 / 10))


def test_difference_is_newcombe_s() -> None:
    # Newcombe 1998, table II, example a: 56/70 − 48/80 = 0.2, method 10 gives 0.0524 to 0.3339
    found = distinct(proportion([1.0] * 56 + [0.0] * 14, 0.95), proportion([1.0] * 48 + [0.0] * 32, 0.95))
    assert (found.value, found.low, found.high) == (pytest.approx(0.2), pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))
    assert (found.n, found.method) == (70, "newcombe")


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_difference_lies_in_its_interval_and_turns_round(n: int, m: int, data: st.DataObject) -> None:
    a, b = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    first, second = proportion([1.0] * a + [0.0] * (n - a), 0.95), proportion([1.0] * b + [0.0] * (m - b), 0.95)
    one, other = distinct(first, second), distinct(second, first)
    assert -1 <= one.low <= one.value <= one.high <= 1
    assert (one.low, one.high) == (pytest.approx(-other.high), pytest.approx(-other.low))


def test_the_interval_holds_the_truth() -> None:
    luck, held = random.Random(0), 0
    for _ in range(2000):
        first = proportion([float(luck.random() < 0.9) for _ in range(120)], 0.95)
        second = proportion([float(luck.random() < 0.8) for _ in range(80)], 0.95)
        found = distinct(first, second)
        held += found.low <= 0.1 <= found.high
    assert 0.93 <= held / 2000 <= 0.97


def test_few_clusters_are_rough() -> None:
    metric = Metric(value=0.5, low=0.4, high=0.6, n=300, method="wilson")
    assert roughness(metric) == ""
    assert roughness(metric.model_copy(update={"clusters": 30})) == ""
    assert "only 29 independent clusters" in roughness(metric.model_copy(update={"clusters": 29}))
    assert (independent(metric), independent(metric.model_copy(update={"clusters": 29}))) == (300, 29)
