"""One example of a fine-tuning file → the parts of a Record, with everything that is wrong with it.

Formats: `chat` ({"messages": […]}), `completion` ({"prompt": …, "completion": …}) and `preference` ({"input": …, "preferred_output": …,
"non_preferred_output": …}; OpenAI's guides write `_output` and its schema `_completion`, so both are read).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, assert_never

from tunesmith.data.given_turns import OBJECT, STRING, check_answered, turns
from tunesmith.data.given_words import Faults, Method
from tunesmith.data.sources.rows import Parts, exchange
from tunesmith.spec.chat import Conversation, Message

GivenFormat = Literal["chat", "completion", "preference"]
CHAT_KEYS = frozenset({"messages", "tools", "functions", "parallel_tool_calls", "response_format"})
SETTING_KEYS = frozenset({"messages", "tools", "functions", "parallel_tool_calls"})
SIDES = (("preferred_output", "preferred_completion"), ("non_preferred_output", "non_preferred_completion"))
PREFERENCE_KEYS = frozenset({"input"}).union(*SIDES)
MAX_TOOLS = 128
Tools = tuple[dict[str, Any], ...]


def format_of(row: dict[str, Any]) -> GivenFormat | None:
    """The format that an example's keys speak of; None if they speak of none."""
    if "messages" in row:
        return "chat"
    if any(key in row for side in SIDES for key in side) or (isinstance(row.get("input"), dict) and "messages" in row["input"]):
        return "preference"
    return "completion" if "prompt" in row or "completion" in row else None


def method_of(format_: GivenFormat) -> Method:
    """The method that a format is for."""
    return "dpo" if format_ == "preference" else "supervised"


def parts(row: dict[str, Any], format_: GivenFormat, faults: Faults) -> Parts | None:
    """What an example says; None if something is wrong with it, which `faults` then says."""
    match format_:
        case "chat":
            found = _chat(row, faults)
        case "completion":
            found = _completion(row, faults)
        case "preference":
            found = _preference(row, faults)
        case _:
            assert_never(format_)
    return None if faults.found else found


def _chat(row: dict[str, Any], faults: Faults) -> Parts | None:
    if not _has_keys(row, ("messages",), CHAT_KEYS, faults):
        return None
    found = turns(row["messages"], faults)
    tools = _setting(row, found or (), faults)
    if row.get("response_format") is not None:
        faults.remark("response_format")
        if not isinstance(row["response_format"], dict):
            faults.row(f", response_format {OBJECT}")
    if found is None:
        return None
    check_answered(found, faults)
    return Parts(Conversation(messages=found, tools=tools))


def _completion(row: dict[str, Any], faults: Faults) -> Parts | None:
    if not _has_keys(row, ("prompt", "completion"), frozenset({"prompt", "completion"}), faults):
        return None
    for key in ("prompt", "completion"):
        if not isinstance(row[key], str):
            faults.row(f", {key} {STRING}", f"write `{key}` as text")
    if faults.found:
        return None
    if not row["completion"]:
        faults.row(": completion required", "write what the model is to say, or remove the example")
    return Parts(exchange(row["prompt"], row["completion"]))


def _preference(row: dict[str, Any], faults: Faults) -> Parts | None:
    names = tuple(next((key for key in side if key in row), side[0]) for side in SIDES)
    if not _has_keys(row, ("input", *names), frozenset({"input", *names}), faults):
        return None
    asked = row["input"]
    found = _asked(asked, faults)
    better, worse = (_side(row[name], name, faults) for name in names)
    if better is not None and better == worse:
        faults.row(f": '{names[0]}' and '{names[1]}' are identical", "nothing can be learnt from such a pair: remove it")
    if found is None or better is None or worse is None:
        return None
    tools = _setting(asked, (*found, better, worse), faults)
    return Parts(Conversation(messages=(*found, better), tools=tools), rejected=(worse,))


def _asked(asked: Any, faults: Faults) -> tuple[Message, ...] | None:
    """The messages that both sides answer."""
    if not isinstance(asked, dict):
        faults.row(f", input {OBJECT}", 'write `input` as {"messages": […]}')
        return None
    if "messages" not in asked:
        faults.missing("input.messages")
        return None
    for key in asked:
        if key not in SETTING_KEYS:
            faults.extra(key, ", input")
    found = turns(asked["messages"], faults, "input.messages", "input message")
    if found == ():
        faults.row(": 'input' must contain at least one message", "add the question that both answers belong to")
    elif found is not None and found[-1].role == "assistant":
        faults.row(": Last message of 'input' must not be from the assistant", "move the answer to the preferred or the non-preferred output")
    return found


def _side(value: Any, key: str, faults: Faults) -> Message | None:
    """The one assistant's message of a side."""
    if not isinstance(value, list) or len(value) != 1:
        got = f"got {len(value)}" if isinstance(value, list) else "got something else than a list"
        faults.row(f": '{key}' must contain exactly one assistant message, {got}", f"write one message in `{key}`")
        return None
    found = turns(value, faults, key, f"{key} message")
    if found is None:
        return None
    message = found[0]
    if message.role != "assistant":
        faults.row(f", {key} message 1: role must be 'assistant'", "both sides are what the assistant answers")
        return None
    if message.weight == 0:
        faults.row(f", {key} message 1: weight 0, so there is nothing to train on", "leave the weight out")
    return message


def _has_keys(row: dict[str, Any], needed: tuple[str, ...], allowed: frozenset[str], faults: Faults) -> bool:
    """True if all needed keys are there; what is missing or does not belong is told."""
    missing = [key for key in needed if key not in row]
    for key in missing:
        faults.missing(key)
    if not missing:
        for key in row:
            if key not in allowed:
                faults.extra(key)
    return not missing


def _setting(row: dict[str, Any], messages: Sequence[Message], faults: Faults) -> Tools | None:
    """The tools that stand beside the messages, deprecated functions among them."""
    calls = [message.tool_calls for message in messages if message.tool_calls]
    if row.get("tools") is not None and row.get("functions") is not None:
        faults.extra("functions")
    functions = row.get("functions")
    if functions is not None:
        tools = _functions(functions, "functions", faults)
        if isinstance(functions, list) and not functions:
            faults.row(", functions List should have at least 1 item")
    else:
        tools = _tools(row.get("tools"), faults)
    parallel = row.get("parallel_tool_calls")
    if parallel is not None:
        faults.remark("parallel_tool_calls")
        if not isinstance(parallel, bool):
            faults.row(", parallel_tool_calls Input should be a valid boolean", "write true or false")
        elif not parallel and any(len(some) > 1 for some in calls):
            faults.remark("parallel_calls_forbidden")
    if calls and not {call.function.name for some in calls for call in some} <= {tool["function"]["name"] for tool in tools or ()}:
        faults.remark("undeclared_tool")
    return tools


def _tools(value: Any, faults: Faults) -> Tools | None:
    if value is None:
        return None
    if not isinstance(value, list):
        faults.row(", tools Input should be a valid list", 'write [{"type": "function", "function": {"name": …}}]')
        return None
    read: list[dict[str, Any]] = []
    for i, tool in enumerate(value):
        if not isinstance(tool, dict) or tool.get("type") != "function" or not isinstance(tool.get("function"), dict):
            faults.row(f", tools[{i}] must be {{'type': 'function', 'function': {{'name': ...}}}}", "write the tool as the chat API takes it")
            continue
        checked = _functions([tool["function"]], f"tools[{i}].function", faults)
        if checked:
            read.append(tool)
    return _counted(read, "tools", faults)


def _functions(value: Any, where: str, faults: Faults) -> Tools | None:
    """Function descriptions as tools."""
    if not isinstance(value, list):
        faults.row(f", {where} Input should be a valid list", 'write [{"name": …, "parameters": {…}}]')
        return None
    read: list[dict[str, Any]] = []
    for i, function in enumerate(value):
        at = f"{where}[{i}]" if where == "functions" else where
        if not isinstance(function, dict):
            faults.row(f", {at} {OBJECT}")
        elif not isinstance(function.get("name"), str) or not function["name"]:
            faults.row(f", {at}.name {STRING if 'name' in function else 'is missing'}", "name the function")
        elif function.get("parameters") is not None and not isinstance(function["parameters"], dict):
            faults.row(f", {at}.parameters {OBJECT}", "write a JSON schema")
        else:
            read.append({"type": "function", "function": function})
    return _counted(read, where, faults)


def _counted(read: list[dict[str, Any]], where: str, faults: Faults) -> Tools | None:
    if len(read) > MAX_TOOLS:
        faults.row(f", {where} List should have at most {MAX_TOOLS} items, not {len(read)}")
    return tuple(read) or None
