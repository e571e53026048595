"""Weights in bf16 that say on average what their masters say."""

from __future__ import annotations

import pytest
import torch

from tunesmith.train.rounding import AT_ONCE, LOW, _thresholds, publish


def published(master: torch.Tensor) -> torch.Tensor:
    out = torch.empty_like(master, dtype=torch.bfloat16)
    publish(master, out)
    return out


@pytest.fixture
def weights() -> torch.Tensor:
    """[700, 900] as a model begins: on the grid of bf16. More than two lots of thresholds, and no whole number of them."""
    return torch.randn(700, 900, generator=torch.Generator().manual_seed(0)).bfloat16().float()


def test_what_bf16_holds_stays_what_it_is(weights):
    assert torch.equal(published(weights).float(), weights)
    special = torch.tensor([0.0, -0.0, 1.0, -3.0, 1e-40, float("inf"), -float("inf")]).bfloat16().float().repeat(LOW)
    assert torch.equal(published(special).float().view(torch.int32), special.view(torch.int32))
    assert bool(published(torch.full((LOW,), float("nan"))).isnan().all())


@pytest.mark.parametrize("update", [1e-5, -1e-4, 3e-4])
def test_small_updates_are_there_on_average_where_the_nearest_loses_them(weights, update):
    """Of weights that are large beside the update: to the nearest nearly none of it arrives."""
    master = torch.where(weights.abs() > 0.5, weights + update, weights)
    moved = weights.abs() > 0.5
    arrived = (published(master).double() - weights.double())[moved].mean()
    nearest = (master.bfloat16().double() - weights.double())[moved].mean()
    assert arrived == pytest.approx(update, rel=0.05)
    assert abs(nearest) < 0.1 * abs(update)


def test_every_weight_becomes_one_of_its_two_neighbours(weights):
    master = weights + 1e-3 * torch.randn(weights.shape, generator=torch.Generator().manual_seed(1))
    found = published(master).float()
    step = torch.where(master.abs() < 2**-126, 0, 2.0 ** (torch.frexp(master)[1] - 8))
    assert bool(((found - master).abs() < step).all())
    assert bool((found.sign() * master.sign() >= 0).all())
    assert 0.45 < (found.abs() > master.abs()).float().mean() < 0.55


def test_it_depends_on_the_masters_alone(weights):
    master = weights + 1e-4
    found = published(master)
    assert torch.equal(published(master.clone()), found)
    turned = torch.empty(900, 700, dtype=torch.bfloat16).T
    publish(master, turned)
    assert torch.equal(turned, found), "whatever the strides"
    publish(master.T.contiguous().T, turned)
    assert torch.equal(turned, found)


def test_thresholds_are_even():
    found = _thresholds(torch.device("cpu"))
    assert torch.equal(found.bincount(minlength=LOW), torch.full((LOW,), AT_ONCE // LOW))
    assert abs(torch.corrcoef(torch.stack([found[:-1].double(), found[1:].double()]))[0, 1]) < 0.01


def test_float32_is_copied():
    master, out = torch.rand(5), torch.empty(5)
    publish(master, out)
    assert torch.equal(out, master)
