"""Queries, keys and values of a packed forest → attention output, in which every token sees exactly its own path.

The packed sequence is cut into `pieces`. Those of similar size are computed together as one batched product: the piece's queries against its
own keys and those before it on its path. All branches of a tree meet the keys of its root in one product. Both parts stand side by side under
a single softmax, so nothing is joined afterwards and soft-capping and windows need no way of their own. Query heads that share a key head are
rows of one product.

Measured within a training step against the fused kernels of torch on 2 cores with AVX512-BF16: docs/log.md, docs/decisions/0002.

Registered with transformers under the name `tunesmith`; a layout comes in as the keyword `layout`, which transformers hands through.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from tunesmith.model import accelerated
from tunesmith.model.forest import Forest
from tunesmith.model.memory import KEPT_KEYS
from tunesmith.model.pieces import Bucket, Plan, plan_for

NAME = "tunesmith"
KNOWN = {"position_ids", "cache_position", "cu_seq_lens_q", "cu_seq_lens_k"}
"""Tensors that models hand through to attention and that change nothing of it, since the mask and the layout say the same."""


class UnknownAttention(NotImplementedError):
    """A model gives its attention something (sinks, a bias, chosen places) that is not computed here: to leave it out would be wrong."""


class Layout(Protocol):
    """How the tokens of one packed sequence relate: a forest in training and prefill, a batch of new tokens in decoding."""

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None, softcap: float | None) -> Tensor:
        """[1, H, T, D] output for query [1, H, T, D] and key, value [1, Hkv, T, D]."""


class ForestLayout:
    """Attention over a forest; `keep` collects each layer's keys and values for decoding.

    `read` holds those [Hkv, P, D] of the P tokens at its beginning that all rows share, where they went through the model before: only the tokens
    behind them are given then.
    """

    def __init__(
        self, forest: Forest, keep: dict[int, tuple[Tensor, Tensor]] | None = None, read: dict[int, tuple[Tensor, Tensor]] | None = None
    ) -> None:
        self.forest = forest
        self.keep = keep
        self.read = read or {}

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None, softcap: float | None) -> Tensor:
        """As in `Layout`. In pieces on the CPU; elsewhere as `accelerated` does, or under a dense mask where it cannot."""
        behind = 0
        if self.read:
            before = self.read[layer]
            behind = before[0].shape[1]
            key, value = (torch.cat([one[None], x], 2) for one, x in zip(before, (key, value), strict=True))
            query = nn.functional.pad(query, (0, 0, behind, 0))  # nobody asks for these: they stand for the tokens that are not given
        if self.keep is not None:
            self.keep[layer] = (key, value)
        window = window if window is not None and window < self.forest.longest else None
        if query.device.type != "cpu":
            fast = accelerated.attend(query, key, value, self.forest, window, scale, softcap)
            return (fast if fast is not None else dense(query, key, value, self.forest.dense_mask(window), scale, softcap))[:, :, behind:]
        plan = plan_for(self.forest, query.shape[1], key.shape[1], window, query.dtype, behind)
        out: Tensor = _Pieces.apply(query, key, value, plan, scale, softcap)  # type: ignore[no-untyped-call]
        return out[:, :, behind:]


def dense(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scale: float, softcap: float | None) -> Tensor:
    """Attention under an explicit mask [T, S]: the plain form, for devices without one of our own."""
    groups = query.shape[1] // key.shape[1]
    if softcap is None:
        return nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale, enable_gqa=groups > 1)
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scores = softcap * torch.tanh((query @ key.transpose(-1, -2)).to(torch.promote_types(query.dtype, torch.float32)) * scale / softcap)
    return scores.masked_fill(~mask, float("-inf")).softmax(-1).to(value.dtype) @ value


class _Pieces(torch.autograd.Function):
    """Attention over a plan's buckets, with a backward pass that keeps probabilities or makes them again."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, plan: Plan, scale: float, softcap: float | None) -> Tensor:
        """[1, H, T, D] output, lying in memory token by token as the next layer wants it."""
        q, k, v = _rows(query), _rows(key), _rows(value)
        outs, kept = [], []
        for bucket in plan.buckets:
            batch = _Batch(bucket, plan, q, k, v, scale)
            chances = batch.chances(softcap)
            outs.append(batch.mixed(chances))
            kept.append(chances if chances.shape[-1] <= KEPT_KEYS else None)
        ctx.save_for_backward(query, key, value, *kept)
        ctx.plan, ctx.scale, ctx.softcap = plan, scale, softcap
        flat = outs[0] if len(outs) == 1 else torch.cat(outs)
        return flat.index_select(0, plan.outputs).view(-1, plan.heads, flat.shape[1]).transpose(0, 1)[None]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of query, key and value."""
        query, key, value, *kept = ctx.saved_tensors
        plan, scale = ctx.plan, ctx.scale
        q, k, v, grad = _rows(query), _rows(key), _rows(value), _rows(grads[0])
        dqs, dks, dvs, roots = [], [], [], []
        for bucket, chances in zip(plan.buckets, kept, strict=True):
            batch = _Batch(bucket, plan, q, k, v, scale)
            found = batch.slopes(grad, batch.chances(ctx.softcap) if chances is None else chances, ctx.softcap)
            dqs.append(found[0])
            dks.append(found[1])
            dvs.append(found[2])
            if found[3] is not None:
                roots.append((bucket.root, *found[3]))
        dq = (dqs[0] if len(dqs) == 1 else torch.cat(dqs)).index_select(0, plan.outputs).view(-1, plan.heads, q.shape[1])
        dk, dv = (_gathered(parts, plan).view(-1, plan.kv_heads, q.shape[1]) for parts in (dks, dvs))
        for (start, length), root_k, root_v in roots:
            dk[start : start + length] += root_k.transpose(0, 1).to(dk.dtype)
            dv[start : start + length] += root_v.transpose(0, 1).to(dv.dtype)
        return (*tuple(x.transpose(0, 1)[None].to(query.dtype) for x in (dq, dk, dv)), None, None, None)


class _Batch:
    """One bucket's queries, keys and values of one layer. G query heads share a key head; N = G·L rows of queries per piece."""

    def __init__(self, bucket: Bucket, plan: Plan, q: Tensor, k: Tensor, v: Tensor, scale: float) -> None:
        self.bucket, self.plan, self.scale = bucket, plan, scale
        B, _, S = bucket.size
        self.heads, D = plan.kv_heads, q.shape[1]
        self.query = q.index_select(0, bucket.queries).mul_(scale).view(self.heads * B, -1, D)  # [Hkv·B, N, D]
        self.key = k.index_select(0, bucket.keys).view(self.heads * B, S, D)
        self.value = v.index_select(0, bucket.keys).view(self.heads * B, S, D)
        start, P = bucket.root
        self.shared = P
        if P:
            self.root_key, self.root_value = (x.view(-1, self.heads, D)[start : start + P].transpose(0, 1) for x in (k, v))  # [Hkv, P, D]

    def _pairs(self, one: Tensor, root: Tensor | None, own: Tensor) -> Tensor:
        """[Hkv·B, N, P + S] products of each query row of `one` with the root's rows and the piece's own."""
        if root is None:
            return torch.bmm(one, own.transpose(1, 2))
        pairs = one.new_empty(*one.shape[:2], self.shared + own.shape[1])
        torch.bmm(one, own.transpose(1, 2), out=pairs[..., self.shared :])
        torch.bmm(one.view(self.heads, -1, one.shape[2]), root.transpose(1, 2), out=self._far(pairs))
        return pairs

    def scores(self) -> Tensor:
        """[Hkv·B, N, P + S] before soft-capping and masks."""
        return self._pairs(self.query, self.root_key if self.shared else None, self.key)

    def chances(self, softcap: float | None) -> Tensor:
        """[Hkv·B, N, P + S] probabilities."""
        scores = self.scores()
        if softcap is not None:
            scores = scores.div_(softcap).tanh_().mul_(softcap)
        B, L, _ = self.bucket.size
        parts = scores.view(self.heads, B, -1, L, scores.shape[-1])
        parts[..., self.shared :] += self.bucket.mask
        if self.bucket.root_mask is not None:
            parts[..., : self.shared] += self.bucket.root_mask
        return scores.softmax(-1)

    def mixed(self, chances: Tensor) -> Tensor:
        """[Hkv·B·N, D] values weighted by `chances`."""
        out = torch.bmm(chances[..., self.shared :], self.value)
        if self.shared:
            out += _by_head(self._far(chances), self.root_value).view(out.shape)
        return out.view(-1, out.shape[2])

    def _far(self, pairs: Tensor) -> Tensor:
        """[Hkv, B·N, P] the root's part of [Hkv·B, N, P + S]."""
        return pairs.view(self.heads, -1, pairs.shape[-1])[..., : self.shared]

    def slopes(self, grad: Tensor, chances: Tensor, softcap: float | None) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor] | None]:
        """Gradients of the queries [Hkv·B·N, D], keys and values [Hkv·B·S, D], and of the root's keys and values [Hkv, P, D].

        With P the probabilities and dP = dO·Vᵀ: dV = PᵀdO, dS = P∘(dP - rowsum(dP∘P)), dQ = s·dS·K, dK = s·dSᵀQ.
        """
        B, L, _ = self.bucket.size
        out = grad.index_select(0, self.bucket.queries)
        if self.bucket.valid is not None:
            out.view(self.heads, B, -1, L, out.shape[1]).mul_(self.bucket.valid)
        out = out.view(self.query.shape)
        slope = torch._softmax_backward_data(self._pairs(out, self.root_value if self.shared else None, self.value), chances, -1, chances.dtype)
        if softcap is not None:
            slope *= 1 - self.scores().div_(softcap).tanh_().square_()
        own = slope[..., self.shared :]
        dq = torch.bmm(own, self.key)
        dk, dv = torch.bmm(own.transpose(1, 2), self.query), torch.bmm(chances[..., self.shared :].transpose(1, 2), out)
        root = None
        if self.shared:
            far = self._far(slope)
            dq += _by_head(far, self.root_key).view(dq.shape)
            flat = (self.heads, -1, out.shape[2])
            root = _by_head(far.transpose(1, 2), self.query.view(flat)), _by_head(self._far(chances).transpose(1, 2), out.view(flat))
        return dq.mul_(self.scale).view(-1, dq.shape[2]), dk.view(-1, dk.shape[2]), dv.view(-1, dv.shape[2]), root


def _by_head(left: Tensor, right: Tensor) -> Tensor:
    """[Hkv, n, m] @ [Hkv, m, D], head by head: a batched product would first copy what is part of a wider tensor, three times as long as it computes."""
    out = left.new_empty(*left.shape[:2], right.shape[2])
    for one, other, place in zip(left, right, out, strict=True):
        torch.mm(one, other, out=place)
    return out


def _rows(x: Tensor) -> Tensor:
    """[1, H, T, D] → [T·H, D]; no copy where memory lies token by token, as projections leave it."""
    return x[0].transpose(0, 1).reshape(-1, x.shape[3])


def _gathered(parts: list[Tensor], plan: Plan) -> Tensor:
    """[T·Hkv, D] for every key the sum over its uses, in at least float32 where there are several."""
    if not plan.more and len(parts) == 1:
        return parts[0].index_select(0, plan.used)
    flat = torch.cat([*parts, parts[0].new_zeros(1, parts[0].shape[1])])
    total = flat.index_select(0, plan.used)
    if plan.more:
        total = total.to(torch.promote_types(total.dtype, torch.float32))
        for keys, places in plan.more:
            total[keys] += flat[places].to(total.dtype)
    return total


def _attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, *, layout: Layout | None = None, **options: Any
) -> tuple[Tensor, None]:
    """transformers' attention interface: [B, H, T, D] in, ([B, T, H, D], None) out.

    Raises: UnknownAttention.
    """
    unknown = sorted(name for name, value in options.items() if isinstance(value, Tensor) and name not in KNOWN)
    if unknown:
        raise UnknownAttention(f"the model gives its attention {', '.join(unknown)}")
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
