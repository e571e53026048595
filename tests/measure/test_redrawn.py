"""Bootstrap intervals of numbers that are no function of sums: coverage, clusters, and what happens at the edges."""

from __future__ import annotations

import numpy as np
import pytest

from tunesmith.measure.calibration import auroc
from tunesmith.measure.redrawn import redrawn
from tunesmith.measure.statistics import wilson


def test_the_value_is_that_of_all_rows() -> None:
    values = np.linspace(0, 1, 50)
    found = redrawn(lambda places: float(values[places].mean()), 50)
    assert found is not None
    assert (found.value, found.n, found.clusters, found.method) == (pytest.approx(0.5), 50, None, "bootstrap")
    assert found.low == pytest.approx(0.5 - 1.96 * values.std() / 50**0.5, abs=0.015)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(1).random(80)

    def value(places):
        return float(np.median(values[places]))

    assert redrawn(value, 80, seed=3) == redrawn(value, 80, seed=3)
    assert redrawn(value, 80, seed=3) != redrawn(value, 80, seed=4)


def test_perfect_ranking_is_not_certain() -> None:
    sure, right = np.arange(40) / 40, np.arange(40) >= 30
    found = redrawn(lambda places: auroc(sure[places], right[places]), 40, worth=10)
    assert found is not None
    assert (found.value, found.method) == (1.0, "wilson")
    assert found.low == wilson(10, 10)[0]


def test_nothing_to_measure() -> None:
    right = np.ones(20, dtype=bool)
    assert redrawn(lambda places: auroc(np.arange(20)[places] / 20, right[places]), 20) is None
    few = redrawn(lambda places: float(places.mean() / 4), 4)
    assert few is not None
    assert (few.low, few.high, few.method) == (0, 1, "bounds")


def test_copies_do_not_narrow_the_interval() -> None:
    generator = np.random.default_rng(0)
    sure = generator.random(60)
    right = generator.random(60) < sure
    single = redrawn(lambda places: auroc(sure[places], right[places]), 60)
    wide, hits = np.repeat(sure, 5), np.repeat(right, 5)
    copied = redrawn(lambda places: auroc(wide[places], hits[places]), 300, clusters=[k // 5 for k in range(300)])
    assert single is not None
    assert copied is not None
    assert (copied.value, copied.clusters) == (pytest.approx(single.value), 60)
    assert copied.high - copied.low == pytest.approx(single.high - single.low, rel=0.15)


def test_the_interval_of_an_auroc_holds_the_truth() -> None:
    generator, held, runs = np.random.default_rng(5), 0, 150
    truth = 0.7602  # Φ(1 / √2) of two normals one apart
    for run in range(runs):
        right = np.arange(150) < 75
        sure = generator.normal(size=150) + right
        found = redrawn(lambda places, sure=sure, right=right: auroc(sure[places], right[places]), 150, seed=run)
        assert found is not None
        held += found.low <= truth <= found.high
    assert held / runs >= 0.9
