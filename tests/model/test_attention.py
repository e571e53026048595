"""Forest attention against a plain reference: every row on its own, in float64 (dense) and float32 (fused)."""

import pytest
import torch

from tunesmith.model.attention import ForestLayout
from tunesmith.model.forest import common_prefix, pack

ROWS = {
    "ragged branches on a long trunk": [[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 7], [1, 2, 3, 4, 8, 9, 10, 11]],
    "a trunk of one token": [[1, 5], [1, 6, 7, 8], [1, 9]],
    "no trunk": [[1, 2, 3], [4, 5], [6]],
    "one row": [[1, 2, 3, 4]],
    "branches of one token": [[1, 2, 3], [1, 2, 4]],
    "a branch that begins another": [[1, 2, 3], [1, 2, 3, 4, 5]],
    "equal rows": [[1, 2, 3], [1, 2, 3]],
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
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 1e-5)], ids=str)
def test_attends_as_each_row_alone_forward_and_backward(rows, heads, window, softcap, dtype, tolerance):
    generator = torch.Generator().manual_seed(1)
    forest = pack(rows)
    total, width, scale = len(forest.ids), 8, 0.3
    q, k, v = (torch.randn(1, h, total, width, dtype=dtype, generator=generator, requires_grad=True) for h in (heads[0], heads[1], heads[1]))
    weight = [torch.randn(heads[0], len(row), width, dtype=dtype, generator=generator) for row in rows]

    out = ForestLayout(forest).attend(0, q, k, v, scale, window, softcap)
    paths = [torch.tensor([forest.source(r, i) for i in range(len(row))]) for r, row in enumerate(rows)]
    ours = torch.autograd.grad(sum((out[0][:, p] * w).sum() for p, w in zip(paths, weight, strict=True)), (q, k, v))

    alone = [plain(q[0][:, p], k[0][:, p], v[0][:, p], scale, window, softcap) for p in paths]
    for path, expected in zip(paths, alone, strict=True):
        torch.testing.assert_close(out[0][:, path], expected, atol=tolerance, rtol=tolerance)
    reference = torch.autograd.grad(sum((o * w).sum() for o, w in zip(alone, weight, strict=True)), (q, k, v))
    for got, expected in zip(ours, reference, strict=True):
        torch.testing.assert_close(got, expected, atol=tolerance, rtol=tolerance)


def test_a_packed_row_reads_as_written():
    rows = [[1, 2, 3, 4], [1, 2, 5]]
    forest = pack(rows)
    assert forest.trunk == 2
    assert forest.ids.tolist() == [1, 2, 3, 4, 5]
    assert forest.positions.tolist() == [0, 1, 2, 3, 2]
    for r, row in enumerate(rows):
        assert row == [int(forest.ids[forest.source(r, i)]) for i in range(len(row))]


@pytest.mark.parametrize(("rows", "expected"), [([[1, 2], [1, 2, 3]], 1), ([[7, 8, 9], [7, 8, 1], [7, 8]], 1), ([[3], [4]], 0), ([[1, 2, 3]], 0)])
def test_the_common_beginning_leaves_every_row_a_token(rows, expected):
    assert expected == common_prefix(rows)
