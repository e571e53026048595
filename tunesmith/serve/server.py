"""A UNIX socket → requests for the answering thread, and its lines back to the clients."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, assert_never

from tunesmith.answer.live import Live, told
from tunesmith.answer.outright import Outright
from tunesmith.answer.requests import Chat, count
from tunesmith.answer.ticket import Ticket
from tunesmith.answer.vectors import Vectors
from tunesmith.errors import BadProject, TunesmithError, Unsupported
from tunesmith.serve.protocol import LONGEST_LINE, ChatAsked, CompleteAsked, Count, Embed, Request, Status, Unload, Yield, encode, parse

LOG = logging.getLogger(__name__)
Lines = asyncio.Queue[list[dict[str, Any]]]
REQUEST_S = 30.0
"""How long a client may take to write its request."""


class Server:
    """Serves one engine."""

    def __init__(self, live: Live, vectors: Vectors) -> None:
        self.live = live
        self.vectors = vectors
        self.outright = Outright(live)

    @asynccontextmanager
    async def listening(self, path: Path) -> AsyncIterator[asyncio.Server]:
        """The server, listening at `path`, which nobody but its user may open."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.chmod(0o700)
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self.serve, path, limit=LONGEST_LINE)
        path.chmod(0o600)
        try:
            yield server
        finally:
            server.close()
            self.outright.close()
            path.unlink(missing_ok=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: one request."""
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass  # nobody listens any more
        except Exception as error:  # the process boundary: one connection must not end the others
            with suppress(ConnectionError):
                writer.write(encode({"error": _as_json(told(error))}))
                await writer.drain()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_S):
                line = await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise BadProject("the request is too long", where="request", expected=f"at most {LONGEST_LINE:,} bytes", fix="ask for less") from None
        request = parse(line)
        lines = Lines()
        work = asyncio.ensure_future(self._work(request, lines))
        gone = asyncio.ensure_future(_closed(reader))
        try:
            while True:
                waiting = asyncio.ensure_future(lines.get())
                done, _ = await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
                if gone in done:
                    waiting.cancel()
                    return
                batch = waiting.result()
                writer.write(b"".join(encode(one) for one in batch))
                await writer.drain()
                if any("end" in one or "error" in one for one in batch):
                    return
        finally:
            gone.cancel()
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work

    async def _work(self, request: Request, lines: Lines) -> None:
        """Do what is asked; cancelled when the client is gone."""
        try:
            async with asyncio.timeout(None if isinstance(request, ChatAsked | CompleteAsked) else request.deadline_s):  # those have their own
                match request:
                    case ChatAsked() if not request.target.base:
                        await self._answer_outright(request, lines)
                    case ChatAsked() | CompleteAsked():
                        await self._write(request, lines)
                    case Embed():
                        await self._embed(request, lines)
                    case Count():
                        await self._count(request, lines)
                    case Status():
                        lines.put_nowait([await asyncio.wrap_future(self.live.call(self._status)), {"end": {}}])
                    case Unload():
                        await asyncio.wrap_future(self.live.call(lambda: self.live.unload(request.target)))
                        lines.put_nowait([{"end": {}}])
                    case Yield():
                        await asyncio.wrap_future(self.live.share(request.share))
                        lines.put_nowait([{"end": {}}])
                    case _:
                        assert_never(request)
        except TimeoutError:
            lines.put_nowait([too_late(has_begun=False)])
        except Exception as error:  # the process boundary: the client hears what went wrong
            lines.put_nowait([{"error": _as_json(told(error))}])

    async def _write(self, request: ChatAsked | CompleteAsked, lines: Lines) -> None:
        """Let the answering thread write; when cancelled, so is the work."""
        loop = asyncio.get_running_loop()

        def tell(said: list[dict[str, Any]]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
                loop.call_soon_threadsafe(lines.put_nowait, said)

        ticket = Ticket(request.owner, request.target, request.prepare, tell)
        self.live.submit(ticket)
        try:
            async with asyncio.timeout(request.deadline_s):
                await asyncio.Event().wait()
        except TimeoutError:
            lines.put_nowait([too_late(has_begun=ticket.is_started)])
        finally:
            self.live.cancel(ticket)

    async def _answer_outright(self, request: ChatAsked, lines: Lines) -> None:
        """Let a candidate answer that no model here writes for; a model elsewhere hears of it when the client is gone."""
        gone = threading.Event()
        try:
            async with asyncio.timeout(request.deadline_s):
                opened = await asyncio.shield(asyncio.wrap_future(self.outright.open(request.target)))
                lines.put_nowait(await asyncio.wrap_future(self.outright.answer(opened, request, gone)))
        except TimeoutError:
            lines.put_nowait([too_late(has_begun=False)])
        finally:
            gone.set()

    async def _embed(self, request: Embed, lines: Lines) -> None:
        found = self.vectors.of(request.model, request.inputs)
        future = self.live.errand(found.parts())
        try:
            await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            future.cancel()
            raise
        lines.put_nowait([{"vectors": found.vectors, "tokens": found.tokens, "truncated": found.truncated}])
        lines.put_nowait([{"end": {"usage": {"prompt_tokens": found.tokens}}}])

    async def _count(self, request: Count, lines: Lines) -> None:
        if not request.target.base:
            raise Unsupported("has no prompt whose tokens could be counted", where="model", fix="ask it; its usage stands beside the answer")
        found: list[int] = []
        chat = Chat(target=request.target, messages=request.messages, tools=request.tools, no_prompt=request.no_prompt)

        def parts() -> Iterator[bool]:
            while (resident := self.live.residents.get(request.target, self.live.busy())) is None:
                yield False
            found.append(count(chat, resident))

        await asyncio.wrap_future(self.live.errand(parts()))
        lines.put_nowait([{"prompt_tokens": found[0]}, {"end": {}}])

    def _status(self) -> dict[str, Any]:
        """In the answering thread."""
        there = self.live.residents.there.items()
        models = [{"target": target.model_dump(), "bytes": one.bytes, "last_used": one.last_used} for target, one in there]
        return {"models": models, "waiting": self.live.pending, "running": self.live.running, "threads": self.live.threads()}


async def _closed(reader: asyncio.StreamReader) -> None:
    """Return once the client has closed its end."""
    while await reader.read(4096):
        pass


def too_late(*, has_begun: bool) -> dict[str, Any]:
    """What a client hears whose answer was not complete by its deadline. One that had not begun may fare better another time."""
    problem = {"message": "the answer was not complete by the request's deadline", "where": "engine", "fix": "try again, or ask for less"}
    return {"error": {"code": "timeout", "message": problem["message"], "has_begun": has_begun, "problems": [problem]}}


def _as_json(error: TunesmithError | dict[str, object]) -> dict[str, object]:
    return error.to_json() if isinstance(error, TunesmithError) else error
