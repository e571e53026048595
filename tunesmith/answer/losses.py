"""Conversations and a base model → how improbable each answer is with its question and without it.

Both renderings are the project's one (`model/template.py`), and only the answer's own tokens count: its content and its end of turn. Without
its question, an answer stands behind an empty user turn, so that the two differ in nothing but what was asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunesmith.answer.engine import Engine
from tunesmith.spec.chat import Conversation, Message


@dataclass(frozen=True)
class AnswerLoss:
    """Nats of one answer."""

    asked: float
    """With everything that stands before it."""
    alone: float
    """Behind an empty question."""
    tokens: int
    """Trained tokens; 0 where none was left within the model's context."""


def answer_losses(engine: Engine, conversations: Sequence[Conversation]) -> list[AnswerLoss]:
    """The losses of each conversation's last answer. Rows that begin alike, and so all lone answers, share what they have in common."""
    asked = engine.likelihood(conversations)
    alone = engine.likelihood([without_question(one) for one in conversations])
    return [AnswerLoss(first, second, min(n, m)) for (first, n), (second, m) in zip(asked, alone, strict=True)]


def without_question(conversation: Conversation) -> Conversation:
    """The last answer behind an empty user turn; its system prompt, tools and earlier turns are gone."""
    last = next(m for m in reversed(conversation.messages) if m.role == "assistant")
    return Conversation(messages=(Message(role="user", content=""), last))
