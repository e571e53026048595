"""Text → the form in which rows are compared: letter case and white space do not count."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from tunesmith.spec.chat import Message
from tunesmith.spec.dataset import Record


def fold(text: str) -> str:
    """`text` in lower case, every run of white space as one space.

    >>> fold("  Where is\\nMY card? ")
    'where is my card?'
    """
    return " ".join(text.casefold().split())


def key(text: str) -> int:
    """64 bits of a digest of `text`: equal texts have equal keys."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def asked(record: Record) -> str:
    """What is asked, folded: every turn before the answer except the system's.

    A system prompt is the same in many rows and would make them all look alike.
    """
    assert record.conversation is not None
    return fold("\n".join(said(m) for m in record.conversation.messages[:-1] if m.role not in ("system", "developer")))


def setting(record: Record) -> str:
    """What stands around the question, folded: the system's turns and the tools."""
    assert record.conversation is not None
    system = [said(m) for m in record.conversation.messages[:-1] if m.role in ("system", "developer")]
    tools = [repr(tool) for tool in record.conversation.tools or ()]
    return _fold_again("\n".join(system + tools)) if system or tools else ""


_fold_again = lru_cache(maxsize=256)(fold)  # one system prompt usually serves many rows


def answered(record: Record) -> str:
    """The answer as text: the content of the last turn, and its tool calls."""
    assert record.conversation is not None
    return said(record.conversation.messages[-1])


def said(turn: Message) -> str:
    """A turn as text, tool calls included."""
    if not turn.tool_calls:
        return turn.content or ""
    calls = [f"{call.function.name}({call.function.arguments})" for call in turn.tool_calls]
    return "\n".join([turn.content or "", *calls]).strip()
