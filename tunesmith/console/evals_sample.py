"""A row of a run → the sample that is judged: what a model answers to it, or what the row brought along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from tunesmith.console.failures import ApiError
from tunesmith.console.graders_grade import CHAT, Ask, Used
from tunesmith.measure.graders import sample_space
from tunesmith.measure.graders_template import as_text, path, render, value_of
from tunesmith.spec.wire_evals import Absent, Completions, ItemReference, Jsonl, Row, TemplateMessages


@dataclass
class Sample:
    """What is judged."""

    space: dict[str, Any] = field(default_factory=dict)
    """What `{{ sample.… }}` finds."""
    shown: dict[str, Any] = field(default_factory=dict)
    """As an output item shows it."""
    used: dict[str, Used] = field(default_factory=dict)


async def sample(data: Jsonl | Completions, row: Row, ask: Ask) -> Sample:
    """The sample of a row.

    Raises: ApiError where the model does not answer; NoSuchVariable, BadTemplate where the row lacks what the messages name.
    """
    match data:
        case Jsonl():
            return brought(row)
        case Completions():
            return await answered(data, row, ask)
        case unknown:
            assert_never(unknown)


def brought(row: Row) -> Sample:
    """The answer that the row brings: a completion as a client dumped it, or just its text."""
    given: Mapping[str, Any] = row.sample or {}
    message = message_of(given)
    text, tools = given.get("output_text"), given.get("output_tools")
    if not isinstance(text, str):
        text = as_text(message.get("content") or "")
    if not isinstance(tools, list):
        tools = message.get("tool_calls") or []
    space = sample_space(text, tools, given) if row.sample is not None else {}
    output = [{"role": "assistant", "content": text}] if row.sample is not None else []
    model = given.get("model")
    return Sample(space, shown([], output, model=model if isinstance(model, str) else None))


def message_of(completion: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first message of a completion; empty where there is none."""
    choices = completion.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    return message if isinstance(message, dict) else {}


async def answered(data: Completions, row: Row, ask: Ask) -> Sample:
    """What the model answers."""
    body = chat_body(data, messages_of(data, row))
    reply = await ask(CHAT, body)
    message, choice = message_of(reply), reply["choices"][0]
    text = message.get("content") or ""
    used = Used()
    used.add(reply["usage"])
    usage = {"total_tokens": used.total, "completion_tokens": used.completion_tokens, "prompt_tokens": used.prompt_tokens,
        "cached_tokens": used.cached_tokens}  # fmt: skip
    output: dict[str, Any] = {"role": "assistant", "content": text}
    if message.get("tool_calls"):
        output["tool_calls"] = message["tool_calls"]
    seen = shown(body["messages"], [output], data=data, model=reply["model"], finish_reason=choice["finish_reason"], usage=usage)
    return Sample(sample_space(text, message.get("tool_calls") or (), reply), seen, {str(reply["model"]): used})


def messages_of(data: Completions, row: Row) -> list[dict[str, Any]]:
    """What the model is asked about a row. Raises: NoSuchVariable, BadTemplate, ApiError for something that is no conversation."""
    spaces = {"item": row.item}
    match data.input_messages:
        case TemplateMessages() as written:
            return [{"role": message.role, "content": render(message.template, spaces)} for message in written.template]
        case ItemReference() as reference:
            found = value_of(path(reference.item_reference), spaces)
            if not isinstance(found, list) or not all(isinstance(message, dict) for message in found):
                raise ApiError(400, f"'{reference.item_reference[:80]}' is no list of messages.", param="data_source.input_messages.item_reference")
            return found
        case Absent():
            raise AssertionError("refused when it was read")
        case unknown:
            assert_never(unknown)


def chat_body(data: Completions, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The request to the model."""
    sampling = data.sampling_params
    body: dict[str, Any] = {"model": data.model, "messages": messages}
    if sampling is None:
        return body
    given = sampling.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude={"max_completion_tokens", "max_completions_tokens", "reasoning_effort"}
    )
    return body | given | ({"max_completion_tokens": sampling.limit} if sampling.limit is not None else {})


def shown(
    messages: list[dict[str, Any]], output: list[dict[str, Any]], *, data: Completions | None = None, model: str | None = None, **more: Any
) -> dict[str, Any]:
    """A sample as an output item shows it."""
    sampling = data.sampling_params if data is not None else None
    return {
        "input": [{"role": str(one.get("role", "")), "content": as_text(one.get("content") or "")} for one in messages],
        "output": output,
        "finish_reason": None,
        "model": model,
        "usage": {"total_tokens": 0, "completion_tokens": 0, "prompt_tokens": 0, "cached_tokens": 0},
        "error": None,
        "temperature": sampling.temperature if sampling is not None and sampling.temperature is not None else 1.0,
        "max_completion_tokens": sampling.limit if sampling is not None else None,
        "top_p": sampling.top_p if sampling is not None and sampling.top_p is not None else 1.0,
        "seed": sampling.seed if sampling is not None else None,
        **more,
    }
