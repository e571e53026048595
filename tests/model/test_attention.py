"""Forest attention against a plain reference: every row on its own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.model import attention, pieces
from tunesmith.model.attention import ForestLayout
from tunesmith.model.forest import pack

ROWS = {
    "ragged branches on a long trunk": [[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 7], [1, 2, 3, 4, 8, 9, 10, 11]],
    "a trunk of one token": [[1, 5], [1, 6, 7, 8], [1, 9]],
    "no trunk": [[1, 2, 3], [4, 5], [6]],
    "one row": [[1, 2, 3, 4]],
    "branches of one token": [[1, 2, 3], [1, 2, 4]],
    "a branch that begins another": [[1, 2, 3], [1, 2, 3, 4, 5]],
    "equal rows": [[1, 2, 3], [1, 2, 3]],
    "nested": [[1, 2, 3, 4], [1, 2, 3, 5, 6], [1, 2, 7, 8, 9, 10, 11], [1, 2, 7, 8, 12], [1, 13]],
    "two trees": [[1, 2, 3, 4, 5], [1, 2, 3, 6], [7, 8, 9], [7, 8, 10, 11, 12]],
}


def plain(query, key, value, scale, window=None, softcap=None):
    """Causal attention of one row, written out. [H, T, D], [Hkv, T, D] → [H, T, D]."""
    groups = query.shape[0] // key.shape[0]
    key, value = key.repeat_interleave(groups, 0), value.repeat_interleave(groups, 0)
    scores = query @ key.transpose(-1, -2) * scale
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    steps = torch.arange(query.shape[1])
    distance = steps[:, None] - steps[None, :]
    hidden = distance < 0 if window is None else (distance < 0) | (distance >= window)
    return scores.masked_fill(hidden, float("-inf")).softmax(-1) @ value


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS.keys())
@pytest.mark.parametrize("heads", [(3, 3), (4, 2), (6, 1)], ids=str)
@pytest.mark.parametrize(("window", "softcap"), [(None, None), (3, None), (100, None), (None, 2.0), (2, 2.0)], ids=str)
@pytest.mark.parametrize(("piece", "kept"), [(256, 1024), (2, 3)], ids=str)
@pytest.mark.parametrize("root", [1, 1000])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 1e-5)], ids=str)
def test_attends_as_each_row_alone_forward_and_backward(monkeypatch, rows, heads, window, softcap, piece, kept, root, dtype, tolerance):
    """`piece` 2 cuts nodes; `kept` 3 makes most probabilities again in the backward pass; `root` 1 gives roots a product of their own."""
    monkeypatch.setattr(pieces, "LEAST_ROOT", root)
    monkeypatch.setattr(pieces, "PIECE", piece)
    monkeypatch.setattr(attention, "KEPT_KEYS", kept)
    generator = torch.Generator().manual_seed(1)
    forest = pack(rows, least=1)
    total, width, scale = len(forest.ids), 8, 0.3
    q, k, v = (torch.randn(1, h, total, width, dtype=dtype, generator=generator, requires_grad=True) for h in (heads[0], heads[1], heads[1]))
    weight = [torch.randn(heads[0], len(row), width, dtype=dtype, generator=generator) for row in rows]

    out = ForestLayout(forest).attend(0, q, k, v, scale, window, softcap)
    paths = [torch.from_numpy(forest.path(r)) for r in range(len(rows))]
    ours = torch.autograd.grad(sum((out[0][:, p] * w).sum() for p, w in zip(paths, weight, strict=True)), (q, k, v))

    alone = [plain(q[0][:, p], k[0][:, p], v[0][:, p], scale, window, softcap) for p in paths]
    for path, expected in zip(paths, alone, strict=True):
        torch.testing.assert_close(out[0][:, path], expected, atol=tolerance, rtol=tolerance)
    reference = torch.autograd.grad(sum((o * w).sum() for o, w in zip(alone, weight, strict=True)), (q, k, v))
    for got, expected in zip(ours, reference, strict=True):
        torch.testing.assert_close(got, expected, atol=tolerance, rtol=tolerance)


@settings(max_examples=60)
@given(
    rows=st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=8),
    least=st.integers(1, 8),
    window=st.one_of(st.none(), st.integers(1, 6)),
    piece=st.integers(1, 5),
    root=st.integers(1, 6),
)
def test_any_forest_attends_as_each_row_alone(rows, least, window, piece, root):
    generator = torch.Generator().manual_seed(2)
    forest = pack(rows, least=least)
    q, k, v = (torch.randn(1, h, len(forest.ids), 4, dtype=torch.float64, generator=generator, requires_grad=True) for h in (4, 2, 2))
    before = pieces.PIECE, pieces.LEAST_ROOT
    pieces.PIECE, pieces.LEAST_ROOT = piece, root
    out = ForestLayout(forest).attend(0, q, k, v, 0.7, window, None)
    pieces.PIECE, pieces.LEAST_ROOT = before
    paths = [torch.from_numpy(forest.path(r)) for r in range(len(rows))]
    alone = [plain(q[0][:, p], k[0][:, p], v[0][:, p], 0.7, window) for p in paths]
    ours = torch.autograd.grad(sum(out[0][:, p].square().sum() for p in paths), (q, k, v))
    theirs = torch.autograd.grad(sum(o.square().sum() for o in alone), (q, k, v))
    for got, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(got, expected, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("window", [None, 3])
def test_the_dense_form_is_the_same(window):
    generator = torch.Generator().manual_seed(3)
    forest = pack(ROWS["nested"], least=1)
    q, k, v = (torch.randn(1, h, len(forest.ids), 8, dtype=torch.float64, generator=generator) for h in (4, 2, 2))
    expected = ForestLayout(forest).attend(0, q, k, v, 0.3, window, None)
    torch.testing.assert_close(attention.dense(q, k, v, forest.dense_mask(window), 0.3, None), expected)
    capped = ForestLayout(forest).attend(0, q, k, v, 0.3, window, 2.0)
    torch.testing.assert_close(attention.dense(q, k, v, forest.dense_mask(window), 0.3, 2.0), capped)
