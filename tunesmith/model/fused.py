"""A transformers model → the same model with its small operations computed in fewer passes over memory.

Beside the matrix products a step reads and writes every activation many times: a norm alone took eleven passes forward and backward, most of
them over float32 copies. Here norms and rotary embeddings have a backward pass of their own, which keeps nothing but the inputs; gated MLPs get that
of `gated`. A module is replaced only where trying shows that ours gives the same; the rest of the model stays as it is.

Norm:  y = x·r·(o + w) with r = 1/√(mean(x²) + ε), o = 1 in Gemma, else 0;  dx = r·g' - x·r³·mean(g'∘x), g' = g∘(o + w).
Rotary: y = x∘cos + turn(x)∘sin, turn((u, v)) = (-v, u);  dx = g∘cos - turn(g∘sin).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tunesmith.model.gated import ACTIVATIONS, gated

CLOSE = 1e-4
"""Relative difference by norm up to which two ways of computing in float32 are the same."""
ROUNDED = 2e-2
"""The same where the model's own dtype is shorter."""
ROTARY = "apply_rotary_pos_emb"


def fuse(network: nn.Module) -> dict[str, int]:
    """Replace what can be; returns how many norms, gates and rotary functions were."""
    found = {"norm": 0, "gate": 0, "rotary": 0}
    for module in network.modules():
        ours = (_norm(module) or _gate(module)) if len(inspect.signature(module.forward).parameters) == 1 else None  # a gated norm may be given more
        if ours is not None:
            module.forward = ours
            found["norm" if ours.func is _normed else "gate"] += 1
    found["rotary"] = int(_fuse_rotary(sys.modules[type(network).__module__]))
    return found


def _same(ours: Callable[[], Tensor], theirs: Callable[[], Tensor]) -> bool:
    """Whether both give the same up to the rounding of their dtype; not, where one of them cannot be computed."""
    try:
        with torch.no_grad():
            a, b = ours(), theirs()
    except (TypeError, ValueError, RuntimeError, AttributeError):
        return False
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    apart, size = (a.float() - b.float()).norm(), b.float().norm()
    return bool(apart <= (CLOSE if a.dtype == torch.float32 else ROUNDED) * size)


def _sample(*shape: int, like: Tensor) -> Tensor:
    """float32 noise, always the same."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(like.device)


def _norm(module: nn.Module) -> Any:
    """Our forward of a root-mean-square norm, or None if `module` is not one."""
    weight, eps = getattr(module, "weight", None), getattr(module, "variance_epsilon", getattr(module, "eps", None))
    if not isinstance(weight, Tensor) or weight.dim() != 1 or not isinstance(eps, float) or list(module.children()) or "forward" in vars(module):
        return None
    sample, other = _sample(2, 3, len(weight), like=weight)
    theirs = partial(functional_call, module, {"weight": other[0]}, (sample,))  # not its own: all ones would hide what is done with them
    for offset in (0.0, 1.0):
        if _same(partial(_Norm.apply, sample, other[0], eps, offset), theirs):
            return partial(_normed, module, eps, offset)
    return None


def _normed(module: nn.Module, eps: float, offset: float, x: Tensor) -> Tensor:
    if not torch.is_grad_enabled():
        return _scaled(x, module.weight, eps, offset)[0]
    out: Tensor = _Norm.apply(x, module.weight, eps, offset)  # type: ignore[no-untyped-call]
    return out


def _scaled(x: Tensor, weight: Any, eps: float, offset: float) -> tuple[Tensor, Tensor]:
    """The norm's output, and r in at least float32."""
    exact = torch.promote_types(x.dtype, torch.float32)
    wide = x.to(exact)
    r = (torch.linalg.vector_norm(wide, dim=-1, keepdim=True).square_() / x.shape[-1] + eps).rsqrt_()
    return torch.mul(wide, r, out=None if wide is x else wide).mul_(weight.to(exact) + offset).to(x.dtype), r


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float, offset: float) -> Tensor:
        out, r = _scaled(x, weight, eps, offset)
        ctx.save_for_backward(x, weight, r)
        ctx.offset = offset
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, r = ctx.saved_tensors
        wide = x.to(r.dtype)
        grad = grads[0].to(r.dtype)  # float32 times a shorter dtype would take many times as long as this
        dw = (wide * r).mul_(grad).flatten(0, -2).sum(0).to(weight.dtype) if ctx.needs_input_grad[1] else None
        slope = torch.mul(grad, weight.to(r.dtype) + ctx.offset, out=None if grad is grads[0] else grad)
        if not ctx.needs_input_grad[0]:
            return None, dw, None, None
        far = torch.linalg.vecdot(slope, wide)[..., None] * (r**3 / x.shape[-1])
        return slope.mul_(r).addcmul_(wide, far, value=-1).to(x.dtype), dw, None, None


def _gate(module: nn.Module) -> Any:
    """Our forward of a gated MLP, or None if `module` is not one."""
    act = getattr(module, "act_fn", None)
    layers = [getattr(module, name, None) for name in ("gate_proj", "up_proj", "down_proj")]
    if act is None or not all(isinstance(layer, nn.Linear) for layer in layers) or "forward" in vars(module):
        return None
    weight = layers[0].weight  # type: ignore[union-attr]
    sample = _sample(3, weight.shape[1], like=weight)
    for activation in ACTIVATIONS:
        ours, given = partial(gated, module, activation), sample.to(weight.dtype)
        if _same(partial(activation.plain, sample), partial(act, sample)) and _same(partial(ours, given), partial(module, given)):
            return ours
    return None


def _fuse_rotary(source: Any) -> bool:
    """Put our rotary embedding into a modelling module whose own computes the same. It stays for all models of that module."""
    theirs = getattr(source, ROTARY, None)
    if theirs is None or theirs is rotate:
        return theirs is rotate
    q, k = (torch.randn(1, heads, 3, 8, generator=torch.Generator().manual_seed(heads)) for heads in (2, 1))
    angles = torch.arange(3.0)[:, None] * torch.tensor([1.0, 0.3, 0.1, 0.01]).repeat(2)
    cos, sin = angles.cos()[None], angles.sin()[None]
    for i in (0, 1):
        if not _same(lambda i=i: rotate(q, k, cos, sin)[i], lambda i=i: theirs(q, k, cos, sin)[i]):  # type: ignore[misc]
            return False
    setattr(source, ROTARY, rotate)
    return True


def rotate(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, unsqueeze_dim: int = 1) -> tuple[Tensor, Tensor]:
    """transformers' `apply_rotary_pos_emb`: q [B, H, T, D], k [B, Hkv, T, D], cos and sin [B, T, at most D] whose halves are equal."""
    cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
    if not torch.is_grad_enabled():
        return _turned(q, cos, sin, 1), _turned(k, cos, sin, 1)
    return _Rotary.apply(q, cos, sin), _Rotary.apply(k, cos, sin)  # type: ignore[no-untyped-call]


class _Rotary(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        return _turned(grads[0], cos, sin, -1), None, None


def _turned(x: Tensor, cos: Tensor, sin: Tensor, direction: int) -> Tensor:
    """x∘cos + direction·turn(x)∘sin; what lies beyond the width of cos stays as it is."""
    width, half = cos.shape[-1], cos.shape[-1] // 2
    out = x * cos if width == x.shape[-1] else torch.cat([x[..., :width] * cos, x[..., width:]], -1)
    out[..., :half].addcmul_(x[..., half:width], sin[..., :half], value=-direction)
    out[..., half:width].addcmul_(x[..., :half], sin[..., half:], value=direction)
    return out
