"""A conversation with its answer → which tokens of the answer's second half the model would say by itself, given the first half. One pass, no decoding.

What greedy decoding would write after half an answer is known from one pass over the whole row, up to the first token that differs; the rows of a batch share their
beginnings as everywhere. So the whole rest is reproduced if every token of it is the most probable one at its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from tunesmith.answer.candidate import Answerer, ModelAnswerer
from tunesmith.answer.engine import Engine, batches
from tunesmith.measure.memorisation import Recalled
from tunesmith.model.likelihood import score
from tunesmith.spec.chat import Conversation


@dataclass(frozen=True)
class Begun:
    """A tokenised row; `trained` marks what the model has to say (a `TargetRow`)."""

    ids: list[int]
    trained: list[bool]
    given: int
    """Tokens of the answer before that."""


def recall(
    answerer: Answerer,
    conversations: Sequence[Conversation],
    *,
    done: Callable[[int], None] = lambda n: None,
    stop: Callable[[], bool] = lambda: False,
) -> list[Recalled] | None:
    """For each conversation's last answer what of its second half is recalled, in order; fewer once `stop()`. None for what has no prompt of its own in front.

    A row that is longer than the context is cut as in training.
    """
    if not isinstance(answerer, ModelAnswerer):
        return None
    return ended(answerer.engine, [answerer.prompt.apply(one) for one in conversations], done, stop)


@torch.inference_mode()
def ended(engine: Engine, conversations: Sequence[Conversation], done: Callable[[int], None], stop: Callable[[], bool]) -> list[Recalled]:
    """As `recall`, for conversations with the prompt in front."""
    model = engine.model
    rows = [begun(engine, conversation) for conversation in conversations]
    found = {i: Recalled(row.given, ()) for i, row in enumerate(rows) if not any(row.trained)}
    asked = [i for i in range(len(rows)) if i not in found]
    for numbers in batches([rows[i].ids for i in asked], model.shares_prefixes):
        if stop():
            break
        batch = [asked[number] for number in numbers]
        result = score(model, [rows[i] for i in batch], tells=True)
        assert result.correct is not None
        hits: list[list[bool]] = [[] for _ in batch]
        for place, hit in zip(result.rows.tolist(), result.correct.tolist(), strict=True):
            hits[place].append(hit)
        found |= {i: Recalled(rows[i].given, tuple(said)) for i, said in zip(batch, hits, strict=True)}
        engine.usage.computed_tokens += result.computed
        done(len(found))
    return [found[i] for i in sorted(found)]


def begun(engine: Engine, conversation: Conversation) -> Begun:
    """The row with the second half of its last answer, without the end of the turn, as what has to be said."""
    asked = conversation.question()
    whole = asked.answered(conversation.messages[len(asked.messages) :][:1])
    row = engine.model.template.fit(whole, engine.model.context)
    places = [i for i, trained in enumerate(row.trained) if trained and row.ids[i] not in engine.model.template.stop_ids]
    half = len(places) // 2
    wanted = set(places[half:])
    return Begun(row.ids, [i in wanted for i in range(len(row.ids))], half)
