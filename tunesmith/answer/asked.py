"""What a client asks in OpenAI's form → frozen nouns: the target, how to sample, the conversation.

Each noun refuses what it does not know: an option that nobody reads must not look as if it were honoured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from tunesmith.errors import BadData, Unsupported
from tunesmith.spec.chat import ROLES, Conversation, Message
from tunesmith.spec.noun import Noun

MOST_ROWS = 128
"""Answers to one request (`n`, `best_of`) at most, per prompt: as OpenAI has it."""


class Target(Noun):
    """Which model answers: a base, a checkpoint of it, or a candidate that won."""

    base: str
    """Of the model that writes; empty for a candidate that no model of this machine writes for."""
    checkpoint: str | None = None
    candidate: str | None = None
    """Name of the artifact that says how `base` or `checkpoint` is asked, or what answers instead."""

    def __str__(self) -> str:
        return self.candidate or self.checkpoint or self.base


class Text(Noun):
    """Any text."""

    kind: Literal["text"] = "text"


class JsonObject(Noun):
    """Some JSON object."""

    kind: Literal["json_object"]


class JsonSchema(Noun):
    """JSON that fits a schema."""

    kind: Literal["json_schema"]
    schema_: Annotated[Any, Field(alias="schema")]


Form = Annotated[Text | JsonObject | JsonSchema, Field(discriminator="kind")]


class Sampling(Noun):
    """How tokens are chosen, and when an answer ends."""

    max_tokens: Annotated[int, Field(ge=0)] | None = None
    """None: to the end of the model's context."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    top_p: Annotated[float, Field(ge=0, le=1)] = 1.0
    n: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 1
    stop: tuple[str, ...] = ()
    seed: int | None = None
    """None: another one each time."""
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] = 0.0
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] = 0.0
    logit_bias: dict[int, Annotated[float, Field(ge=-100, le=100)]] = {}
    logprobs: bool = False
    top_logprobs: Annotated[int, Field(ge=0, le=20)] = 0
    form: Annotated[Form, Field(alias="format")] = Text()

    @property
    def steers(self) -> bool:
        """Whether a row's own history or wishes change its logits."""
        return bool(self.frequency_penalty or self.presence_penalty or self.logit_bias)


def conversation(messages: Sequence[Any], tools: Sequence[Any] | None = None) -> Conversation:
    """OpenAI's messages and tools as a conversation.

    Raises: BadData naming the message; Unsupported for images and sound.
    """
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise BadData("there is no message", where="messages", expected="a list with at least one message", fix="send one")
    said = tuple(_message(raw, f"messages[{i}]") for i, raw in enumerate(messages))
    for i, tool in enumerate(tools or ()):
        if not isinstance(tool, Mapping) or tool.get("type") != "function" or not isinstance((tool.get("function") or {}).get("name"), str):
            raise BadData("is no function tool", where=f"tools[{i}]", expected='{"type": "function", "function": {"name": …}}', fix="correct it")
    return Conversation(messages=said, tools=tuple(dict(tool) for tool in tools) if tools else None)


def _message(raw: Any, where: str) -> Message:
    if not isinstance(raw, Mapping):
        raise BadData("is no message", where=where, expected="an object with role and content", fix="correct it")
    role = raw.get("role")
    if role not in ROLES:
        raise BadData("no such role", where=f"{where}.role", got=repr(role)[:60], expected=f"one of {', '.join(ROLES)}", fix="correct the role")
    calls = raw.get("tool_calls") or None
    content = _content(raw.get("content"), f"{where}.content")
    if content is None and not calls:
        if role != "assistant":
            raise BadData("has no content", where=f"{where}.content", expected="a text", fix="write one")
        content = ""
    kept = {"role": role, "content": content, "name": raw.get("name"), "tool_call_id": raw.get("tool_call_id")}
    kept["tool_calls"] = tuple(_call(call, f"{where}.tool_calls[{i}]") for i, call in enumerate(calls)) if calls else None
    try:
        return Message.model_validate(kept)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in fault["loc"])
        raise BadData(str(fault["msg"]), where=f"{where}.{field}", fix="correct it") from None


def _call(raw: Any, where: str) -> dict[str, Any]:
    function = raw.get("function") if isinstance(raw, Mapping) else None
    if not isinstance(function, Mapping):
        raise BadData("is no call of a function", where=where, expected='{"id": …, "function": {"name": …, "arguments": …}}', fix="correct it")
    return {"id": raw.get("id"), "function": {"name": function.get("name"), "arguments": function.get("arguments")}}


def _content(raw: Any, where: str) -> str | None:
    """A message's text; parts are joined."""
    if raw is None or isinstance(raw, str):
        return raw
    if not isinstance(raw, Sequence):
        raise BadData("is no text", where=where, got=type(raw).__name__, expected="a text, or a list of text parts", fix="correct it")
    texts = []
    for i, part in enumerate(raw):
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind not in ("text", "refusal"):
            raise Unsupported("this model reads text only", where=f"{where}[{i}]", got=repr(kind)[:60], expected="text parts", fix="leave it out")
        if not isinstance(part.get(kind), str):
            raise BadData("is no text", where=f"{where}[{i}].{kind}", fix="correct it")
        texts.append(part[kind])
    return "".join(texts)
