"""An engine that says what a test wrote down, over the real socket: for how requests and lines are converted, not for what a model says."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.waiting import until

Line = dict[str, Any]
FOR_EVER = 3600.0
"""A pause that ends when the client goes away, and with the engine."""
START: Line = {"start": {"prompt_tokens": 7, "cached_tokens": 2, "system_prompt": "none", "model": "tiny"}}


def end(said: int = 3, read: int = 7, cached: int = 2) -> Line:
    """The last line."""
    return {"end": {"usage": {"prompt_tokens": read, "completion_tokens": said, "cached_tokens": cached}}}


def token(text: str, logprob: float = -0.5, top: tuple[tuple[str, float], ...] = ()) -> Line:
    """A token with its logarithm."""
    others = [{"token": other, "logprob": value, "bytes": list(other.encode())} for other, value in top]
    return {"token": text, "logprob": logprob, "bytes": list(text.encode()), "top": others}


def says(*pieces: str, index: int = 0, reason: str = "stop") -> list[Line]:
    """One answer in pieces."""
    return [*({"delta": {"index": index, "text": piece, "logprobs": None}} for piece in pieces), {"finish": {"index": index, "reason": reason}}]


def whole(*pieces: str) -> list[Line]:
    """A complete reply with one answer."""
    return [START, *says(*pieces), end()]


def calls(*called: tuple[str, str], index: int = 0) -> list[Line]:
    """An answer that calls tools."""
    made = [{"id": f"call_{i}abc", "name": name, "arguments": arguments} for i, (name, arguments) in enumerate(called)]
    return [{"tool_calls": {"index": index, "calls": made}}, {"finish": {"index": index, "reason": "tool_calls"}}]


def error(code: str, message: str = "no", **problem: str) -> list[Line]:
    """A refusal."""
    return [
        {
            "error": {
                "code": code,
                "message": message,
                "problems": [{"message": message, "where": "", "got": "", "expected": "", "fix": "", **problem}],
            }
        }
    ]


@dataclass
class ScriptedEngine:
    """`reply` makes the lines of a request; a number among them is a pause in seconds, None ends the connection. All is done in one thread."""

    reply: Callable[[Line], Iterable[Any]] = lambda request: whole("Hel", "lo.")
    heard: list[Line] = field(default_factory=list)
    broken_off: int = 0
    """Requests whose client went away before the end."""

    @property
    def last(self) -> Line:
        """The newest request."""
        return self.heard[-1]

    def says(self, lines: list[Any]) -> None:
        """Answer everything like this from now on."""
        self.reply = lambda request: lines

    def wait_for_break(self) -> bool:
        """True once a client has gone."""
        return until(lambda: self.broken_off > 0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        request = json.loads(await reader.readline())
        self.heard.append(request)
        gone = asyncio.ensure_future(reader.read())
        try:
            for line in self.reply(request):
                if line is None:
                    return
                if isinstance(line, int | float):
                    await asyncio.wait({gone}, timeout=line)
                else:
                    writer.write(json.dumps(line).encode() + b"\n")
                    await writer.drain()
                if gone.done():
                    self.broken_off += 1
                    return
        finally:
            gone.cancel()
            writer.close()


@contextmanager
def listening(engine: ScriptedEngine, socket: Path) -> Iterator[ScriptedEngine]:
    """The engine behind this socket, in a thread, until the block ends."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    over = asyncio.Event()
    connections: list[tuple[asyncio.Task[None], asyncio.StreamWriter]] = []

    def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append((loop.create_task(engine.serve(reader, writer)), writer))

    async def run() -> None:
        async with await asyncio.start_unix_server(connect, str(socket), limit=1 << 26):
            ready.set()
            await over.wait()
            socket.unlink(missing_ok=True)  # first: nobody connects any more while those who wait are taken in
            await asyncio.sleep(0.05)
        for task, writer in connections:
            task.cancel()
            writer.transport.abort()  # a task that had not begun never comes to its `finally`, and what nobody reads is never sent
        await asyncio.gather(*(task for task, _ in connections), return_exceptions=True)
        await asyncio.sleep(0.05)  # transports let go of their sockets in the loop's next rounds

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(run())

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(300)
    try:
        yield engine
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
