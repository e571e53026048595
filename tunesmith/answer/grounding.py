"""A question and what was found for it → the question as a model is asked it. The one way: answering and training both go through here.

Passages stand in the user's turn before the question, each with its place, the nearest last; worked examples are earlier turns, the nearest last.
So what all questions share, the system prompt, stays in front, and what fits the question best stands beside it. What does not fit into the
model's context is left out, the farthest first.

    Passages:

    [1] faq.md line 12
    # Loans
    A loan can be renewed twice.

    Question: How often can I renew?

Lines that begin like these marks can only be ours: inside a passage such a line is moved by a space.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunesmith.spec.chat import Conversation, Message
from tunesmith.spec.index import Entry, Example, Excerpt

PASSAGES, QUESTION = "Passages:", "Question:"
_MARK = re.compile(rf"^(?={PASSAGES}|{QUESTION}|\[\d+\])", re.MULTILINE)
_SPACES = re.compile(r"\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
"""What some programs take for the end of a line."""


@dataclass(frozen=True)
class Grounded:
    """A question with what stands before it."""

    conversation: Conversation
    shown: tuple[str, ...]
    """Ids of what is shown, the nearest first."""


def fitted(question: Conversation, found: Sequence[Entry], fits: Callable[[Conversation], bool]) -> Grounded:
    """`question` with as many of `found` (the nearest first) as leave it in the room that `fits` allows."""
    for count in range(len(found), 0, -1):
        conversation = put_before(question, found[:count])
        if conversation is not question and fits(conversation):
            return Grounded(conversation, tuple(entry.id for entry in found[:count]))
    return Grounded(question, ())


def put_before(question: Conversation, found: Sequence[Entry]) -> Conversation:
    """`question` with all of `found`, the nearest first; the same where there is no user's turn."""
    examples = [entry for entry in found if isinstance(entry, Example)]
    excerpts = [entry for entry in found if isinstance(entry, Excerpt)]
    return with_passages(with_examples(question, examples), excerpts)


def with_passages(question: Conversation, excerpts: Sequence[Excerpt]) -> Conversation:
    """The last user's turn with the passages (the nearest first) in front of what it says, in the opposite order."""
    turn = max((i for i, message in enumerate(question.messages) if message.role == "user"), default=None)
    if turn is None or not excerpts:
        return question
    shown = [f"[{number}] {place_of(one)}\n{guarded(one.text)}" for number, one in enumerate(reversed(excerpts), 1)]
    asked = question.messages[turn]
    text = "\n\n".join([PASSAGES, *shown, f"{QUESTION} {asked.content or ''}"])
    messages = (*question.messages[:turn], asked.model_copy(update={"content": text}), *question.messages[turn + 1 :])
    return question.model_copy(update={"messages": messages})


def with_examples(question: Conversation, examples: Sequence[Example]) -> Conversation:
    """The examples (the nearest first) as earlier turns in the opposite order, after a system message of the conversation's own; nothing of them is learnt."""
    if not examples:
        return question
    own = 1 if question.messages and question.messages[0].role in ("system", "developer") else 0
    turns = tuple(as_context(message) for example in reversed(examples) for message in example.conversation.messages)
    return question.model_copy(update={"messages": question.messages[:own] + turns + question.messages[own:]})


def as_context(message: Message) -> Message:
    """The message, of which nothing is learnt."""
    return message.model_copy(update={"weight": 0}) if message.role == "assistant" else message


def place_of(excerpt: Excerpt) -> str:
    """Where an excerpt stands, on one line."""
    return " ".join(excerpt.spot.words().split())


def guarded(text: str) -> str:
    """A passage's text in which no line begins like one of our marks.

    >>> guarded("[2] x\\nQuestion: y")
    ' [2] x\\n Question: y'
    """
    return _MARK.sub(" ", _SPACES.sub("\n", text))
