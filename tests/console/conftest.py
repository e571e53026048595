"""A real server on a free loopback port, in a thread, and the official client.

`served` is one server for all tests, emptied after each of them; `serve` starts one with settings of the test's own, in a home of its own.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from openai import DefaultHttpxClient, OpenAI
from sqlalchemy import delete

from tests.waiting import until
from tunesmith.catalogue.manifest import write_manifest
from tunesmith.console import connection, gate
from tunesmith.console.app import make_app
from tunesmith.console.configuration import Configuration
from tunesmith.console.responses import RUNNING
from tunesmith.console.run import Address, listen, uvicorn_config
from tunesmith.console.state import Console
from tunesmith.spec.model import LocalModel
from tunesmith.spec.noun import digest
from tunesmith.store.access import SCOPES, Limits
from tunesmith.store.artifacts import Store
from tunesmith.store.tables import ACCESS, METADATA

ROW = {"messages": [{"role": "user", "content": "where is my card"}, {"role": "assistant", "content": "card_arrival"}]}
ROWS = "".join(json.dumps(ROW) + "\n" for _ in range(12)).encode()
FIRST = "first"
"""How the name of the key begins that every server has."""
LEFT = ("files", "jobs", "batches", "evals")
"""Folders of a home that requests fill."""


class Unverified(DefaultHttpxClient):
    """What carries a client's requests; there is no certificate to be verified here, and to read the world's takes longer than an answer."""

    def __init__(self) -> None:
        super().__init__(verify=False)

    def __del__(self) -> None:
        if not self.is_closed:
            self.close()


@dataclass
class Served:
    """A server that answers."""

    app: FastAPI
    console: Console
    address: str
    """Without `/v1`."""
    secret: str
    server: uvicorn.Server

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Of the thread that it runs in."""
        return self.server.servers[0].get_loop()

    def client(self, secret: str | None = None, **options: Any) -> OpenAI:
        """The official client."""
        given = {"max_retries": 0, "timeout": 300, "http_client": Unverified(), **options}
        return OpenAI(base_url=f"{self.address}/v1", api_key=secret or self.secret, **given)

    def key(self, *scopes: Any, **limits: Any) -> str:
        """The secret of a new key."""
        return self.console.keys.create(f"test {uuid4()}", scopes or SCOPES, Limits(**limits))[1]

    def ask(self, method: str, path: str, secret: str | None = None, **options: Any) -> httpx2.Response:
        """A plain request."""
        headers = {"authorization": f"Bearer {secret or self.secret}"} | options.pop("headers", {})
        return httpx2.request(method, self.address + path, headers=headers, timeout=300, verify=False, **options)

    def empty(self) -> None:
        """Leave what it had when it began: its models and its first key. Nothing is under way, and whatever was asked is written down."""
        asyncio.run_coroutine_threadsafe(self._rest(), self.loop).result(300)
        until(lambda: not self.server.server_state.tasks)
        with self.console.store.database.write() as connection:
            for table in METADATA.sorted_tables:
                connection.execute(delete(table).where(~ACCESS.c.name.startswith(FIRST)) if table is ACCESS else delete(table))
        for folder in LEFT:
            for path in (self.console.store.home / folder).glob("*"):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    async def _rest(self) -> None:
        """End what is done behind somebody's back."""
        await self.app.state.batches.stop()
        await self.app.state.evals.stop()
        tasks = list(RUNNING.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def put_model(home: Path, name: str, use: str = "chat", origin: str = "hub Owner/Tiny@abc") -> None:
    """A base model, as far as a door looks at it: its manifest."""
    folder = home / "models" / name
    folder.mkdir(parents=True)
    model = LocalModel(
        id=name, folder=str(folder), use=use, architecture="LlamaForCausalLM", parameters=1, context=64, licence="MIT",
        origin=origin, note="", files={}, digest=digest({}),
    )  # fmt: skip
    write_manifest(model, folder)


@contextmanager
def serving(home: Path, configuration: Configuration) -> Iterator[Served]:
    """A server in a thread, until the block ends."""
    app = make_app(home, configuration)
    console: Console = app.state.console
    listener = listen(Address(port=0))
    server = uvicorn.Server(uvicorn_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        until(lambda: server.started)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield Served(app, console, address, console.keys.create(f"{FIRST} {uuid4()}")[1], server)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was refused may go on talking for longer than this machine ever stands still: a client's last words must not cost it the answer."""
    for module in (connection, gate):
        monkeypatch.setattr(module, "LINGER_S", 300.0)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home to be copied: two models, and a database whose tables are there."""
    made = tmp_path_factory.mktemp("place") / "home"
    put_model(made, "tiny")
    put_model(made, "tiny-embed", use="embed", origin="wheel x")
    Store.open(made).close()
    return made


@pytest.fixture
def home(tmp_path: Path, place: Path) -> Path:
    """A home of the test's own."""
    shutil.copytree(place, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def serve(home: Path) -> Iterator[Callable[..., Served]]:
    """Start a server with settings of the test's own."""
    running = []

    def start(**settings: Any) -> Served:
        running.append(serving(home, Configuration(**settings)))
        return running[-1].__enter__()

    yield start
    for one in running:
        one.__exit__(None, None, None)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, place: Path) -> Iterator[Served]:
    """The server of all tests that ask for nothing special."""
    home = tmp_path_factory.mktemp("shared") / "home"
    shutil.copytree(place, home)
    with serving(home, Configuration(aliases={"gpt-4o-mini-2024-07-18": "tiny"})) as running:
        yield running


@pytest.fixture
def served(shared: Served) -> Iterator[Served]:
    """The shared server, as if it had just begun."""
    yield shared
    shared.empty()


@pytest.fixture
def client(served: Served) -> Iterator[OpenAI]:
    with served.client() as opened:
        yield opened


@pytest.fixture
def rows() -> bytes:
    """A sound training file."""
    return ROWS
