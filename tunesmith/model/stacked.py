"""The input of adapted layers → all their outputs, as one matrix product with a backward pass of its own.

y = x·Wᵀ + b + s·dropout(x)·Aᵀ·Bᵀ for every layer of a group, whose frozen weights lie one under the other with room for the adapters:

    W  sB          forward: [x, x·Aᵀ] times the upper part, one product for every output
    A   ·          backward: [dy, dy·sB] times the left part, one product for the gradient of x

An adapter's share is so added before the one rounding of the output. Added to an output in bf16 it would be lost wherever it is less than half
a step of the output: a young adapter did a fifth of what it does in float32 (docs/decisions/0007).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from tunesmith.model.dropout import Drop


@dataclass(frozen=True, eq=False)
class Stack:
    """What a group's product is made of, beside its input and its adapters."""

    sizes: list[int]
    """Widths of the outputs; N is their sum."""
    scales: list[float]
    rank: int
    """R, of all adapters together."""
    weight: Tensor
    """[N + R, in + R] frozen weights, with room for the adapters."""
    bias: Tensor | None
    drops: list[Drop | None] | None
    """One draw of dropout per layer; None: no dropout at all."""


class Adapted(torch.autograd.Function):
    """x·Wᵀ + b + s·(x∘m)·Aᵀ·Bᵀ for every layer of a group: nothing of the input's size is kept but the input itself."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, stack: Stack, *low: Tensor) -> tuple[Tensor, ...]:
        """One […, out] output per layer. `low` holds A [r, in] and B [out, r] of each."""
        flat = x.reshape(-1, x.shape[-1])
        both = room(flat, stack.rank)
        both[:, : flat.shape[1]] = flat
        out = product(both, stack, low)
        ctx.save_for_backward(both, *low)
        ctx.stack, ctx.shape = stack, x.shape
        return tuple(part.view(*x.shape[:-1], -1) for part in parts(out, stack.sizes, 1))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """Gradients of x and of every A and B."""
        whole, *low = ctx.saved_tensors
        stack: Stack = ctx.stack
        both = whole.new_empty(len(whole), sum(stack.sizes) + stack.rank)
        for grad, place in zip(grads, parts(both[:, : -stack.rank], stack.sizes, 1), strict=True):
            place.copy_(grad.reshape(place.shape)) if grad is not None else place.zero_()
        grad_x, found = slopes(both, whole, stack, low, ctx.needs_input_grad[0])
        return (None if grad_x is None else grad_x.view(ctx.shape), None, *found)


def room(x: Tensor, rank: int) -> Tensor:
    """An empty [T, n + R] for x [T, n]: where a group's product wants its input, or the gradients of its outputs, with R columns for the adapters."""
    return x.new_empty(len(x), x.shape[1] + rank)


def product(both: Tensor, stack: Stack, low: Sequence[Tensor]) -> Tensor:
    """[T, N] every output of a group, side by side, from `both` [T, in + R], whose left part holds the input; A·x is written into the right one."""
    N, width = sum(stack.sizes), both.shape[1] - stack.rank
    flat, downs = both[:, :width], _downs(stack, low, both.dtype)
    if stack.drops is None:
        both[:, width:] = functional.linear(flat, downs)
    else:
        places = zip(parts(both[:, width:], ranks(low), 1), stack.drops, parts(downs, ranks(low), 0), strict=True)
        for place, drop, down in places:
            place.copy_(functional.linear(_kept(flat, drop), down))
    stack.weight[:N, width:] = _ups(stack, low, both.dtype)
    return functional.linear(both, stack.weight[:N], stack.bias)


def slopes(both: Tensor, whole: Tensor, stack: Stack, low: Sequence[Tensor], wants_input: bool) -> tuple[Tensor | None, list[Tensor]]:
    """Gradients of a group's input [T, in], where it is wanted, and of every A and B.

    `both` [T, N + R] holds the gradients of the outputs in its left part; those of A·x are written into the right one. `whole`: as `product` left it.
    """
    N, width = sum(stack.sizes), whole.shape[1] - stack.rank
    flat, inner, outer = whole[:, :width], whole[:, width:], both[:, :N]
    downs, ups, sizes = _downs(stack, low, whole.dtype), _ups(stack, low, whole.dtype), ranks(low)
    both[:, N:] = outer @ ups
    found: list[Tensor] = []
    grad_ups = parts(outer.T @ inner, stack.sizes, 0)
    grad_downs = None if stack.drops is not None else parts(both[:, N:].T @ flat, sizes, 0)
    start = 0
    for i, (rank, scale) in enumerate(zip(sizes, stack.scales, strict=True)):
        drop = None if stack.drops is None else stack.drops[i]
        down = grad_downs[i] if grad_downs is not None else both[:, N + start : N + start + rank].T @ _kept(flat, drop)
        found.append(down.to(low[2 * i].dtype).mul_(1.0 if drop is None else drop.scale))
        found.append(grad_ups[i][:, start : start + rank].to(low[2 * i + 1].dtype).mul_(scale))
        start += rank
    if not wants_input:
        return None, found
    if stack.drops is None:
        stack.weight[N:, :width] = downs
        return both @ stack.weight[:, :width], found
    grad_x = outer @ stack.weight[:N, :width]
    for drop, inward, down in zip(stack.drops, parts(both[:, N:], sizes, 1), parts(downs, sizes, 0), strict=True):
        grad_x = grad_x.addmm_(inward, down) if drop is None else grad_x.addcmul_(inward @ down, drop.mask(flat))
    return grad_x, found


def parts(x: Tensor, sizes: list[int], dim: int) -> tuple[Tensor, ...]:
    """x cut into pieces of these sizes: views, no copies."""
    found: tuple[Tensor, ...] = x.split(sizes, dim)  # type: ignore[no-untyped-call]
    return found


def ranks(low: Sequence[Tensor]) -> list[int]:
    """r of each layer, from A and B in turns."""
    return [down.shape[0] for down in low[::2]]


def _kept(flat: Tensor, drop: Drop | None) -> Tensor:
    return flat if drop is None else flat * drop.mask(flat)


def _downs(stack: Stack, low: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """[R, in] every A with its dropout's scale in it, in the activations' dtype."""
    drops = stack.drops or [None] * len(stack.sizes)
    return torch.cat([(down if drop is None else down * drop.scale).to(dtype) for down, drop in zip(low[::2], drops, strict=True)])


def _ups(stack: Stack, low: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """[N, R] every scaled B on the diagonal, in the activations' dtype."""
    blocks: Tensor = torch.block_diag(*((scale * up).to(dtype) for up, scale in zip(low[1::2], stack.scales, strict=True)))  # type: ignore[no-untyped-call]
    return blocks
