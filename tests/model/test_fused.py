"""Fused operations: the same values and gradients as the library's own, and only where they are the same."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from transformers import AutoModelForCausalLM, Gemma3TextConfig, LlamaConfig, Qwen3Config
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm
from transformers.models.llama.modeling_llama import LlamaMLP, LlamaRMSNorm, rotate_half

from tunesmith.model import fused

SIZES = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 64,
    "head_dim": 8, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 1,
}  # fmt: skip


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_the_norm_has_the_right_slope(offset):
    torch.manual_seed(0)
    assert gradcheck(lambda x, w: fused._Norm.apply(x, w, 1e-5, offset), (random(2, 3, 8), random(8)))


@pytest.mark.parametrize("width", [8, 4])
def test_rotation_has_the_right_slope(width):
    torch.manual_seed(0)
    cos, sin = torch.rand(2, 1, 3, width // 2, dtype=torch.float64).repeat(1, 1, 1, 2)
    assert gradcheck(lambda q, k: fused.rotate(q, k, cos, sin), (random(1, 2, 3, 8), random(1, 1, 3, 8)))


def test_rotation_is_the_librarys():
    torch.manual_seed(0)
    q, k, (cos, sin) = torch.randn(1, 4, 5, 8), torch.randn(1, 2, 5, 8), torch.rand(2, 1, 5, 4).repeat(1, 1, 1, 2)
    for ours, x in zip(fused.rotate(q, k, cos, sin), (q, k), strict=True):
        assert torch.allclose(ours, x * cos[:, None] + rotate_half(x) * sin[:, None])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("config", [LlamaConfig, Gemma3TextConfig, Qwen3Config])
def test_a_fused_model_is_the_model(config, dtype):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config(**SIZES)).to(dtype)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    ids = torch.randint(64, (2, 9))

    def run() -> list[torch.Tensor]:
        model.zero_grad()
        out = model(input_ids=ids, use_cache=False).logits.float()
        out.logsumexp(-1).sum().backward()
        return [out.detach(), *(p.grad.float() for p in model.parameters())]

    plain = run()
    found = fused.fuse(model)
    ours = run()
    assert found == {"norm": found["norm"], "gate": 2, "rotary": 1}
    assert found["norm"] > 4
    for a, b in zip(ours, plain, strict=True):
        assert (a - b).norm() <= (1e-5 if dtype == torch.float32 else 5e-2) * b.norm()


class Doubled(LlamaRMSNorm):
    """A norm that does something else."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


def test_what_computes_something_else_is_left_alone():
    other = nn.ModuleList([Doubled(8), nn.LayerNorm(8), nn.BatchNorm1d(8), nn.Linear(8, 8)])
    odd = LlamaMLP(LlamaConfig(**SIZES, hidden_act="relu"))
    assert fused.fuse(nn.ModuleList([other, odd]))["norm"] == fused.fuse(nn.ModuleList([odd]))["gate"] == 0
    assert all("forward" not in vars(module) for module in [*other, odd])


def test_each_kind_of_norm_keeps_its_convention():
    torch.manual_seed(0)
    x = torch.randn(3, 8)
    for norm in (LlamaRMSNorm(8), Gemma3RMSNorm(8)):
        nn.init.normal_(norm.weight)
        before = norm(x)
        assert fused.fuse(nn.ModuleList([norm]))["norm"] == 1
        assert torch.allclose(norm(x), before, atol=1e-6)
        assert norm(x.bfloat16()).dtype == torch.bfloat16
