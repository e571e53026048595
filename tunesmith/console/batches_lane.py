"""Work that nobody waits for (lines of batches, rows of evals) → answers, without keeping those waiting who do.

At most `PLACES` such requests are with the engine at once, and only one while it has others to answer. What is refused because the server is
busy, or because the engine is being started again, is asked again later.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tunesmith.console import inference
from tunesmith.console.access import Caller, caller_of
from tunesmith.console.engine_client import single
from tunesmith.console.failures import ApiError, bug, from_ours
from tunesmith.console.gate import trace
from tunesmith.console.state import Console
from tunesmith.errors import NotFound, TunesmithError

LOG = structlog.get_logger("tunesmith.console")
PLACES = 4
LOOK_S = 0.1
SETTLE_S = 0.05
"""Within so long a request that was sent is among those that the engine tells of."""
PATIENCE_S = 30.0
"""Whoever has given way for so long goes on beside the others, so that a busy server gets through its batches too."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 15.0
AGAIN = frozenset({429, 503, 504})
"""Statuses that another moment may change."""


class Lane:
    """The one way to the engine for everything that is done in the background."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.in_flight = 0
        self._begun_at = 0.0
        self._places = asyncio.Semaphore(PLACES)
        self._door = asyncio.Lock()

    async def answer(self, caller: Caller, path: str, raw: bytes, until: float) -> Response:
        """The reply to one request. `until`: Unix time after which a busy server is not asked again.

        Raises: ApiError.
        """
        wait_s = FIRST_WAIT_S
        while True:
            async with self._turn():
                error = await self._tried(caller, path, raw)
            if isinstance(error, Response):
                return error
            may_change = error.status_code in AGAIN and (error.headers or {}).get("x-should-retry") != "false"
            if not may_change or time.time() + wait_s > until:
                raise error
            await asyncio.sleep(wait_s)
            wait_s = min(LONGEST_WAIT_S, 2 * wait_s)

    async def _tried(self, caller: Caller, path: str, raw: bytes) -> Response | ApiError:
        try:
            return await inference.answer(self.console, caller, path, raw)
        except ApiError as error:
            return error
        except TunesmithError as ours:
            return from_ours(ours)
        except Exception as unknown:  # the boundary of one line: the lines beside it must not fail with it
            LOG.error("a request in the background failed", failure=trace(unknown))
            return bug()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        async with self._places:
            async with self._door:  # one at a time looks and goes
                await self._give_way()
                self.in_flight += 1
                self._begun_at = time.monotonic()
            try:
                yield
            finally:
                self.in_flight -= 1

    async def _give_way(self) -> None:
        """Return when nobody else is with the engine, or nothing of ours is."""
        give_up = time.monotonic() + PATIENCE_S
        if self.in_flight:
            await asyncio.sleep(self._begun_at + SETTLE_S - time.monotonic())
        while time.monotonic() < give_up:
            others, waiting = await self._others()
            if others <= 0 or (self.in_flight == 0 and waiting == 0):
                return
            await asyncio.sleep(LOOK_S)

    async def _others(self) -> tuple[int, int]:
        """(requests with the engine that are not ours, those of all that wait there)."""
        try:
            line = await single(self.console.engine_socket, {"op": "status", "owner": "", "deadline_s": LOOK_S * 100}, "waiting")
        except ApiError:  # the engine is down, or does not tell: the request itself will find out
            return 0, 0
        waiting, running = int(line["waiting"]), int(line.get("running", 0))
        return waiting + running - self.in_flight, waiting


def lane_of(app: FastAPI) -> Lane:
    """The lane of this server; made by whoever asks first."""
    found = getattr(app.state, "lane", None)
    if not isinstance(found, Lane):
        found = app.state.lane = Lane(app.state.console)
    return found


async def caller_behind(console: Console, owner: str | None) -> Caller:
    """Who asked for work that goes on behind his back, with what he may do now.

    Raises: ApiError 401 for a key that was revoked, 403 for one that may not ask models.
    """
    try:
        key = await run_in_threadpool(console.keys.get, owner or "")
    except NotFound:
        key = None
    if key is None or key.revoked_at is not None:
        raise ApiError(401, "The API key that this was asked for with is not valid any more.", code="invalid_api_key")
    found = caller_of(key)
    if "serve" not in found.scopes:
        raise ApiError(403, "You have insufficient permissions for this operation. Missing scopes: serve", code="missing_scope")
    return found


def read_back(reply: Response) -> dict[str, Any]:
    """The body of a reply that was made here."""
    body: dict[str, Any] = json.loads(bytes(reply.body))
    return body
