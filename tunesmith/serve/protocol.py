"""One line from a client → what it asks; what is answered → lines.

UTF-8 JSON, one object a line. A client writes one request and reads lines until `end` or `error`; if it closes the connection before, the work
stops. Requests are told apart by `op`:

    chat, complete     {"start": …}, then any of {"delta": …} {"tool_calls": …} {"finish": …}, then {"end": {"usage": …}};
                       of a candidate that won `start` has `sources` where it looks things up, and `finish` `confidence` and `declined`
    embed              {"vectors": [[…]], "tokens": n, "truncated": [i …]}, then {"end": …}
    count              {"prompt_tokens": n}, then {"end": …}
    status             {"models": […], "waiting": n, "running": n, "threads": n}, then {"end": …}
    unload, yield      {"end": …}

Anything that cannot be answered: {"error": TunesmithError as JSON}; beyond `deadline_s` its code is `timeout`, and `has_begun` says whether an answer
was being written.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from tunesmith.answer.asked import Target
from tunesmith.answer.requests import Chat, Complete
from tunesmith.errors import BadProject
from tunesmith.spec.noun import Noun

LONGEST_LINE = 64 * 2**20
"""Bytes of a request."""


class ChatAsked(Chat):
    """Answer a conversation."""

    op: Literal["chat"]
    owner: str
    deadline_s: float | None = None


class CompleteAsked(Complete):
    """Continue raw prompts."""

    op: Literal["complete"]
    owner: str
    deadline_s: float | None = None


class Embed(Noun):
    """Texts into vectors. Token ids are those of the embedding model."""

    op: Literal["embed"]
    owner: str = ""
    deadline_s: float | None = None
    model: str
    inputs: list[str | list[int]]


class Count(Noun):
    """Tokens of a conversation's prompt."""

    op: Literal["count"]
    owner: str = ""
    deadline_s: float | None = None
    target: Target
    messages: list[Any]
    tools: list[Any] | None = None
    no_prompt: bool = False
    """Leave out the prompt that the model was tuned with."""


class Status(Noun):
    """What is in memory, and how much is going on."""

    op: Literal["status"]
    owner: str = ""
    deadline_s: float | None = None


class Unload(Noun):
    """Forget a model."""

    op: Literal["unload"]
    owner: str = ""
    deadline_s: float | None = None
    target: Target


class Yield(Noun):
    """Use this part of the threads from now on."""

    op: Literal["yield"]
    owner: str = ""
    deadline_s: float | None = None
    share: float = Field(gt=0, le=1)


Request = Annotated[ChatAsked | CompleteAsked | Embed | Count | Status | Unload | Yield, Field(discriminator="op")]
REQUEST: TypeAdapter[Request] = TypeAdapter(Request)


def parse(line: bytes) -> Request:
    """The request.

    Raises: BadProject for what is none, without repeating what it holds.
    """
    try:
        return REQUEST.validate_python(json.loads(line))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)[:5]
        told = "; ".join(f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg'][:200]}" for fault in faults)
        raise BadProject(f"the request cannot be used: {told}", where="request", fix="correct the request") from None
    except (ValueError, RecursionError):
        raise BadProject("the request is no JSON", where="request", expected="one JSON object on one line", fix="correct the request") from None


def encode(line: dict[str, Any]) -> bytes:
    """A line as it is sent."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"
