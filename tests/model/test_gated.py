"""The gated MLP in one piece: the values and gradients of its layers one after the other, whatever stands beside them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck
from torch.nn import functional
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaMLP

from tunesmith.model import few_rows, fused, gated
from tunesmith.model.lora import Group, LoraLinear
from tunesmith.spec.recipe import Lora

WIDTH, INNER, TOKENS = 6, 10, 7
FUNCTIONS = {"silu": functional.silu, "gelu_pytorch_tanh": lambda x: functional.gelu(x, approximate="tanh"), "gelu": functional.gelu}


def random(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


def mlp(act: str = "silu", dropout: float = 0.0, dora: bool = False, bias: bool = False, together: bool = True) -> nn.Module:
    """A fused MLP in float64 with adapters of different ranks, which say something."""
    torch.manual_seed(1)
    module = LlamaMLP(LlamaConfig(hidden_size=WIDTH, num_attention_heads=2, intermediate_size=INNER, hidden_act=act, mlp_bias=bias))
    assert fused.fuse(nn.ModuleList([module]))["gate"] == 1
    for name, rank in (("gate_proj", 2), ("up_proj", 3), ("down_proj", 4)):
        layer = LoraLinear(getattr(module, name).requires_grad_(False), Lora(r=rank, alpha=2 * rank, dora=dora), dropout)
        nn.init.normal_(layer.lora_A)
        nn.init.normal_(layer.lora_B)
        setattr(module, name, layer)
    module.double()
    if together:
        module.gate_proj.group = module.up_proj.group = Group([module.gate_proj, module.up_proj])
    return module.train()


def slowly(module: nn.Module, act: str, x: Tensor) -> Tensor:
    """The same from the formula, without dropout."""
    found = []
    for layer in (module.gate_proj, module.up_proj, module.down_proj):
        given = x if len(found) < 2 else FUNCTIONS[act](found[0]) * found[1]
        found.append(functional.linear(given, layer.inner.weight + layer.scale * layer.lora_B @ layer.lora_A, layer.inner.bias))
    return found[2]


def slopes(module: nn.Module, out: Tensor, x: Tensor) -> list[Tensor]:
    """Gradients of a weighted sum of the output for the input and every adapter."""
    weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)
    return list(torch.autograd.grad((out * weights).sum(), [x, *(p for p in module.parameters() if p.requires_grad)]))


@pytest.fixture
def counted(monkeypatch) -> list[int]:
    """One entry for every MLP that was computed in one piece."""
    calls: list[int] = []
    apply = gated._Whole.apply
    monkeypatch.setattr(gated._Whole, "apply", lambda *args: calls.append(1) or apply(*args))
    return calls


@pytest.mark.parametrize("activation", gated.ACTIVATIONS)
def test_the_gate_alone_has_the_right_slope(activation):
    torch.manual_seed(0)
    assert gradcheck(lambda a, b: gated._Gate.apply(a, b, activation), (random(2, 3, 8), random(2, 3, 8)))


@pytest.mark.parametrize("at_once", [1, 3, 10_000])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("act", FUNCTIONS)
def test_in_one_piece_it_is_the_formula(act, bias, at_once, counted, monkeypatch):
    monkeypatch.setattr(few_rows, "BYTES", at_once * INNER * 8 // torch.get_num_threads())
    module, x = mlp(act, bias=bias), random(1, TOKENS, WIDTH)
    ours, theirs = module(x), slowly(module, act, x)
    torch.testing.assert_close(ours, theirs)
    for a, b in zip(slopes(module, ours, x), slopes(module, theirs, x), strict=True):
        torch.testing.assert_close(a, b)
    assert counted


def test_with_dropout_it_draws_what_its_layers_would(counted):
    found = []
    for together in (True, False):  # each layer in a group of its own is computed by itself
        module, x = (
            mlp(dropout=0.5, together=together),
            torch.linspace(-1, 1, TOKENS * WIDTH, dtype=torch.float64).view(1, TOKENS, WIDTH).requires_grad_(),
        )
        torch.manual_seed(5)
        out = module(x)
        found.append([out, *slopes(module, out, x)])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)
    assert len(counted) == 1
    module.eval()
    assert not torch.allclose(module(x), found[1][0])


def test_an_input_that_needs_no_gradient_gets_none(counted):
    module, x = mlp(), random(TOKENS, WIDTH)
    wanted = slopes(module, module(x), x)[1:]
    weights = torch.linspace(-1, 1, TOKENS * WIDTH, dtype=x.dtype).view(TOKENS, WIDTH)
    found = torch.autograd.grad((module(x.detach()) * weights).sum(), [p for p in module.parameters() if p.requires_grad])
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)
    assert len(counted) == 2


@pytest.mark.parametrize("how", ["dora", "apart", "answering"])
def test_what_does_more_than_add_goes_layer_by_layer(how, counted):
    module, x = mlp(dora=how == "dora", together=how != "apart"), random(TOKENS, WIDTH)
    if how == "answering":
        with torch.no_grad():
            torch.testing.assert_close(module(x), slowly(module, "silu", x))
    else:
        out = module(x)
        assert all(grad.abs().sum() > 0 for grad in slopes(module, out, x))
    assert not counted
