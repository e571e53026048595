"""Epochs, rows of a step and the learning rate, as they follow from rows and sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.spec.recipe import Budget, Dpo, Recipe
from tunesmith.train.rates import FEWEST_ROWS, USUAL_EPOCHS, USUAL_ROWS, learning_rate, settled


@given(st.integers(1, 100_000), st.booleans())
def test_more_rows_are_passed_no_more_often_and_make_no_fewer_steps(rows, labels):
    (few, _), (more, _) = (settled(Recipe(), n, labels=labels) for n in (rows, 2 * rows))
    assert USUAL_EPOCHS <= more.budget.passes <= few.budget.passes <= 10
    assert FEWEST_ROWS <= few.budget.step_rows <= USUAL_ROWS
    steps = [n * recipe.budget.passes / recipe.budget.step_rows for n, recipe in ((rows, few), (2 * rows, more))]
    assert steps[1] >= 80 or few.budget.step_rows == FEWEST_ROWS


@pytest.mark.parametrize(
    ("budget", "chosen"), [(Budget(epochs=2), ["rows_per_step"]), (Budget(rows_per_step=16), ["epochs"]), (Budget(epochs=1.5, rows_per_step=1), [])]
)
def test_what_is_written_stays(budget, chosen):
    recipe, choices = settled(Recipe(budget=budget), 100, labels=True)
    assert [choice.name for choice in choices] == chosen
    assert budget.epochs in (None, recipe.budget.epochs)
    assert budget.rows_per_step in (None, recipe.budget.rows_per_step)


def test_pairs_are_not_passed_more_often():
    assert settled(Recipe(method=Dpo()), 40, labels=True)[0].budget.epochs == USUAL_EPOCHS


def test_small_steps_have_a_smaller_rate():
    rates = [float(learning_rate(settled(Recipe(), rows, labels=True)[0], 135_000_000).value) for rows in (40, 10_000)]
    assert rates[0] == pytest.approx(rates[1] * (4 / 32) ** 0.5, rel=1e-3)
