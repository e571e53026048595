"""Kahneman-Tversky optimisation: liked answers gain, disliked ones lose, against how far the model has moved at all.

With r = log π(y|x) - log π₀(y|x):  loss = λ⁺·(1 - σ(β·(r - z)))  if liked,  λ⁻·(1 - σ(β·(z - r)))  if not.
z = max(0, mean of r over questions with another row's answer), of a whole step and without a gradient.

Source: Ethayarajh et al. 2024 (arXiv 2402.01306) eq. 8. The other row is the next one in the order of the data, wrapped around, and stays the
same for the whole run: its reference is computed once. z is taken over the step, so it does not depend on how a step is cut into micro-batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from tunesmith.errors import NotEnoughData
from tunesmith.model.likelihood import score
from tunesmith.model.load import LoadedModel
from tunesmith.model.template import Template
from tunesmith.spec.chat import Conversation
from tunesmith.spec.dataset import Record
from tunesmith.spec.job import DEV_PREFERENCE
from tunesmith.spec.recipe import Kto
from tunesmith.train.examples import Rated, TokenRow
from tunesmith.train.methods.objective import Loss, question_and_answer, token_row
from tunesmith.train.reference import log_probabilities


class Rating:
    """As in `Objective`; right is a liked answer that has gained more than z, or a disliked one that has not."""

    reading = DEV_PREFERENCE
    by_loss = True
    has_reference = True

    def __init__(self, method: Kto) -> None:
        self.method = method

    def examples(self, record: Record, conversation: Conversation, template: Template, max_length: int) -> Iterator[tuple[Rated, bool]]:
        """A rated answer; a pair is two of them."""
        question, answer = question_and_answer(record, conversation)
        sides = [(answer, record.desirable is not False)]
        if record.rejected is not None:
            sides.append((record.rejected, False))
        for said, is_desirable in sides:
            rendered = template.fit(question.answered(said), max_length)
            if any(rendered.trained[1:]):
                yield Rated(token_row(rendered), is_desirable), rendered.truncated

    def complete(self, examples: list[Rated], max_length: int) -> list[Rated]:
        """Each with the answer of the next row that says something else.

        Raises: NotEnoughData if all answers are the same.
        """
        answers = [_answer(example.row) for example in examples]
        count = len(answers)
        found = []
        for i, example in enumerate(examples):
            other = next((answers[j % count] for j in range(i + 1, i + count) if answers[j % count] != answers[i]), None)
            if other is None:
                raise NotEnoughData("every answer is the same", where="train.method", got=f"{count} rated answers", fix="look at the rows")
            begin = example.row.trained.index(True)
            ids = (example.row.ids[:begin] + other)[:max_length]
            found.append(replace(example, other=TokenRow(ids, [i >= begin for i in range(len(ids))])))
        return found

    def check(self, examples: Sequence[Rated]) -> None:
        """As in `Objective`: some answers have to be liked and some not. What training looks at beside its own rows need not be so."""
        if len({example.is_desirable for example in examples}) < 2:
            raise NotEnoughData(
                f"every answer is {'liked' if examples[0].is_desirable else 'disliked'}", where="train.method", got=f"{len(examples)} rated answers",
                expected="some of each", fix='add rows of the other kind, or train on liked answers alone: train.method.kind = "sft"',
            )  # fmt: skip

    def start(self, model: LoadedModel, examples: Sequence[Rated], budget: int) -> Tensor:
        """Of the answer, and of the other row's."""
        return torch.cat((log_probabilities(model, examples, budget), log_probabilities(model, _others(examples), budget)), dim=1)

    def before(self, model: LoadedModel, examples: Sequence[Rated], budget: int) -> float:
        """z."""
        now = log_probabilities(model, _others(examples), budget)
        return max(0.0, float(now.sum() - sum(example.reference[1] for example in examples)) / len(examples))

    def loss(self, model: LoadedModel, examples: Sequence[Rated], before: float) -> Loss:
        """The sum over ratings."""
        assert self.method.desirable_weight is not None
        assert self.method.undesirable_weight is not None
        scores = score(model, [example.row for example in examples])
        now = -scores.sums(len(examples))
        start = torch.tensor([example.reference[0] for example in examples], dtype=now.dtype, device=now.device)
        liked = torch.tensor([example.is_desirable for example in examples], device=now.device)
        gained = now - start - before
        weight = torch.where(liked, self.method.desirable_weight, self.method.undesirable_weight)
        total = (weight * torch.sigmoid(-self.method.beta * torch.where(liked, gained, -gained))).sum()
        return Loss(total, (gained > 0) == liked, scores.computed)


def _others(examples: Sequence[Rated]) -> list[TokenRow]:
    return [row for example in examples if (row := example.other) is not None]


def _answer(row: TokenRow) -> list[int]:
    """The tokens from the first trained one on."""
    return row.ids[row.trained.index(True) :]
