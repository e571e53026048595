"""Pieces of work that nobody waits for → a task each, a few at once, tried again where the machine and not the work was at fault."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog
from starlette.concurrency import run_in_threadpool

from tunesmith.console.gate import trace
from tunesmith.errors import NotFound, TunesmithError

LOG = structlog.get_logger("tunesmith.console")
REST_S = 10.0
"""After a full disk or a busy store, before it is tried again."""
P = TypeVar("P")


class Background(Generic[P]):
    """The pieces of one kind that are under way, by name.

    `advance` brings a piece from wherever it stands to its end; `give_up` writes down that a mistake of ours ended the piece of this name, so
    that it is not `in_progress` for ever.
    """

    def __init__(self, kind: str, places: int, advance: Callable[[P], Awaitable[None]], give_up: Callable[[str], None]) -> None:
        self.kind = kind
        self._advance = advance
        self._give_up = give_up
        self._places = asyncio.Semaphore(places)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._pieces: dict[str, P] = {}

    def begin(self, name: str, piece: P) -> None:
        """Work on a piece; it waits while `places` others are worked on."""
        self._pieces[name] = piece
        task = self._tasks[name] = asyncio.create_task(self._work(name, piece))

        def over(_: object) -> None:
            del self._tasks[name], self._pieces[name]

        task.add_done_callback(over)

    def find(self, name: str) -> P | None:
        """The piece with this name, if it is under way."""
        return self._pieces.get(name)

    async def ended(self, name: str) -> None:
        """Return when nothing is done for the piece any more."""
        if (task := self._tasks.get(name)) is not None:
            await asyncio.gather(task, return_exceptions=True)

    async def stop(self) -> None:
        """Leave everything as it is, to go on another time."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, name: str, piece: P) -> None:
        while True:
            try:
                async with self._places:
                    await self._advance(piece)
                return
            except NotFound:  # deleted meanwhile
                return
            except (TunesmithError, OSError) as error:  # a full disk, a busy store: neither is the work's fault
                LOG.warning("work in the background has to wait", kind=self.kind, name=name, failure=type(error).__name__)
            except Exception as unknown:  # the boundary of one piece
                LOG.error("work in the background failed", kind=self.kind, name=name, failure=trace(unknown))
                await run_in_threadpool(self._give_up, name)
                return
            await asyncio.sleep(REST_S)
