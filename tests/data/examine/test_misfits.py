"""Answers that were exchanged are found; files about which vectors say nothing are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from tests.data.examine.planted import unit
from tunesmith.answer.losses import AnswerLoss
from tunesmith.data.examine import misfits as module
from tunesmith.data.examine.misfits import DOUBTFUL, FAR, FEWEST, LEAST_NEARER, misfits, robust_z, unhelped

ROWS = 400


def pairs(noise: float = 0.8, seed: int = 0):
    """(questions, answers): each answer near its own question."""
    random = np.random.default_rng(seed)
    questions = unit(random.normal(size=(ROWS, 48)))
    return questions, unit(questions + noise * unit(random.normal(size=(ROWS, 48))) * random.random((ROWS, 1)))


def test_exchanged_answers_are_found_and_no_others():
    questions, answers = pairs()
    swapped = np.arange(0, ROWS, 20)
    answers[swapped] = answers[np.roll(swapped, 1)]
    found = misfits(questions, answers)
    assert set(swapped.tolist()) == set(found.flagged.tolist())
    assert found.z[found.flagged].tolist() == sorted(found.z[found.flagged].tolist())
    assert found.share_nearer[swapped].min() > found.share_nearer[np.setdiff1d(np.arange(ROWS), swapped)].max()
    assert (found.separable > 0.9, found.remark) == (True, "")


def test_sound_pairs_are_left_alone():
    assert len(misfits(*pairs(seed=3)).flagged) == 0


def test_a_doubtful_pair_counts_where_other_answers_are_nearer():
    questions, answers = pairs(noise=2.0, seed=5)
    swapped = np.arange(0, ROWS, 20)
    answers[swapped] = answers[np.roll(swapped, 1)]
    found = misfits(questions, answers)
    doubtful = [row for row in found.flagged.tolist() if found.z[row] > FAR]
    assert doubtful
    assert set(found.flagged.tolist()) <= set(swapped.tolist())
    assert found.z[doubtful].max() <= DOUBTFUL
    assert found.share_nearer[doubtful].min() >= LEAST_NEARER


def test_the_margin_is_against_the_nearest_others_of_both_sides(monkeypatch):
    questions, answers = pairs(seed=1)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 37)
    found = misfits(questions, answers)
    cosines = questions @ answers.T
    own = np.diag(cosines).copy()
    np.fill_diagonal(cosines, -np.inf)
    top = np.sort(cosines, axis=1)[:, -module.NEAREST :].mean(axis=1) + np.sort(cosines.T, axis=1)[:, -module.NEAREST :].mean(axis=1)
    np.testing.assert_allclose(found.z, robust_z(own - top / 2), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.share_nearer, (cosines > own[:, None]).mean(axis=1))


def test_where_answers_are_not_near_their_questions_nothing_is_said():
    questions, _ = pairs()
    answers, _ = pairs(seed=9)
    found = misfits(questions, answers)
    assert len(found.flagged) == 0
    assert "vectors say nothing" in found.remark
    few = misfits(questions[: FEWEST - 1], questions[: FEWEST - 1])
    assert (len(few.flagged), "fewer than" in few.remark) == (0, True)


def test_robust_z_where_nothing_varies():
    assert robust_z(np.ones(5)).tolist() == [0.0] * 5


@pytest.mark.parametrize(("asked", "alone", "tokens", "is_unhelped"), [(10, 30, 10, False), (30, 30, 10, True), (40, 30, 10, True), (0, 0, 0, False)])
def test_an_answer_is_unhelped_where_its_question_saves_nothing(asked, alone, tokens, is_unhelped):
    assert unhelped([AnswerLoss(asked, alone, tokens)]).tolist() == [is_unhelped]
