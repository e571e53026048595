"""A request in the engine's protocol → its lines, over a UNIX socket of its own. Closing it cancels the work.

One connection per request: the engine notices a client that went away by the end of its connection, and no answer can be mixed up with another.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunesmith.console.failures import SERVER, ApiError, bug
from tunesmith.store.lease import is_held

LINE_BYTES = 64 << 20
"""The longest line: 2048 vectors of 384 numbers take 17 MB."""
SERVING = "console.lock"
"""Held by a server as long as it runs, and keeps an engine running."""
TRY_GAP_S = 0.05
START_S = 30.0
"""A request waits so long for an engine that is being started."""
REFUSED_S = 0.15
"""The same where no server keeps one running."""
RESTART_S = 2
"""What a client is told to wait while the engine starts."""
BUSY_S = 1
NUMBER = re.compile(r"\d[\d,_]*")
RENAMED = {
    "prompts": "prompt",
    "inputs": "input",
    "choices": "tunesmith.choices",
    "no_prompt": "tunesmith.no_prompt",
    "decline": "tunesmith.decline",
}
"""Fields of the engine's requests → those of the API."""
INNER = frozenset({"engine", "memory", "request"})
"""Places that are no parameters."""
Line = dict[str, Any]


@dataclass(frozen=True)
class About:
    """What errors are told in terms of."""

    model: str = ""
    """The name by which the client called it."""
    context: int | None = None
    """Tokens that the model can hold, where it is known."""
    field: str = "messages"
    """The parameter that holds what the model reads."""


NOTHING = About()


class Lines:
    """What the engine says to one request, line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, about: About) -> None:
        self._reader = reader
        self._writer = writer
        self._about = about
        self._is_over = False

    def __aiter__(self) -> AsyncIterator[Line]:
        return self

    async def __anext__(self) -> Line:
        if self._is_over:
            raise StopAsyncIteration
        try:
            raw = await self._reader.readline()
        except (OSError, ValueError):  # ValueError: a line beyond the limit
            raw = b""
        if not raw.endswith(b"\n"):
            raise restarting("The engine stopped before the answer was complete. It is being started again; please try again in a moment.")
        line: Line = json.loads(raw)
        if "error" in line:
            raise failure(line["error"], self._about)
        self._is_over = "end" in line
        return line

    async def first(self) -> Line:
        """The first line; the connection is closed if it is an error, or if nobody waits for it any more."""
        try:
            return await anext(self)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the request: the engine drops what it still does for it."""
        self._is_over = True
        self._writer.close()


async def ask(socket: Path, request: Mapping[str, Any], about: About = NOTHING) -> Lines:
    """The lines with which the engine answers; whoever gets them closes them.

    Raises: ApiError 503 where no engine listens.
    """
    said = json.dumps(request, separators=(",", ":")).encode("ascii") + b"\n"
    give_up = time.monotonic() + (START_S if is_held(socket.parent.parent / SERVING) else REFUSED_S)
    while True:
        try:
            reader, writer = await asyncio.open_unix_connection(str(socket), limit=LINE_BYTES)
        except OSError:
            if time.monotonic() >= give_up:
                break
            await asyncio.sleep(TRY_GAP_S)
            continue
        try:
            writer.write(said)
            await writer.drain()
        except OSError:  # refused, or ended since it took the connection: an answer in its buffer says why, if there is one
            if reader.at_eof():
                writer.close()
                continue
        except BaseException:
            writer.close()
            raise
        return Lines(reader, writer, about)
    raise restarting("The engine that answers is being started. Please try again in a moment.")


async def single(socket: Path, request: Mapping[str, Any], key: str, about: About = NOTHING) -> Line:
    """The one line that holds `key`, for requests that have a single result."""
    lines = await ask(socket, request, about)
    try:
        async for line in lines:
            if key in line:
                return line
    finally:
        lines.close()
    raise bug()


def restarting(message: str) -> ApiError:
    """The answer while there is no engine."""
    return ApiError(503, message, SERVER, code="engine_unavailable", headers={"retry-after": str(RESTART_S)})


def failure(error: Mapping[str, Any], about: About) -> ApiError:
    """The engine's error as an answer of the API.

    Faults of the machine show their code only, for their text may hold paths.
    """
    code, problem = str(error.get("code", "")), (error.get("problems") or [{}])[0]
    message = "; ".join(str(part) for part in (error.get("message"), problem.get("fix")) if part)
    match code:
        case "does_not_fit" if "token" in str(problem.get("got")):
            return too_long(problem, about)
        case "not_found":
            return ApiError(404, f"The model `{about.model}` does not exist or you do not have access to it.", code="model_not_found")
        case "overloaded":
            return ApiError(
                429, f"The engine is overloaded: {message}.", "requests", code="rate_limit_exceeded", headers={"retry-after": str(BUSY_S)}
            )
        case "busy":
            return ApiError(
                503, "The model is being changed. Please try again in a moment.", SERVER, code=code, headers={"retry-after": str(RESTART_S)}
            )
        case "timeout":
            return timed_out(has_begun=bool(error.get("has_begun")))
        case "bad_project":
            param, got = param_of(problem.get("where")), problem.get("got")
            subject = f"Invalid '{param}': " if param else ""
            return ApiError(400, f"{subject}{got if got is not None else 'this'} {message}", param=param, code="invalid_value")
        case "unsupported" | "bad_record" | "does_not_fit" | "missing_dependency" | "not_enough_data" | "unsafe_weights":
            return ApiError(400, message or code, param=param_of(problem.get("where")), code=code)
        case "damaged_weights" | "store_unusable":
            return ApiError(
                503, f"The model cannot be read ({code}). The log of the server says more.", SERVER, code=code, headers={"x-should-retry": "false"}
            )
        case _:
            return bug()


def timed_out(*, has_begun: bool) -> ApiError:
    """The answer to a request whose time is over. What only waited may be asked again, and clients do; what was being written would take as long again."""
    if has_begun:
        message = "The answer was not complete within the time that a request may take. Ask for less, or for a stream, which may take longer."
        return ApiError(504, message, SERVER, code="timeout", headers={"x-should-retry": "false"})
    message = "The request has waited for its turn as long as a request may take. Please try again in a moment."
    return ApiError(504, message, SERVER, code="timeout", headers={"retry-after": str(BUSY_S)})


def too_long(problem: Mapping[str, Any], about: About) -> ApiError:
    """More tokens than the model's context holds, in OpenAI's words, with both numbers."""
    got, most = (numbers(problem.get(key)) for key in ("got", "expected"))
    limit = str(about.context) if about.context is not None else most[0] if most else "fewer"
    message = (
        f"This model's maximum context length is {limit} tokens. However, your {about.field} resulted in {got[0] if got else 'more'} tokens. "
        f"Please reduce the length of the {about.field}."
    )
    return ApiError(400, message, param=about.field, code="context_length_exceeded")


def numbers(text: object) -> list[str]:
    """The numbers in a text, without separators.

    >>> numbers("at most 8,192 tokens")
    ['8192']
    """
    return [re.sub(r"[,_]", "", found) for found in NUMBER.findall(str(text))]


def param_of(where: object) -> str | None:
    """A problem's place as the parameter that a client wrote; None where it is a file or a model.

    >>> param_of("prompts[2]"), param_of("model tiny")
    ('prompt[2]', None)
    """
    if not isinstance(where, str) or re.fullmatch(r"[a-z_]+([.\[][a-z0-9_\].\[]*)?", where) is None:
        return None
    head = re.split(r"[.\[]", where)[0]
    return None if head in INNER else RENAMED.get(head, head) + where[len(head) :]


@dataclass
class Choice:
    """One answer of a request."""

    index: int
    text: str = ""
    logprobs: list[Line] = field(default_factory=list)
    calls: list[Line] = field(default_factory=list)
    reason: str = "stop"
    own: Line = field(default_factory=dict)
    """What only this server tells of an answer: `confidence`, and whether it was `declined`."""

    def finish(self, told: Line) -> None:
        """Take what is told at its end."""
        self.reason = told["reason"]
        self.own = {name: told[name] for name in ("confidence", "declined") if name in told}


def sources(start: Line) -> Line:
    """What stood before the question, where something was looked up."""
    return {"sources": start["sources"]} if "sources" in start else {}


def as_extension(own: Line) -> Line:
    """What only this server tells, as a field of a reply; nothing where there is nothing to tell."""
    return {"tunesmith": own} if own else {}


@dataclass
class Gathered:
    """A whole reply."""

    start: Line
    choices: list[Choice]
    usage: dict[str, int]


async def gather(start: Line, lines: AsyncIterator[Line], count: int) -> Gathered:
    """Everything the engine says after `start`, put together; `count` answers are expected."""
    whole = Gathered(start, [Choice(i) for i in range(count)], {})
    pieces: list[list[str]] = [[] for _ in range(count)]
    async for line in lines:
        if delta := line.get("delta"):
            pieces[delta["index"]].append(delta["text"])
            whole.choices[delta["index"]].logprobs += delta.get("logprobs") or ()
        elif called := line.get("tool_calls"):
            whole.choices[called["index"]].calls += called["calls"]
        elif finish := line.get("finish"):
            whole.choices[finish["index"]].finish(finish)
        elif end := line.get("end"):
            whole.usage = dict(end["usage"])
    for choice, said in zip(whole.choices, pieces, strict=True):
        choice.text = "".join(said)
    return whole
