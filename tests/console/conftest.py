"""A real server on a free loopback port, in a thread, with a home of its own; and the official client."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from openai import OpenAI

from tunesmith.catalogue.manifest import write_manifest
from tunesmith.console.app import make_app
from tunesmith.console.configuration import Configuration
from tunesmith.console.run import Address, listen, uvicorn_config
from tunesmith.console.state import Console
from tunesmith.spec.model import LocalModel
from tunesmith.spec.noun import digest
from tunesmith.store.access import SCOPES, Limits

ROW = {"messages": [{"role": "user", "content": "where is my card"}, {"role": "assistant", "content": "card_arrival"}]}
ROWS = "".join(json.dumps(ROW) + "\n" for _ in range(12)).encode()


@dataclass
class Served:
    """A server that answers."""

    console: Console
    address: str
    """Without `/v1`."""
    secret: str

    def client(self, secret: str | None = None, **options: Any) -> OpenAI:
        """The official client."""
        return OpenAI(base_url=f"{self.address}/v1", api_key=secret or self.secret, **{"max_retries": 0, "timeout": 20, **options})

    def key(self, *scopes: Any, **limits: Any) -> str:
        """The secret of a new key."""
        return self.console.keys.create("test", scopes or SCOPES, Limits(**limits))[1]

    def ask(self, method: str, path: str, secret: str | None = None, **options: Any) -> httpx2.Response:
        """A plain request."""
        headers = {"authorization": f"Bearer {secret or self.secret}"} | options.pop("headers", {})
        return httpx2.request(method, self.address + path, headers=headers, timeout=20, **options)


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
        give_up = time.monotonic() + 10
        while not server.started and time.monotonic() < give_up:
            time.sleep(0.01)
        yield Served(console, f"http://127.0.0.1:{listener.getsockname()[1]}", console.keys.create("first")[1])
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / "home"
    put_model(place, "tiny")
    put_model(place, "tiny-embed", use="embed", origin="wheel x")
    return place


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


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    return serve(aliases={"gpt-4o-mini-2024-07-18": "tiny"})


@pytest.fixture
def client(served: Served) -> Iterator[OpenAI]:
    with served.client() as opened:
        yield opened


@pytest.fixture
def rows() -> bytes:
    """A sound training file."""
    return ROWS
