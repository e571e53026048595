"""A training step in bfloat16 computes on one dtype at a time: on two at once a CPU takes ten times as long."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests import tiny
from tunesmith.model import lora, pieces
from tunesmith.model.device import Placement
from tunesmith.model.likelihood import score
from tunesmith.spec.recipe import Lora
from tunesmith.train.examples import TokenRow
from tunesmith.train.state import Weights

pytestmark = pytest.mark.invariant
CONVERSIONS = {"aten::copy_", "aten::_to_copy"}
TOKENS = 40


class Mixed(TorchDispatchMode):
    """Notes every operation on large tensors of several dtypes."""

    def __init__(self, large: int) -> None:
        super().__init__()
        self.large, self.found = large, set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor) and x.is_floating_point() and x.dim()]
        name = func._schema.name
        if len({x.dtype for x in given}) > 1 and max(x.numel() for x in given) >= self.large and name not in CONVERSIONS:
            self.found.add((name, *((tuple(x.shape), x.dtype) for x in given)))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("architecture", ["llama", "gemma3", "qwen3"])
@pytest.mark.parametrize("kind", ["lora", "full"])
@pytest.mark.parametrize("least_root", [1, 1000])
def test_a_step_mixes_no_dtypes(architecture, kind, least_root, tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "LEAST_ROOT", least_root)  # the root in a product of its own, and copied to its branches
    model = tiny.load(tiny.save(tmp_path / "base", architecture), placement=Placement(torch.device("cpu"), torch.bfloat16, 2, ()))
    if kind == "lora":
        lora.inject(model.network, Lora(r=4), 0.1, seed=0)
    weights = Weights(model.network, 1e-3, (0.9, 0.999), 1e-8, 0.0)
    model.network.train()
    trunk = list(range(3, 3 + TOKENS))
    rows = [TokenRow([*trunk, *range(first, first + TOKENS)], [False] * TOKENS + [True] * TOKENS) for first in (5, 50, 90)]
    with Mixed(TOKENS * model.network.config.head_dim) as mixed:
        for even in (True, False):  # gradients of the second micro-batch, whose tokens weigh differently, are added to those of the first
            nll = score(model, rows).nll
            (nll.sum() if even else nll @ torch.arange(1.0, len(nll) + 1)).backward()
            weights.collect()
        weights.clip(1.0)
        weights.step(1e-3)
    assert mixed.found == set()
