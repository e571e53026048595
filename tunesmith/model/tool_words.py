"""A conversation with tools → the same in words, for a chat template that knows none: training and answering show a model the same.

The tools stand in the system message, calls and their results in the turns' text, in the form that Hermes, Qwen and SmolLM2 were trained on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tunesmith.spec.chat import Conversation, Message

PROBE_NAME, PROBE_KEY = "call_probe", "probe_key"
PROBE_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": PROBE_NAME,
        "description": "x",
        "parameters": {"type": "object", "properties": {PROBE_KEY: {"type": "string"}}, "required": [PROBE_KEY]},
    },
}
"""Shown to a template to find out what it does with tools."""
INTRODUCTION = """You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>"""
"""Source: the chat template of Qwen2.5 (Apache-2.0), after Hermes' function calling."""


@dataclass(frozen=True)
class CallForm:
    """How a model spells a call: `opening` {"name": …, `key`: …} `closing`."""

    opening: str
    closing: str
    key: str = "arguments"

    @property
    def mark(self) -> str:
        """What a call begins with; empty where it begins with the object itself."""
        return self.opening.strip()


HERMES = CallForm("<tool_call>\n", "\n</tool_call>")


def written_out(conversation: Conversation) -> Conversation:
    """`conversation` for a template that knows no tools: they stand in the system message, calls and their results in the turns' text."""
    if conversation.tools is None and not any(m.tool_calls or m.role == "tool" for m in conversation.messages):
        return conversation
    messages = [_spelt(message) for message in conversation.messages]
    if conversation.tools:
        told = INTRODUCTION.format(tools="\n".join(json.dumps(tool) for tool in conversation.tools))
        if messages and messages[0].role in ("system", "developer"):
            messages[0] = messages[0].model_copy(update={"content": f"{messages[0].content}\n\n# Tools\n\n{told}"})
        else:
            messages.insert(0, Message(role="system", content=f"# Tools\n\n{told}"))
    return Conversation(messages=tuple(messages))


def _spelt(message: Message) -> Message:
    if message.role == "tool":
        return Message(role="user", content=f"<tool_response>\n{message.content}\n</tool_response>")
    if not message.tool_calls:
        return message
    texts = [message.content] if message.content else []
    for call in message.tool_calls:
        arguments = loaded(call.function.arguments)
        shown = json.dumps({"name": call.function.name, "arguments": call.function.arguments if arguments is None else arguments})
        texts.append(HERMES.opening + shown + HERMES.closing)
    return message.model_copy(update={"content": "\n".join(texts), "tool_calls": None})


def loaded(text: str) -> dict[str, Any] | None:
    """The JSON object that `text` is, or None."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
