"""Records and a prompt → tokenised rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunesmith.errors import Interrupted, NotEnoughData
from tunesmith.model.template import Template
from tunesmith.spec.chat import Prompt
from tunesmith.spec.dataset import Record
from tunesmith.spec.job import Monitor, Progress
from tunesmith.train.batches import TokenRow


@dataclass(frozen=True)
class Tokenised:
    """Rows ready to train on, and what happened to the others."""

    rows: list[TokenRow]
    truncated: int
    """Rows that were longer than the limit and were cut."""
    dropped: int
    """Rows of which nothing trainable was left."""


def tokenise(
    records: Sequence[Record],
    prompt: Prompt,
    template: Template,
    max_length: int,
    monitor: Monitor,
    label: str,
) -> Tokenised:
    """Every record as its model will see it when it serves, with the mask of what it learns to say.

    Raises: NotEnoughData if nothing is left, Interrupted.
    """
    rows: list[TokenRow] = []
    truncated = dropped = 0
    for number, record in enumerate(records):
        if number % 256 == 0:
            if monitor.stopping():
                raise Interrupted(f"stopped while the {label} rows were tokenised", where="training", fix="run the same command again")
            monitor.emit(Progress(label=f"tokenising {label}", done=number, total=len(records)))
        found = list(template.rows(prompt.apply(record.conversation), max_length)) if record.conversation is not None else []
        dropped += not found
        for rendered in found:
            truncated += rendered.truncated
            row = TokenRow(rendered.ids, rendered.trained)
            if row.targets:
                rows.append(row)
            else:
                dropped += 1
    if not rows:
        raise NotEnoughData(
            f"no {label} row holds anything to learn", where=label, got=f"{len(records)} rows, {dropped} without a trainable token",
            expected="rows with an assistant's answer that fits the length limit", fix="raise train.budget.max_length, or look at the rows with tunesmith data show",
        )  # fmt: skip
    return Tokenised(rows, truncated, dropped)
