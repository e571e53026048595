"""The engine as a process of its own: whole conversations over its socket, whoever leaves in between, and nothing of them in its log."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import tiny
from tests.answer.living import Client, chat
from tests.serve.conftest import BOOT, SYSTEM, TIMEOUT_S, Engine, text
from tests.waiting import until


def status(engine: Engine) -> dict[str, Any]:
    return engine.ask({"op": "status"})[0]


@contextmanager
def under_way(engine: Engine, request: dict[str, Any], rows: int) -> Iterator[None]:
    """While so many rows of a long answer are written. Where it came to its end before anybody had looked, it is asked for once more."""
    while True:
        with engine.connect(request) as connection, connection.makefile("rb") as lines:
            assert "start" in json.loads(lines.readline())
            until(lambda: status(engine)["running"] in (0, rows))
            if status(engine)["running"] == rows:
                yield
                return


def test_an_answer_comes_in_pieces_and_is_that_of_the_live_engine(engine):
    lines = engine.ask(engine.chat(engine.home.target, "hello", max_tokens=20))
    assert list(lines[0]) == ["start"]
    assert lines[-1]["end"]["usage"]["completion_tokens"] <= 20
    assert sum("delta" in line for line in lines) > 3
    assert text(lines) == Client(engine.home).ask(chat(engine.home.target, "hello", max_tokens=20)).text()


def test_two_adapters_and_their_base_answer_at_once(engine):
    targets = [engine.home.target, *engine.adapters]
    found: dict[int, str] = {}

    def ask(number: int) -> None:
        found[number] = text(engine.ask(engine.chat(targets[number % 3], f"question {number // 3}", max_tokens=12)))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    client = Client(engine.home)
    expected = {n: client.ask(chat(targets[n % 3], f"question {n // 3}", max_tokens=12)).text() for n in range(12)}
    assert found == expected
    there = status(engine)["models"]
    assert {model["target"]["checkpoint"] for model in there} >= {None, *(target.checkpoint for target in engine.adapters)}
    assert all(model["bytes"] > 0 for model in there)


def test_a_tuned_model_says_that_its_prompt_was_applied(engine):
    start = engine.ask(engine.chat(engine.adapters[1], "hello"))[0]["start"]
    assert (start["system_prompt"], start["model"]) == ("applied", engine.adapters[1].checkpoint)
    assert start["prompt_tokens"] > len(SYSTEM) // 2


def test_fifty_at_once_are_all_answered(engine):
    requests = [engine.chat(engine.home.target, f"number {n}", max_tokens=6, temperature=1.0, seed=n) | {"owner": f"key {n % 5}"} for n in range(50)]
    connections = [engine.connect(request) for request in requests]
    replies = []
    for connection in connections:
        with connection, connection.makefile("rb") as lines:
            replies.append([json.loads(line) for line in lines])
    assert all("end" in reply[-1] for reply in replies)
    client = Client(engine.home)
    assert text(replies[7]) == client.ask(chat(engine.home.target, "number 7", max_tokens=6, temperature=1.0, seed=7)).text()
    assert (status(engine)["running"], status(engine)["waiting"]) == (0, 0)


def test_who_leaves_frees_his_place_at_once(engine):
    endless = engine.chat(engine.home.target, "hello", max_tokens=None, logit_bias={"2": -100, "0": -100}, n=8)
    with under_way(engine, endless, 8):
        pass
    until(lambda: status(engine)["running"] == 0)
    connection = engine.connect(json.dumps(endless).encode()[:40])  # in the middle of his request
    connection.close()
    assert "end" in engine.ask(engine.chat(engine.home.target, "hello"))[-1]


@pytest.mark.parametrize(
    "line", [b"\n", b"{]\n", b'{"op": "fly"}\n', b'{"op": "chat"}\n', b"\xff\n", b'{"op": "chat", "messages": 3}\n', b"[1]\n", b"\x00" * 9 + b"\n"]
)
def test_a_line_that_is_no_request_gets_an_error_and_nothing_breaks(engine, line):
    (reply,) = engine.ask(line)
    assert reply["error"]["code"] == "bad_project"
    assert engine.process.poll() is None


def test_errors_have_their_codes(engine):
    wrong = {
        "not_found": engine.chat(engine.home.target.model_copy(update={"base": "nowhere"}), "a"),
        "does_not_fit": engine.chat(engine.home.target, "z" * 700),
        "unsupported": engine.chat(engine.home.target, "a", format={"kind": "json_schema", "schema": {"not": {}}}),
        "bad_record": engine.chat(engine.home.target, "a") | {"messages": [{"role": "bot", "content": "a"}]},
        "timeout": engine.chat(engine.home.target, "a", max_tokens=None, logit_bias={"2": -100, "0": -100}) | {"deadline_s": 0.05},
    }
    assert {code: engine.ask(request)[-1].get("error", {}).get("code") for code, request in wrong.items()} == {code: code for code in wrong}


def test_a_deadline_says_whether_the_answer_had_begun(engine):
    endless = engine.chat(engine.home.target, "a", max_tokens=None, logit_bias={"2": -100, "0": -100}, n=64)
    for deadline_s in (0.2 * 2**n for n in range(12)):  # a busy machine may need longer to begin
        late = engine.ask(endless | {"deadline_s": deadline_s})
        assert (late[-1]["error"]["code"], late[-1]["error"]["has_begun"]) == ("timeout", late[0].keys() == {"start"})
        if late[-1]["error"]["has_begun"]:
            break
    assert late[-1]["error"]["has_begun"]
    in_vain = False
    while not in_vain:
        with under_way(engine, endless, 64):  # it takes every place
            said = engine.ask(engine.chat(engine.home.target, "b") | {"deadline_s": 0.05})
            in_vain = status(engine)["running"] == 64  # else it was over before
    [waited] = said
    assert (waited["error"]["code"], waited["error"]["has_begun"]) == ("timeout", False)
    until(lambda: (status(engine)["running"], status(engine)["waiting"]) == (0, 0))


def test_raw_prompts_are_scored(engine):
    request = {
        "op": "complete", "owner": "me", "deadline_s": None, "target": engine.home.target.model_dump(), "prompts": ["hello there"], "echo": True,
        "best_of": 1, "suffix": None, "sampling": {"max_tokens": 0, "logprobs": True, "top_logprobs": 1},
    }  # fmt: skip
    lines = engine.ask(request)
    assert text(lines) == "hello there"
    heard = next(line["delta"]["logprobs"] for line in lines if "delta" in line)
    assert heard[0]["logprob"] is None
    assert all(one["logprob"] < 0 for one in heard[1:])


def test_texts_become_vectors(engine, tmp_path):
    model = str(tiny.save_encoder(tmp_path / "encoder"))
    lines = engine.ask({"op": "embed", "owner": "me", "model": model, "inputs": ["hello", "why?", [5, 6, 7], "hell " * 200] * 10})
    vectors = np.array(lines[0]["vectors"])
    assert vectors.shape == (40, 32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(vectors[:4], vectors[4:8], atol=1e-5)
    assert lines[0]["truncated"] == [n for n in range(40) if n % 4 == 3]
    assert lines[1]["end"]["usage"]["prompt_tokens"] == lines[0]["tokens"]
    assert engine.ask({"op": "embed", "model": model, "inputs": [[10**6]]})[0]["error"]["code"] == "bad_project"
    assert engine.ask({"op": "embed", "model": "nowhere", "inputs": ["a"]})[0]["error"]["code"] == "not_found"
    assert engine.ask({"op": "embed", "model": engine.home.base, "inputs": ["a"]})[0]["error"]["code"] == "bad_project"
    assert engine.ask(engine.chat(engine.home.target.model_copy(update={"base": model}), "a"))[0]["error"]["code"] == "bad_project"


def test_tokens_are_counted_models_unloaded_and_threads_given_away(engine):
    asked = engine.chat(engine.adapters[0], "hello there")
    tokens = engine.ask(asked)[0]["start"]["prompt_tokens"]
    counted = engine.ask({"op": "count", "target": asked["target"], "messages": asked["messages"], "tools": None})
    assert counted == [{"prompt_tokens": tokens}, {"end": {}}]
    assert engine.ask({"op": "count", "target": {"base": "nowhere"}, "messages": []})[0]["error"]["code"] == "not_found"
    assert engine.ask({"op": "unload", "target": asked["target"]}) == [{"end": {}}]
    assert asked["target"] not in [model["target"] for model in status(engine)["models"]]
    assert engine.ask({"op": "yield", "share": 0.5}) == [{"end": {}}]
    assert status(engine)["threads"] == 1
    assert "end" in engine.ask(asked)[-1]


def test_only_its_user_may_open_the_socket(engine):
    assert stat.S_IMODE(engine.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(engine.path.stat().st_mode) == 0o600


def test_nothing_that_was_written_stands_in_the_log(engine):
    engine.ask(engine.chat(engine.home.target, "the-secret-word"))
    engine.ask(b'{"op": "chat", "the-secret-word": 1}\n')
    engine.ask(engine.chat(engine.home.target, "the-secret-word", format={"kind": "json_schema", "schema": {"the-secret-word": 1, "not": 1}}))
    log = engine.log.read_text()
    assert "loaded" in log
    assert "the-secret-word" not in log


def test_it_ends_with_its_parent(engine, tmp_path):
    script = tmp_path / "parent.py"
    command = [sys.executable, "-P", "-u", "-c", BOOT, str(engine.home.store.home), "--socket", str(tmp_path / "s"), "--parent"]
    script.write_text(
        f"import os, subprocess, sys\nchild = subprocess.Popen({command!r} + [str(os.getpid())], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)\n"
        "child.stdout.readline()\nprint(child.pid, flush=True)\nsys.stdin.read()\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdin is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: gone(child))
    parent.stdin.close()
    parent.stdout.close()


def gone(pid: int) -> bool:
    """Whether a process has ended (one that nobody has waited for counts as ended)."""
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text() if os.path.isdir("/proc/self") else os.kill(pid, 0) is not None
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_store_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-P", "-c", BOOT, str(tmp_path / "file"), "--socket", str(tmp_path / "s"), "--parent", str(os.getpid())]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert ended.returncode == 1
    assert "store_unusable" in ended.stderr
    assert "Traceback" not in ended.stderr
