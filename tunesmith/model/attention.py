"""Queries, keys and values of a packed forest → attention output, in which every token sees exactly its own path.

Two fused products per layer instead of one per row: all branch queries against the trunk's keys, and each branch against itself (rows
gathered into a grid), joined by their log-sum-exp. The backward pass runs the fused kernels' own backward with the joined output and
log-sum-exp, which is exact: a softmax over several pieces has, in each piece, the probabilities exp(score - joint log-sum-exp).

Measured on 2 cores with AVX512-BF16, 800 branch tokens on 160 shared: trunk product 2.3 ms fused against 7.2 ms as plain matrix products
with an fp32 softmax, backward 8.1 against 15.4; grid of 32 rows x 32: 2.0 against 0.9; of 8 x 225: 7.7 against 13.9. The fused backward
pays a fixed price per head that short rows do not earn back, most of all in bf16 (32 rows x 22: 10.8 ms against 0.9; 146 trunk tokens:
2.2 against 0.9): few keys take plain products there, see `PLAIN_KEYS`.

Registered with transformers under the name `tunesmith`; a layout comes in as the keyword `layout`, which transformers hands through.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from tunesmith.model.forest import Forest

NAME = "tunesmith"
FUSED = (torch.float32, torch.bfloat16, torch.float16)  # in float64 the fused kernel is only good to 1e-7
PLAIN_KEYS = {torch.float32: 64, torch.bfloat16: 256, torch.float16: 256}
"""Up to so many keys the backward pass as plain batched products is faster than the fused one, measured as above."""
_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


class Layout(Protocol):
    """How the tokens of one packed sequence relate: a forest in training and prefill, a batch of single tokens in decoding."""

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None, softcap: float | None) -> Tensor:
        """[1, H, T, D] output for query [1, H, T, D] and key, value [1, Hkv, T, D]."""


class ForestLayout:
    """Attention over a forest; `keep` collects each layer's keys and values for decoding."""

    def __init__(self, forest: Forest, keep: dict[int, tuple[Tensor, Tensor]] | None = None) -> None:
        self.forest = forest
        self.keep = keep

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None, softcap: float | None) -> Tensor:
        """As in `Layout`. The fused way on the CPU; a dense mask elsewhere, with soft-capping, or where a window cuts a path."""
        if self.keep is not None:
            self.keep[layer] = (key, value)
        cut = window is not None and window < self.forest.longest
        if query.device.type == "cpu" and query.dtype in FUSED and softcap is None and not cut:
            joined: Tensor = _Joined.apply(query, key, value, self.forest, scale)  # type: ignore[no-untyped-call]
            return joined
        return dense(query, key, value, self.forest.dense_mask(window if cut else None), scale, softcap)


def dense(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scale: float, softcap: float | None) -> Tensor:
    """Attention under an explicit mask [T, S]: the plain form, for windows, soft-capping and devices without the fused one."""
    groups = query.shape[1] // key.shape[1]
    if softcap is None:
        return nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale, enable_gqa=groups > 1)
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scores = softcap * torch.tanh((query @ key.transpose(-1, -2)).to(torch.promote_types(query.dtype, torch.float32)) * scale / softcap)
    return scores.masked_fill(~mask, float("-inf")).softmax(-1).to(value.dtype) @ value


class _Joined(torch.autograd.Function):
    """Attention over `[trunk | branches]` by two fused products. H query heads in groups of G share Hkv key heads."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, forest: Forest, scale: float) -> Tensor:
        """[1, H, T, D] output."""
        P, groups = forest.trunk, query.shape[1] // key.shape[1]
        out = torch.empty_like(query)
        lse = query.new_empty(query.shape[:3], dtype=torch.float32)  # [1, H, T]
        if P:
            out[:, :, :P], lse[:, :, :P] = _flash(
                query[:, :, :P], _spread(key[:, :, :P], groups), _spread(value[:, :, :P], groups), 0.0, True, scale=scale
            )
        own, own_lse = _flash(
            _to_grid(query[0, :, P:], forest), _to_grid(_spread(key[:, :, P:], groups)[0], forest), _to_grid(_spread(value[:, :, P:], groups)[0], forest),
            0.0, True, scale=scale,
        )  # fmt: skip
        own, own_lse = _from_grid(own, forest), _from_grid(own_lse.unsqueeze(-1), forest).squeeze(-1)  # [H, N, D], [H, N]
        if P:
            shared, shared_lse = _flash(_grouped(query[:, :, P:], groups), key[:, :, :P], value[:, :, :P], 0.0, False, scale=scale)
            shared, shared_lse = shared.reshape(own.shape), shared_lse.reshape(own_lse.shape)
            joint = torch.logaddexp(own_lse, shared_lse)
            own = own * (own_lse - joint).exp().unsqueeze(-1) + shared * (shared_lse - joint).exp().unsqueeze(-1)
            own_lse = joint
        out[0, :, P:], lse[0, :, P:] = own.to(out.dtype), own_lse
        ctx.save_for_backward(query, key, value, out, lse)
        ctx.forest, ctx.scale, ctx.groups = forest, scale, groups
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of query, key and value."""
        query, key, value, out, lse = ctx.saved_tensors
        forest, scale, groups, P = ctx.forest, ctx.scale, ctx.groups, ctx.forest.trunk
        grad = grads[0].contiguous()
        dq = torch.empty_like(query)
        dk, dv = torch.zeros_like(key), torch.zeros_like(value)

        if P:
            keys, values = _spread(key[:, :, :P], groups), _spread(value[:, :, :P], groups)
            dq[:, :, :P], k, v = _slopes(grad[:, :, :P], query[:, :, :P], keys, values, out[:, :, :P], lse[:, :, :P], True, scale)
            dk[:, :, :P] += _gather_groups(k, groups)
            dv[:, :, :P] += _gather_groups(v, groups)
            branch = [_grouped(t[:, :, P:], groups) for t in (grad, query, out)]
            branch_lse = _grouped(lse[:, :, P:].unsqueeze(-1), groups).squeeze(-1)
            q, k, v = _slopes(branch[0], branch[1], key[:, :, :P], value[:, :, :P], branch[2], branch_lse, False, scale)
            dq[:, :, P:] = q.reshape(dq[:, :, P:].shape)
            dk[:, :, :P] += k
            dv[:, :, :P] += v
        # A padded cell's output gradient is zero, so it adds nothing to any key: its probability times (0 - 0).
        q, k, v = _slopes(
            _to_grid(grad[0, :, P:], forest, pad=0.0), _to_grid(query[0, :, P:], forest), _to_grid(_spread(key[:, :, P:], groups)[0], forest),
            _to_grid(_spread(value[:, :, P:], groups)[0], forest), _to_grid(out[0, :, P:], forest), _to_grid(lse[0, :, P:].unsqueeze(-1), forest).squeeze(-1), True, scale,
        )  # fmt: skip
        dq[0, :, P:] = _from_grid(q, forest) + (dq[0, :, P:] if P else 0)
        dk[:, :, P:] = _gather_groups(_from_grid(k, forest).unsqueeze(0), groups)
        dv[:, :, P:] = _gather_groups(_from_grid(v, forest).unsqueeze(0), groups)
        return dq, dk, dv, None, None


def _slopes(
    grad: Tensor, query: Tensor, key: Tensor, value: Tensor, out: Tensor, lse: Tensor, causal: bool, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of query, key and value, all [B, H, ·, D], of the piece of a softmax whose joint log-sum-exp is `lse` [B, H, T].

    With P = exp(s·QKᵀ - lse) and dP = dO·Vᵀ: dV = PᵀdO, dS = s·P(dP - rowsum(dO·O)), dQ = dS·K, dK = dSᵀQ.
    Source: Dao et al. 2022 (arXiv 2205.14135), appendix B.2.
    """
    if key.shape[2] > PLAIN_KEYS[query.dtype]:
        fused: tuple[Tensor, Tensor, Tensor] = _flash_backward(grad, query, key, value, out, lse.contiguous(), 0.0, causal, scale=scale)
        return fused
    chances = (query @ key.transpose(-1, -2)).float().mul_(scale).sub_(lse.unsqueeze(-1)).exp_()
    if causal:
        chances.tril_()
    slope = (grad @ value.transpose(-1, -2)).float()
    slope.sub_((grad.float() * out.float()).sum(-1, keepdim=True)).mul_(chances).mul_(scale)
    rounded = slope.to(query.dtype)
    return rounded @ key, rounded.transpose(-1, -2) @ query, chances.to(grad.dtype).transpose(-1, -2) @ grad


def _spread(x: Tensor, groups: int) -> Tensor:
    """[1, Hkv, S, D] → [1, H, S, D]: each key head once per query head of its group."""
    return x if groups == 1 else x.repeat_interleave(groups, 1)


def _gather_groups(x: Tensor, groups: int) -> Tensor:
    """[1, H, S, D] → [1, Hkv, S, D]: the sum over each group, the adjoint of `_spread`."""
    return x if groups == 1 else x.view(x.shape[0], -1, groups, *x.shape[2:]).sum(2)


def _grouped(x: Tensor, groups: int) -> Tensor:
    """[1, H, N, D] → [1, Hkv, G·N, D]: the query heads of a group side by side, since they meet the same keys."""
    return x.reshape(1, x.shape[1] // groups, groups * x.shape[2], x.shape[3])


def _to_grid(x: Tensor, forest: Forest, pad: float | None = None) -> Tensor:
    """[H, N, D] → [R, H, L, D]. Cells beyond a row repeat its last token, or hold `pad`."""
    R, L = forest.grid.shape
    if pad is None:
        return x.index_select(1, forest.grid.view(-1)).view(x.shape[0], R, L, x.shape[2]).transpose(0, 1)
    full = x.new_full((x.shape[0], R * L, x.shape[2]), pad)
    full[:, forest.cells] = x
    return full.view(x.shape[0], R, L, x.shape[2]).transpose(0, 1)


def _from_grid(x: Tensor, forest: Forest) -> Tensor:
    """[R, H, L, D] → [H, N, D]."""
    R, H, L, D = x.shape
    return x.transpose(0, 1).reshape(H, R * L, D).index_select(1, forest.cells)


def _attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, *, layout: Layout | None = None, **options: Any
) -> tuple[Tensor, None]:
    """transformers' attention interface: [B, H, T, D] in, ([B, T, H, D], None) out."""
    if layout is None and options.get("softcap") is not None:  # the library's fused way does not know it
        behind = key.shape[2] - query.shape[2]
        mask = (
            attention_mask if attention_mask is not None else torch.ones(query.shape[2], key.shape[2], dtype=torch.bool).tril(behind).to(key.device)
        )
        scale = options.get("scaling") or query.shape[-1] ** -0.5
        return dense(query, key, value, mask, scale, options["softcap"]).transpose(1, 2).contiguous(), None
    if layout is None:
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, **options)
        return output, None
    scale = options.get("scaling") or query.shape[-1] ** -0.5
    output = layout.attend(module.layer_idx, query, key, value, scale, options.get("sliding_window"), options.get("softcap"))  # type: ignore[arg-type]
    return output.transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, sdpa_mask)


def run(decoder: nn.Module, ids: Tensor, positions: Tensor, layout: Layout) -> Tensor:
    """[T, D] last hidden states of a decoder over one packed sequence.

    The 1x1x1x1 mask makes transformers take the mask as given: it would otherwise build one, guessing packing from the positions.
    """
    given = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=ids.device)
    output = decoder(input_ids=ids[None], position_ids=positions[None], attention_mask=given, use_cache=False, layout=layout)
    hidden: Tensor = output.last_hidden_state[0]
    return hidden
