"""`tunesmith serve` as a process: what it prints, what it refuses, how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
import uvicorn

from tunesmith.cli import serve as command
from tunesmith.cli.main import main
from tunesmith.console.run import Server, hosts_of
from tunesmith.settings import settings
from tunesmith.spec.candidate import Constant, Decoding
from tunesmith.spec.elected import Elected
from tunesmith.store.access import Keys
from tunesmith.store.artifacts import Store

ROOT = Path(command.__file__).parents[2]


def start(home: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    given = {name: value for name, value in os.environ.items() if not name.startswith("TUNESMITH_")}
    return subprocess.Popen(
        [sys.executable, "-m", "tunesmith", "serve", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=given | {"TUNESMITH_HOME": str(home), "PYTHONPATH": str(ROOT)} | environment,
    )  # fmt: skip


@contextmanager
def running(home: Path, *arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    process = start(home, "--json", "--port", "0", *arguments, **environment)
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def test_a_server_from_its_start_to_its_end(home):
    with running(home) as (process, said):
        assert said["key"].startswith("sk-ts-")
        client = openai.OpenAI(base_url=said["address"], api_key=said["key"], max_retries=0)
        assert "tiny" in [model.id for model in client.models.list()]
        second = start(home, "--json", "--port", "0")
        out, _ = second.communicate(timeout=300)
        assert (second.returncode, json.loads(out)["error"]["code"]) == (4, "busy")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=300) == 0
        assert process.stderr is not None
        assert said["key"] not in process.stderr.read()
    with running(home) as (process, said):
        assert said["key"] is None
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=300) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_before_the_server_listens_is_not_lost(number):
    async def app(scope, receive, send):
        raise AssertionError("nobody asked")

    before = signal.getsignal(number)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(uvicorn.Config(app, lifespan="off", log_config=None))
        with server.told_by_signals():
            signal.raise_signal(number)
            server.run(sockets=[listener])
        assert server.started
    assert signal.getsignal(number) == before


def test_a_key_from_the_environment(home):
    with running(home, TUNESMITH_API_KEY="sk-automation-0001") as (_, said):
        assert said["key"] is None
        client = openai.OpenAI(base_url=said["address"], api_key="sk-automation-0001", max_retries=0)
        assert client.files.list().data == []


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("--alias", "gpt-4o=nothing"), 2, "bad_project"),
        (("--alias", "gpt-4o"), 2, "bad_project"),
        (("--host", "203.0.113.7"), 2, "bad_project"),
    ],
)
def test_what_cannot_be_served(home, arguments, status, code):
    process = start(home, "--json", "--port", "0", *arguments)
    out, _ = process.communicate(timeout=300)
    assert (process.returncode, json.loads(out)["error"]["code"]) == (status, code)


def test_a_port_that_is_taken(home):
    with socket.create_server(("127.0.0.1", 0)) as other:
        process = start(home, "--port", str(other.getsockname()[1]))
        _, err = process.communicate(timeout=300)
    assert process.returncode == 4
    assert "another program listens here" in err


def test_names_that_are_answered():
    assert hosts_of("0.0.0.0", ["Gpu7.lan"]) == ("localhost", "127.0.0.1", "[::1]", "gpu7.lan")
    assert hosts_of("192.168.1.5", []) == ("localhost", "127.0.0.1", "[::1]", "192.168.1.5")
    assert hosts_of("fe80::1", [])[-1] == "[fe80::1]"


def test_keys_on_the_command_line(home, monkeypatch, capsys):
    monkeypatch.setenv("TUNESMITH_HOME", str(home))
    settings.cache_clear()
    try:
        limits = ["--requests-per-minute", "60", "--own-only", "--stored-bytes", "10", "--active-jobs", "3"]
        assert main(["keys", "create", "web", "--scope", "serve", *limits, "--json"]) == 0
        made = json.loads(capsys.readouterr().out)["key"]
        assert (made["scopes"], made["limits"]["requests_per_minute"], made["limits"]["own_only"]) == (["serve"], 60, True)
        keys = Keys(Store.open(home).database)
        assert keys.find(made["secret"]).name == "web"
        assert (keys.find(made["secret"]).limits.stored_bytes, keys.find(made["secret"]).limits.active_jobs) == (10, 3)
        assert main(["keys", "list", "--json"]) == 0
        listed = capsys.readouterr().out
        assert made["secret"] not in listed
        assert [key["id"] for key in json.loads(listed)["keys"]] == [made["id"]]
        assert main(["keys", "list"]) == 0
        assert "web" in capsys.readouterr().out
        assert main(["keys", "revoke", "web"]) == 0
        assert keys.find(made["secret"]) is None
        assert main(["keys", "revoke", "nothing"]) == 2
        assert main(["keys", "create", "plain"]) == 0
        assert capsys.readouterr().out.split("\n")[-3].startswith("sk-ts-")
    finally:
        settings.cache_clear()


def test_a_candidate_under_another_name_by_the_whole_server(home):
    store = Store.open(home)
    with store.work("cd" * 16, stage="report", title="elected") as work:
        elected = Elected(candidate=Constant(name="majority", answer="card"), decoding=Decoding(choices=("card", "loan")), dataset="dataset-0")
        store.register("router-best", work.finish("candidate", elected).name)
    store.close()
    with running(home, "--decline", "--alias", "gpt-4o=router-best") as (_, said):
        client = openai.OpenAI(base_url=said["address"], api_key=said["key"], timeout=300)
        raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=[{"role": "user", "content": "where is it"}])
        assert raw.headers["x-tunesmith-note"] == "gpt-4o stands for router-best on this server"
        assert (raw.parse().model, raw.parse().choices[0].message.content) == ("router-best", "card")
