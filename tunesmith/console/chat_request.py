"""A chat request → the engine's request: every parameter that changes an answer goes through here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

from tunesmith.console.asking import DEADLINE_S, STREAM_DEADLINE_S, Asked
from tunesmith.spec.elected import Elected
from tunesmith.spec.wire_chat import AllowedTools, ChatMessage, ChatRequest, Extensions, Function, Named, NamedTool, ResponseFormat
from tunesmith.spec.wire_completion import CompletionRequest
from tunesmith.spec.wire_responses import ResponseRequest


def engine_request(chat: ChatRequest, one: Asked) -> dict[str, Any]:
    """What the engine is asked."""
    tools, choice = engine_tools(chat)
    request = {
        **one.request("chat", STREAM_DEADLINE_S if chat.stream else DEADLINE_S),
        "target": one.engine_target,
        "messages": engine_messages(chat.messages),
        "tools": tools,
        "tool_choice": choice,
        "parallel_tool_calls": chat.functions is None and chat.parallel_tool_calls is not False,
        "sampling": chat_sampling(chat, one.target.elected),
    }
    return request | engine_extensions(chat.tunesmith, one)


def engine_extensions(own: Extensions | None, one: Asked) -> dict[str, Any]:
    """What `tunesmith` in `extra_body` adds, and the server's own settings where it says nothing."""
    found: dict[str, Any] = {"decline": True} if one.declines(own) else {}
    if own is None:
        return found
    return found | ({"choices": list(own.choices)} if own.choices is not None else {}) | ({"no_prompt": True} if own.no_prompt else {})


def chat_sampling(chat: ChatRequest, elected: Elected | None = None) -> dict[str, Any]:
    """How tokens are chosen."""
    return common_sampling(chat, elected) | {
        "max_tokens": chat.max_completion_tokens if chat.max_completion_tokens is not None else chat.max_tokens,
        "logprobs": bool(chat.logprobs),
        "top_logprobs": chat.top_logprobs or 0,
        "format": engine_format(chat.response_format),
    }


def drawing(asked: ChatRequest | CompletionRequest | ResponseRequest, elected: Elected | None) -> dict[str, Any]:
    """How tokens are drawn: with the API's defaults, but a candidate that won answers as it was measured."""
    temperature, top_p = (1.0, 1.0) if elected is None else (elected.decoding.temperature, elected.decoding.top_p)
    return {
        "temperature": temperature if asked.temperature is None else asked.temperature,
        "top_p": top_p if asked.top_p is None else asked.top_p,
    }


def common_sampling(asked: ChatRequest | CompletionRequest, elected: Elected | None = None) -> dict[str, Any]:
    """The settings that chats and completions have in common, with their defaults."""
    return {
        **drawing(asked, elected),
        "n": asked.n or 1,
        "stop": stops(asked.stop),
        "seed": asked.seed,
        "frequency_penalty": asked.frequency_penalty or 0.0,
        "presence_penalty": asked.presence_penalty or 0.0,
        "logit_bias": asked.logit_bias or {},
    }


def stops(given: str | Sequence[str] | None) -> list[str]:
    """Stop strings as a list."""
    return [] if given is None else [given] if isinstance(given, str) else list(given)


def engine_format(wanted: ResponseFormat | None) -> dict[str, Any]:
    """What the answer must be, in the engine's words."""
    if wanted is None:
        return {"kind": "text"}
    return {"kind": wanted.type} | ({"schema": wanted.json_schema.schema_} if wanted.json_schema is not None else {})


def engine_messages(messages: Sequence[ChatMessage]) -> list[dict[str, Any]]:
    """The messages in one form: contents as text, functions of the older API as tools."""
    found: list[dict[str, Any]] = []
    for i, message in enumerate(messages):
        plain: dict[str, Any] = {"role": message.role, "content": message.words, "name": message.name}
        calls = [call.model_dump() for call in message.tool_calls or ()]
        if message.function_call is not None:
            calls.append({"id": f"call_{i}", "type": "function", "function": message.function_call.model_dump()})
        plain["tool_calls"] = calls or None
        plain["tool_call_id"] = message.tool_call_id
        if message.role == "function":
            plain |= {"role": "tool", "tool_call_id": f"call_{i - 1}"}
        found.append({key: value for key, value in plain.items() if value is not None or key == "content"})
    return found


def engine_tools(chat: ChatRequest) -> tuple[list[dict[str, Any]] | None, str | dict[str, str]]:
    """(tools, which of them may or must be called)."""
    if chat.functions is not None:
        named = chat.function_call
        return [as_tool(function) for function in chat.functions], {"name": named.name} if isinstance(named, Named) else named or "auto"
    tools = chat.tools or ()
    plain = [as_tool(tool.function) for tool in tools] or None
    match chat.tool_choice:
        case None:
            return plain, "auto"
        case NamedTool() as one:
            return plain, {"name": one.function.name}
        case AllowedTools() as some:  # tools that may not be called this time are not shown either
            names = {tool.function.name for tool in some.allowed_tools.tools}
            return [as_tool(tool.function) for tool in tools if tool.function.name in names], some.allowed_tools.mode
        case "none" | "auto" | "required" as word:
            return plain, word
        case unknown:
            assert_never(unknown)


def as_tool(function: Function) -> dict[str, Any]:
    """A function as models' templates expect it."""
    return {"type": "function", "function": function.model_dump(exclude_none=True)}
