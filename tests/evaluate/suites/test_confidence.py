"""Confidence against correctness: honest, overconfident, and where being right means nothing."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from tests.evaluate.suites.scripted import answered, data, material, row
from tunesmith.evaluate.suites import confidence as module
from tunesmith.evaluate.suites.confidence import by_chance, calibrated, expected_error, sentence_of
from tunesmith.evaluate.suites.judging import judge_of
from tunesmith.evaluate.suites.material import Material
from tunesmith.measure.calibration import calibration
from tunesmith.spec.report import Metric
from tunesmith.spec.suite import Calibrated

DATASET = data()


def made(sure: np.ndarray, right: np.ndarray, size: int = 1) -> Material:
    """Rows with these confidences, `size` after one another in a cluster."""
    rows = [
        answered(row(k, f"q {k}", "card", cluster=str(k // size) if size > 1 else None), "card" if hit else "pin", DATASET, float(c))
        for k, (c, hit) in enumerate(zip(sure, right, strict=True))
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
    alone = [str(k) for k in range(2000)]
    assert by_chance(generator.random(50), 0, alone[:50]) > by_chance(generator.random(2000), 0, alone) > 0


def test_copies_of_a_question_are_one_proof() -> None:
    sure = np.full(600, 0.9)
    pairs = [str(k // 10) for k in range(600)]
    assert by_chance(sure, 0, pairs) == pytest.approx(
        np.quantile(np.abs(np.random.default_rng(1).binomial(60, 0.9, 20_000) / 60 - 0.9), 0.95), abs=0.01
    )


def test_a_calibrated_model_with_copied_questions_is_seldom_called_anything_else() -> None:
    generator = np.random.default_rng(0)
    called = 0
    for _ in range(40):
        sure = np.repeat(generator.uniform(0.5, 1.0, 60), 10)
        found = suite(made(sure, np.repeat(generator.random(60), 10) < sure, size=10))
        called += "it is" in found.sentence.partition("over ten bins")[2]
    assert called <= 2


def test_an_interval_that_reaches_into_chance_calls_nobody_anything() -> None:
    share = Metric(value=0.12, low=0.04, high=0.2, n=100, method="bootstrap")
    found = Calibrated(split="test", rows=100, expected_error=share, by_chance=0.1, confidence=0.9, accuracy=share, bars=(), auroc=None, sentence="")
    assert sentence_of(found).endswith("and by chance it would be under 10.0 %: too close to tell.")
    assert "too sure" in sentence_of(found.model_copy(update={"expected_error": share.model_copy(update={"low": 0.11})}))


def test_reasons() -> None:
    none = made(np.array([0.5]), np.array([True]))
    bare = Material(DATASET, "d", "exact_match", (), (), (), [one.model_copy(update={"confidence": None}) for one in none.answers])
    assert calibrated(bare, judge_of(bare)) == "no answer carries a confidence"
    dataset = data("summarise", (), None)
    dev = [row(k, f"text {k}", f"a short summary of what is said in text {k}") for k in range(60)]
    far = material(dataset, dev, {one.id: "other words altogether" for one in dev}, metric="rouge_l")
    far = Material(dataset, "d", "rouge_l", (), dev, [one.model_copy(update={"confidence": 0.5}) for one in far.dev_answers])
    assert calibrated(far, judge_of(far)) == "only 0.0 % of the answers come so close to their reference that they could be called right"
