"""Confidence against correctness: honest, overconfident, and where being right means nothing."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from tests.evaluate.suites.scripted import answered, data, material, row
from tunesmith.evaluate.suites import confidence as module
from tunesmith.evaluate.suites.confidence import by_chance, calibrated, expected_error
from tunesmith.evaluate.suites.judging import judge_of
from tunesmith.evaluate.suites.material import Material
from tunesmith.measure.calibration import calibration
from tunesmith.spec.suite import Calibrated

DATASET = data()


def made(sure: np.ndarray, right: np.ndarray) -> Material:
    rows = [
        answered(row(k, f"q {k}", "card"), "card" if hit else "pin", DATASET, float(c)) for k, (c, hit) in enumerate(zip(sure, right, strict=True))
    ]
    return Material(DATASET, "d", "exact_match", (), (), (), rows)


def suite(found: Material) -> Calibrated:
    made = calibrated(found, judge_of(found))
    assert isinstance(made, Calibrated)
    return made


def test_examples() -> None:
    assert doctest.testmod(module).failed == 0


def test_an_honest_confidence() -> None:
    generator = np.random.default_rng(0)
    sure = generator.uniform(0.3, 1.0, 600)
    found = suite(made(sure, generator.random(600) < sure))
    assert found.expected_error.value <= found.by_chance
    assert "no more than chance gives" in found.sentence
    assert found.rows == sum(bar.rows for bar in found.bars) == 600
    assert found.auroc is not None
    assert 0.6 < found.auroc.value < 0.9


def test_too_sure() -> None:
    generator = np.random.default_rng(0)
    sure = generator.uniform(0.8, 1.0, 400)
    found = suite(made(sure, generator.random(400) < 0.6))
    assert found.expected_error.value == pytest.approx(0.3, abs=0.05)
    assert found.expected_error.low > found.by_chance
    assert "it is too sure" in found.sentence


def test_the_error_is_that_of_measure() -> None:
    generator = np.random.default_rng(3)
    sure, right = generator.random(200), generator.random(200) < 0.5
    rows = made(sure, right).answers
    found = calibration(rows)
    assert found is not None
    assert expected_error(sure, right) == pytest.approx(found.expected_error)


def test_chance_shrinks_with_rows() -> None:
    generator = np.random.default_rng(0)
    assert by_chance(generator.random(50), 0) > by_chance(generator.random(2000), 0) > 0


def test_reasons() -> None:
    none = made(np.array([0.5]), np.array([True]))
    bare = Material(DATASET, "d", "exact_match", (), (), (), [one.model_copy(update={"confidence": None}) for one in none.answers])
    assert calibrated(bare, judge_of(bare)) == "no answer carries a confidence"
    dataset = data("summarise", (), None)
    dev = [row(k, f"text {k}", f"a short summary of what is said in text {k}") for k in range(60)]
    far = material(dataset, dev, {one.id: "other words altogether" for one in dev}, metric="rouge_l")
    far = Material(dataset, "d", "rouge_l", (), dev, [one.model_copy(update={"confidence": 0.5}) for one in far.dev_answers])
    assert calibrated(far, judge_of(far)) == "only 0.0 % of the answers come so close to their reference that they could be called right"
