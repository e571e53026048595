"""Masks: their share, their mean, their independence, and the same again from the same seed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tunesmith.model.dropout import TABLE, Drop, draw
from tunesmith.model.lora import LoraLinear
from tunesmith.spec.recipe import Lora


def test_dropout_drops_its_share_keeps_the_mean_and_ends_with_training():
    drop = Drop(seed=5, threshold=round(0.05 * 65536))
    x = torch.ones(1000, 999)  # not a multiple of four
    mask = drop.mask(x)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert float(mask.mean()) == pytest.approx(0.95, abs=4 * (0.05 * 0.95 / 999_000) ** 0.5)
    assert float(mask.mean()) * drop.scale == pytest.approx(1.0, abs=1e-3)
    columns, rows = mask.mean(0), mask.mean(1)
    assert float((columns - 0.95).abs().max()) < 6 * (0.05 * 0.95 / 1000) ** 0.5
    assert float((rows - 0.95).abs().max()) < 6 * (0.05 * 0.95 / 999) ** 0.5
    layer = LoraLinear(nn.Linear(6, 5), Lora(r=2, alpha=2.0), 0.5)
    layer.lora_B.data.normal_()
    layer.lora_A.data.normal_()
    inputs = torch.randn(3, 6)
    assert not torch.equal(layer(inputs), layer(inputs))
    layer.eval()
    assert torch.equal(layer(inputs), layer(inputs))


def test_dropout_is_the_same_for_the_same_seed_and_dtype_and_differs_between_layers():
    torch.manual_seed(7)
    first, second = draw(0.5), draw(0.5)
    torch.manual_seed(7)
    assert draw(0.5) == first
    assert first.seed != second.seed
    x = torch.zeros(50, 8)
    assert torch.equal(first.mask(x), first.mask(x.bfloat16()).float())
    assert not torch.equal(first.mask(x), second.mask(x))


def test_masks_of_different_draws_are_independent_and_large_ones_uniform():
    masks = torch.stack([Drop(seed, 32768).mask(torch.empty(40_000)) for seed in range(20)]) * 2 - 1
    chance = masks @ masks.T / 40_000
    assert float((chance - torch.eye(20)).abs().max()) < 5 / 200  # five standard deviations
    large = Drop(3, 6554).mask(torch.empty(TABLE + 1001, dtype=torch.bfloat16)).float()
    for part in large.split(len(large) // 3):
        assert float(part.mean()) == pytest.approx(1 - 6554 / 65536, abs=2e-3)


def test_dropping_nearly_all_still_divides_by_something():
    assert draw(0.999999).scale == 65536.0
