"""Direct preference optimisation: the better answer gains on the worse one, measured against the model at the start.

loss = -(1-ε)·log σ(β·Δ) - ε·log σ(-β·Δ),  Δ = (log π(y⁺|x) - log π(y⁻|x)) - (log π₀(y⁺|x) - log π₀(y⁻|x)).

Source: Rafailov et al. 2023 (arXiv 2305.18290) eq. 7; ε as in Mitchell 2023 (conservative DPO). Both answers stand on one question, which is
computed once. The reference's log-probabilities are computed once, before training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from tunesmith.model.likelihood import score
from tunesmith.model.load import LoadedModel
from tunesmith.model.template import Template
from tunesmith.spec.chat import Conversation
from tunesmith.spec.dataset import Record
from tunesmith.spec.job import DEV_PREFERENCE
from tunesmith.spec.recipe import Dpo
from tunesmith.train.examples import Pair
from tunesmith.train.methods.objective import Loss, question_and_answer, token_row
from tunesmith.train.reference import log_probabilities


class Preference:
    """As in `Objective`; right is a pair whose better answer has gained more since the start than the worse one."""

    reading = DEV_PREFERENCE
    by_loss = True
    has_reference = True

    def __init__(self, method: Dpo) -> None:
        self.beta, self.smoothing = method.beta, method.label_smoothing

    def examples(self, record: Record, conversation: Conversation, template: Template, max_length: int) -> Iterator[tuple[Pair, bool]]:
        """One pair; a question that is too long is cut in the same place for both answers, and an answer only where nothing of it is left to cut."""
        if record.rejected is None or record.conversation is None:
            return
        question, chosen = question_and_answer(record, conversation)
        answers = (chosen, record.rejected)
        longest = max(answers, key=lambda said: len(template.render(question.answered(said)).ids))
        whole = question.answered(longest)
        shortened = template.shortened(whole, max_length)
        question = shortened.model_copy(update={"messages": shortened.messages[: -len(longest)]})
        cut = [template.fit(question.answered(said), max_length) for said in answers]
        rows = [token_row(rendered) for rendered in cut]
        if all(row.targets for row in rows):
            yield Pair(rows[0], rows[1]), shortened is not whole or any(rendered.truncated for rendered in cut)

    def complete(self, examples: list[Pair], max_length: int) -> list[Pair]:
        """As they are."""
        return examples

    def check(self, examples: Sequence[Pair]) -> None:
        """Nothing."""

    def start(self, model: LoadedModel, examples: Sequence[Pair], budget: int) -> Tensor:
        """Of both answers."""
        return log_probabilities(model, examples, budget)

    def before(self, model: LoadedModel, examples: Sequence[Pair], budget: int) -> None:
        """Nothing."""

    def loss(self, model: LoadedModel, examples: Sequence[Pair], before: None) -> Loss:
        """The sum over pairs."""
        rows = [row for pair in examples for row in pair.sequences]
        scores = score(model, rows)
        now = -scores.sums(len(rows)).view(-1, 2)
        start = torch.tensor([pair.reference for pair in examples], dtype=now.dtype, device=now.device)
        gained = now - start
        margin = self.beta * (gained[:, 0] - gained[:, 1])
        total = -((1 - self.smoothing) * logsigmoid(margin) + self.smoothing * logsigmoid(-margin)).sum()
        return Loss(total, margin > 0, scores.computed)
