"""`tunesmith serve` as a user runs it: a process of its own, with a tiny random model in its home, reached over TCP by the official client."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from openai import OpenAI

from tests.finetune.conftest import chat, lines, pair, put
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
MARKS = {"supervisor": "tunesmith.jobs.service", "engine": "tunesmith.serve.run", "worker": "tunesmith.jobs.worker"}
ENDED = {"succeeded", "failed", "cancelled"}


@dataclass
class Running:
    """A server process, and what it printed when it started."""

    home: Path
    arguments: tuple[str, ...] = ()
    port: int = 0
    secret: str = ""
    process: subprocess.Popen[str] | None = None
    clients: list[OpenAI] = field(default_factory=list)

    def start(self) -> None:
        """Start it; a second time at the same port."""
        given = {name: value for name, value in os.environ.items() if not name.startswith("TUNESMITH_")}
        given |= {"TUNESMITH_HOME": str(self.home), "PYTHONPATH": str(ROOT), "TUNESMITH_THREADS": "1", "TUNESMITH_DTYPE": "float32"}
        command = [sys.executable, "-m", "tunesmith", "serve", "--json", "--port", str(self.port), *self.arguments]
        with (self.home / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=given)
        assert self.process.stdout is not None
        said = json.loads(self.process.stdout.readline())
        self.port = int(said["address"].rpartition(":")[2].partition("/")[0])
        self.secret = self.secret or said["key"]

    def client(self, **options: Any) -> OpenAI:
        """The official client, as it comes."""
        made = OpenAI(base_url=f"http://127.0.0.1:{self.port}/v1", api_key=self.secret, **{"timeout": 300, **options})
        self.clients.append(made)
        return made

    def pid(self, name: str) -> int | None:
        """The process id of the console, or of one of the processes under it that is up."""
        assert self.process is not None
        if name == "console":
            return self.process.pid
        with suppress(psutil.NoSuchProcess):
            found = []
            for child in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                    found += [child.pid] if any(MARKS[name] in part for part in child.cmdline()) else []
            return found[-1] if found else None  # a worker comes behind the process that it was forked from
        return None

    def kill(self, name: str) -> None:
        """Kill -9, once it is there."""
        until(lambda: self.pid(name) is not None)
        os.kill(self.pid(name) or 0, signal.SIGKILL)
        if name == "console":
            assert self.process is not None
            self.process.communicate()

    def stop(self) -> None:
        """End it in order."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        for client in self.clients:
            client.close()

    def log(self) -> str:
        """Everything that it, its engine and its supervisor wrote."""
        return "".join(path.read_text("utf-8", "replace") for path in [self.home / "serve.log", *(self.home / "run").glob("*.log")])


def upload(client: OpenAI, method: str = "supervised", rows: int = 12, name: str = "train.jsonl") -> str:
    """The id of a new training file."""
    data = BytesIO(lines([(pair if method == "dpo" else chat)(number) for number in range(rows)]).encode())
    data.name = name
    return client.files.create(file=data, purpose="fine-tune").id


def block(method: str, **hyperparameters: Any) -> dict[str, Any]:
    """The `method` of a job."""
    return {"type": method, method: {"hyperparameters": hyperparameters}}


def follow(client: OpenAI, job_id: str) -> Any:
    """The job once it has ended, asked for the way scripts do."""
    return until(lambda: job if (job := client.fine_tuning.jobs.retrieve(job_id)).status in ENDED else None, 900)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the tiny base model `tiny`."""
    home = tmp_path_factory.mktemp("model")
    put(home)
    return home / "models"


def serving(home: Path, model: Path, *arguments: str) -> Iterator[Running]:
    """A server with a home of its own, until it is not needed any more."""
    home.mkdir(exist_ok=True)
    (home / "models").symlink_to(model)
    running = Running(home, arguments)
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Running]:
    """One server for the tests of a module."""
    yield from serving(tmp_path_factory.mktemp("server"), model, "--alias", "gpt-4o-mini-2024-07-18=tiny")


@pytest.fixture
def fresh(tmp_path: Path, model: Path) -> Iterator[Running]:
    """A server of one test's own."""
    yield from serving(tmp_path / "server", model)


@pytest.fixture(scope="module")
def client(server: Running) -> OpenAI:
    return server.client()
