"""A response's request and the engine's reply → the response object; its items → the engine's messages, and back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from tunesmith.console.asking import DEADLINE_S, STREAM_DEADLINE_S, Asked
from tunesmith.console.chat_reply import token_logprobs
from tunesmith.console.chat_request import drawing, engine_extensions
from tunesmith.console.engine_client import Choice, Line, as_extension
from tunesmith.console.failures import ApiError
from tunesmith.console.ids import new_id
from tunesmith.spec.wire_responses import FlatAllowed, FlatNamed, FlatTool, Item, ResponseRequest, Turn, text_of


def engine_request(wanted: ResponseRequest, one: Asked, items: Sequence[Item]) -> dict[str, Any]:
    """What the engine is asked."""
    tools, choice = engine_tools(wanted)
    shape = wanted.text.format if wanted.text is not None else None
    request = {
        **one.request("chat", STREAM_DEADLINE_S if wanted.stream or wanted.background else DEADLINE_S),
        "target": one.engine_target,
        "messages": engine_messages(items, wanted.instructions),
        "tools": tools,
        "tool_choice": choice,
        "parallel_tool_calls": wanted.parallel_tool_calls is not False,
        "sampling": {
            "max_tokens": wanted.max_output_tokens,
            **drawing(wanted, one.target.elected),
            "n": 1,
            "stop": [],
            "seed": None,
            "frequency_penalty": 0.0,
            "presence_penalty": 0.0,
            "logit_bias": {},
            "logprobs": wanted.wants_logprobs,
            "top_logprobs": wanted.top_logprobs or 0,
            "format": {"kind": "text"} if shape is None else {"kind": shape.type} | ({"schema": shape.schema_} if shape.schema_ is not None else {}),
        },
    }
    return request | engine_extensions(wanted.tunesmith, one)


def engine_tools(wanted: Turn) -> tuple[list[dict[str, Any]] | None, str | dict[str, str]]:
    """(tools, which of them may or must be called)."""
    tools = wanted.tools or ()
    match wanted.tool_choice:
        case None:
            return _plain(tools), "auto"
        case FlatNamed() as one:
            return _plain(tools), {"name": one.name}
        case FlatAllowed() as some:  # tools that may not be called this time are not shown either
            names = {tool.name for tool in some.tools}
            return _plain([tool for tool in tools if tool.name in names]), some.mode
        case "none" | "auto" | "required" as word:
            return _plain(tools), word
        case unknown:
            assert_never(unknown)


def _plain(tools: Sequence[FlatTool]) -> list[dict[str, Any]] | None:
    return [{"type": "function", "function": tool.model_dump(exclude_none=True, exclude={"type"})} for tool in tools] or None


def engine_messages(items: Sequence[Item], instructions: str | None) -> list[dict[str, Any]]:
    """The items as messages, the instructions before them; calls of functions join the assistant's turn that they belong to.

    Raises: ApiError 400 for an output without a call, or a call without an output.
    """
    messages: list[dict[str, Any]] = [{"role": "system", "content": instructions}] if instructions is not None else []
    waiting: list[str] = []
    for item in items:
        if item.type == "function_call_output":
            if item.call_id not in waiting:
                raise ApiError(400, f"No tool call found for function call output with call_id {str(item.call_id)[:80]}.", param="input")
            waiting.remove(item.call_id)
            messages.append({"role": "tool", "tool_call_id": item.call_id, "content": text_of(item.output)})
            continue
        if item.type == "function_call":
            call = {"id": item.call_id, "type": "function", "function": {"name": item.name, "arguments": item.arguments}}
            if messages and messages[-1]["role"] == "assistant":
                messages[-1].setdefault("tool_calls", []).append(call)
            else:
                messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
            waiting.append(str(item.call_id))
            continue
        _all_answered(waiting)
        messages.append({"role": item.role, "content": text_of(item.content)})
    _all_answered(waiting)
    return messages


def _all_answered(waiting: Sequence[str]) -> None:
    if waiting:
        raise ApiError(400, f"No tool output found for function call {waiting[0][:80]}.", param="input")


def without_oldest(items: Sequence[Item]) -> list[Item] | None:
    """The items short of the oldest turn, instructions kept; None when only one is left. For `truncation: auto`."""
    users = [i for i, item in enumerate(items) if item.role == "user"]
    return [item for item in items[: users[1]] if item.role in ("system", "developer")] + list(items[users[1] :]) if len(users) > 1 else None


def skeleton(wanted: ResponseRequest, one: Asked) -> dict[str, Any]:
    """The response before it has an output: everything that the request settles."""
    plain, drawn = wanted.model_dump(mode="json", by_alias=True, exclude_none=True), drawing(wanted, one.target.elected)
    shape = plain.get("text", {}).get("format", {"type": "text"})
    tools = [{"description": None, "parameters": None, "strict": None, **tool} for tool in plain.get("tools", [])]
    return {
        "id": new_id("resp_"), "object": "response", "created_at": int(time.time()), "completed_at": None, "status": "in_progress",
        "background": bool(wanted.background), "error": None, "incomplete_details": None, "instructions": wanted.instructions,
        "max_output_tokens": wanted.max_output_tokens, "max_tool_calls": None, "model": one.target.name, "output": [],
        "parallel_tool_calls": wanted.parallel_tool_calls is not False, "previous_response_id": wanted.previous_response_id, "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None}, "safety_identifier": None, "service_tier": "default", "store": wanted.store is not False,
        "temperature": drawn["temperature"], "text": {"format": shape},
        "tool_choice": plain.get("tool_choice", "auto"), "tools": tools, "top_logprobs": wanted.top_logprobs or 0,
        "top_p": drawn["top_p"], "truncation": wanted.truncation or "disabled", "usage": None, "user": None,
        "metadata": dict(wanted.metadata or {}),
    }  # fmt: skip


def finished(response: Mapping[str, Any], output: list[dict[str, Any]], reason: str, usage: Mapping[str, int], own: Line) -> dict[str, Any]:
    """The response with all it says; `own` is what only this server tells."""
    is_cut = reason == "length"
    return {
        **response,
        **as_extension(own),
        "status": "incomplete" if is_cut else "completed",
        "completed_at": None if is_cut else int(time.time()),
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "output": output,
        "usage": response_usage(usage),
    }


def failed(response: Mapping[str, Any], error: ApiError) -> dict[str, Any]:
    """The response that could not be made."""
    code = "rate_limit_exceeded" if error.status_code == 429 else "invalid_prompt" if error.status_code == 400 else "server_error"
    return {**response, "status": "failed", "error": {"code": code, "message": error.message}}


def response_usage(usage: Mapping[str, int]) -> dict[str, Any]:
    """What the answer cost, in this API's words."""
    read, said = usage["prompt_tokens"], usage["completion_tokens"]
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": usage.get("cached_tokens", 0), "cache_write_tokens": 0},
        "output_tokens": said,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + said,
    }


def text_part(text: str, logprobs: Sequence[Line]) -> dict[str, Any]:
    """The content of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": token_logprobs(logprobs)["content"]}


def message_item(name: str, parts: Sequence[dict[str, Any]], status: str) -> dict[str, Any]:
    """What the assistant says, as an item."""
    return {"id": name, "type": "message", "role": "assistant", "status": status, "content": list(parts)}


def call_item(call: Line, name: str, status: str = "completed", arguments: str | None = None) -> dict[str, Any]:
    """A call of a function, as an item."""
    said = call["arguments"] if arguments is None else arguments
    return {"id": name, "type": "function_call", "call_id": call["id"], "name": call["name"], "arguments": said, "status": status}


def output_of(choice: Choice, wants_logprobs: bool) -> list[dict[str, Any]]:
    """All that was said, as items: the text first, unless there are only calls."""
    status = "incomplete" if choice.reason == "length" else "completed"
    part = text_part(choice.text, choice.logprobs if wants_logprobs else ())
    said = [message_item(new_id("msg_"), [part], status)] if choice.text or not choice.calls else []
    return said + [call_item(call, new_id("fc_")) for call in choice.calls]


def input_items(items: Sequence[Item]) -> list[dict[str, Any]]:
    """The items of an input as they are stored and listed: with ids, contents as parts."""
    found = []
    for item in items:
        plain = item.model_dump(mode="json", exclude_none=True)
        plain["id"] = item.id or new_id({"message": "msg_", "function_call": "fc_", "function_call_output": "fco_"}[item.type])
        if isinstance(item.content, str):
            kind = "output_text" if item.role == "assistant" else "input_text"
            plain["content"] = [{"type": kind, "text": item.content, **({"annotations": []} if kind == "output_text" else {})}]
        found.append({**plain, "status": item.status or "completed"})
    return found
