"""Numbers and comparisons over several trainings of one recipe."""

from __future__ import annotations

import doctest
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from tunesmith.errors import BadData, NotEnoughData
from tunesmith.measure import seeds
from tunesmith.measure.comparison import comparison, correct
from tunesmith.measure.power import NO_SEEDS, Spread
from tunesmith.measure.quantities import mean_of
from tunesmith.measure.scorers import metric_of
from tunesmith.measure.seeds import compared, holds, metric_over, spread, usual
from tunesmith.spec.report import Scored

Row = Callable[..., Scored]


def rows_of(scored: Row, hits: Sequence[bool]) -> list[Scored]:
    return [scored(k, "yes", "yes" if hit else "no") for k, hit in enumerate(hits)]


@pytest.fixture
def runs(scored: Row) -> Callable[..., list[list[Scored]]]:
    def make(*shares: float, n: int = 200, seed: int = 0) -> list[list[Scored]]:
        generator = np.random.default_rng(seed)
        hard = generator.random(n)
        return [rows_of(scored, list(hard + generator.normal(0, 0.1, n) < share)) for share in shares]

    return make


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(seeds).failed == 0


def test_one_run_each_is_the_comparison_that_it_always_was(runs: Callable[..., list[list[Scored]]]) -> None:
    first, second = runs(0.8, 0.6)
    assert compared("a", [first], "b", [second], "exact_match", confidence=0.95) == comparison(
        "a", first, "b", second, "exact_match", confidence=0.95, seed=0
    )
    assert metric_over("exact_match", [first], confidence=0.95) == metric_of("exact_match", first, confidence=0.95)


def test_the_same_run_twice_says_of_these_weights_what_it_says_once(runs: Callable[..., list[list[Scored]]]) -> None:
    first, second = runs(0.8, 0.6)
    twice = compared("a", [first, first], "b", [second], "exact_match", confidence=0.95, trained=(True, False))
    once = compared("a", [first], "b", [second], "exact_match", confidence=0.95)
    assert twice.of_these == once.difference == once.of_these  # no row more
    other = runs(0.75)[0]
    second_served = compared("a", [other, first], "b", [second], "exact_match", confidence=0.95, trained=(True, False), served=(1, 0))
    assert second_served.of_these == once.difference  # of the weights that would be served, and not of the mean
    assert twice.difference.low < once.difference.low  # they may be alike by luck
    assert (twice.test, once.test) == ("mcnemar mid-p over 2 seeds", "mcnemar mid-p")


def test_fewer_trainings_never_make_a_gain_surer(runs: Callable[..., list[list[Scored]]]) -> None:
    first, second = runs(0.8, 0.7)
    found = [compared("a", [first] * count, "b", [second], "exact_match", confidence=0.95, trained=(True, False)) for count in (1, 2, 3, 5)]
    untrained = compared("a", [first], "b", [second], "exact_match", confidence=0.95)
    p_values, widths, least = zip(
        *((one.p_value, one.difference.high - one.difference.low, one.minimum_detectable) for one in (*found, untrained)), strict=True
    )
    assert list(p_values) == sorted(p_values, reverse=True)
    assert list(widths) == sorted(widths, reverse=True)
    assert list(least) == sorted(least, reverse=True)
    assert [one.seeds for one in (*found, untrained)] == [1, 2, 3, 5, 0]
    assert found[0].test == "mcnemar mid-p over 1 seed"


def test_what_the_seeds_hide_no_rows_settle(runs: Callable[..., list[list[Scored]]]) -> None:
    first, second = runs(0.8, 0.775, n=2_000, seed=3)
    alone = compared("a", [first], "b", [second], "exact_match", confidence=0.95)
    assert 0 < alone.difference.value < 0.04
    (rows,) = correct([alone])
    (one,) = correct([compared("a", [first], "b", [second], "exact_match", confidence=0.95, trained=(True, False))])
    assert one.outcome == "cannot tell"
    assert (one.rows_to_settle, rows.outcome) == (None, "better")
    assert one.seeds_to_settle is None or 1 < one.seeds_to_settle <= 10
    wide = compared("a", runs(0.8, seed=4), "b", runs(0.74, seed=5), "exact_match", confidence=0.95, trained=(True, False))
    assert wide.row_variance > 0
    assert wide.seed_variance == pytest.approx(usual("exact_match", 0.77) ** 2, rel=0.2)


def test_the_mean_of_the_seeds_is_judged_and_their_spread_widens_it(runs: Callable[..., list[list[Scored]]]) -> None:
    high, low, other = runs(0.85, 0.75, 0.6)
    both = compared("a", [high, low], "b", [other], "exact_match", confidence=0.95, trained=(True, False))
    alone = [compared("a", [run], "b", [other], "exact_match", confidence=0.95) for run in (high, low)]
    assert both.difference.value == pytest.approx(sum(one.difference.value for one in alone) / 2)
    widths = [one.difference.high - one.difference.low for one in (both, *alone)]
    assert widths[0] > max(widths[1:])
    assert both.minimum_detectable > max(one.minimum_detectable for one in alone)
    found = metric_over("exact_match", [high, low], confidence=0.95)
    assert found is not None
    assert (found.n, found.method) == (200, "bca over seeds")
    assert found.low < found.value < found.high


def test_rows_may_stand_in_any_order_but_have_to_be_the_same(runs: Callable[..., list[list[Scored]]]) -> None:
    high, low, other = runs(0.85, 0.75, 0.6)
    shuffled = compared("a", [high, low[::-1]], "b", [other[::-1]], "exact_match", confidence=0.95)
    assert shuffled == compared("a", [high, low], "b", [other], "exact_match", confidence=0.95)
    with pytest.raises(BadData, match="were answered by"):
        compared("a", [high, low[:-1]], "b", [other], "exact_match", confidence=0.95)


def test_a_metric_without_rows_is_refused_or_absent(runs: Callable[..., list[list[Scored]]]) -> None:
    high, low, other = runs(0.85, 0.75, 0.6)
    assert metric_over("perplexity", [high, low], confidence=0.95) is None
    with pytest.raises(NotEnoughData, match="perplexity cannot be compared"):
        compared("a", [high, low], "b", [other], "perplexity", confidence=0.95)


@pytest.mark.parametrize("metric", ["exact_match", "macro_f1"])
def test_metrics_over_the_whole_corpus_are_averaged_too(runs: Callable[..., list[list[Scored]]], metric: str) -> None:
    first, second = runs(0.85, 0.75)
    whole = metric_over(metric, [first, second], confidence=0.95)  # type: ignore[arg-type]
    each = [metric_of(metric, run, confidence=0.95) for run in (first, second)]  # type: ignore[arg-type]
    assert whole is not None
    assert whole.value == pytest.approx(sum(one.value for one in each if one) / 2, abs=0.005)


def test_a_gain_holds_only_where_every_seed_has_it(runs: Callable[..., list[list[Scored]]]) -> None:
    high, low, other = runs(0.95, 0.5, 0.6, n=2_000)
    (clear,) = correct([compared("a", [high, high], "b", [other], "exact_match", confidence=0.95)])
    assert clear.outcome == "better"
    assert holds(clear, [high, high], [other])
    assert not holds(clear, [high, low], [other])
    (loss,) = correct([compared("b", [other], "a", [high, high], "exact_match", confidence=0.95)])
    assert loss.outcome == "worse"
    assert holds(loss, [other], [high, high])
    assert not holds(loss, [other], [high, low])


def test_spread_is_the_squared_standard_error_of_the_mean_and_what_is_usual_counts_as_two_seeds() -> None:
    assert spread(by=0.02) == NO_SEEDS
    assert spread([0.8], by=0.02) == Spread(0.02**2, 8.0)
    found = spread([0.7, 0.8, 0.9], by=0.02)
    assert found.believed == pytest.approx((2 * 0.02**2 + 2 * 0.01) / 4 / 3)
    assert 2 < found.freedom < 2.5  # nearly all of it was measured, by three seeds
    alike = spread([0.8, 0.8], by=0.02)
    assert alike.believed == pytest.approx(2 / 3 * 0.02**2 / 2)
    assert alike.freedom == pytest.approx(8)  # nothing of it was
    both = spread([0.7, 0.8, 0.9], [0.8, 0.8], by=0.02)
    assert both.believed == pytest.approx(found.believed + alike.believed)
    assert found.freedom < both.freedom < 8


def test_seeds_usually_move_less_near_the_ends_of_the_scale() -> None:
    assert usual("accuracy", 0.8) == pytest.approx(0.02)
    assert usual("accuracy", 0.2) == pytest.approx(0.02)
    assert usual("accuracy", 1.0) == usual("accuracy", 0.98) > 0.005
    assert usual("perplexity", 20.0) == pytest.approx(0.4)


def test_a_p_value_that_has_run_out_of_digits_is_softened_too(scored: Row) -> None:
    sure, never = (rows_of(scored, [hit] * 1200) for hit in (True, False))
    found = compared("a", [sure, sure], "b", [never], "exact_match", confidence=0.95, trained=(True, False))  # all for one side: mid-p is 0
    assert 0 <= found.p_value < 1e-6


def test_averages_are_row_by_row() -> None:
    found = seeds.averaged([mean_of([1.0, 0.0]), mean_of([0.0, 0.0])])
    assert found.columns.tolist() == [[0.5, 1.0], [0.0, 1.0]]
