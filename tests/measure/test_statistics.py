"""Intervals and tests against tables, scipy, plain references, and simulations with fixed seeds."""

from __future__ import annotations

import doctest
import itertools
import math

import numpy as np
import pytest
from scipy import stats

from tests.waiting import computing
from tunesmith.measure import statistics
from tunesmith.measure.quantities import Array, Quantity, difference_of, mean_of, ratio
from tunesmith.measure.statistics import (
    bca,
    expanded,
    holm,
    independent,
    interval,
    mcnemar_exact,
    mcnemar_mid_p,
    paired_difference,
    paired_permutation,
    quantiles,
    resampled,
    variance_of,
    wilson,
)

ROUNDS = 1_200
"""Simulated studies. Over 4,000 rounds the intervals covered 94.3 % and 94.6 %, and 4.1 % of true nulls were called a difference."""


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(statistics).failed == 0


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 20), (7, 20), (20, 20), (450, 600)])
def test_wilson_equals_scipy(k: int, n: int) -> None:
    expected = stats.binomtest(k, n).proportion_ci(0.95, "wilson")
    assert wilson(k, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_nothing_is_the_whole_range() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("n", "half"), [(100, 0.078), (200, 0.055), (500, 0.035), (1000, 0.025), (2000, 0.018)])
def test_wilson_half_widths_equal_the_table(n: int, half: float) -> None:
    low, high = wilson(0.8 * n, n)
    assert (high - low) / 2 == pytest.approx(half, abs=0.0008)


def test_mcnemar_by_hand_and_by_scipy() -> None:
    assert mcnemar_exact(1, 7) == pytest.approx(2 * (1 + 8) / 256)
    assert mcnemar_exact(0, 0) == 1.0
    assert mcnemar_exact(5, 5) == 1.0
    assert mcnemar_exact(12, 30) == pytest.approx(stats.binomtest(12, 42).pvalue)
    assert mcnemar_exact(60_000, 60_500) == pytest.approx(stats.binomtest(60_000, 120_500).pvalue)


def test_mid_p_by_hand_and_never_above_the_exact_one() -> None:
    assert mcnemar_mid_p(1, 7) == pytest.approx(2 * (1 + 8 / 2) / 256)
    assert mcnemar_mid_p(0, 8) == pytest.approx(2 * (1 / 2) / 256)
    assert (mcnemar_mid_p(0, 0), mcnemar_mid_p(5, 5)) == (1.0, 1.0)
    assert all(mcnemar_mid_p(a, b) <= mcnemar_exact(a, b) for a in range(12) for b in range(12))


def test_few_kinds_of_rows_are_drawn_by_their_number() -> None:
    values = [1.0] * 300 + [0.0] * 100
    found = resampled(mean_of(values), 3)
    assert len(found) == statistics.RESAMPLES
    assert found.mean() == pytest.approx(0.75, abs=0.001)
    assert found.std() == pytest.approx(math.sqrt(0.75 * 0.25 / 400), rel=0.03)
    mixed = interval(mean_of(np.random.default_rng(1).permutation(values)))
    assert (mixed.low, mixed.high) == (interval(mean_of(values)).low, interval(mean_of(values)).high)  # whatever their order


def test_quantiles_of_continuous_values_are_the_usual_ones() -> None:
    values = np.random.default_rng(2).random(10_000)
    assert quantiles(values, [0.025, 0.975]) == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=0.001)


def test_few_units_widen_the_interval_as_students_t_does() -> None:
    assert expanded(0.95, 10) > expanded(0.95, 30) > expanded(0.95, 10_000) == pytest.approx(0.95, abs=0.0001)
    assert independent(None, 7) == 7
    assert independent("aabbcc", 3) == pytest.approx(3)
    assert independent("aaaab", 2) == 2.0


def test_an_interval_over_clusters_reaches_as_far_as_students_t_and_stays_where_values_can_be() -> None:
    generator = np.random.default_rng(8)
    groups = [str(k // 4) for k in range(120)]
    values = np.clip(np.repeat(generator.beta(8, 0.3, 30), 4), 0, 1)
    found = interval(mean_of(values), groups=groups)
    means = values.reshape(30, 4).mean(axis=1)
    half = stats.t.ppf(0.975, 29) * means.std(ddof=1) / math.sqrt(30)
    assert found.low <= found.value - half + 1e-12
    assert min(1.0, found.value + half) <= found.high <= 1.0


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def by_all_signs(first: list[float], second: list[float]) -> float:
    """The exact paired permutation test, spelt out."""
    differences = [a - b for a, b in zip(first, second, strict=True)]
    sums = [abs(sum(s * d for s, d in zip(signs, differences, strict=True))) for signs in itertools.product((1, -1), repeat=len(first))]
    return sum(total >= abs(sum(differences)) - 1e-9 for total in sums) / len(sums)


def test_small_permutation_tests_are_exact() -> None:
    first, second = [0.9, 0.4, 0.75, 0.3, 0.6, 0.5, 0.8], [0.5, 0.45, 0.25, 0.3, 0.1, 0.2, 0.85]
    assert paired_permutation(mean_of(first), mean_of(second)) == pytest.approx(by_all_signs(first, second))


def test_large_permutation_tests_agree_with_the_normal_approximation_and_are_never_zero() -> None:
    generator = np.random.default_rng(3)
    first = generator.random(300)
    second = first + generator.normal(0.02, 0.15, 300)
    p = paired_permutation(mean_of(first), mean_of(second))
    assert p == pytest.approx(stats.ttest_rel(first, second).pvalue, abs=0.01)
    assert paired_permutation(mean_of(np.zeros(300)), mean_of(np.ones(300))) == pytest.approx(1 / 10_001)
    assert paired_permutation(mean_of([1.0, 1.0]), mean_of([1.0, 1.0])) == 1.0


def test_permutation_of_right_and_wrong_agrees_with_mcnemar() -> None:
    first, second = [1.0] * 10 + [0.0] * 3 + [1.0] * 50, [0.0] * 10 + [1.0] * 3 + [1.0] * 50
    assert paired_permutation(mean_of(first), mean_of(second)) == pytest.approx(mcnemar_exact(10, 3))


def test_bca_equals_scipy() -> None:
    values = np.random.default_rng(5).beta(0.5, 2, 80)
    expected = stats.bootstrap((values,), np.mean, n_resamples=10_000, method="BCa", random_state=np.random.default_rng(1)).confidence_interval
    found = bca(mean_of(values))
    assert found is not None
    assert found == pytest.approx((expected.low, expected.high), abs=0.004)  # interval width 0.11, noise of 10,000 resamples


def test_bca_of_a_ratio_equals_scipy() -> None:
    generator = np.random.default_rng(6)
    tokens = generator.integers(1, 60, 70).astype(float)
    nll = tokens * generator.gamma(4, 0.3, 70)
    rows = Quantity(np.stack([nll, tokens], axis=1), ratio, 0, math.inf)

    def by_scipy(a: Array, b: Array, axis: int = -1) -> Array:
        return np.asarray(a.sum(axis=axis) / b.sum(axis=axis))

    expected = stats.bootstrap((nll, tokens), by_scipy, paired=True, n_resamples=10_000, method="BCa", random_state=np.random.default_rng(1))
    found = interval(rows)
    width = found.high - found.low
    assert (found.low, found.high) == pytest.approx((expected.confidence_interval.low, expected.confidence_interval.high), abs=width * 0.05)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another_one() -> None:
    quantity = mean_of(np.random.default_rng(0).random(50))
    assert bca(quantity, seed=7) == bca(quantity, seed=7) != bca(quantity, seed=8)


def test_rows_that_all_agree_never_give_zero_width() -> None:
    ones = interval(mean_of([1.0] * 30))
    assert (ones.method, ones.high) == ("wilson", 1.0)
    assert ones.low == pytest.approx(wilson(30, 30)[0])
    same = paired_difference(mean_of([0.4] * 30), mean_of([0.4] * 30))
    assert same.value == 0
    assert same.low == pytest.approx(-wilson(0, 30)[1])
    assert same.high == pytest.approx(wilson(0, 30)[1])


@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_handful_of_rows_gives_the_whole_range(n: int) -> None:
    found = interval(mean_of([0.2, 0.9, 0.4, 0.6][:n]))
    assert (found.low, found.high, found.n, found.method) == (0.0, 1.0, n, "bounds")


def test_groups_are_drawn_whole() -> None:
    generator = np.random.default_rng(2)
    groups = np.repeat(np.arange(40), 10)
    values = np.clip(np.repeat(generator.random(40), 10) + generator.normal(0, 0.01, 400), 0, 1)
    naive, clustered = interval(mean_of(values)), interval(mean_of(values), groups=list(groups))
    assert clustered.value == naive.value
    assert clustered.n == 400
    # rows of a group are all but equal, so the width is that of 40 rows: √10 ≈ 3.2 times the naive one
    assert (clustered.high - clustered.low) / (naive.high - naive.low) == pytest.approx(math.sqrt(10), rel=0.1)


def test_variance_of_a_mean_is_the_sample_variance() -> None:
    values = np.random.default_rng(4).random(57)
    assert variance_of(mean_of(values)) == pytest.approx(values.var(ddof=1))
    assert variance_of(mean_of([0.5] * 20)) == pytest.approx(wilson(0, 20)[1])
    assert variance_of(mean_of([0.5])) == 1.0


def test_chunks_do_not_change_what_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    quantity = mean_of(np.random.default_rng(0).random(60))
    whole = resampled(quantity, 3)
    monkeypatch.setattr(statistics, "CHUNK", 60 * 7)
    assert np.allclose(resampled(quantity, 3), whole, rtol=0, atol=1e-12)


def test_many_rows_do_not_take_long() -> None:
    with computing(60):
        found = interval(mean_of(np.random.default_rng(0).random(40_000)))
    assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(1 / 12 / 40_000), rel=0.1)


@pytest.fixture
def fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """499 instead of 10,000: the simulations ask about coverage, not about the last digit."""
    monkeypatch.setattr(statistics, "RESAMPLES", 499)


@pytest.mark.usefixtures("fewer_resamples")
def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    generator = np.random.default_rng(11)
    covered = {"skewed mean": 0, "paired difference": 0}
    for _ in range(ROUNDS):
        mean = interval(mean_of(generator.beta(0.6, 1.8, 120)))  # true mean 0.25
        covered["skewed mean"] += mean.low <= 0.25 <= mean.high
        hard = generator.random(200)  # the same row is hard for both: answers are correlated
        first, second = (hard < 0.7).astype(float), ((hard < 0.5) | (generator.random(200) < 0.2)).astype(float)
        found = paired_difference(mean_of(first), mean_of(second))  # true difference 0.7 − (0.5 + 0.5 × 0.2) = 0.1
        covered["paired difference"] += found.low <= 0.1 <= found.high
    assert all(0.93 <= count / ROUNDS <= 0.97 for count in covered.values()), covered


def test_wilson_covers_the_truth_as_often_as_it_says() -> None:
    hits = np.random.default_rng(12).binomial(300, 0.82, 4_000)
    covered = np.mean([low <= 0.82 <= high for low, high in (wilson(int(k), 300) for k in hits)])
    assert 0.93 <= covered <= 0.97


@pytest.mark.usefixtures("fewer_resamples")
def test_equal_candidates_are_called_different_at_most_as_often_as_agreed() -> None:
    generator = np.random.default_rng(13)
    false_alarms = {"mcnemar": 0, "permutation": 0, "interval and test": 0}
    for _ in range(ROUNDS):
        first, second = generator.random((2, 150)) < 0.7
        exact = mcnemar_exact(int((first & ~second).sum()), int((second & ~first).sum()))
        mine, theirs = mean_of(generator.beta(0.6, 1.8, 150)), mean_of(generator.beta(0.6, 1.8, 150))
        p = paired_permutation(mine, theirs, resamples=499)
        found = paired_difference(mine, theirs)
        false_alarms["mcnemar"] += exact < 0.05
        false_alarms["permutation"] += p < 0.05
        false_alarms["interval and test"] += p < 0.05 and not found.low <= 0 <= found.high
    rates = {name: count / ROUNDS for name, count in false_alarms.items()}
    assert rates["mcnemar"] <= 0.05, rates
    noise = 2 * math.sqrt(0.05 * 0.95 / ROUNDS)  # the permutation test is exact, 5 % in truth: 1,200 rounds show it to within 1.3 points
    assert rates["permutation"] == pytest.approx(0.05, abs=noise), rates
    assert rates["interval and test"] <= min(rates["permutation"], 0.05 + noise), rates  # what "better" needs


def test_a_difference_of_quantities_ranges_from_minus_to_plus() -> None:
    difference = difference_of(mean_of([1.0, 0.0]), mean_of([0.0, 0.0]))
    assert (difference.value(), difference.low, difference.high) == (0.5, -1.0, 1.0)
