"""Questions with an answer each and a model → how improbable the words of the answers are, their end of turn left aside.

For choosing among answers that nobody showed to the model. How surely a turn ends is a habit that any tuning changes: counted, it moves choices to and fro
that have nothing to do with what is known (a router against its base, 224 shipped questions: 42 choices changed sides with it, 25 without).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tunesmith.answer.engine import batches
from tunesmith.model.likelihood import score
from tunesmith.model.load import LoadedModel
from tunesmith.model.template import Rendered
from tunesmith.spec.chat import Conversation


@torch.inference_mode()
def option_losses(model: LoadedModel, conversations: Sequence[Conversation]) -> list[float]:
    """For each conversation its last answer's negative log-likelihood in nats, without the end of the turn. What begins alike is computed once."""
    rows = [without_end(model.template.fit(_last_alone(one), model.context)) for one in conversations]
    found = [0.0] * len(rows)
    for batch in batches([row.ids for row in rows], model.shares_prefixes):
        sums = score(model, [rows[i] for i in batch]).sums(len(batch)).tolist()
        for place, total in zip(batch, sums, strict=True):
            found[place] = total
    return found


def without_end(row: Rendered) -> Rendered:
    """The row without the mark on its last marked token, which is the end of the turn; a row that was cut has lost that already."""
    if row.truncated or True not in row.trained:
        return row
    last = len(row.trained) - 1 - row.trained[::-1].index(True)
    return Rendered(row.ids, [mark and place != last for place, mark in enumerate(row.trained)])


def _last_alone(conversation: Conversation) -> Conversation:
    """The conversation with its last answer as the only one that is scored."""
    asked = conversation.question()
    return asked.answered(conversation.messages[len(asked.messages) :][:1])
