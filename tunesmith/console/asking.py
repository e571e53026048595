"""Who asks which model → what every route of inference shares: the resolved model, the reply's headers, the account of tokens, the end of waiting."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from tunesmith.catalogue.read import local
from tunesmith.console.access import Caller
from tunesmith.console.engine_client import About, Line, Lines
from tunesmith.console.failures import ApiError, bug
from tunesmith.console.names import Target, resolve
from tunesmith.console.state import Console
from tunesmith.errors import TunesmithError
from tunesmith.spec.noun import digest
from tunesmith.spec.wire import Body
from tunesmith.spec.wire_chat import Extensions

DEADLINE_S = 600.0
"""As long as OpenAI's clients wait for an answer; nobody reads a later one."""
STREAM_DEADLINE_S = 3600.0
"""For streams, which show that they live."""
PING_S = 15.0
"""A stream that is silent for so long sends a comment: proxies close idle connections."""
PING = ": ping\n\n"
IGNORED_HEADER = "x-tunesmith-ignored"
PROMPT_HEADER = "x-tunesmith-prompt"
Route = Literal["chat/completions", "completions", "embeddings", "responses"]
FITTING: dict[Route, frozenset[str]] = {
    "chat/completions": frozenset({"chat", "text"}),
    "completions": frozenset({"chat", "text"}),
    "embeddings": frozenset({"embed"}),
    "responses": frozenset({"chat", "text"}),
}
READ: dict[Route, str] = {"chat/completions": "messages", "completions": "prompt", "embeddings": "input", "responses": "input"}
"""The parameter that holds what the model reads."""
DRAWN = ("temperature", "top_p", "seed", "max_tokens", "max_completion_tokens", "max_output_tokens")
"""Parameters without effect where a question has one answer."""
INSTEAD: dict[str, Route] = {"embed": "embeddings", "chat": "chat/completions", "text": "completions"}
T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """One request to one model."""

    console: Console
    caller: Caller
    target: Target
    fingerprint: str
    """Of base, checkpoint and chat template: answers with the same one and the same seed are the same."""
    about: About
    ignored: tuple[str, ...] = ()

    @property
    def engine_target(self) -> dict[str, str | None]:
        """The model, for the engine."""
        candidate = {} if self.target.candidate is None else {"candidate": self.target.candidate}
        return {"base": self.target.base, "checkpoint": self.target.checkpoint} | candidate

    def declines(self, own: Extensions | None) -> bool:
        """Whether the candidate's threshold is to be applied: where the request says so, or the server, and the candidate has one."""
        elected = self.target.elected
        if own is not None and own.decline is not None:
            return own.decline
        return self.console.configuration.decline and elected is not None and elected.threshold is not None

    def marked(self, body: Body, systems: Sequence[str]) -> Asked:
        """The same, naming as ignored what changes nothing: how to draw where nothing is drawn, and `systems`, the system messages, where none is read."""
        elected = self.target.elected
        if elected is None:
            return self
        drawn = [name for name in DRAWN if getattr(body, name, None) is not None] if elected.is_fixed else []
        return replace(self, ignored=(*self.ignored, *drawn, *(() if elected.reads_all else systems)))

    def request(self, op: str, deadline_s: float | None = DEADLINE_S) -> dict[str, Any]:
        """The beginning of a request to the engine."""
        return {"op": op, "owner": self.caller.key_id, "deadline_s": deadline_s}

    def headers(self, start: Line | None = None) -> dict[str, str]:
        """What the reply says about itself."""
        found = dict(self.target.headers())
        if self.ignored:
            found[IGNORED_HEADER] = ", ".join(self.ignored)
        if start is not None:
            found[PROMPT_HEADER] = str(start["system_prompt"])
        return {name: value.encode("ascii", "replace").decode() for name, value in found.items()}

    def admit(self) -> None:
        """Raises: ApiError 429 while the key owes tokens."""
        self.console.limiter.take(self.caller.key_id, self.caller.limits, "tokens", 1, self.target.name)

    def spend(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Book what the answer cost, less the token that was taken before."""
        self.console.limiter.spend(self.caller.key_id, self.caller.limits, "tokens", prompt_tokens + completion_tokens - 1)
        self.console.measures.tokens.labels("prompt").inc(prompt_tokens)
        self.console.measures.tokens.labels("completion").inc(completion_tokens)


async def asked(console: Console, caller: Caller, name: str, route: Route, ignored: tuple[str, ...] = ()) -> Asked:
    """The request, its model found.

    Raises: ApiError 404 for a model that is not there or cannot do this, 429 for a key that has used up its tokens.
    """
    found = await run_in_threadpool(_found, console, caller, name, route, ignored)
    use = found.target.use
    if use not in FITTING[route]:
        message = f"The model `{found.target.name}` is not supported in the v1/{route} endpoint. Did you mean to use v1/{INSTEAD[use]}?"
        raise ApiError(404, message, param="model", code="model_not_supported")
    if route == "completions" and found.target.elected is not None:
        message = f"The model `{found.target.name}` answers questions; it continues no text. Did you mean to use v1/chat/completions?"
        raise ApiError(404, message, param="model", code="model_not_supported")
    found.admit()
    return found


def _found(console: Console, caller: Caller, name: str, route: Route, ignored: tuple[str, ...]) -> Asked:
    target = resolve(console, name, caller)
    base = local(console.store.models, target.base) if target.base else None
    made_of = {"base": base.digest if base else None, "checkpoint": target.checkpoint} | ({"candidate": target.candidate} if target.candidate else {})
    return Asked(console, caller, target, f"fp_{digest(made_of)[:10]}", About(target.name, base.context if base else None, READ[route]), ignored)


async def unless_gone(request: Request, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled when the client goes away.

    Raises: ClientDisconnect, and what `work` raises.
    """
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


@dataclass
class Account:
    """Counts what a stream costs while it runs, so that one that is broken off is booked too."""

    asked: Asked
    prompt_tokens: int
    pieces: int = 0
    usage: dict[str, int] = field(default_factory=dict)

    async def follow(self, lines: AsyncIterator[Line]) -> AsyncGenerator[Line]:
        """The same lines, counted and, at the end, booked."""
        try:
            async for line in lines:
                self.pieces += "delta" in line
                if "end" in line:
                    self.usage = dict(line["end"]["usage"])
                yield line
        finally:
            used = self.usage or {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.pieces}
            self.asked.spend(used["prompt_tokens"], used["completion_tokens"])


class EventStream(StreamingResponse):
    """Server-sent events that end the engine's work when the client goes away, also before the first of them was asked for."""

    def __init__(self, frames: AsyncGenerator[str], lines: Lines, headers: Mapping[str, str]) -> None:
        super().__init__(frames, headers={"cache-control": "no-cache", "x-accel-buffering": "no", **headers}, media_type="text/event-stream")
        self._frames = frames
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._lines.close()
            await self._frames.aclose()


async def with_pings(frames: AsyncGenerator[str], every_s: float = PING_S) -> AsyncGenerator[str]:
    """The frames, with a comment wherever none came for so long."""
    waiting: asyncio.Future[str] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(frames))
            done, _ = await asyncio.wait({waiting}, timeout=every_s)
            if not done:
                yield PING
                continue
            try:
                frame = waiting.result()
            except StopAsyncIteration:
                return
            waiting = None
            yield frame
    finally:
        if waiting is not None:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await frames.aclose()


async def told(frames: AsyncGenerator[str], as_frame: Callable[[ApiError], str]) -> AsyncGenerator[str]:
    """The frames; a failure among them becomes the last one, for the status of the reply is long sent."""
    try:
        async for frame in frames:
            yield frame
    except ApiError as error:
        yield as_frame(error)
    except TunesmithError:  # ours, not the client's: its text may hold paths
        yield as_frame(bug())
    finally:
        await frames.aclose()


def frame_of(value: Mapping[str, Any], event: str | None = None) -> str:
    """One event. ASCII, for some clients take U+2028 and its like for the end of a line."""
    head = f"event: {event}\n" if event is not None else ""
    return f"{head}data: {json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(',', ':'))}\n\n"
