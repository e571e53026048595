"""A base model, a tuned one and questions → how far the tuned one has moved from what the base would have said: forward KL in nats per token.

KL(base‖tuned) = Σ over the vocabulary of p_base · (log p_base − log p_tuned), at every token of continuations that the base itself sampled, and
the mean of that. Sampled at temperature 1, since forward KL is an expectation under the base: greedy continuations would look at its surest
moments only, and reference answers of the task at places where the base hardly ever is. The whole distribution is compared at each token, which
leaves far less chance in the estimate than the sampled tokens' log-ratios would.

It predicts forgetting better than any label-free number known (Shenfeld et al. 2025, "RL's Razor", arXiv 2509.04259, section 4) and needs no answers.

One model is in memory at a time. What outlives the base are its last hidden states at those tokens and its output layer; logits are made again from
them beside the tuned model's, some tokens and some thousand words of the vocabulary at a time, so that no table of tokens × vocabulary ever exists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tunesmith.answer.engine import Engine, batches
from tunesmith.answer.options import without_end
from tunesmith.errors import Unsupported
from tunesmith.model.likelihood import gather, needed
from tunesmith.model.load import Head, LoadedModel
from tunesmith.model.memory import CHUNK_TOKENS
from tunesmith.model.template import Rendered
from tunesmith.spec.candidate import Answer, Decoding
from tunesmith.spec.chat import Conversation, Message

VOCABULARY_AT_ONCE = 8192
"""Words whose logits are there at a time: with 256 tokens and float64, 17 MB for each of four tables."""


@dataclass(frozen=True)
class Base:
    """What is kept of the base: enough to know all it said, without the model."""

    rows: tuple[Rendered, ...]
    """Questions with the base's own continuations; `trained` marks the continuations."""
    hidden: tuple[Tensor, ...]
    """For each batch of rows, [K, D] the hidden states that predict the marked tokens."""
    head: Head


def continuations(engine: Engine, questions: Sequence[Conversation], *, tokens: int, seed: int, stop: Callable[[], bool]) -> list[Rendered]:
    """The questions with at most `tokens` tokens of what the model goes on to say, sampled at temperature 1; fewer rows once `stop()`.

    The text is tokenised again, as training and serving would; a turn that was cut short has no end. Questions that leave no room are left out.
    """
    answers = engine.answer(questions, Decoding(max_new_tokens=tokens, temperature=1.0, seed=seed), stop=stop)
    pairs = zip(questions, answers, strict=False)
    rows = [continued(engine.model, question, answer) for question, answer in pairs if answer.finish != "too_long"]
    return [row for row in rows if any(row.trained)]


def continued(model: LoadedModel, question: Conversation, answer: Answer) -> Rendered:
    """A question and an answer as tokens; the answer's own are marked, its end of turn only where the model has come to it."""
    row = model.template.fit(question.answered((Message(role="assistant", content=answer.text),)), model.context)
    return without_end(row) if answer.finish == "length" else row


@torch.inference_mode()
def remembered(model: LoadedModel, rows: Sequence[Rendered]) -> Base:
    """What the base says at every marked token of `rows`."""
    return Base(tuple(rows), tuple(states(model, [rows[i] for i in batch])[0] for batch in _batches(rows)), model.head)


@torch.inference_mode()
def divergence(base: Base, tuned: LoadedModel) -> list[tuple[float, int]]:
    """For each row: the sum of KL(base‖tuned) over its marked tokens in nats, and their number.

    Raises: Unsupported if the two do not have the same vocabulary.
    """
    if tuned.head.weight.shape[0] != base.head.weight.shape[0]:
        sizes = f"{base.head.weight.shape[0]} and {tuned.head.weight.shape[0]} tokens"
        raise Unsupported("models with different vocabularies cannot be compared token by token", where="divergence", got=sizes, fix="use one base")
    found = [(0.0, 0)] * len(base.rows)
    for batch, hidden in zip(_batches(base.rows), base.hidden, strict=True):
        mine, owners = states(tuned, [base.rows[i] for i in batch])
        nats = forward_kl(hidden, base.head, mine, tuned.head)
        sums = nats.new_zeros(len(batch)).index_add(0, owners, nats).tolist()
        for place, total in zip(batch, sums, strict=True):
            found[place] = (total, sum(base.rows[place].trained[1:]))
    return found


def states(model: LoadedModel, rows: Sequence[Rendered]) -> tuple[Tensor, Tensor]:
    """([K, D] the hidden states that predict the rows' marked tokens, [K] the row of each), computed as one forest."""
    forest = model.pack([needed(row) for row in rows])
    sources, _, owners = gather(forest, rows)
    device = forest.ids.device
    return model.hidden(forest).index_select(0, torch.tensor(sources, device=device)), torch.tensor(owners, device=device)


def forward_kl(hidden: Tensor, head: Head, other: Tensor, other_head: Head) -> Tensor:
    """[K] KL between the distributions of two models at the same tokens, in float64; `hidden` and `other` are [K, D] of the one and the other.

    With logits a and b: KL = Σ softmax(a)·(a − b) − logsumexp(a) + logsumexp(b). The vocabulary goes by in blocks; sums are rescaled to the
    greatest logit so far, as in a streaming softmax (Milakov & Gimelshein 2018, arXiv 1805.02867, algorithm 3).
    """
    parts = [slice(start, start + CHUNK_TOKENS) for start in range(0, len(hidden), CHUNK_TOKENS)]
    found = [_kl_of_some(hidden[part], head, other[part], other_head) for part in parts]
    return torch.cat(found) if found else hidden.new_zeros(0, dtype=torch.float64)


def _kl_of_some(hidden: Tensor, head: Head, other: Tensor, other_head: Head) -> Tensor:
    """[k] as `forward_kl`, for so few tokens that a block of their logits fits."""
    top = hidden.new_full((len(hidden),), float("-inf"), dtype=torch.float64)
    mass, gain = torch.zeros_like(top), torch.zeros_like(top)
    others = top.clone()
    for start in range(0, head.weight.shape[0], VOCABULARY_AT_ONCE):
        a, b = (_block(one, start).logits(read).double() for read, one in ((hidden, head), (other, other_head)))
        higher = torch.maximum(top, a.amax(1))
        shrunk, weights = torch.exp(top - higher), torch.exp(a - higher[:, None])
        gain = gain * shrunk + (weights * (a - b)).sum(1)
        mass = mass * shrunk + weights.sum(1)
        top, others = higher, torch.logaddexp(others, b.logsumexp(1))
    return (gain / mass - (top + mass.log()) + others).clamp_(min=0)


def _block(head: Head, start: int) -> Head:
    """The output layer of some thousand words of the vocabulary, without a copy."""
    part = slice(start, start + VOCABULARY_AT_ONCE)
    return replace(head, weight=head.weight[part], bias=None if head.bias is None else head.bias[part])


def _batches(rows: Sequence[Rendered]) -> list[list[int]]:
    """The same batches for both models."""
    return batches([row.ids for row in rows], shares=True)
