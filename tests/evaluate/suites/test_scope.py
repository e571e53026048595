"""Declining by hand: recall, precision, false refusals, what confidence is worth, and the threshold that follows."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.evaluate.suites.scripted import OUTSIDE, answered, data, material, row
from tunesmith.evaluate.suites.judging import judge_of
from tunesmith.evaluate.suites.material import Material
from tunesmith.evaluate.suites.scope import curve_of, out_of_scope
from tunesmith.measure.calibration import risk_coverage
from tunesmith.spec.candidate import Answer
from tunesmith.spec.report import Scored
from tunesmith.spec.suite import OutOfScope, SuiteLimits

DATASET = data()


def rows_of(pairs: list[tuple[str, str, float | None]], first: int = 0) -> list[Scored]:
    """(reference, answer, confidence) → scored rows."""
    return [answered(row(first + k, f"question {first + k}", wanted), said, DATASET, sure) for k, (wanted, said, sure) in enumerate(pairs)]


def suite(test: list[Scored], dev: list[Scored] | None = None, **more) -> OutOfScope:
    found = Material(DATASET, "d", "exact_match", (), (), dev or [], test, **more)
    made = out_of_scope(found, judge_of(found))
    assert isinstance(made, OutOfScope)
    return made


def test_by_hand() -> None:
    found = suite(
        rows_of(
            [
                ("card", "card", 0.9),
                ("card", "pin", 0.6),
                ("pin", OUTSIDE, 0.7),
                ("pin", "pin", 0.8),
                (OUTSIDE, OUTSIDE, 0.5),
                (OUTSIDE, "card", 0.95),
                (OUTSIDE, OUTSIDE, 0.4),
            ]
        )
    )
    assert found.recall is not None
    assert found.precision is not None
    assert (found.recall.value, found.precision.value, found.false_refusals.value) == (pytest.approx(2 / 3), pytest.approx(2 / 3), 1 / 4)
    assert found.known_by == {"fixed": 3}
    # right: 0.9, 0.8, 0.5, 0.4; wrong: 0.95, 0.7, 0.6: of 12 pairs right is above wrong in 4 (0.9 and 0.8 over 0.7 and 0.6)
    assert found.auroc is not None
    assert found.auroc.value == pytest.approx(4 / 12)
    # scope: in 0.9, 0.6, 1 − 0.7, 0.8; out 1 − 0.5, 0.95, 1 − 0.4 = 0.6: 0.9 over 2, 0.6 over 1 and half, 0.3 over none, 0.8 over 2
    assert found.auroc_scope is not None
    assert found.auroc_scope.value == pytest.approx(5.5 / 12)
    assert [one.note for one in found.examples] == ["out of scope, and answered", "in scope, and declined"]
    assert "declines 66.7 %" in found.sentence
    assert found.thresholds == ()


def test_a_clean_record_is_no_proof_of_none() -> None:
    found = suite(rows_of([("card", "card", None)] * 60))
    assert found.recall is None
    assert found.auroc is None
    assert found.curve == ()
    assert found.false_refusals.method == "wilson"  # as the metric of that name
    assert "None of the 60 questions in scope is declined (at most 6.0 %)" in found.sentence
    assert "is not known" in found.sentence


def world(seed: int, first: int, n: int = 400) -> list[Scored]:
    """Right answers in scope are surer than answers to questions out of scope, which are declined half of the time."""
    luck, pairs = random.Random(seed), []
    for _ in range(n):
        if luck.random() < 0.25:
            pairs.append((OUTSIDE, OUTSIDE if luck.random() < 0.5 else "card", luck.uniform(0.2, 0.7)))
        else:
            pairs.append(("card", "card" if luck.random() < 0.95 else "pin", luck.uniform(0.5, 1.0)))
    return rows_of(pairs, first)


def test_a_threshold_chosen_on_dev_helps_on_test() -> None:
    found = suite(world(1, 0), world(2, 1000))
    (threshold,) = found.thresholds
    assert threshold.value is not None
    assert 0.5 < threshold.value < 0.53
    assert threshold.promised
    assert threshold.instead == OUTSIDE
    assert threshold.chosen is not None
    assert threshold.chosen.high <= 0.05
    assert threshold.recall is not None
    assert threshold.recall[1].value > threshold.recall[0].value + 0.2
    assert threshold.risk is not None
    assert threshold.risk[1].value < threshold.risk[0].value
    assert threshold.kept in ("yes", "cannot tell")
    assert f"Decline below a confidence of {threshold.value:.3f}" in threshold.sentence
    assert threshold.sentence in found.sentence


def test_serving_applies_it_as_it_was_measured() -> None:
    test = world(1, 0)
    (threshold,) = suite(test, world(2, 1000)).thresholds
    served = [threshold.applied(Answer(text=one.answer, confidence=one.confidence)) for one in test]
    declined = [answer.text == OUTSIDE for one, answer in zip(test, served, strict=True) if not one.out_of_scope]
    assert threshold.checked is not None
    assert sum(declined) / len(declined) == pytest.approx(threshold.checked.value)
    assert threshold.applied(Answer(text="card")).text == "card"  # without a confidence
    silent = threshold.model_copy(update={"instead": None})
    assert silent.applied(Answer(text="card", confidence=0.0)).text == "card"


def test_a_bound_on_risk_where_it_is_wished() -> None:
    found = suite(world(1, 0, 800), world(2, 1000, 800), limits=SuiteLimits(risk=0.15))
    assert [one.bounded for one in found.thresholds] == ["risk", "false refusals"]  # what is wished for is what serving applies
    risk = found.thresholds[0]
    assert risk.value is not None
    assert risk.chosen is not None
    assert risk.chosen.high <= 0.15
    assert risk.checked is not None
    assert risk.checked.value < 0.15


def test_few_rows_promise_nothing_and_it_is_said() -> None:
    (found,) = suite(world(1, 0), world(2, 1000, 12)).thresholds
    assert found.value is not None
    assert not found.promised
    assert "(too few rows to promise at most 5.0 %)" in found.sentence
    assert found.checked is not None


def test_a_candidate_that_declines_too_much_gets_no_threshold() -> None:
    pairs = [("card", OUTSIDE if k % 5 == 0 else "card", 0.5 + k / 400) for k in range(100)]
    (found,) = suite(rows_of(pairs, 500), rows_of(pairs)).thresholds
    assert (found.value, found.kept) == (None, "cannot tell")
    assert found.sentence.startswith(
        "No threshold keeps the share on dev so low that at most 5.0 % of the questions in scope are declined: there it is 20.0 %"
    )


def test_where_any_threshold_is_too_high() -> None:
    pairs = [("card", OUTSIDE if k < 5 else "card", 0.5 if k % 2 else 0.9) for k in range(100)]
    (found,) = suite(rows_of(pairs, 500), rows_of(pairs)).thresholds
    assert found.value == 0
    assert found.sentence.startswith("Without a threshold 5.0 %")


def test_on_dev_alone_a_threshold_is_not_checked() -> None:
    dev = [row(k, f"question {k}", "card") for k in range(200)]
    rows = [answered(one, "card", DATASET, 0.5 + k / 400) for k, one in enumerate(dev)]
    found = Material(DATASET, "d", "exact_match", (), dev, rows)
    made = out_of_scope(found, judge_of(found))
    assert isinstance(made, OutOfScope)
    assert made.split == "dev"
    assert made.thresholds[0].checked is None
    assert made.thresholds[0].kept == "cannot tell"
    assert "Measured on dev" in made.sentence


def test_free_text_declines_in_its_own_words() -> None:
    dataset = data("chat", (), "I cannot say.")
    dev = [row(k, f"q {k}", "I cannot say." if k % 2 else f"It is {k}.") for k in range(10)]
    said = {one.id: "Sorry, I don't know." if k % 2 else f"It is {k}." for k, one in enumerate(dev)}
    found = material(dataset, dev, said, metric="token_f1")
    made = out_of_scope(found, judge_of(found))
    assert isinstance(made, OutOfScope)
    assert made.recall is not None
    assert made.recall.value == 1
    assert made.known_by == {"frame": 5}
    assert made.frames_trusted


def test_curve_is_that_of_measure_and_thinned() -> None:
    generator = np.random.default_rng(0)
    sure = generator.random(300).round(2)
    right = generator.random(300) < sure
    rows = [answered(row(k, "q", "card"), "card" if hit else "pin", DATASET, float(c)) for k, (c, hit) in enumerate(zip(sure, right, strict=True))]
    whole = curve_of(sure, right, 1000)
    assert [(p.threshold, p.coverage, p.risk) for p in whole] == [(p.threshold, p.coverage, p.risk) for p in risk_coverage(rows)]
    thin = curve_of(sure, right, 10)
    assert len(thin) == 10
    assert (thin[0], thin[-1]) == (whole[0], whole[-1])


def test_nothing_in_scope_nothing_to_say() -> None:
    found = Material(DATASET, "d", "exact_match", (), (), [], rows_of([(OUTSIDE, OUTSIDE, 0.5)]))
    assert out_of_scope(found, judge_of(found)) == "no test row in scope was answered"
