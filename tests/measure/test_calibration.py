"""Confidence against correctness, by hand and against sklearn."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from sklearn.metrics import roc_auc_score

from tunesmith.measure.calibration import Bin, Point, calibration, risk_coverage
from tunesmith.spec.report import Scored

Row = Callable[..., Scored]


def rows_of(scored: Row, pairs: list[tuple[float | None, bool]]) -> list[Scored]:
    return [scored(k, "a", "a" if right else "b", confidence=confidence) for k, (confidence, right) in enumerate(pairs)]


def test_expected_error_by_hand(scored: Row) -> None:
    found = calibration(rows_of(scored, [(0.9, True), (0.8, False), (0.95, True), (0.3, False), (None, True)]), bins=2)
    assert found is not None
    low, high = found.bins
    assert low == Bin(0.0, 0.5, 1, 0.3, 0.0)
    assert (high.rows, high.confidence, high.accuracy) == (3, pytest.approx(2.65 / 3), pytest.approx(2 / 3))
    assert found.rows == 4  # the row without a confidence is not counted
    assert found.expected_error == pytest.approx((1 * 0.3 + 3 * (2.65 / 3 - 2 / 3)) / 4)


def test_the_ends_of_the_range_have_a_bin(scored: Row) -> None:
    found = calibration(rows_of(scored, [(0.0, False), (1.0, True), (0.1, False)]))
    assert found is not None
    assert [(one.low, one.rows) for one in found.bins] == [(0.0, 2), (0.9, 1)]


def test_auroc_equals_sklearn_with_ties(scored: Row) -> None:
    generator = random.Random(0)
    pairs = [(round(c := generator.random(), 1), generator.random() < c) for _ in range(200)]
    found = calibration(rows_of(scored, list(pairs)))
    assert found is not None
    assert found.auroc == pytest.approx(roc_auc_score([right for _, right in pairs], [confidence for confidence, _ in pairs]))


def test_auroc_needs_both_kinds(scored: Row) -> None:
    found = calibration(rows_of(scored, [(0.5, True), (0.7, True)]))
    assert found is not None
    assert found.auroc is None


def test_without_confidence_there_is_nothing_to_say(scored: Row) -> None:
    assert calibration(rows_of(scored, [(None, True)])) is None
    assert risk_coverage(rows_of(scored, [(None, True)])) == ()


def test_risk_coverage_by_hand(scored: Row) -> None:
    found = risk_coverage(rows_of(scored, [(0.9, True), (0.5, False), (0.7, True), (0.7, False)]))
    assert found == (Point(0.25, 0.0, 0.9), Point(0.75, pytest.approx(1 / 3), 0.7), Point(1.0, 0.5, 0.5))
