"""How a forest is cut for attention: every token once, seeing its own path."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.model import pieces
from tunesmith.model.forest import pack


@given(
    rows=st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=8),
    least=st.integers(1, 8),
    longest=st.integers(1, 5),
    root=st.integers(1, 6),
)
def test_every_token_is_in_one_piece_that_sees_its_path(rows: list[list[int]], least: int, longest: int, root: int) -> None:
    forest = pack(rows, least=least)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE", longest)
        patch.setattr(pieces, "LEAST_ROOT", root)
        found = list(pieces.pieces(forest))
    assert sorted(place for piece in found for place in range(piece.start, piece.start + piece.length)) == list(range(len(forest.ids)))
    assert all(0 < piece.length <= longest and (not piece.root[1] or piece.root[1] >= root) for piece in found)
    paths = [forest.path(row).tolist() for row in range(len(rows))]
    for piece in found:
        seen = [*range(piece.root[0], sum(piece.root)), *piece.before.tolist(), piece.start]
        assert seen in [path[: len(seen)] for path in paths]


def test_tokens_that_all_rows_share_are_left_out_once_they_were_read() -> None:
    forest = pack([[1, 2, 3, 4, 5], [1, 2, 3, 6]], least=1)
    found = list(pieces.pieces(forest, behind=3))
    assert sum(piece.length for piece in found) == len(forest.ids) - 3
    assert all(np.array_equal(np.sort(piece.before)[:3], [0, 1, 2]) for piece in found)


def test_a_plan_is_made_once_for_all_layers_and_once_for_each_kind_of_them() -> None:
    forest = pack([[1, 2, 3, 4], [1, 2, 5]], least=1)
    plan = pieces.plan_for(forest, 4, 2, None, torch.float32)
    assert pieces.plan_for(forest, 4, 2, None, torch.float32) is plan
    assert pieces.plan_for(forest, 4, 2, 3, torch.float32) is not plan
    assert pieces.plan_for(forest, 4, 2, None, torch.bfloat16) is not plan
