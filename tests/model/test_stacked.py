"""Adapted layers of one input as one product, against its layers one by one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from tunesmith.model.dropout import draw
from tunesmith.model.stacked import Adapted, Stack, ranks

SIZES, WIDTH, RANKS, SCALES = [5, 4, 7], 6, [2, 3, 1], [0.5, 1.5, 2.0]


def made(bias: bool, dropout: float) -> tuple[Stack, Tensor, list[Tensor]]:
    """A stack of three layers, an input [2, 3, in], and A and B of each in turns."""
    torch.manual_seed(0)
    weight = torch.zeros(sum(SIZES) + sum(RANKS), WIDTH + sum(RANKS), dtype=torch.float64)
    weight[: sum(SIZES), :WIDTH] = torch.randn(sum(SIZES), WIDTH, dtype=torch.float64)
    low = [torch.randn(*shape, dtype=torch.float64) for n, r in zip(SIZES, RANKS, strict=True) for shape in ((r, WIDTH), (n, r))]
    drops = [draw(dropout), None, draw(dropout)] if dropout else None
    x = torch.randn(2, 3, WIDTH, dtype=torch.float64)
    given = torch.randn(sum(SIZES), dtype=torch.float64) if bias else None
    return Stack(SIZES, SCALES, sum(RANKS), weight, given, drops), x, low


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_every_output_is_its_layers(bias: bool, dropout: float) -> None:
    stack, x, low = made(bias, dropout)
    assert ranks(low) == RANKS
    start = 0
    weights = stack.weight[: sum(SIZES), :WIDTH].clone()
    for i, out in enumerate(Adapted.apply(x, stack, *low)):
        rows = slice(start, start + SIZES[i])
        drop = stack.drops[i] if stack.drops is not None else None
        kept = x if drop is None else x * drop.mask(x.reshape(-1, WIDTH)).view(x.shape) * drop.scale
        expected = x @ weights[rows].T + SCALES[i] * (kept @ low[2 * i].T @ low[2 * i + 1].T)
        torch.testing.assert_close(out, expected if stack.bias is None else expected + stack.bias[rows])
        start = rows.stop


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_gradients_of_the_input_and_of_every_adapter(dropout: float) -> None:
    stack, x, low = made(True, dropout)
    assert gradcheck(lambda *given: Adapted.apply(given[0], stack, *given[1:]), tuple(t.requires_grad_() for t in (x, *low)))
