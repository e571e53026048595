"""A hundred steps in bf16 stay within the noise of the same steps in float32."""

from __future__ import annotations

import pytest
import torch

from tests import tiny
from tests.train.conftest import ONE_THREAD, Bench, recipe
from tunesmith.model.device import Placement

pytestmark = pytest.mark.invariant
BF16 = Placement(torch.device("cpu"), torch.bfloat16, 1, ())


@pytest.mark.parametrize("rate", [1e-3, 1e-2])
def test_a_hundred_steps_in_bf16_follow_float32(tmp_path, rate):
    """Mean and largest drift. That rounding does not swallow a small adapter is tested on one layer: tests/model/test_lora.py."""
    bench = Bench(tiny.save(tmp_path / "model"), tmp_path)
    asked = recipe(budget__max_steps=100, budget__epochs=25, optimiser__lr=rate, weights__dropout=0.0, budget__evaluations_per_epoch=1)
    curves = []
    for placement in (ONE_THREAD, BF16):
        checkpoint = bench.train(asked, str(placement.dtype), placement=placement)
        curves.append([p.train_loss for p in checkpoint.curve if p.train_loss is not None])
    exact, rounded = curves
    drift = [abs(a - b) for a, b in zip(exact, rounded, strict=True)]
    fallen = exact[0] - min(exact)
    assert len(exact) == 100
    assert fallen > 0.3, "or there is nothing to follow"
    assert sum(drift) / len(drift) < 0.03 * fallen + 0.005
    assert max(drift) < 0.15 * fallen + 0.01
