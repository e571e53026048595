"""The search over training settings: what comes first, what climbs, when it ends, and that the history alone decides."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.decide.ladder import FAILED, Chosen, Proposal, Run, Search, contenders, propose, recipe_of, rungs, setting_of, sizes, space
from tunesmith.measure.statistics import wilson
from tunesmith.spec.recipe import AdamW, Budget, Full, Lora, Recipe

USUAL = Recipe(budget=Budget(epochs=3, rows_per_step=32))
SEARCH = Search(USUAL, 1e-3, 4000, (0.1, 0.25, 0.5), 9, seed=3)


def lr_of(recipe: Recipe) -> float:
    return recipe.optimiser.lr or 1e-3


def score(recipe: Recipe, share: float, best: float = 3e-4) -> float:
    """A landscape with a best learning rate, mildly better at a rank of 32."""
    weights = recipe.weights
    rank = math.log2(weights.r) if isinstance(weights, Lora) else 4.0
    return 0.9 * share / (share + 0.05) - 0.05 * math.log(lr_of(recipe) / best) ** 2 - 0.005 * (rank - 5) ** 2


def measured(found: Proposal, dev: int = 1000, best: float = 3e-4) -> Run:
    value = min(1.0, max(0.0, score(found.recipe, found.share, best)))
    low, high = wilson(value * dev, dev)
    return Run(found.recipe, found.share, value, min(low, value), max(high, value))


def climb(search: Search, runs: list[Run] | None = None, dev: int = 1000, best: float = 3e-4) -> tuple[list[Run], Chosen]:
    runs = list(runs or [])
    for _ in range(100):
        found = propose(runs, search)
        if isinstance(found, Chosen):
            return runs, found
        assert found is not None
        runs.append(measured(found, dev, best))
    raise AssertionError("the search does not end")


def test_the_recipe_comes_first_and_then_the_rates_that_evidence_names() -> None:
    runs, _ = climb(SEARCH)
    assert runs[0].recipe == USUAL
    assert [run.recipe.optimiser.lr for run in runs[1:3]] == [3e-4, 1e-4]
    assert all(run.share == 0.1 for run in runs[:9])


def test_the_known_winner_is_found() -> None:
    for best in (1e-4, 3e-4):
        _, chosen = climb(SEARCH, best=best)
        assert score(chosen.recipe, 1.0, best) > score(USUAL, 1.0, best) + 0.02
        assert "settings on 50% of the rows" in chosen.reason


def test_a_recipe_that_is_best_stays() -> None:
    _, chosen = climb(SEARCH, best=1e-3)
    assert abs(math.log(lr_of(chosen.recipe) / 1e-3)) < 0.7


def test_a_third_of_them_climbs() -> None:
    runs, _ = climb(replace(SEARCH, trials=9), dev=50)  # wide intervals: nothing falls off by itself
    counts = [sum(run.share == share for run in runs) for share in SEARCH.rungs]
    assert counts == [9, 3, 1]
    best = max(score(run.recipe, 0.1) for run in runs if run.share == 0.1)
    assert max(score(run.recipe, 0.1) for run in runs if run.share == 0.25) == best


def test_what_is_behind_beyond_doubt_does_not_climb() -> None:
    runs, chosen = climb(replace(SEARCH, over=("lr",), trials=3), dev=200_000)
    assert [run.share for run in runs] == [0.1, 0.1, 0.1]  # one is left, and no further rung could change the choice
    assert chosen.recipe.optimiser.lr == 3e-4


def test_pilots_of_the_recipe_count_as_its_runs() -> None:
    pilots = [measured(Proposal(USUAL, share, "")) for share in SEARCH.rungs]
    runs, _ = climb(SEARCH, pilots)
    assert sum(run.recipe == USUAL for run in runs) == 3


def test_other_shares_and_repeated_runs_do_not_disturb() -> None:
    runs, chosen = climb(SEARCH)
    noise = [replace(runs[0], share=0.33), runs[1], replace(runs[2])]
    assert propose([*runs, *noise], SEARCH) == chosen


def test_luck_does_not_beat_the_recipe() -> None:
    other = Recipe(optimiser=AdamW(lr=3e-4), budget=USUAL.budget)
    runs = [Run(USUAL, 1.0, 0.80, 0.72, 0.86), Run(other, 1.0, 0.81, 0.73, 0.87)]
    found = propose(runs, Search(USUAL, 1e-3, 100, (1.0,), 2, over=("lr",)))
    assert isinstance(found, Chosen)
    assert found.recipe == USUAL
    assert "better than the recipe as written by more than chance" in found.reason


def test_nothing_to_gain_ends_the_search() -> None:
    runs = [
        Run(recipe, 0.1, 0.999, 0.99, 1.0)
        for recipe in (USUAL, Recipe(optimiser=AdamW(lr=3e-4), budget=USUAL.budget), Recipe(optimiser=AdamW(lr=1e-4), budget=USUAL.budget))
    ]
    found = propose(runs, replace(SEARCH, rungs=(0.1,)))
    assert isinstance(found, Chosen)
    assert found.recipe == USUAL


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 12), st.randoms(use_true_random=False))
def test_any_part_of_a_history_in_any_order_goes_on_alike(cut: int, shuffle: random.Random) -> None:
    whole, chosen = climb(SEARCH)
    part = whole[: min(cut, len(whole))]
    shuffle.shuffle(part)
    again, other = climb(SEARCH, part)
    assert {(run.recipe.content_digest(), run.share) for run in again} == {(run.recipe.content_digest(), run.share) for run in whole}
    assert other == chosen


def test_only_what_is_asked_for_differs() -> None:
    runs, _ = climb(replace(SEARCH, over=("lr", "rank")))
    for run in runs:
        assert run.recipe.budget == USUAL.budget
        assert run.recipe.optimiser.weight_decay is None
        assert isinstance(run.recipe.weights, Lora)
        assert run.recipe.weights.dropout is None
        assert run.recipe.weights.alpha == 2 * run.recipe.weights.r


def test_without_anything_to_search_the_recipe_is_tried_alone() -> None:
    runs, chosen = climb(replace(SEARCH, over=(), rungs=(0.5,)))
    assert [run.recipe for run in runs] == [USUAL] == [chosen.recipe]


def test_full_fine_tuning_is_searched_only_where_it_is_written() -> None:
    recipe = Recipe(weights=Full(), budget=USUAL.budget)
    search = Search(recipe, 5e-5, 4000, (0.25,), 6)
    runs, _ = climb(search, best=2e-5)
    assert all(isinstance(run.recipe.weights, Full) for run in runs)
    assert set(space(search)) == {"lr", "epochs", "weight_decay"}
    assert all(isinstance(run.recipe.weights, Lora) for run in climb(SEARCH)[0])


@pytest.mark.parametrize("lr", [1e-3, 3e-4])
def test_known_rates_span_three_powers(lr: float) -> None:
    runs, _ = climb(replace(SEARCH, lr=lr, trials=3, rungs=(0.5,)))
    rates = sorted(run.recipe.optimiser.lr or lr for run in runs)
    assert rates[0] <= 1.01e-4
    assert rates[-1] >= 0.9e-3


def test_a_setting_and_its_recipe_belong_together() -> None:
    setting = {"lr": 3e-4, "rank": 5, "epochs": 2, "dropout": 1, "weight_decay": 2}
    recipe = recipe_of(setting, SEARCH)
    assert (recipe.optimiser.lr, recipe.optimiser.weight_decay, recipe.budget.epochs) == (3e-4, 0.1, 2.0)
    assert recipe.weights == Lora(r=32, alpha=64, dropout=0.05)
    assert setting_of(recipe, SEARCH) == setting
    assert setting_of(Recipe(weights=Lora(r=1024), optimiser=AdamW(lr=1.0), budget=USUAL.budget), SEARCH)["rank"] == 6  # outside: at the nearer end


def test_rungs_have_steps_enough() -> None:
    assert rungs(USUAL, 660, (0.1, 0.25, 0.5)) == (0.5,)
    assert rungs(USUAL, 2000, (0.1, 0.25, 0.5)) == (0.25, 0.5)
    assert rungs(USUAL, 100, ()) == (1.0,)
    assert sizes(1, 2) == (1, 1)


def test_contenders_reach_the_best() -> None:
    best, near, far = (Run(Recipe(seed=k, budget=USUAL.budget), 0.5, s, s - 0.03, s + 0.03) for k, s in enumerate((0.9, 0.86, 0.7)))
    assert contenders([far, near, best]) == [near, best]
    assert contenders([]) == []


def fail(found: Proposal) -> Run:
    return Run(found.recipe, found.share, FAILED, FAILED, FAILED)


def test_what_fails_climbs_no_further_and_is_never_chosen() -> None:
    runs: list[Run] = []
    while isinstance(found := propose(runs, SEARCH), Proposal):
        runs.append(fail(found) if lr_of(found.recipe) > 5e-4 else measured(found, best=1e-3))  # the best of them is one that fails
    failed = {run.recipe.content_digest() for run in runs if run.is_failed}
    assert failed
    assert not [run for run in runs if run.share > 0.1 and run.recipe.content_digest() in failed]
    assert found.recipe.content_digest() not in failed


def test_proposals_keep_away_from_what_failed() -> None:
    def rates(breaks: float) -> list[float]:
        runs: list[Run] = []
        while isinstance(found := propose(runs, replace(SEARCH, trials=24, over=("lr",))), Proposal) and found.share == 0.1:
            runs.append(fail(found) if lr_of(found.recipe) > breaks else measured(found, dev=50, best=1e-3))
        return [lr_of(run.recipe) for run in runs[12:]]

    assert sum(rate > 5e-4 for rate in rates(5e-4)) < sum(rate > 5e-4 for rate in rates(1.0))


def test_a_setting_that_fails_on_more_rows_is_not_chosen_for_what_it_did_on_fewer() -> None:
    runs: list[Run] = []
    while isinstance(found := propose(runs, SEARCH), Proposal):
        runs.append(measured(found) if found.share == 0.1 else fail(found))
    failed = {run.recipe.content_digest() for run in runs if run.is_failed}
    assert failed
    assert found.recipe.content_digest() not in failed


def test_where_everything_fails_the_recipe_stays_as_written() -> None:
    runs: list[Run] = []
    while isinstance(found := propose(runs, SEARCH), Proposal):
        runs.append(fail(found))
    assert len(runs) == SEARCH.trials
    assert found == Chosen(USUAL, "no setting was seen to work, so the recipe stays as written")


def test_after_a_full_training_failed_a_gentler_setting_is_chosen() -> None:
    runs, chosen = climb(SEARCH, best=1e-3)
    again = propose(runs, replace(SEARCH, ruined=(chosen.recipe.model_copy(update={"seed": 7}),)))
    assert isinstance(again, Chosen)
    assert lr_of(again.recipe) <= lr_of(chosen.recipe) / 2
