"""One row of a known format (a dictionary) → the parts of a Record, or what is wrong with it.

Formats: chat, completion, alpaca, sharegpt, preference, rated, table. Every parser is pure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any

from tunesmith.data.sources.fault import RowFault
from tunesmith.data.sources.turns import arguments_text, check_turns, conversation, known_role, message_list, text_of, tool_list, weight
from tunesmith.errors import excerpt
from tunesmith.spec.chat import Conversation, FunctionCall, Message, ToolCall
from tunesmith.spec.dataset import FormatName, Source


@dataclass(frozen=True)
class Parts:
    """What a row says, before it has an id and an origin."""

    conversation: Conversation
    rejected: tuple[Message, ...] | None = None
    answer_turns: int | None = None
    desirable: bool | None = None
    label: str | None = None
    group: str | None = None
    columns: dict[str, str] | None = None


COLUMN_CHARACTERS = 100
"""Of a value that travels with its row: one that is longer groups nothing."""
Parser = Callable[[dict[str, Any], Source], Parts]


def scalar(value: Any, key: str) -> str | None:
    """A cell as text; None where it is empty or missing. Objects and lists become JSON text.

    >>> scalar(0, "label"), scalar(True, "label"), scalar({"a": 1}, "answer"), scalar("  ", "text")
    ('0', 'true', '{"a": 1}', None)
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        raise RowFault("not_text", f"`{key}` is {excerpt(value)}; expected text") from None


def needed(row: dict[str, Any], key: str, what: str) -> str:
    """The text of a key that must be there.

    Raises: RowFault, `missing_key` or `empty`.
    """
    if key not in row:
        raise RowFault("missing_key", f"has no `{key}` ({what}); its keys are {', '.join(map(excerpt, list(row)[:8]))}")
    text = scalar(row[key], key)
    if text is None:
        raise RowFault("empty" if what == "the question" else "no_answer", f"`{key}` ({what}) is empty")
    return text


def exchange(question: str, answer: str, system: str | None = None) -> Conversation:
    """One question with one answer."""
    first = (Message(role="system", content=system),) if system else ()
    return Conversation(messages=(*first, Message(role="user", content=question), Message(role="assistant", content=answer)))


def chat_row(row: dict[str, Any], source: Source) -> Parts:
    """{"messages": […], "tools": […]}, as OpenAI's fine-tuning takes it."""
    if "messages" not in row:
        raise RowFault("missing_key", f"has no `messages`; its keys are {', '.join(map(excerpt, list(row)[:8]))}")
    if row.get("functions") is not None:
        raise RowFault("bad_tool", '`functions` is the old form; write `tools`: [{"type": "function", "function": …}]')
    return Parts(conversation(row["messages"], row.get("tools"), source.rename_roles))


def completion_row(row: dict[str, Any], source: Source) -> Parts:
    """{"prompt": …, "completion": …}; either side may be a list of messages, as trl writes it."""
    prompt, completion = row.get("prompt"), row.get("completion")
    if isinstance(prompt, list) and isinstance(completion, list):
        return Parts(conversation([*prompt, *completion], row.get("tools"), source.rename_roles, "prompt + completion"))
    return Parts(exchange(needed(row, "prompt", "the question"), needed(row, "completion", "the answer").strip()))


def alpaca_row(row: dict[str, Any], source: Source) -> Parts:
    """{"instruction": …, "input": …, "output": …}, with `system` and `history` (earlier pairs) where they are given."""
    question = needed(row, "instruction", "the question")
    more = scalar(row.get("input"), "input")
    answer = needed(row, "output", "the answer")
    turns: list[Message] = []
    system = scalar(row.get("system"), "system")
    if system:
        turns.append(Message(role="system", content=system))
    history = row.get("history") or []
    if not isinstance(history, list):
        raise RowFault("bad_messages", f"`history` is {excerpt(history)}; expected a list of [question, answer]")
    for i, pair in enumerate(history):
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(side, str) and side.strip() for side in pair)):
            raise RowFault("bad_messages", f"`history[{i}]` is {excerpt(pair)}; expected [question, answer]")
        turns += [Message(role="user", content=pair[0]), Message(role="assistant", content=pair[1])]
    turns.append(Message(role="user", content=f"{question}\n\n{more}" if more else question))
    return Parts(Conversation(messages=(*turns, Message(role="assistant", content=answer))))


SHAREGPT = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "tool": "tool",
    "observation": "tool",
    "function": "tool",
}


def sharegpt_row(row: dict[str, Any], source: Source) -> Parts:
    """{"conversations": [{"from": "human", "value": …}, …]}, with `system` and `tools` beside it where they are given."""
    key = next((k for k in ("conversations", "conversation") if k in row), None)
    if key is None:
        raise RowFault("missing_key", f"has no `conversations`; its keys are {', '.join(map(excerpt, list(row)[:8]))}")
    items = row[key]
    if not isinstance(items, list | tuple) or not items:
        raise RowFault("empty" if items in ([], None) else "bad_messages", f"`{key}` is {excerpt(items)}; expected a list of turns")
    system = scalar(row.get("system"), "system")
    turns = [Message(role="system", content=system)] if system else []
    calls = 0
    for i, item in enumerate(items):
        turn = _sharegpt_turn(item, f"{key}[{i}]", source, calls)
        calls += turn.tool_calls is not None
        turns.append(turn)
    check_turns(turns, key)
    return Parts(Conversation(messages=tuple(turns), tools=tool_list(row.get("tools"))))


def _sharegpt_turn(item: Any, at: str, source: Source, calls: int) -> Message:
    """One turn; a tool's answer belongs to the call before it, since this format has no call ids."""
    if not isinstance(item, dict):
        raise RowFault("bad_messages", f"`{at}` is {excerpt(item)}; expected an object with `from` and `value`")
    said = item.get("from", item.get("role"))
    text = text_of(item.get("value", item.get("content")), f"{at}.value")
    if not text or not text.strip():
        raise RowFault("empty", f"`{at}.value` is empty")
    if said == "function_call":
        return Message(role="assistant", tool_calls=(_sharegpt_call(text, at, calls),))
    known = {**SHAREGPT, **source.rename_roles}
    role = known_role(said, f"{at}.from", known)
    if role == "tool" and not calls:
        raise RowFault("bad_tool", f"`{at}` is a tool's answer, but no function_call stands before it")
    call_id = f"call_{calls}" if role == "tool" else None
    return Message(role=role, content=text, tool_call_id=call_id, weight=weight(item.get("weight"), role, at))


def _sharegpt_call(text: str, at: str, calls: int) -> ToolCall:
    try:
        call = json.loads(text)
    except (ValueError, RecursionError):
        call = None
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise RowFault("bad_tool", f'`{at}.value` is {excerpt(text)}; expected {{"name": …, "arguments": …}}')
    return ToolCall(
        id=f"call_{calls + 1}", function=FunctionCall(name=call["name"], arguments=arguments_text(call.get("arguments"), f"{at}.value.arguments"))
    )


def preference_row(row: dict[str, Any], source: Source) -> Parts:
    """A question with a better and a worse answer: OpenAI's form, or prompt / chosen / rejected as texts or messages."""
    for kind in ("output", "completion"):  # OpenAI's guides write the one, its schema the other
        if f"preferred_{kind}" in row or f"non_preferred_{kind}" in row:
            asked = row.get("input") if isinstance(row.get("input"), dict) else {}
            assert isinstance(asked, dict)
            sides = row.get(f"preferred_{kind}"), row.get(f"non_preferred_{kind}")
            return _preference(asked.get("messages"), asked.get("tools"), *sides, source, "input.messages")
    prompt, chosen, rejected = row.get("prompt", row.get("question")), row.get("chosen"), row.get("rejected")
    if isinstance(chosen, str) and isinstance(rejected, str):
        chosen, rejected = ([{"role": "assistant", "content": side}] for side in (chosen, rejected))
    if isinstance(prompt, str):
        prompt = [{"role": "user", "content": prompt}]
    if isinstance(chosen, list) and isinstance(rejected, list):
        shared = _shared(chosen, rejected)
        if shared and (prompt is None or shared >= len(prompt)):  # the whole conversation stands on both sides
            prompt, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
    return _preference(prompt, row.get("tools"), chosen, rejected, source, "prompt")


def _shared(first: list[Any], second: list[Any]) -> int:
    """How many messages both begin with, leaving at least one of each."""
    n = 0
    while n < min(len(first), len(second)) - 1 and first[n] == second[n]:
        n += 1
    return n


def _preference(prompt: Any, tools: Any, chosen: Any, rejected: Any, source: Source, key: str) -> Parts:
    if prompt is None:
        raise RowFault("missing_key", f"has no `{key}`: the question that both answers belong to")
    for name, side in (("preferred", chosen), ("rejected", rejected)):
        if side is None:
            raise RowFault("missing_key", f"has no {name} answer")
    asked = message_list(prompt, source.rename_roles, key)
    good = message_list(chosen, source.rename_roles, "the preferred answer")
    bad = message_list(rejected, source.rename_roles, "the rejected answer")
    if good == bad:
        raise RowFault("same_answers", "the preferred and the rejected answer are the same; nothing can be learnt from the pair")
    check_turns((*asked, *good), f"{key} + the preferred answer")
    check_turns((*asked, *bad), f"{key} + the rejected answer")
    turns = len(good) if len(good) > 1 else None
    return Parts(Conversation(messages=(*asked, *good), tools=tool_list(tools)), rejected=bad, answer_turns=turns)


VERDICTS = ("desirable", "thumbs_up", "label")
"""Keys under which a row may say whether its answer was liked."""


def rated_row(row: dict[str, Any], source: Source) -> Parts:
    """An answer that was liked or not: {"prompt": …, "completion": …} or {"messages": […]}, with true or false under one of `VERDICTS`."""
    key = next((key for key in VERDICTS if key in row), None)
    if key is None:
        raise RowFault("missing_key", f"has none of {', '.join(VERDICTS)}: whether the answer was liked")
    verdict = {"true": True, "1": True, "false": False, "0": False}.get(str(row[key]).strip().lower())
    if verdict is None:
        raise RowFault("bad_rating", f"`{key}` is {excerpt(row[key])}; expected true for an answer that was liked, false for one that was not")
    parts = chat_row(row, source) if "messages" in row else completion_row(row, source)
    completion = row.get("completion")
    turns = len(completion) if isinstance(completion, list) and "messages" not in row and len(completion) > 1 else None
    return replace(parts, desirable=verdict, answer_turns=turns)


def table_row(row: dict[str, Any], source: Source) -> Parts:
    """A row of a table, by the columns that the source names."""
    assert source.input is not None  # a plan names its columns
    question = needed(row, source.input, "the question")
    answer_key = source.output or source.label
    assert answer_key is not None
    answer = needed(row, answer_key, "the answer")
    return Parts(exchange(question, answer if source.output else answer.strip()))


PARSERS: dict[FormatName, Parser] = {
    "chat": chat_row,
    "completion": completion_row,
    "alpaca": alpaca_row,
    "sharegpt": sharegpt_row,
    "preference": preference_row,
    "rated": rated_row,
    "table": table_row,
}


def own_group(row: dict[str, Any], source: Source) -> str | None:
    """What a row of a known format says itself about what it belongs to, under `group`; a table's column is only taken where the source names it."""
    return None if source.format == "table" else scalar(row.get("group"), "group")


def own_columns(row: dict[str, Any], source: Source) -> dict[str, str] | None:
    """The values of the columns that the source names beside all others; an empty cell has none.

    Raises: RowFault.
    """
    found = {name: value.strip()[:COLUMN_CHARACTERS] for name in source.columns if (value := scalar(row.get(name), name)) is not None}
    return found or None


def document_of(row: dict[str, Any]) -> str:
    """The text of a row that holds a document.

    Raises: RowFault, `missing_key`, `empty` or `not_text`.
    """
    if "text" not in row:
        raise RowFault("missing_key", f"has no `text`; its keys are {', '.join(map(excerpt, list(row)[:8]))}")
    text = row["text"]
    if text is None or (isinstance(text, str) and not text.strip()):
        raise RowFault("empty", "`text` is empty")
    if not isinstance(text, str):
        raise RowFault("not_text", f"`text` is {excerpt(text)}; expected text")
    return text


def parse_row(row: dict[str, Any], source: Source) -> Parts:
    """The parts of a row in the source's format, with its label, group and more where the source names columns for them.

    Raises: RowFault.
    """
    assert source.format is not None
    parts = PARSERS[source.format](row, source)
    label = needed(row, source.label, "the label").strip() if source.label else None
    group = scalar(row.get(source.group), source.group) if source.group else own_group(row, source)
    if source.group and group is None:
        raise RowFault("no_group", f"`{source.group}` (the group that must stay together) is empty or missing")
    return replace(parts, label=label, group=group, columns=own_columns(row, source))
