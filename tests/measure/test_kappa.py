"""Cohen's kappa by hand and against sklearn, and its interval."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from tunesmith.measure import kappa as module
from tunesmith.measure.kappa import kappa, kappa_quantity


def test_examples():
    assert doctest.testmod(module).failed == 0


def test_by_hand_with_grades():
    # squared distances 0, 0, 1, 4 of 4: 5 / 4; by chance, each first grade against each second: (0+1+4+4 + 1+0+1+1 + 4+1+0+0 + 4+1+0+0) / 16 = 22 / 16
    first, second = [1, 2, 3, 3], [1, 2, 2, 1]
    grid = np.array([[(a - b) ** 2 for b in second] for a in first])
    expected = 1 - np.mean([(a - b) ** 2 for a, b in zip(first, second, strict=True)]) / grid.mean()
    assert kappa(first, second, ordered=[1, 2, 3]).value == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=5, max_size=30))
def test_equals_sklearn(pairs):
    first, second = zip(*pairs, strict=True)
    if len({*first, *second}) == 1:
        assert kappa_quantity(first, second).value() == 0.0
        return
    assert kappa_quantity(first, second).value() == pytest.approx(cohen_kappa_score(first, second))
    graded = cohen_kappa_score(first, second, weights="quadratic", labels=[1, 2, 3, 4])
    assert kappa_quantity(first, second, [1, 2, 3, 4]).value() == pytest.approx(graded)


def test_one_label_only_is_no_agreement_beyond_chance():
    assert kappa(["good"] * 40, ["good"] * 40).value == 0.0


def test_perfect_agreement_and_perfect_disagreement():
    assert kappa(["a", "b"] * 20, ["a", "b"] * 20).value == pytest.approx(1.0)
    assert kappa(["a", "b"] * 20, ["b", "a"] * 20).value == pytest.approx(-1.0)


def test_the_interval_holds_the_truth_and_narrows():
    generator = np.random.default_rng(0)

    def judged(n: int) -> tuple[list[int], list[int]]:
        truth = generator.integers(0, 2, n)
        return truth.tolist(), np.where(generator.random(n) < 0.85, truth, 1 - truth).tolist()  # kappa 0.7

    few, many = kappa(*judged(60)), kappa(*judged(1000))
    assert few.low < 0.7 < few.high
    assert many.low < 0.7 < many.high
    assert many.high - many.low < (few.high - few.low) / 2
    assert -1 <= few.low <= few.value <= few.high <= 1


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="2 labels against 1"):
        kappa([1, 2], [1])
    with pytest.raises(ValueError, match="0 is not among the grades"):
        kappa([1, 0], [1, 1], ordered=[1, 2])
