"""Who said what: messages, conversations, and the prompt that stands before them."""

from __future__ import annotations

from typing import Any, Literal

from tunesmith.spec.noun import Noun

Role = Literal["system", "developer", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "developer", "user", "assistant", "tool")


class FunctionCall(Noun):
    """The function an assistant wants called, in OpenAI's form."""

    name: str
    arguments: str
    """JSON text, exactly as the model wrote it."""


class ToolCall(Noun):
    """One call in an assistant's message."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class Message(Noun):
    """One turn. An assistant's turn has content, tool calls, or both."""

    role: Role
    content: str | None = None
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] | None = None
    tool_call_id: str | None = None
    weight: Literal[0, 1] | None = None
    """0 keeps an assistant's turn as context only; None means 1."""


class Conversation(Noun):
    """Messages in order, with the tools that the assistant may call."""

    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...] | None = None

    def question(self) -> Conversation:
        """The conversation before its last assistant turn: what a model is asked when it is evaluated."""
        last = max((i for i, m in enumerate(self.messages) if m.role == "assistant"), default=len(self.messages))
        return self.model_copy(update={"messages": self.messages[:last]})

    def answered(self, said: tuple[Message, ...]) -> Conversation:
        """This conversation as a question, with `said` behind it as all there is to learn."""
        turns = ((0, self.messages), (1, said))
        marked = (m.model_copy(update={"weight": weight}) if m.role == "assistant" else m for weight, part in turns for m in part)
        return self.model_copy(update={"messages": tuple(marked)})

    def answer(self) -> str | None:
        """The content of the last assistant turn, or None where there is none."""
        return next((m.content for m in reversed(self.messages) if m.role == "assistant"), None)


class Prompt(Noun):
    """What stands before a question: stored with the model that was tuned with it, and applied when it serves."""

    name: str
    """A word for people: `plain`, `careful`, `tuned` …"""
    system: str | None = None
    """The system message; None leaves the conversation's own, or none."""
    examples: tuple[Conversation, ...] = ()
    """Worked examples, shown as earlier turns after the system message (few-shot)."""

    def apply(self, conversation: Conversation) -> Conversation:
        """`conversation` with the system message and the examples in front.

        A conversation that brings its own system message keeps it; examples then stand after that one.
        """
        own = conversation.messages[:1] if conversation.messages and conversation.messages[0].role in ("system", "developer") else ()
        system = own or ((Message(role="system", content=self.system),) if self.system is not None else ())
        shown = tuple(m for example in self.examples for m in example.messages)
        return conversation.model_copy(update={"messages": system + shown + conversation.messages[len(own) :]})
