"""Rows with a mask → how improbable their trained tokens are, without the whole logits in memory. Training, dev readings and perplexity use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from tunesmith.model.forest import Forest
from tunesmith.model.load import Head, LoadedModel
from tunesmith.model.memory import CHUNK_TOKENS


class TargetRow(Protocol):
    """A tokenised row: `trained[i]` says whether token i counts."""

    @property
    def ids(self) -> list[int]:
        """Token ids."""

    @property
    def trained(self) -> list[bool]:
        """As many as `ids`."""


@dataclass(frozen=True)
class Loss:
    """What one micro-batch gave."""

    total: Tensor
    """Scalar: sum of cross-entropies (nats) over trained tokens, with its graph."""
    nll: Tensor
    """[K] each trained token's cross-entropy, no graph."""
    correct: Tensor
    """[K] True where the target is the most probable token."""
    rows: Tensor
    """[K] row of each trained token."""
    computed: int
    """Tokens that went through the model."""


def supervised(model: LoadedModel, rows: Sequence[TargetRow]) -> Loss:
    """Cross-entropy of the trained tokens of `rows`, computed as one forest."""
    forest = model.pack([row.ids for row in rows])
    sources, targets, owners = gather(forest, rows)
    device = forest.ids.device
    hidden = model.hidden(forest).index_select(0, torch.tensor(sources, device=device))
    nll = torch.empty(len(targets), device=device)
    correct = torch.empty(len(targets), dtype=torch.bool, device=device)
    total = cross_entropy(hidden, torch.tensor(targets, device=device), model.head, nll, correct)
    return Loss(total, nll, correct, torch.tensor(owners, device=device), model.computed(forest))


def gather(forest: Forest, rows: Sequence[TargetRow]) -> tuple[list[int], list[int], list[int]]:
    """For every trained token: where the hidden state stands that predicts it, the token, and its row.

    A branch's first token is predicted from the trunk's last one, so a place may be asked for several tokens.
    """
    sources, targets, owners = [], [], []
    for r, row in enumerate(rows):
        path = forest.path(r).tolist()
        for position in range(1, len(path)):
            if row.trained[position]:
                sources.append(path[position - 1])
                targets.append(row.ids[position])
                owners.append(r)
    return sources, targets, owners


def cross_entropy(hidden: Tensor, targets: Tensor, head: Head, nll: Tensor, correct: Tensor) -> Tensor:
    """Sum over K of -log softmax(logits)[target], in chunks. Fills `nll` [K] and `correct` [K]."""
    total: Tensor = _ChunkedCrossEntropy.apply(hidden, head.weight, head.bias, targets, head, nll, correct)  # type: ignore[no-untyped-call]
    return total


class _ChunkedCrossEntropy(torch.autograd.Function):
    """The gradient is computed in the forward pass, chunk by chunk, while the logits are there: they are never kept.

    With z = cap(m·(h·Wᵀ + b)) and p = softmax(z): dL/dz = p - onehot(target), and dz/d(raw) = m·(1 - (z/c)²) under a soft cap c.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, head: Head, nll: Tensor, correct: Tensor) -> Tensor:
        needs_hidden, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        grad_hidden = torch.empty_like(hidden) if needs_hidden else None
        exact = torch.promote_types(hidden.dtype, torch.float32)
        grad_weight = torch.zeros_like(weight, dtype=exact) if needs_weight else None
        grad_bias = torch.zeros_like(bias, dtype=exact) if bias is not None and needs_bias else None
        total = hidden.new_zeros((), dtype=exact)
        for start in range(0, len(targets), CHUNK_TOKENS):
            part = slice(start, start + CHUNK_TOKENS)
            raw = torch.nn.functional.linear(hidden[part], weight, bias)
            logits = raw.to(exact) * head.multiplier
            if head.softcap is not None:
                logits = head.softcap * torch.tanh(logits / head.softcap)
            norm = logits.logsumexp(-1)
            wanted = logits.gather(1, targets[part, None])[:, 0]
            nll[part] = norm - wanted
            correct[part] = logits.argmax(-1) == targets[part]
            total += (norm - wanted).sum()
            if not (needs_hidden or needs_weight):
                continue
            slope = head.multiplier * (1 - (logits / head.softcap).square()) if head.softcap is not None else None
            grad = logits.sub_(norm[:, None]).exp_()  # the logits' memory is reused
            grad[torch.arange(len(grad), device=grad.device), targets[part]] -= 1
            grad = grad * slope if slope is not None else grad.mul_(head.multiplier) if head.multiplier != 1 else grad
            rounded = grad.to(hidden.dtype)
            if grad_hidden is not None:
                grad_hidden[part] = rounded @ weight
            if grad_weight is not None:
                grad_weight += rounded.T @ hidden[part]
            if grad_bias is not None:
                grad_bias += grad.sum(0)
        ctx.save_for_backward(grad_hidden, grad_weight, grad_bias)
        ctx.dtype = weight.dtype
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias = ctx.saved_tensors
        scale = grads[0]
        return (
            None if hidden is None else hidden * scale.to(hidden.dtype),
            None if weight is None else (weight * scale).to(ctx.dtype),
            None if bias is None else (bias * scale).to(ctx.dtype),
            None,
            None,
            None,
            None,
        )
