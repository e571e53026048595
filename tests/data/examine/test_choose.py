"""A choice of rows: greedy as defined, balanced as asked, and what it gave up by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.examine.planted import around, unit
from tunesmith.data.examine import choose as module
from tunesmith.data.examine.choose import choose, greedy, parts, quotas, shortfall
from tunesmith.spec.job import Silent


@given(st.integers(1, 25), st.integers(0, 10**6), st.booleans())
@settings(max_examples=40)
def test_lazy_steps_are_those_of_plain_greedy(rows, seed, is_worth):
    random = np.random.default_rng(seed)
    vectors = unit(random.normal(size=(rows, 4)))
    value = random.random(rows) if is_worth else np.zeros(rows)
    alike = np.maximum(vectors @ vectors.T, 0)
    order, gains = greedy(vectors, value, rows)
    covered, left = np.zeros(rows), set(range(rows))
    for row, gain in zip(order.tolist(), gains.tolist(), strict=True):
        every = {j: float(np.maximum(alike[j] - covered, 0).sum() + value[j]) for j in left}
        assert gain == pytest.approx(max(every.values()), abs=1e-4)
        assert every[row] == pytest.approx(gain, abs=1e-4)
        covered, left = np.maximum(covered, alike[row]), left - {row}
    assert sorted(order.tolist()) == list(range(rows))
    assert all(a >= b - 1e-4 for a, b in itertools.pairwise(gains))


def test_each_cluster_gets_its_row_and_the_rest_is_told():
    vectors, of = around(5, 20, seed=1)
    found = choose(vectors, 5, Silent())
    assert sorted(of[found.rows].tolist()) == [0, 1, 2, 3, 4]
    left = np.setdiff1d(np.arange(100), found.rows)
    apart = 1 - (vectors[left] @ vectors[found.rows].T).max(axis=1)
    assert found.mean_distance == pytest.approx(apart.mean(), abs=1e-5)
    assert found.worst_distance == pytest.approx(apart.max(), abs=1e-5)
    assert found.farthest[0] == left[apart.argmax()]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(0, 100))
def test_quotas_are_as_equal_as_sizes_allow(sizes, count):
    given_ = quotas(np.array(sizes), min(count, sum(sizes)))
    assert sum(given_) == min(count, sum(sizes))
    assert all(0 <= n <= size for n, size in zip(given_, sizes, strict=True))
    assert all(given_[i] >= max(given_) - 1 or given_[i] == sizes[i] for i in range(len(sizes)))


def test_balanced_groups_get_equal_shares():
    vectors, _ = around(3, 40, seed=2)
    groups = np.array([0] * 90 + [1] * 25 + [2] * 5)
    found = choose(vectors, 45, Silent(), groups)
    assert np.bincount(groups[found.rows]).tolist() == [20, 20, 5]


def test_worth_decides_between_rows_that_stand_for_the_same():
    vectors = unit(np.repeat(np.eye(4), 10, axis=0))
    worth = np.zeros(40)
    worth[[3, 17, 25, 39]] = 1.0
    assert choose(vectors, 4, Silent(), worth=worth).rows.tolist() == [3, 17, 25, 39]
    worth[[4, 18, 26]] = np.nan
    assert choose(vectors, 4, Silent(), worth=worth).rows.tolist() == [3, 17, 25, 39]


def test_many_rows_are_cut_into_parts_that_hold_each_row_once(monkeypatch):
    monkeypatch.setattr(module, "PART_ROWS", 20)
    vectors, _ = around(9, 37, seed=3)
    cut = list(parts(vectors, np.arange(len(vectors)), np.random.default_rng(0)))
    assert sorted(np.concatenate(cut).tolist()) == list(range(len(vectors)))
    assert max(map(len, cut)) <= 40
    same = np.repeat(vectors[:1], 333, axis=0)
    assert max(len(part) for part in parts(same, np.arange(333), np.random.default_rng(0))) <= 40
    one, other = (choose(vectors, 50, Silent(), seed=5).rows for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert len(one) == 50


def test_all_rows_and_no_rows():
    vectors, _ = around(2, 5)
    everything = choose(vectors, 99, Silent())
    assert (len(everything.rows), everything.mean_distance, len(everything.farthest)) == (10, 0.0, 0)
    assert len(choose(vectors, 0, Silent()).rows) == 0


def test_a_choice_of_equals_beats_chance_in_coverage():
    vectors, _ = around(30, 20, noise=0.8, seed=6)
    mine = choose(vectors, 60, Silent()).mean_distance
    random = np.random.default_rng(0)
    for _ in range(5):
        rows = random.choice(600, 60, replace=False)
        left = np.setdiff1d(np.arange(600), rows)
        assert mine < float((1 - (vectors[left] @ vectors[rows].T).max(axis=1)).mean())


def test_lost_and_halved_by_hand():
    groups = np.array([5] * 10 + [6] * 10 + [7] * 10)
    told = shortfall(groups, np.array([0, 1, 2, 3, 4, 5, 6, 7, 10]))
    assert (told.lost, told.halved) == ((7,), (6,))
