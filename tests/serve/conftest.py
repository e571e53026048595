"""A real engine process with tiny models, and a client of its socket."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tunesmith
from tests.answer.living import Home, Prompt, Target

BOOT = (
    f"import sys; sys.path.append({str(Path(tunesmith.__file__).parents[1])!r}); from tunesmith.serve.run import main; sys.exit(main(sys.argv[1:]))"
)
TIMEOUT_S = 300.0
SYSTEM = "You sort questions about bread into kinds."


@dataclass
class Engine:
    """A running engine."""

    home: Home
    process: subprocess.Popen[str]
    path: Path
    log: Path
    adapters: tuple[Target, Target]

    def connect(self, request: Mapping[str, Any] | bytes) -> socket.socket:
        """A connection on which the request was written."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(TIMEOUT_S)
        connection.connect(str(self.path))
        connection.sendall(request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n")
        return connection

    def ask(self, request: Mapping[str, Any] | bytes) -> list[dict[str, Any]]:
        """Every line of the reply."""
        with self.connect(request) as connection, connection.makefile("rb") as lines:
            return [json.loads(line) for line in lines]

    def chat(self, target: Target, text: str, **sampling: Any) -> dict[str, Any]:
        """A chat request."""
        return {
            "op": "chat", "owner": "me", "deadline_s": None, "target": target.model_dump(), "messages": [{"role": "user", "content": text}], "tools": None,
            "tool_choice": "auto", "parallel_tool_calls": True, "sampling": {"max_tokens": 8, "temperature": 0} | sampling,
        }  # fmt: skip


def text(lines: list[dict[str, Any]], index: int = 0) -> str:
    """An answer's text, joined."""
    return "".join(line["delta"]["text"] for line in lines if "delta" in line and line["delta"]["index"] == index)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for all tests."""
    folder = tmp_path_factory.mktemp("engine")
    home = Home(folder)
    adapters = (home.adapter("one"), home.adapter("two", prompt=Prompt(name="tuned", system=SYSTEM)))
    path, log = folder / "run" / "engine.sock", folder / "log"
    environment = {**os.environ, "TUNESMITH_DTYPE": "float32", "TUNESMITH_THREADS": "1", "TUNESMITH_DEVICE": "cpu"}
    command = [sys.executable, "-P", "-u", "-c", BOOT, str(home.store.home), "--socket", str(path), "--parent", str(os.getpid())]
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=out, text=True, env=environment)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "engine ready\n", log.read_text()
        yield Engine(home, process, path, log, adapters)
    finally:
        process.terminate()
        assert process.wait(TIMEOUT_S) == 0
        process.stdout.close()
