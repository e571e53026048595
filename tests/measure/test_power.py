"""What rows and seeds can show together, and what would settle what they do not."""

from __future__ import annotations

import doctest
import itertools
import math

import numpy as np
import pytest

from tunesmith.measure import power
from tunesmith.measure.power import NO_SEEDS, Spread, minimum_detectable, rows_to_settle, seeds_to_settle, softened, widened
from tunesmith.measure.seeds import spread
from tunesmith.measure.statistics import NORMAL
from tunesmith.spec.report import Metric


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(power).failed == 0


def test_without_seeds_rows_are_counted_by_the_closed_form() -> None:
    for gap, variance, n, family in ((0.02, 0.2, 1000, 1), (0.05, 0.3, 200, 9), (0.011, 0.05, 450, 4)):
        strict = 1 - 0.05 / family
        needed = (NORMAL.inv_cdf(0.5 + strict / 2) + NORMAL.inv_cdf(0.8)) ** 2 * variance / gap**2
        assert rows_to_settle(gap, variance, n, family=family) == math.ceil(needed) - n
    assert rows_to_settle(0.0, 0.2, 100) is None
    assert rows_to_settle(1e-6, 0.2, 100) is None
    assert rows_to_settle(0.1, math.inf, 100) is None
    assert rows_to_settle(0.5, 0.2, 100) == 10  # no less than a tenth more is advised


def test_what_seeds_add_is_not_made_smaller_by_rows() -> None:
    between = Spread(0.0001, 8)
    endless = minimum_detectable(0.2, 10**12, between=between)
    assert endless == pytest.approx((2.3060 + 0.8889) * 0.01, rel=1e-3)  # Student's t with 8 degrees of freedom, 97.5 and 80 %
    assert rows_to_settle(0.99 * endless, 0.2, 1000, between=between) is None
    more = rows_to_settle(1.3 * endless, 0.2, 1000, between=between)
    assert more is not None
    assert minimum_detectable(0.2, 1000 + more, between=between) <= 1.3 * endless < minimum_detectable(0.2, 999 + more, between=between)
    assert more > (rows_to_settle(1.3 * endless, 0.2, 1000) or 1)


@pytest.mark.parametrize("family", [1, 3, 12])
@pytest.mark.parametrize("seeds", [(0.8,), (0.8, 0.8), (0.78, 0.84), (0.7, 0.9), (0.78, 0.8, 0.84)], ids=str)
def test_more_rows_never_make_a_claim_less_sure(seeds: tuple[float, ...], family: int) -> None:
    between, confidence = spread(seeds, by=0.02), 1 - 0.05 / family
    sizes = [int(100 * 1.25**k) for k in range(60)]
    least = [minimum_detectable(0.2, n, confidence=confidence, between=between) for n in sizes]
    assert all(more <= 1.02 * fewer for fewer, more in itertools.pairwise(least))  # the steps between which the least is sought
    halves = [math.sqrt(0.2 / n) * 1.959964 for n in sizes]
    found = [widened(Metric(value=0.5, low=0.5 - half, high=0.5 + half, n=9, method="bca"), between, confidence).high for half in halves]
    assert all(more <= 0.5 + 1.02 * (fewer - 0.5) for fewer, more in itertools.pairwise(found))


def test_few_clusters_are_known_less_well() -> None:
    known = minimum_detectable(0.2, 500)
    assert minimum_detectable(0.2, 500, freedom=19) == pytest.approx(known * (2.0930 + 0.8610) / 2.8016, rel=1e-3)
    whole, freedom = Spread(0.0004, 3).with_rows(0.0004, 19)[0]
    assert (whole, freedom) == (pytest.approx(0.0008), pytest.approx(0.0008**2 / (0.0004**2 / 19 + 0.0004**2 / 3)))


def test_more_trainings_settle_what_more_rows_cannot() -> None:
    between, gap = Spread(0.0004, 8), 0.05
    assert rows_to_settle(gap, 0.1, 2000, between=between) is None
    count = seeds_to_settle(gap, 0.1, 2000, 1, between=between)
    assert count is not None
    assert 1 < count <= 10
    assert seeds_to_settle(0.01, 0.1, 2000, 1, between=between) is None


def test_few_seeds_need_student() -> None:
    found = Metric(value=0.1, low=0.06, high=0.16, n=500, method="bca")
    assert widened(found, NO_SEEDS, 0.95) == found
    wide = widened(found, Spread(0.0004, 2), 0.95)
    assert wide.low < 0.1 - math.hypot(0.04, 1.96 * 0.02)
    assert wide.high - 0.1 > 0.1 - wide.low  # the interval stays lopsided
    assert wide.method == "bca over seeds"


def test_a_p_value_is_softened_by_what_the_seeds_differ() -> None:
    z, difference = 3.0, 0.06  # p = 0.0027: large enough to imply the standard error of its rows
    p = 2 * NORMAL.cdf(-z)
    rows = (difference / z) ** 2
    assert softened(p, difference, rows, NO_SEEDS) == p
    found = softened(p, difference, 0.0, Spread(rows, 1e9))
    assert found == pytest.approx(2 * NORMAL.cdf(-z / math.sqrt(2)))
    assert found < softened(p, difference, 0.0, Spread(rows, 3.0))
    assert (softened(1.0, difference, 1.0, Spread(1, 3)), softened(0.5, 0.0, 1.0, Spread(1, 3))) == (1.0, 0.5)
    assert 0 < softened(0.0, 0.4, 0.0001, Spread(0.0003, 3)) < 0.05
    coarse = softened(0.0001, 0.073, 0.014**2, Spread(0.00013, 4))  # 10,000 exchanges cannot say less, and the rows do
    assert coarse < softened(0.001, 0.073, 0.014**2, Spread(0.00013, 4))


def test_interval_and_test_agree_about_trained_differences() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        z, believed, freedom = generator.uniform(1, 6), generator.uniform(1e-6, 1e-3), generator.uniform(2, 12)
        se = 0.015
        found = widened(
            Metric(value=z * se, low=z * se - 1.959964 * se, high=z * se + 1.959964 * se, n=500, method="bca"), Spread(believed, freedom), 0.95
        )
        assert (found.low > 0) == (softened(2 * NORMAL.cdf(-z), z * se, se**2, Spread(believed, freedom)) < 0.05)


@pytest.mark.parametrize(("n", "expected"), [(100, 0.125), (200, 0.089), (500, 0.056), (1000, 0.040), (2000, 0.028)])
def test_minimum_detectable_equals_the_table(n: int, expected: float) -> None:
    assert minimum_detectable(0.2, n) == pytest.approx(expected, abs=0.0006)


def test_rows_to_settle_by_the_paper() -> None:
    # Miller 2024: a difference of 3 points with variance 1/9 needs 969 rows (from z = 1.96 + 0.84)
    assert rows_to_settle(0.03, 1 / 9, 500) == pytest.approx(969 - 500, abs=2)


def test_rows_to_settle_is_the_number_at_which_the_difference_becomes_detectable() -> None:
    more = rows_to_settle(-0.021, 0.17, 450)
    assert more is not None
    assert minimum_detectable(0.17, 450 + more) <= 0.021 < minimum_detectable(0.17, 450 + more - 2)
    shared = rows_to_settle(-0.021, 0.17, 450, family=4)
    assert shared is not None
    assert shared > more


@pytest.mark.parametrize(("difference", "variance"), [(0.0, 0.2), (1e-4, 0.2), (0.1, math.inf)])
def test_no_realistic_number_of_rows(difference: float, variance: float) -> None:
    assert rows_to_settle(difference, variance, 450) is None
