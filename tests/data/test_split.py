"""Clusters → splits: counts, strata, fixed sources, determinism."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.data.split import DEV, DROPPED, TEST, TRAIN, Rows, shares, split, wanted
from tunesmith.errors import BadProject, NotEnoughData
from tunesmith.spec.dataset import SplitRule


def rows(unit=None, stratum=None, *, n=None, outside=None, fixed=None, seed=0):
    n = n or len(unit if unit is not None else stratum)
    return Rows(
        np.arange(n) if unit is None else np.unique(np.asarray(unit), return_inverse=True)[1],
        np.zeros(n, np.int64) if stratum is None else np.asarray(stratum),
        np.zeros(n, bool) if outside is None else np.asarray(outside),
        np.full(n, -1, np.int8) if fixed is None else np.asarray(fixed, dtype=np.int8),
        np.random.default_rng(seed).integers(0, 1 << 63, n).astype(np.uint64),
    )


def counts(side):
    return tuple(int((side == s).sum()) for s in (TRAIN, DEV, TEST))


def test_counts_are_met_and_labels_share_them_evenly():
    stratum = np.repeat(np.arange(31), [39] * 30 + [240])
    done = split(rows(stratum=stratum, outside=stratum == 30), SplitRule(dev=120, test=450, dev_out_of_scope=30, test_out_of_scope=150))
    assert counts(done.side) == (660, 150, 600)
    for label in range(30):
        assert counts(done.side[stratum == label]) == (20, 4, 15)
    assert counts(done.side[stratum == 30]) == (60, 30, 150)
    assert done.notes == []


def test_out_of_scope_rows_are_one_more_label_where_no_counts_are_given():
    stratum = np.repeat([0, 1], 50)
    assert counts(split(rows(stratum=stratum, outside=stratum == 1), SplitRule(dev=10, test=20)).side) == (70, 10, 20)


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_what_always_holds(data):
    n = data.draw(st.integers(12, 80))
    unit = data.draw(st.lists(st.integers(0, n), min_size=n, max_size=n))
    stratum = data.draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    rule = SplitRule(dev=data.draw(st.sampled_from([0.1, 0.2, 3])), test=data.draw(st.sampled_from([0.1, 0.3, 4])), seed=data.draw(st.integers(0, 3)))
    given_rows = rows(unit, stratum)
    try:
        done = split(given_rows, rule)
    except NotEnoughData:
        return
    assert all(count > 0 for count in counts(done.side))
    assert sum(counts(done.side)) == n
    for one in np.unique(given_rows.unit):
        assert len(set(done.side[given_rows.unit == one].tolist())) == 1
    assert set(np.asarray(stratum)[done.side > 0].tolist()) <= set(np.asarray(stratum)[done.side == TRAIN].tolist())
    for side, value in ((DEV, rule.dev), (TEST, rule.test)):
        assert counts(done.side)[side] == wanted(value, n) or done.notes


def test_the_order_of_rows_does_not_matter_and_the_seed_does():
    first = rows(unit=[i // 2 for i in range(100)], stratum=[i // 2 % 3 for i in range(100)])
    order = np.random.default_rng(1).permutation(100)
    shuffled = Rows(first.unit[order], first.stratum[order], first.out_of_scope[order], first.fixed[order], first.ids[order])
    assert split(shuffled, SplitRule()).side.tolist() == split(first, SplitRule()).side[order].tolist()
    assert split(first, SplitRule(seed=1)).side.tolist() != split(first, SplitRule()).side.tolist()


def test_sources_keep_their_split_and_what_leaks_is_left_out():
    fixed = [-1] * 40 + [TEST] * 10 + [TRAIN] * 2
    unit = [*range(40), 0, 1, *range(42, 50), 42, 60]  # rows 0 and 1 are near test rows 40 and 41, row 50 near 42
    done = split(rows(unit, fixed=fixed), SplitRule(dev=5, test=0.9))
    assert counts(done.side) == (38 - 5 + 1, 5, 10)
    assert sorted(done.leaks) == [(0, 40), (1, 41), (50, 42)]
    assert (done.side == DROPPED).sum() == 3
    assert "3 rows were left out (reason `leak`)" in done.notes[0]


def test_groups_larger_than_the_share_are_taken_whole_and_said():
    done = split(rows(unit=np.repeat(range(4), 25)), SplitRule())
    assert sorted(counts(done.side)) == [25, 25, 50]
    assert "test has 25 rows instead of 10" in done.notes[0]


def test_labels_that_are_rare():
    stratum = [0] * 40 + [1] * 40 + [2, 3, 3]
    done = split(rows(stratum=stratum), SplitRule(dev=8, test=8))
    assert done.side[80] == TRAIN
    assert TRAIN in done.side[81:]


def test_a_label_that_a_cluster_drags_along_is_brought_back():
    unit = [*range(30), 100, 100]
    stratum = [0] * 30 + [0, 1]  # label 1 stands only in a cluster that counts as label 0
    for seed in range(20):
        done = split(rows(unit, stratum), SplitRule(dev=5, test=20, seed=seed))
        assert done.side[31] == TRAIN


@pytest.mark.parametrize(
    ("given_rows", "rule", "message"),
    [
        (rows(n=20), SplitRule(dev=10, test=10), "no row would be left to train on"),
        (rows(n=20, unit=[0] * 20), SplitRule(), "no row is left for test"),
        (rows(n=20, unit=[0] * 10 + [1] * 10), SplitRule(), "no row is left for dev"),
        (rows(n=20, fixed=[TRAIN] * 20), SplitRule(), "the dev split is empty"),
        (rows(n=20, fixed=[TEST] * 20), SplitRule(), "the train split is empty"),
    ],
)
def test_too_little(given_rows, rule, message):
    with pytest.raises(NotEnoughData, match=message) as caught:
        split(given_rows, rule)
    assert caught.value.problems[0].fix


def test_numbers_that_are_neither_share_nor_count():
    with pytest.raises(BadProject, match="neither a share nor a count"):
        split(rows(n=20), SplitRule(dev=1.5))
    assert split(rows(n=20), SplitRule(dev=1, test=2.0)).side.tolist().count(TEST) == 2


@given(st.dictionaries(st.integers(0, 9), st.integers(1, 50), min_size=1), st.integers(0, 60))
def test_shares_add_up_and_are_fair(sizes, target):
    found = shares(sizes, target)
    assert sum(found.values()) == target
    assert all(abs(found[k] - target * sizes[k] / sum(sizes.values())) < 1 for k in sizes)
    assert Counter(found).keys() <= sizes.keys()


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_no_cluster_stands_where_one_of_its_rows_may_not(data):
    n = data.draw(st.integers(12, 80))
    unit = np.asarray(data.draw(st.lists(st.integers(0, n), min_size=n, max_size=n)))
    highest = np.asarray(data.draw(st.lists(st.sampled_from([TRAIN, DEV, TEST, TEST]), min_size=n, max_size=n)), dtype=np.int8)
    fixed = np.asarray(data.draw(st.lists(st.sampled_from([-1, -1, -1, -1, 0, 1, 2]), min_size=n, max_size=n)))
    given_rows = replace(rows(unit, data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), fixed=fixed), highest=highest)
    try:
        done = split(given_rows, SplitRule(dev=data.draw(st.sampled_from([0.1, 3])), test=data.draw(st.sampled_from([0.2, 4]))))
    except NotEnoughData:
        return
    for one in np.unique(unit):
        members = unit == one
        assert done.side[members].max() <= highest[members].min()
        assert len(set(done.side[members].tolist()) - {DROPPED}) <= 1
    dropped = np.flatnonzero(done.side == DROPPED).tolist()
    assert sorted([row for row, _ in done.leaks] + done.seen) == dropped
