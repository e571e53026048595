"""A gated MLP computed in fewer passes over memory: y = down(f(gate(x))∘up(x)).

Its inner activations are the widest tensors of a layer: in a training step on two cores a copy of them costs as much as a norm. So what is computed
from them goes straight to where the next matrix product wants it, beside the room for the adapters' inner values (see `stacked`), a few rows at a time.

With a = gate(x), b = up(x), h = f(a)∘b: da = dh∘b∘f'(a), db = dh∘f(a).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from tunesmith.model import stacked
from tunesmith.model.few_rows import few_rows
from tunesmith.model.lora import LoraLinear
from tunesmith.model.stacked import Stack

aten = torch.ops.aten


@dataclass(frozen=True)
class Activation:
    """f, and what multiplies a gradient by f', both into a given place."""

    plain: Callable[[Tensor], Tensor]
    value: Callable[..., Tensor]
    """(input, out=place)."""
    slope: Callable[..., Tensor]
    """(gradient, input, grad_input=place) → gradient of the input."""


ACTIVATIONS = (
    Activation(functional.silu, aten.silu.out, aten.silu_backward.grad_input),
    *(
        Activation(
            partial(functional.gelu, approximate=how),
            partial(aten.gelu.out, approximate=how),
            partial(aten.gelu_backward.grad_input, approximate=how),
        )
        for how in ("tanh", "none")
    ),
)


def gated(module: Any, activation: Activation, x: Tensor) -> Tensor:
    """The forward pass of a gated MLP [..., in] → [..., in], for one whose layers are `gate_proj`, `up_proj` and `down_proj`."""
    whole = _adapted(module, x)
    if whole is not None:
        inner, outer, low = whole
        out: Tensor = _Whole.apply(x, inner, outer, activation, *low)  # type: ignore[no-untyped-call]
        return out
    gate, up = module.gate_proj(x), module.up_proj(x)
    mixed: Tensor = _mixed(gate, up, activation) if not torch.is_grad_enabled() else _Gate.apply(gate, up, activation)  # type: ignore[no-untyped-call]
    down: Tensor = module.down_proj(mixed)
    return down


def _adapted(module: Any, x: Tensor) -> tuple[Stack, Stack, list[Tensor]] | None:
    """What the MLP's two products are made of, where all three layers are trained beside adapters that only add."""
    layers = (module.gate_proj, module.up_proj, module.down_proj)
    if not torch.is_grad_enabled() or not all(isinstance(layer, LoraLinear) and layer.magnitude is None for layer in layers):
        return None
    gate, _, down = layers
    if gate.group is None or down.group is None or gate.group.layers != list(layers[:2]) or down.group.layers != [down]:
        return None
    if gate.group.worn is not None or down.group.worn is not None:
        return None
    (inner, first), (outer, second) = gate.group.stack(), down.group.stack()
    return inner, outer, first + second


def _mix(gate: Tensor, up: Tensor, activation: Activation, place: Tensor) -> None:
    """f(gate)∘up, all [T, n]."""
    for part in few_rows(gate):
        activation.value(gate[part], out=place[part]).mul_(up[part])


def _mixed(gate: Tensor, up: Tensor, activation: Activation) -> Tensor:
    """f(gate)∘up, all [..., n]."""
    out = torch.empty_like(gate, memory_format=torch.contiguous_format)
    _mix(gate.flatten(0, -2), up.flatten(0, -2), activation, out.view(-1, out.shape[-1]))
    return out


def _unmix(grad: Tensor, gate: Tensor, up: Tensor, activation: Activation, to_gate: Tensor, to_up: Tensor) -> None:
    """The gradients of gate and up from that of f(gate)∘up, all [T, n]."""
    for part in few_rows(gate):
        slope, value = to_gate[part], to_up[part]
        torch.mul(grad[part], up[part], out=slope)
        activation.slope(slope, gate[part], grad_input=slope)
        activation.value(gate[part], out=value).mul_(grad[part])


class _Gate(torch.autograd.Function):
    """f(gate)∘up alone, for layers of any kind."""

    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor, activation: Activation) -> Tensor:
        ctx.save_for_backward(gate, up)
        ctx.activation = activation
        return _mixed(gate, up, activation)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        gate, up = (x.flatten(0, -2) for x in ctx.saved_tensors)
        to_gate, to_up = (torch.empty_like(x, memory_format=torch.contiguous_format) for x in (gate, up))
        _unmix(grads[0].reshape(gate.shape), gate, up, ctx.activation, to_gate, to_up)
        return to_gate.view(grads[0].shape), to_up.view(grads[0].shape), None


class _Whole(torch.autograd.Function):
    """The MLP with its adapters. `low` holds A [r, in] and B [out, r] of gate, up and down."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, inner: Stack, outer: Stack, activation: Activation, *low: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        given = stacked.room(flat, inner.rank)
        given[:, : flat.shape[1]] = flat
        both = stacked.product(given, inner, low[:4])
        gate, up = stacked.parts(both, inner.sizes, 1)
        hidden = stacked.room(gate, outer.rank)
        _mix(gate, up, activation, hidden[:, : gate.shape[1]])
        out = stacked.product(hidden, outer, low[4:])
        ctx.save_for_backward(given, both, hidden, *low)
        ctx.inner, ctx.outer, ctx.activation, ctx.shape = inner, outer, activation, x.shape
        return out.view(*x.shape[:-1], out.shape[1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x and of every A and B."""
        given, both, hidden, *low = ctx.saved_tensors
        inner, outer = ctx.inner, ctx.outer
        grad = grads[0].reshape(len(given), grads[0].shape[-1])
        told = stacked.room(grad, outer.rank)
        told[:, : grad.shape[1]] = grad
        middle, second = stacked.slopes(told, hidden, outer, low[4:], True)
        assert middle is not None
        gate, up = stacked.parts(both, inner.sizes, 1)
        told = stacked.room(both, inner.rank)
        to_gate, to_up = stacked.parts(told[:, : both.shape[1]], inner.sizes, 1)
        _unmix(middle, gate, up, ctx.activation, to_gate, to_up)
        grad_x, first = stacked.slopes(told, given, inner, low[:4], ctx.needs_input_grad[0])
        return (None if grad_x is None else grad_x.view(ctx.shape), None, None, None, *first, *second)
