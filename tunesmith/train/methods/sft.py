"""Supervised fine-tuning: -log p of every trained token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from tunesmith.model.likelihood import score
from tunesmith.model.load import LoadedModel
from tunesmith.model.template import Template
from tunesmith.spec.chat import Conversation
from tunesmith.spec.dataset import Record
from tunesmith.spec.job import DEV_MATCH
from tunesmith.train.examples import TokenRow
from tunesmith.train.methods.objective import Loss, token_row


class Supervised:
    """As in `Objective`; right is a row whose every trained token is the most probable one.

    Under greedy decoding an answer equals its reference exactly when, fed the reference, every argmax along it is the reference's next
    token: one forward pass instead of generation.
    """

    reading = DEV_MATCH
    by_loss = False
    has_reference = False

    def __init__(self, *, tells: bool = False) -> None:
        self.tells = tells

    def examples(self, record: Record, conversation: Conversation, template: Template, max_length: int) -> Iterator[tuple[TokenRow, bool]]:
        """A row, or one per trained turn where the template rewrites history. A disliked answer is none to learn."""
        if record.desirable is not False:
            for rendered in template.rows(conversation, max_length):
                yield token_row(rendered), rendered.truncated

    def complete(self, examples: list[TokenRow], max_length: int) -> list[TokenRow]:
        """As they are."""
        return examples

    def check(self, examples: Sequence[TokenRow]) -> None:
        """Nothing."""

    def start(self, model: LoadedModel, examples: Sequence[TokenRow], budget: int) -> Tensor:
        """[E, 0]: no loss is held against where it began."""
        return torch.empty(len(examples), 0)

    def before(self, model: LoadedModel, examples: Sequence[TokenRow], budget: int) -> None:
        """Nothing."""

    def loss(self, model: LoadedModel, examples: Sequence[TokenRow], before: None) -> Loss:
        """The sum over trained tokens."""
        scores = score(model, examples, tells=self.tells)
        hits = scores.correct.sum() if self.tells and scores.correct is not None else None
        return Loss(scores.nll.sum(), None if torch.is_grad_enabled() else scores.exact(len(examples)), scores.computed, hits)
