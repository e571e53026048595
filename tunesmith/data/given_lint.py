"""A chat fine-tuning file → how often each mistake of OpenAI's cookbook stands in it, under the cookbook's names.

For those who know "Data preparation and analysis for chat model fine-tuning": its checks, with the roles and keys that came after it (tools,
developer, refusals). A look at a file, more lenient than `check_given`, which decides.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunesmith.data.given_lines import Read, examples
from tunesmith.data.given_turns import KNOWN_KEYS
from tunesmith.data.given_words import MESSAGE_ROLES, Flaw

ERRORS = (
    "data_type",
    "missing_messages_list",
    "message_missing_key",
    "message_unrecognized_key",
    "unrecognized_role",
    "missing_content",
    "example_missing_assistant_message",
)
SAYS = ("tool_calls", "function_call", "refusal")
"""What an assistant's message may hold instead of content."""


def lint(path: Path) -> dict[str, int]:
    """Name → how often, for each mistake that was found; empty if there is none. A line that is no JSON object counts as `data_type`."""
    counts = dict.fromkeys(ERRORS, 0)
    for example in examples(path, Read()):
        if isinstance(example.row, Flaw):
            counts["data_type"] += 1
        else:
            for name in _mistakes(example.row):
                counts[name] += 1
    return {name: count for name, count in counts.items() if count}


def _mistakes(row: dict[str, Any]) -> list[str]:
    messages = row.get("messages")
    if not messages or not isinstance(messages, list):
        return ["missing_messages_list"]
    found = [name for message in messages for name in _of_message(message)]
    if not any(isinstance(message, dict) and message.get("role") == "assistant" for message in messages):
        found.append("example_missing_assistant_message")
    return found


def _of_message(message: Any) -> list[str]:
    if not isinstance(message, dict):
        return ["message_missing_key"]
    speaks = message.get("role") == "assistant" and any(message.get(key) for key in SAYS)
    found = []
    if "role" not in message or ("content" not in message and not speaks):
        found.append("message_missing_key")
    if any(key not in KNOWN_KEYS for key in message):
        found.append("message_unrecognized_key")
    if message.get("role") not in MESSAGE_ROLES:
        found.append("unrecognized_role")
    content = message.get("content")
    if not (speaks and content is None) and not (content and isinstance(content, str | list)):
        found.append("missing_content")
    return found
