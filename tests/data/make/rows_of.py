"""Rows for tests of what is made of them."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.data.sources.reading import record
from tunesmith.data.sources.rows import exchange
from tunesmith.spec.chat import Conversation, Message
from tunesmith.spec.dataset import Origin, Record


def labelled(pairs: Sequence[tuple[str, str]], file: str = "bank.csv") -> list[Record]:
    """Rows of a router: (question, label)."""
    return [record(Origin(file=file, line=i + 2), conversation=exchange(text, label), label=label) for i, (text, label) in enumerate(pairs)]


def answered(pairs: Sequence[tuple[str, str]], system: str | None = None) -> list[Record]:
    """Rows with a question and an answer."""
    first = () if system is None else (Message(role="system", content=system),)
    talks = [Conversation(messages=(*first, Message(role="user", content=q), Message(role="assistant", content=a))) for q, a in pairs]
    return [record(Origin(file="faq.jsonl", line=i + 1), conversation=talk) for i, talk in enumerate(talks)]


THINGS = ("card", "account", "transfer", "PIN", "statement", "password")
FRAMES = (
    "How do I block my {0}?", "Where can I see my {0}?", "Why does my {0} not work?", "Can I change my {0} abroad?", "I have lost my {0}, what now?",
    "What are your fees for a new {0}?", "Do you send the {0} by post?", "When will my {0} be ready?",
)  # fmt: skip


def bank(count: int = 48) -> list[Record]:
    """A small bank's router: up to 48 questions about six things."""
    pairs = [(frame.format(thing), f"{thing.lower()}_{i}") for i, frame in enumerate(FRAMES) for thing in THINGS]
    return labelled(pairs[:count])
