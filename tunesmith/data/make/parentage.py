"""A row and what is made of it → one group, so that both stay in one split; and the messages that a made row shares with its parent."""

from __future__ import annotations

from tunesmith.spec.chat import Message
from tunesmith.spec.dataset import Origin, Record


def group_of(row: Record) -> str:
    """The group of a row and of everything made of it. A row that has none yet must be given this one when both are written."""
    return row.group or f"row-{row.cluster or row.id}"


def place(origin: Origin) -> str:
    """Where a row stands, in one word.

    >>> place(Origin(file="bank.csv", line=7))
    'bank.csv:7'
    """
    return f"{origin.file}:{origin.line}"


def single_question(row: Record) -> str | None:
    """The question of a row that asks once and is answered once, without tools; None for any other row."""
    if row.conversation is None or row.conversation.tools or row.rejected or row.desirable is not None:
        return None
    *before, last = row.conversation.messages
    asked = [turn for turn in before if turn.role not in ("system", "developer")]
    if last.role != "assistant" or last.tool_calls or len(asked) != 1 or asked[0].role != "user" or not (asked[0].content or "").strip():
        return None
    return asked[0].content


def answered_like(row: Record, question: str, answer: str) -> tuple[Message, ...]:
    """Question and answer behind the system's turns of `row`: a row without them would be known by their absence."""
    assert row.conversation is not None
    system = tuple(turn for turn in row.conversation.messages[:-1] if turn.role in ("system", "developer"))
    return (*system, Message(role="user", content=question), Message(role="assistant", content=answer))
