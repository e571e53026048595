"""Bytes from anybody → requests that a route may see; what a route answers → answers with their headers, counted and written down.

One piece of plain ASGI around everything, because all of it must happen before a body is read: the `Host` is checked, the key looked up, the
rate limited, the body counted while it streams. Exceptions that no route names become an answer 500 here, and their values stay unsaid: in
the log stand the type and the lines it came through, never a key, a row or a body.
"""

from __future__ import annotations

import asyncio
import re
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tunesmith.console.access import NO_KEY, Caller, caller_of, wrong_key
from tunesmith.console.connection import LINGER_S
from tunesmith.console.failures import ApiError, bug, from_framework, from_ours, reply, too_large
from tunesmith.console.ids import new_id
from tunesmith.console.state import Console
from tunesmith.errors import TunesmithError

LOG = structlog.get_logger("tunesmith.console")
VERSION = "2020-10-01"
SLASHES = re.compile(r"/{2,}")
STREAMED = re.compile(r"POST /v1/(files|uploads/[^/]+/parts)")
"""Requests whose body goes to the disk as it comes: their own limits hold there."""
LINGER_BYTES = 32 << 20
"""What is left of a body that nobody wants is listened to so far: a connection that is closed before breaks down, and takes the answer with it."""
GONE = "the client went away"
FORM_BYTES = 1 << 20
"""What the fields and borders of a form may add to its file."""


@dataclass
class Passage:
    """One request on its way through."""

    method: str
    path: str
    id: str = field(default_factory=lambda: new_id("req_"))
    began: float = field(default_factory=time.monotonic)
    status: int = 0
    received: int = 0
    limit: int = 0
    is_body_done: bool = False
    ended: float | None = None
    """When everything was said, where it is not now."""
    caller: Caller | None = None
    failure: str | None = None
    """The type of the exception that ended it, and the lines it came through."""

    @property
    def seconds(self) -> float:
        """From its first byte to the last of its answer."""
        return (self.ended or time.monotonic()) - self.began


class Gate:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, console: Console) -> None:
        self.app = app
        self.console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        passage = Passage(scope["method"], tidy(scope["path"]))
        scope = {**scope, "path": passage.path, "tunesmith.request_id": passage.id}
        measures = self.console.measures
        with measures.running.track_inprogress():
            try:
                await self._serve(passage, scope, receive, self._answering(passage, receive, send))
            finally:
                route = getattr(scope.get("route"), "path", "unmatched")
                measures.requests.labels(passage.method if passage.method in METHODS else "other", route, str(passage.status)).inc()
                measures.seconds.labels(route).observe(passage.seconds)
                measures.received.inc(passage.received)
                _write_down(passage, route)

    async def _serve(self, passage: Passage, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._admit(passage, scope)
            await self.app(scope, self._counting(passage, receive), send)
            return
        except ClientDisconnect:
            passage.failure = GONE
            return
        except HTTPException as caught:
            error = from_framework(caught, passage.method, passage.path)
        except TunesmithError as ours:
            error, passage.failure = from_ours(ours), ours.code
        except Exception as unknown:  # the boundary of the process: whatever gets here is our mistake, and one request's only
            error, passage.failure = bug(), trace(unknown)
        if not passage.status:
            await reply(error)(scope, receive, send)
        elif passage.failure:  # the answer has begun and cannot be taken back: the server closes the connection
            raise HTTPException(500, "the answer broke off")

    async def _admit(self, passage: Passage, scope: Scope) -> None:
        """Raises: ApiError for a wrong Host, a missing or wrong key, too many requests, a body that says it is too large."""
        headers, configuration = Headers(scope=scope), self.console.configuration
        if name_of(headers.get("host", "")) not in configuration.hosts:
            fix = "Start it with `tunesmith serve --allow-host NAME`."
            raise ApiError(400, f"This server does not answer to the name in the Host header. {fix}", code="host_not_allowed")
        sent = headers.get("authorization", "")
        if passage.path not in OPEN or sent:
            passage.caller = await self._identify(sent)
            scope["tunesmith.caller"] = passage.caller
            self.console.limiter.take(passage.caller.key_id, passage.caller.limits, "requests")
        passage.limit = self._limit(passage)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > passage.limit:
            raise too_large(passage.limit)

    async def _identify(self, sent: str) -> Caller:
        kind, _, secret = sent.partition(" ")
        if kind.lower() != "bearer" or not secret.strip():
            raise ApiError(401, NO_KEY)
        key = await run_in_threadpool(self.console.keys.find, secret.strip())
        if key is None:
            raise wrong_key(secret.strip())
        return caller_of(key)

    def _limit(self, passage: Passage) -> int:
        configuration = self.console.configuration
        if passage.caller and STREAMED.fullmatch(f"{passage.method} {passage.path}"):
            return max(configuration.file_bytes, configuration.part_bytes) + FORM_BYTES
        own = passage.caller.limits.body_bytes if passage.caller else None
        return own if own is not None else configuration.body_bytes

    def _counting(self, passage: Passage, receive: Receive) -> Receive:
        async def counted() -> Message:
            if passage.is_body_done:  # from now on it only waits for the client to go away
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self.console.configuration.body_gap_s)
            except TimeoutError:
                raise ApiError(408, "The body of the request did not arrive in time.", code="timeout", headers={"connection": "close"}) from None
            passage.received += len(message.get("body", b""))
            passage.is_body_done = not message.get("more_body", False)
            if passage.received > passage.limit:
                raise too_large(passage.limit)
            return message

        return counted

    def _answering(self, passage: Passage, receive: Receive, send: Send) -> Send:
        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                passage.status = message["status"]
                self._add_headers(passage, MutableHeaders(scope=message))
            elif not message.get("more_body", False) and not passage.is_body_done:  # the answer is known before the question was heard
                await send({**message, "more_body": True})
                passage.ended = time.monotonic()
                await _hear_out(receive)
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        return answered

    def _add_headers(self, passage: Passage, headers: MutableHeaders) -> None:
        added: dict[str, Any] = {
            "x-request-id": passage.id,
            "openai-processing-ms": str(int((time.monotonic() - passage.began) * 1000)),
            "openai-version": VERSION,
            "x-content-type-options": "nosniff",
        }
        if passage.caller is not None:
            added["openai-organization"] = self.console.configuration.organization
            added |= self.console.limiter.headers(passage.caller.key_id, passage.caller.limits)
        for name, value in added.items():
            headers[name] = value


OPEN = frozenset({"/health", "/metrics"})
"""What may be asked without a key; `/metrics` looks at who asks by itself. The description `/openapi.json` is for those who have one."""
METHODS = frozenset({"GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"})


async def _hear_out(receive: Receive) -> None:
    """Let a client finish what it is saying, within limits."""
    left = LINGER_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while left > 0 and (message := await receive()).get("more_body", False):
                left -= len(message.get("body", b""))


def tidy(path: str) -> str:
    """A path as the routes know it, whatever a base address ended with.

    >>> tidy("/v1//files/")
    '/v1/files'
    """
    return SLASHES.sub("/", path).rstrip("/") or "/"


def name_of(host: str) -> str:
    """The name in a Host header, without its port.

    >>> name_of("LocalHost:8000"), name_of("[::1]:80")
    ('localhost', '[::1]')
    """
    name, colon, port = host.strip().lower().rpartition(":")
    return name if colon and port.isdecimal() else host.strip().lower()


def trace(error: BaseException) -> str:
    """Type and places of an exception: not its text, which may quote what a client sent."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    return f"{type(error).__name__} at " + " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))


def _write_down(passage: Passage, route: str) -> None:
    say = LOG.error if passage.status >= 500 or (passage.failure not in (None, GONE) and not passage.status) else LOG.info
    say(
        "request",
        id=passage.id,
        method=passage.method[:16],
        route=route,  # the template, not the path: a path may hold anything
        status=passage.status,
        ms=round(passage.seconds * 1000, 1),
        bytes=passage.received,
        key=passage.caller.key_id if passage.caller else None,
        failure=passage.failure,
    )
