"""A record → the few texts of it that checks of single rows look at."""

from __future__ import annotations

from typing import NamedTuple

from tunesmith.data.fold import answered, said
from tunesmith.spec.dataset import Record

MAX_LABEL_CHARACTERS = 80


class View(NamedTuple):
    """What checks of single rows look at; texts as they stand in the file, not folded."""

    question: str
    """User and tool turns before the answer, joined by newlines."""
    answer: str
    """The last assistant turn, tool calls written out."""
    system: str
    """System and developer turns, joined."""
    rest: str
    """Earlier assistant turns and the rejected answer, joined."""
    label: str | None
    is_label: bool
    """The answer is a label of a closed set: checks of prose do not apply."""
    columns: str = ""
    """What stands in further columns that the source names, joined."""


class Flag(NamedTuple):
    """One thing that is wrong with a row."""

    kind: str
    note: str = ""
    """Short; what exactly, or an excerpt of at most 60 characters."""


def view_of(record: Record, *, labels: bool = False) -> View:
    """The view of a record with a conversation; `labels`: the answers of its source are labels."""
    assert record.conversation is not None
    *before, _ = record.conversation.messages
    asked = [said(turn) for turn in before if turn.role in ("user", "tool")]
    system = [said(turn) for turn in before if turn.role in ("system", "developer")]
    rest = [said(turn) for turn in before if turn.role == "assistant"] + [said(turn) for turn in record.rejected or ()]
    answer = answered(record)
    is_label = labels or (record.label is not None and record.label.strip() == answer.strip() and len(answer) <= MAX_LABEL_CHARACTERS)
    columns = "\n".join((record.columns or {}).values())
    return View("\n".join(asked), answer, "\n".join(system), "\n".join(rest), record.label, is_label, columns)
