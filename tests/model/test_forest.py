"""Rows → a forest: every row reads as written along its path, and what is shared stands once."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.model.forest import common_prefix, in_order, pack, shared_by_all

ROWS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=9), min_size=1, max_size=9)


def distinct_prefixes(rows):
    return {tuple(row[: i + 1]) for row in rows for i in range(len(row))}


@given(rows=ROWS, least=st.integers(1, 12))
def test_every_row_reads_as_written(rows, least):
    forest = pack(rows, least=least)
    for r, row in enumerate(rows):
        path = torch.from_numpy(forest.path(r))
        assert forest.ids[path].tolist() == row
        assert forest.positions[path].tolist() == list(range(len(row)))
        assert forest.lengths[r] == len(row)
    assert sum(node.length for node in forest.nodes) == len(forest.ids)
    assert [node.start for node in forest.nodes] == [0, *torch.tensor([n.length for n in forest.nodes]).cumsum(0).tolist()][:-1]


@given(rows=ROWS)
def test_with_nothing_to_lose_every_prefix_stands_once(rows):
    assert len(pack(rows, least=1).ids) == len(distinct_prefixes(rows))
    order, common = in_order(rows)
    assert sum(len(row) for row in rows) - sum(common) == len(distinct_prefixes(rows))
    assert [rows[i] for i in order] == sorted(rows)


@given(rows=ROWS, least=st.integers(1, 12))
def test_the_mask_is_the_rows_paths(rows, least):
    forest = pack(rows, least=least)
    for window in (None, 2):
        sees = forest.dense_mask(window)
        expected = torch.zeros_like(sees)
        for r in range(len(rows)):
            path = torch.from_numpy(forest.path(r))
            steps = torch.arange(len(path))
            distance = steps[:, None] - steps[None, :]
            near = (distance >= 0) if window is None else (distance >= 0) & (distance < window)
            expected[path[:, None], path[None, :]] |= near
        assert torch.equal(sees, expected)


@given(rows=ROWS, least=st.integers(1, 12))
def test_a_node_saves_what_was_asked_for(rows, least):
    forest = pack(rows, least=least)
    for index, node in enumerate(forest.nodes):
        through = sum(1 for leaf in forest.leaves if index <= leaf < node.below)
        assert through == 1 or (through - 1) * node.length >= least


def test_the_trunk_is_what_all_rows_share():
    assert pack([[1, 2, 3, 4], [1, 2, 5]], least=1).trunk == 2
    assert pack([[1, 2, 3, 4], [1, 2, 5]], least=3).trunk == 0, "two tokens saved are not three"
    assert pack([[1, 2, 3]], least=1).trunk == 0, "one row shares nothing"
    assert pack([[1, 2], [1, 2]], least=1).trunk == 2
    assert pack([[1, 2], [3, 4]], least=1).trunk == 0
    nested = pack([[1, 2, 3, 4], [1, 2, 3, 5], [1, 7]], least=1)
    assert (nested.trunk, nested.ids.tolist()) == (1, [1, 2, 3, 4, 5, 7])


def test_thousands_of_nested_rows_need_no_deep_recursion():
    rows = [[1] * n for n in range(1, 3000)]
    forest = pack(rows, least=1)
    assert len(forest.ids) == 2999
    assert forest.path(2998).tolist() == list(range(2999))


@given(one=st.lists(st.integers(0, 1), max_size=12), other=st.lists(st.integers(0, 1), max_size=12))
def test_the_common_beginning_of_two(one, other):
    found = common_prefix(one, other)
    assert one[:found] == other[:found]
    assert found == min(len(one), len(other)) or one[found] != other[found]
    assert shared_by_all([one, other]) == found
    assert shared_by_all([one]) == 0
