"""A server and thousands of hostile requests → a table of what they were answered, and everything that must not have happened.

    python -m bench.hostile [--requests 10000] [--at-once 16] [--slow 8] [--seed 0]

`tunesmith serve` on a tiny random model. Requests are drawn by class (`hostile_requests.py`) and sent over raw connections, so many at once;
`--slow` times six slow clients hang on meanwhile. Exit status 1 if an answer was 5xx (but a documented 503), had another form than OpenAI's error, told
a stranger something, or was none at all; if a conversation outlasted its time; if a chat is not answered in between and afterwards; if memory or open
files grew without bound; if a key or a row's text stands in a log or in /metrics, or a traceback; if anything was written outside the store, or into it
under a name of a client's choosing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from bench.hostile_requests import ANY, MARK, Sent, World, draw_one, operations, slow
from bench.hostile_target import Target, ask, client_of, serving, things
from bench.peers import ROOT
from tunesmith.store.access import SCOPES, Keys, Limits
from tunesmith.store.artifacts import Store

CANARY_EVERY = 1000
"""Requests between two chats of somebody who means well."""
CONSOLE_BYTES, ENGINE_BYTES = 768 << 20, 2048 << 20
"""What the processes may take at most: sixteen bodies of 32 MiB at once may be among the requests."""
MORE_FILES = 32
"""Descriptors that may be open afterwards, more than before."""
REST_S = 45.0
"""The server has so long to let go of who went away."""
PLAIN = re.compile(r"(file-|part_)[A-Za-z0-9]{24}")
SHAPE = {"message", "type", "param", "code"}


@dataclass
class Outcome:
    """How one conversation ended."""

    status: str
    body: bytes = b""
    seconds: float = 0.0


@dataclass
class Tally:
    """All of them."""

    statuses: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    slowest: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    breaches: list[str] = field(default_factory=list)

    def add(self, sent: Sent, outcome: Outcome) -> None:
        """Count one, and note what must not be."""
        self.statuses[sent.kind][outcome.status] += 1
        self.slowest[sent.kind] = max(self.slowest[sent.kind], outcome.seconds)
        why = breach(sent, outcome)
        if why:
            self.breaches.append(f"{sent.kind}: {why} · {outcome.body[:160]!r} · {b''.join(sent.pieces[:2])[:300]!r}")

    def table(self) -> str:
        """By class, the statuses and the longest time."""
        rows = [f"{'requests':<22}{'':>7}  {'slowest':>8}  answers"]
        for kind, counts in sorted(self.statuses.items()):
            said = " · ".join(f"{status}: {count}" for status, count in sorted(counts.items()))
            rows.append(f"{kind:<22}{sum(counts.values()):>7}  {self.slowest[kind]:>6.1f} s  {said}")
        return "\n".join(rows)


def breach(sent: Sent, outcome: Outcome) -> str | None:
    """What is wrong with an outcome."""
    if outcome.status in ("left", "100"):
        return None
    if outcome.status == "late":
        return f"no end within {sent.within_s:.0f} s"
    if outcome.status == "closed":
        return None if sent.may_be_silent else "no answer"
    status = int(outcome.status)
    if status >= 500 and status not in ANY:
        return f"status {status}"
    if status in sent.forbidden:
        return f"status {status}, which gives away something"
    if b"Traceback" in outcome.body or str(ROOT).encode() in outcome.body:
        return "an answer shows code or a place"
    if sent.hides and MARK.encode() in outcome.body:
        return "an answer holds another's text"
    if status >= 400 and outcome.body:
        try:
            error = json.loads(outcome.body)["error"]
        except (ValueError, KeyError, TypeError):
            return "an error in another form"
        if error.keys() != SHAPE:
            return "an error in another form"
    return None


async def converse(sent: Sent, port: int) -> Outcome:
    """Send it, and read the first answer."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(sent.within_s):
            outcome = await _converse(sent, port)
    except TimeoutError:
        outcome = Outcome("late")
    outcome.seconds = time.monotonic() - began
    return outcome


async def _converse(sent: Sent, port: int) -> Outcome:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    reading = asyncio.create_task(read_answer(reader))  # at once: an answer may come before everything is sent, and end the connection
    try:
        with suppress(ConnectionError):
            for number, piece in enumerate(sent.pieces):
                if number and sent.pause_s:
                    await asyncio.sleep(sent.pause_s)
                if reading.done():
                    break
                writer.write(piece)
                await writer.drain()
        if sent.leaves:
            return Outcome("left")
        try:
            return await reading
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return Outcome("closed")
    finally:
        reading.cancel()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def read_answer(reader: asyncio.StreamReader) -> Outcome:
    """The first answer that is not a mere `go on`."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = head.split(None, 2)[1].decode()
        if not status.startswith("1"):
            break
    if found := re.search(rb"\r\ncontent-length: (\d+)", head):
        return Outcome(status, await reader.read() if b"\r\nconnection: close" in head else await reader.readexactly(int(found[1])))
    body = b""
    if b"\r\ntransfer-encoding: chunked" in head:
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
    return Outcome(status, body)


def world_of(target: Target, secret: str, seed: int) -> World:
    """What is there to be attacked, and with what."""
    store = Store.open(target.store)
    keys = Keys(store.database)
    owner = keys.create("owner")[1]
    attacker = keys.create("attacker", SCOPES, Limits(stored_bytes=1 << 30, active_jobs=5))[1]
    stranger = keys.create("stranger", SCOPES, Limits(own_only=True))[1]
    store.close()
    _, owned = things(client_of(target, owner))
    spare, _ = things(client_of(target, attacker))
    description = httpx2.get(f"http://127.0.0.1:{target.port}/openapi.json", headers={"authorization": f"Bearer {attacker}"}).json()
    fields = {
        "model": "tiny", "training_file": spare["training_file"], "input_file_id": spare["input_file_id"], "endpoint": "/v1/chat/completions",
        "completion_window": "24h", "max_tokens": 4, "max_output_tokens": 16, "n": 1, "best_of": 1, "n_epochs": 1, "role": "user", "content": MARK, "input": MARK,
        "prompt": MARK, "filename": MARK, "purpose": "fine-tune", "bytes": 10, "previous_response_id": spare["response"],
    }  # fmt: skip
    places = {f"{name}_id": spare[name] for name in ("job", "batch", "upload", "response", "completion", "eval", "run")}
    places |= {"file_id": spare["training_file"], "model": spare["model"]}
    everyone = (secret, owner, attacker, stranger)
    luck = random.Random(seed)
    return World(attacker, stranger, everyone, tuple(owned), places, tuple(spare.values()), fields, operations(description), luck)


class Watch:
    """The processes' memory, looked at while everything runs."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.first = target.memory()
        self.most = dict(self.first)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(0.5)
            for name, size in self.target.memory().items():
                self.most[name] = max(self.most.get(name, 0), size)

    def told(self) -> str:
        """In a line."""
        last = self.target.memory()
        parts = [
            f"{name} {self.first.get(name, 0) >> 20} → {last.get(name, 0) >> 20} MiB, at most {size >> 20}"
            for name, size in sorted(self.most.items())
        ]
        return "memory: " + "; ".join(parts)


async def attack(world: World, target: Target, count: int, at_once: int, slow_rounds: int) -> tuple[Tally, Watch]:
    """Send everything."""
    tally, watch, places = Tally(), Watch(target), asyncio.Semaphore(at_once)
    watching = asyncio.create_task(watch.run())
    canary = client_of(target, world.secret)

    async def one(sent: Sent) -> None:
        tally.add(sent, await converse(sent, target.port))

    async def drawn() -> None:
        async with places:
            await one(draw_one(world))

    patient = [asyncio.create_task(one(sent)) for _ in range(slow_rounds) for sent in slow(world)]
    for begin in range(0, count, CANARY_EVERY):
        await asyncio.gather(*(drawn() for _ in range(min(CANARY_EVERY, count - begin))))
        began = time.monotonic()
        try:
            await asyncio.to_thread(ask, canary)
        except Exception as error:  # whatever it is, it is what this program looks for
            tally.breaches.append(f"a chat was not answered after {begin + CANARY_EVERY} requests: {error!r}"[:400])
        print(f"{min(begin + CANARY_EVERY, count):>6} requests; a chat took {time.monotonic() - began:.2f} s; {watch.told()}", flush=True)
    await asyncio.gather(*patient)
    watching.cancel()
    return tally, watch


def aftermath(world: World, target: Target, outside: dict[str, tuple[int, int]], files: int, watch: Watch) -> list[str]:
    """Everything that must not have happened beside the answers."""
    found = []
    for name, limit in (("console", CONSOLE_BYTES), ("engine", ENGINE_BYTES)):
        if watch.most.get(name, 0) > limit:
            found.append(f"the {name} took {watch.most[name] >> 20} MiB")
    give_up = time.monotonic() + REST_S
    while target.process.num_fds() > files + MORE_FILES and time.monotonic() < give_up:
        time.sleep(1)
    if target.process.num_fds() > files + MORE_FILES:
        found.append(f"{target.process.num_fds()} open files, {files} before")
    changed = sorted(name for name, now in target.outside().items() if outside.get(name) != now)
    found += [f"written outside the store: {name}" for name in changed]
    found += [
        f"in the store under a foreign name: files/{path.name}" for path in (target.store / "files").iterdir() if not PLAIN.fullmatch(path.name)
    ]
    page = httpx2.get(f"http://127.0.0.1:{target.port}/metrics", headers={"host": "localhost"}).text
    for name, text in [*target.logs(), ("/metrics", page)]:
        found += [f"{name} holds {what}" for what, never in (("a row's text", MARK), ("a traceback", "Traceback")) if never in text]
        found += [f"{name} holds a key" for secret in world.secrets if secret in text]
        if "Traceback" in text:
            print(text[max(0, text.index("Traceback") - 400) :][:6000])
    return found


def main() -> int:
    """1 where something happened that must not."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--slow", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    secret = f"sk-{random.Random(given.seed).randbytes(16).hex()}"
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), secret) as target:
        world = world_of(target, secret, given.seed)
        outside, files = target.outside(), target.process.num_fds()
        began = time.monotonic()
        tally, watch = asyncio.run(attack(world, target, given.requests, given.at_once, given.slow))
        seconds = time.monotonic() - began
        breaches = tally.breaches + aftermath(world, target, outside, files, watch)
        print(f"\n{tally.table()}\n\n{given.requests} requests in {seconds:.0f} s; {watch.told()}; open files {files} → {target.process.num_fds()}")
        states = httpx2.get(f"http://127.0.0.1:{target.port}/health").json()
        print(f"health: {json.dumps(states)}")
    kinds = Counter(re.sub(r"[0-9a-f]{8,}|\d+", "#", line.partition(" · ")[0]) for line in breaches)
    print(f"{len(breaches)} breaches" + "".join(f"\n  {count:>5} × {kind}" for kind, count in kinds.most_common()))
    print(*breaches[:40], sep="\n")
    return int(bool(breaches))


if __name__ == "__main__":
    sys.exit(main())
