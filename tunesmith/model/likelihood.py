"""Rows with a mask → how improbable their trained tokens are, without the whole logits in memory. Training, dev readings and perplexity use it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from tunesmith.model.few_rows import add, greatest, times
from tunesmith.model.forest import Forest
from tunesmith.model.load import Head, LoadedModel
from tunesmith.model.memory import CHUNK_TOKENS, ROWS_IN_CACHE


class TargetRow(Protocol):
    """A tokenised row: `trained[i]` says whether token i counts."""

    @property
    def ids(self) -> list[int]:
        """Token ids."""

    @property
    def trained(self) -> list[bool]:
        """As many as `ids`."""


@dataclass(frozen=True)
class Scores:
    """How improbable the K trained tokens of some rows are."""

    nll: Tensor
    """[K] each trained token's cross-entropy (nats), with its graph."""
    correct: Tensor | None
    """[K] True where the target is the most probable token; None where nobody asked while gradients were computed."""
    rows: Tensor
    """[K] row of each trained token."""
    computed: int
    """Tokens that went through the model."""

    def sums(self, count: int) -> Tensor:
        """[count] each row's sum of `nll` in float64: minus the log-probability of its trained tokens."""
        return self.nll.new_zeros(count, dtype=torch.float64).index_add(0, self.rows, self.nll.double())

    def exact(self, count: int) -> Tensor:
        """[count] True where all of a row's trained tokens are the most probable ones."""
        assert self.correct is not None
        wrong = torch.zeros(count, dtype=torch.long, device=self.rows.device).index_add(0, self.rows, (~self.correct).long())
        return wrong == 0


def needed(row: TargetRow) -> list[int]:
    """The tokens of a row that have to be read to predict its trained ones; at least one.

    What ends a turn stands behind the last trained token and is predicted by nothing: 1 % of a row of 190 tokens, and twice that of a short one.

    >>> from types import SimpleNamespace
    >>> needed(SimpleNamespace(ids=[5, 6, 7, 8], trained=[False, True, True, False]))
    [5, 6]
    """
    last = len(row.trained) - 1
    while last > 1 and not row.trained[last]:
        last -= 1
    return row.ids[: max(1, last)]


def score(model: LoadedModel, rows: Sequence[TargetRow], *, tells: bool = False) -> Scores:
    """The trained tokens of `rows`, computed as one forest; with `tells`, which of them are the most probable ones even while gradients are computed."""
    forest = model.pack([needed(row) for row in rows])
    sources, targets, owners = gather(forest, rows)
    device = forest.ids.device
    hidden = model.hidden(forest).index_select(0, torch.tensor(sources, dtype=torch.long, device=device))
    correct = None if torch.is_grad_enabled() and not tells else torch.empty(len(targets), dtype=torch.bool, device=device)
    nll = cross_entropy(hidden, torch.tensor(targets, dtype=torch.long, device=device), model.head, correct)
    return Scores(nll, correct, torch.tensor(owners, dtype=torch.long, device=device), model.computed(forest))


def gather(forest: Forest, rows: Sequence[TargetRow]) -> tuple[list[int], list[int], list[int]]:
    """For every trained token: where the hidden state stands that predicts it, the token, and its row.

    The forest holds the rows, or what of them has to be read. A branch's first token is predicted from the trunk's last one, so a place may be asked for several tokens.
    """
    sources, targets, owners = [], [], []
    for r, row in enumerate(rows):
        path = forest.path(r).tolist()
        for position in range(1, min(len(path) + 1, len(row.ids))):
            if row.trained[position]:
                sources.append(path[position - 1])
                targets.append(row.ids[position])
                owners.append(r)
    return sources, targets, owners


def cross_entropy(hidden: Tensor, targets: Tensor, head: Head, correct: Tensor | None = None) -> Tensor:
    """[K] -log softmax(logits)[target] in at least float32, in chunks. Fills `correct` [K] where it is given."""
    nll: Tensor = _ChunkedCrossEntropy.apply(hidden, head.weight, head.bias, targets, head, correct)  # type: ignore[no-untyped-call]
    return nll


class _ChunkedCrossEntropy(torch.autograd.Function):
    """The gradient is computed in the forward pass, chunk by chunk, while the logits are there: they are never kept.

    With z = cap(m·(h·Wᵀ + b)) and p = softmax(z): dL/dz = p - onehot(target), and dz/d(raw) = m·(1 - (z/c)²) under a soft cap c. A token's
    hidden state gets its own loss's gradient, to be scaled by whatever asks for it; the output layer gets the sum over all tokens, so where
    they are asked for in different measure, it is computed again.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, head: Head, correct: Tensor | None) -> Tensor:
        needs_hidden, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        exact = torch.promote_types(hidden.dtype, torch.float32)
        grads = Slopes.zeros(hidden if needs_hidden else None, weight if needs_weight else None, bias if needs_bias else None, exact)
        nll = hidden.new_empty(len(targets), dtype=exact)
        for part in _chunks(len(targets)):
            slope = _slopes(hidden[part], weight, bias, targets[part], head, nll[part], None if correct is None else correct[part], grads.wanted)
            if grads.wanted:
                grads.add(part, slope, hidden[part], weight)
        ctx.save_for_backward(hidden, weight, bias, targets, grads.hidden, grads.weight, grads.bias)
        ctx.head = head
        return nll

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, targets, *kept = ctx.saved_tensors
        asked, found = grads[0], Slopes(*kept)
        if len(asked) and bool((asked == asked[0]).all()):
            summed = Slopes(
                None, *(None if x is None else times(x, asked[0], torch.empty_like(x, dtype=weight.dtype)) for x in (found.weight, found.bias))
            )
        else:
            summed = Slopes.zeros(None, None if found.weight is None else weight, None if found.bias is None else bias, asked.dtype)
            for part in _chunks(len(targets)) if summed.wanted else ():
                slope = _slopes(hidden[part], weight, bias, targets[part], ctx.head, torch.empty_like(asked[part]), None, True)
                summed.add(part, times(slope, asked[part, None], slope), hidden[part], weight)
        return (
            None if found.hidden is None else found.hidden * asked[:, None].to(found.hidden.dtype),
            None if summed.weight is None else summed.weight.to(weight.dtype),
            None if summed.bias is None else summed.bias.to(weight.dtype),
            None,
            None,
            None,
        )


@dataclass
class Slopes:
    """Gradients of the hidden states [K, D], and of the output layer's weight [V, D] and bias [V] in at least float32; None: not wanted."""

    hidden: Tensor | None
    weight: Tensor | None
    bias: Tensor | None
    share: Tensor | None = None
    """[V, D] room for one chunk's share of `weight`, in the weight's dtype: fetched from the system once and not for every chunk."""

    @classmethod
    def zeros(cls, hidden: Tensor | None, weight: Tensor | None, bias: Tensor | None, exact: torch.dtype) -> Slopes:
        """Nothing yet, in the shapes of what is wanted."""
        of_weight, of_bias = (None if x is None else torch.zeros_like(x, dtype=exact) for x in (weight, bias))
        of_hidden, share = (None if x is None else torch.empty_like(x) for x in (hidden, weight))
        return cls(of_hidden, of_weight, of_bias, share)

    @property
    def wanted(self) -> bool:
        """Whether anything is."""
        return self.hidden is not None or self.weight is not None or self.bias is not None

    def add(self, part: slice, slope: Tensor, hidden: Tensor, weight: Tensor) -> None:
        """One chunk's share, from `slope` [k, V], the gradient of its logits."""
        if self.hidden is not None:
            self.hidden[part] = slope @ weight
        if self.weight is not None:
            assert self.share is not None
            add(self.weight, torch.mm(slope.T, hidden, out=self.share))
        if self.bias is not None:
            self.bias += slope.sum(0, dtype=self.bias.dtype)


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK_TOKENS) for start in range(0, count, CHUNK_TOKENS))


def _slopes(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, head: Head, nll: Tensor, correct: Tensor | None, wanted: bool
) -> Tensor:
    """[k, V] gradient of the sum of nll with respect to the raw logits, where it is `wanted`; fills `nll` and `correct`, both [k].

    The gradient takes the logits' place, a few rows at a time: so few that they stay in the processor's cache through all passes.
    """
    raw = torch.nn.functional.linear(hidden, weight, bias)
    at_once = ROWS_IN_CACHE if raw.device.type == "cpu" else len(raw)
    for start in range(0, len(raw), at_once):
        part = slice(start, start + at_once)
        logits, target, inner = raw[part], targets[part, None], None
        if head.multiplier != 1 or head.softcap is not None:
            logits = logits.to(nll.dtype) * head.multiplier
        if head.softcap is not None:
            inner = torch.tanh(logits / head.softcap)
            logits = inner * head.softcap
        if correct is not None:
            correct[part] = greatest(logits) == target[:, 0]
        chances = torch.log_softmax(logits, -1, dtype=nll.dtype)
        nll[part] = -chances.gather(1, target)[:, 0]
        if wanted:
            chances.exp_().scatter_add_(1, target, chances.new_full((1, 1), -1.0).expand(len(chances), 1))
            if inner is not None:
                chances.mul_(1 - inner.square())
            raw[part] = chances.mul_(head.multiplier) if head.multiplier != 1 else chances
    return raw
