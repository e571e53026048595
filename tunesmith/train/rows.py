"""Records, a prompt and a method → examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tunesmith.errors import BadProject, Interrupted, NotEnoughData
from tunesmith.model.template import Template
from tunesmith.spec.chat import Prompt
from tunesmith.spec.dataset import Record
from tunesmith.spec.job import Monitor, Note, Progress
from tunesmith.spec.recipe import Dpo, Kto, Sft
from tunesmith.train.methods import Objective

LOOKED_AT = "dev"
"""The label of rows that are looked at and not learnt."""


@dataclass(frozen=True)
class Tokenised:
    """Examples ready to train on, and what happened to the other rows."""

    rows: list[Any]
    truncated: int
    """Rows that were longer than the limit and were cut."""
    dropped: int
    """Rows of which nothing trainable was left."""


def tokenise(
    records: Sequence[Record],
    prompt: Prompt,
    template: Template,
    objective: Objective,
    max_length: int,
    monitor: Monitor,
    label: str,
) -> Tokenised:
    """Every record as its model will see it when it serves, with the mask of what it learns to say.

    Of dev rows that the method cannot read none is returned, and that is said: they are only looked at.
    Raises: NotEnoughData if nothing is left of the training rows, Interrupted.
    """
    rows: list[Any] = []
    truncated = dropped = 0
    for number, record in enumerate(records):
        if number % 256 == 0:
            if monitor.stopping():
                raise Interrupted(f"stopped while the {label} rows were tokenised", where="training", fix="run the same command again")
            monitor.emit(Progress(label=f"tokenising {label}", done=number, total=len(records)))
        before = len(rows)
        if record.conversation is not None:
            for example, was_cut in objective.examples(record, prompt.apply(record.conversation), template, max_length):
                if example.units:
                    rows.append(example)
                    truncated += was_cut
        dropped += len(rows) == before
    try:
        return Tokenised(_learnt_from(rows, objective, max_length, len(records), dropped, label), truncated, dropped)
    except NotEnoughData as error:
        if label != LOOKED_AT:
            raise
        monitor.emit(Note(level="warning", text=f"training goes on without readings on dev: {error.problems[0].message} ({error.problems[0].got})"))
        return Tokenised([], truncated, dropped)


def _learnt_from(rows: list[Any], objective: Objective, max_length: int, records: int, dropped: int, label: str) -> list[Any]:
    """The examples with what they need of one another.

    Raises: NotEnoughData if there are none, if they lack it, or if nothing can be learnt from those that are to be learnt from.
    """
    if not rows:
        raise NotEnoughData(
            f"no {label} row holds anything to learn", where=label, got=f"{records} rows, {dropped} without a trainable token",
            expected="rows with an assistant's answer that fits the length limit", fix="raise train.budget.max_length, or look at the rows with tunesmith data show",
        )  # fmt: skip
    if label != LOOKED_AT:
        objective.check(rows)
    return objective.complete(rows, max_length)


def check_method(records: Sequence[Record], method: Sft | Dpo | Kto) -> None:
    """Nothing, if some row has what the method learns from.

    Raises: BadProject.
    """
    kind = method.kind
    pairs, rated = (sum(getattr(row, name) is not None for row in records) for name in ("rejected", "desirable"))
    if (kind == "dpo" and not pairs) or (kind == "kto" and not pairs + rated):
        wanted = "a preferred and a rejected answer" if kind == "dpo" else "an answer that was liked or not, or a preferred and a rejected one"
        raise BadProject(
            "these rows are not for this method", where="train.method.kind", got=f"{kind}, and {len(records)} rows of which {pairs} are pairs and {rated} rated",
            expected=f"rows with {wanted}", fix='train.method.kind = "sft", or give rows of that format',
        )  # fmt: skip
