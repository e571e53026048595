"""What the engine said → the parts of chat completions: whole ones, and those that a stream's chunks share with them."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tunesmith.console.asking import Asked
from tunesmith.console.engine_client import Choice, Gathered, Line, as_extension, sources
from tunesmith.console.ids import new_id
from tunesmith.spec.wire_chat import ChatRequest

LEAST = -9999.0
"""A logarithm of (nearly) nothing, as the hosted service writes it: JSON has no infinity."""
DETAILS = {"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}


def heading(one: Asked) -> dict[str, Any]:
    """What the completion and all its chunks have in common."""
    return {"id": new_id("chatcmpl-"), "created": int(time.time()), "model": one.target.name, "system_fingerprint": one.fingerprint}


def completion(chat: ChatRequest, head: Mapping[str, Any], whole: Gathered) -> dict[str, Any]:
    """The reply, as the contract has it."""
    choices = [
        {
            "index": choice.index,
            "message": message_of(choice, chat.functions is not None),
            "logprobs": token_logprobs(choice.logprobs) if chat.logprobs else None,
            "finish_reason": finish_reason(choice.reason, chat.functions is not None),
            **as_extension(choice.own),
        }
        for choice in whole.choices
    ]
    found = {**head, "object": "chat.completion", "choices": choices, "usage": usage_of(whole.usage), "service_tier": "default"}
    return found | as_extension(sources(whole.start))


def message_of(choice: Choice, is_old: bool) -> dict[str, Any]:
    """The assistant's message; `is_old`: the request used `functions`."""
    said: dict[str, Any] = {"role": "assistant", "content": choice.text, "refusal": None, "annotations": []}
    if not choice.calls:
        return said
    said["content"] = choice.text or None
    called = [{"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}} for call in choice.calls]
    return said | ({"function_call": called[0]["function"]} if is_old else {"tool_calls": called})


def finish_reason(reason: str, is_old: bool) -> str:
    """Why it ended, in the words that fit the request."""
    return "function_call" if reason == "tool_calls" and is_old else reason


def token_logprobs(tokens: Sequence[Line]) -> dict[str, Any]:
    """The tokens of an answer with their logarithms."""
    content = [{**_token(token), "top_logprobs": [_token(other) for other in token.get("top") or ()]} for token in tokens]
    return {"content": content, "refusal": None}


def _token(token: Line) -> dict[str, Any]:
    return {"token": token["token"], "logprob": finite(token["logprob"]), "bytes": token["bytes"]}


def finite(logprob: float | None) -> float:
    """A logarithm that JSON can write.

    >>> finite(float("-inf"))
    -9999.0
    """
    return LEAST if logprob is None or not math.isfinite(logprob) else max(LEAST, logprob)


def usage_of(usage: Mapping[str, int]) -> dict[str, Any]:
    """What the answer cost, with its details."""
    prompt, said = usage["prompt_tokens"], usage["completion_tokens"]
    return {
        "prompt_tokens": prompt,
        "completion_tokens": said,
        "total_tokens": prompt + said,
        "prompt_tokens_details": {"cached_tokens": usage.get("cached_tokens", 0), "audio_tokens": 0},
        "completion_tokens_details": DETAILS,
    }
