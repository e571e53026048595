"""Rows → those that hold personal data or secrets, by kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tunesmith.data.personal.spans import KINDS, kinds_in
from tunesmith.spec.dataset import Record


def personal_data(records: Iterable[Record]) -> dict[str, list[int]]:
    """Name of a kind → the examples (numbered from 1) that hold such data, for each kind that was found."""
    found: dict[str, list[int]] = {}
    for example, record in enumerate(records, 1):
        for kind in kinds_in("\n".join(texts_of(record))):
            found.setdefault(kind, []).append(example)
    return {sort.title: found[kind] for kind, sort in KINDS.items() if kind in found}


def texts_of(record: Record) -> Iterator[str]:
    """Everything that is said in a record, tool calls and the rejected answer included."""
    messages = (*(record.conversation.messages if record.conversation else ()), *(record.rejected or ()))
    for message in messages:
        if message.content:
            yield message.content
        for call in message.tool_calls or ():
            yield call.function.arguments
    if record.text:
        yield record.text
