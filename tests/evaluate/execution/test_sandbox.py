"""Programs that try to do harm, really run. Where this machine cannot confine programs, the refusal is tested instead."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tunesmith.errors import Unsupported
from tunesmith.evaluate.execution import sandbox as module
from tunesmith.evaluate.execution.sandbox import MOST_OUTPUT, Bounds, Sandbox, heard, importable, proven, shown


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    try:
        return replace(proven(), bounds=Bounds(wall_s=300, cpu_s=50))
    except Unsupported as error:
        pytest.skip(f"programs cannot be confined here: {error.problems[0].got}")


def test_a_program_and_its_tests(sandbox):
    answer = "def add(a, b):\n    return a + b\n"
    assert sandbox.run(answer, "assert add(2, 3) == 5").kind == "passed"
    found = sandbox.run(answer, "assert add(2, 3) == 5\nassert add(1, 1) == 3, 'no three'")
    assert (found.kind, found.message) == ("failed", "AssertionError: no three (line 2)")
    assert sandbox.run("def add(a, b:", "assert True").kind == "error"
    assert sandbox.run("raise SystemExit(0)", "assert True").message == "SystemExit: 0 (line 1)"


def test_functions_named_test_are_called_and_the_answers_own_are_not(sandbox):
    found = sandbox.run("def test_mine():\n    raise RuntimeError\n", "def test_a():\n    assert 1 == 1\ndef test_b():\n    assert 1 == 2, 'b'\n")
    assert (found.kind, found.message) == ("failed", "AssertionError: b (line 4)")


def test_question_and_reference_are_at_hand(sandbox):
    assert sandbox.run("x = 1", "assert (question, reference) == ('qé', 'r')", question="qé", reference="r").kind == "passed"


def test_libraries_and_threads_work(sandbox):
    answer = "import json, re, math, decimal, collections, datetime, threading\nseen = []\nt = threading.Thread(target=seen.append, args=(1,))\nt.start(); t.join()\n"
    assert sandbox.run(answer, "assert seen == [1]").kind == "passed"
    assert sandbox.run("import numpy\nx = numpy.ones(3).sum()", "assert x == 3").kind == "passed"


ESCAPES = {
    "the network": "import socket; socket.create_connection(('127.0.0.1', {port}), 1)",
    "a name server": "import socket; socket.getaddrinfo('example.org', 80)",
    "a local socket": "import socket; socket.socket(socket.AF_UNIX)",
    "the virtual machine's host": "import socket; socket.socket(40, socket.SOCK_STREAM)",
    "a file outside": "open({outside!r} + '/a', 'w')",
    "a file at the root": "open('/a', 'w')",
    "the interpreter's files": "open({prefix!r} + '/a', 'w')",
    "a folder there": "import os; os.mkdir({prefix!r} + '/a')",
    "a secret": "open({secret!r}).read()",
    "users": "open('/etc/passwd').read()",
    "the environment of others": "open('/proc/1/environ').read()",
    "a shell": "import subprocess; subprocess.run(['/bin/sh', '-c', 'true'], check=True)",
    "a process": "import os; os.fork()",
    "another program": "import os; os.execv('/bin/true', ['true'])",
    "namespaces": "import ctypes; assert ctypes.CDLL(None).unshare(0x10000000) == 0",
    "tracing": "import ctypes; assert ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0",
    "mounting": "import ctypes; assert ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0",
    "a way out of the root": "import os; os.chroot('/tmp')",
    "a large file": "f = open('/tmp/a', 'wb'); f.write(b'x' * (33 << 20)); f.close()",
    "many files": "[open(f'/tmp/{{n}}', 'w').write('x' * 1000) for n in range(10000)]",
    "much memory": "x = bytearray(3 << 30)",
}


@pytest.mark.parametrize("what", sorted(ESCAPES))
def test_no_way_out(what, sandbox, tmp_path):
    (tmp_path / "secret").write_text("s", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        facts = {"port": server.getsockname()[1], "outside": str(tmp_path), "secret": str(tmp_path / "secret"), "prefix": shown()[0]}
        found = sandbox.run(ESCAPES[what].format(**facts), "")
        with pytest.raises(TimeoutError):
            server.accept()
    assert found.kind in ("error", "killed"), found
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize(
    "answer",
    [
        "import os; os._exit(0)", "import sys; sys.exit(0)", "import os; os.kill(os.getpid(), 9)", "import ctypes; ctypes.string_at(0)", "raise KeyboardInterrupt",
        "import os\nfor fd in range(3, 64):\n    try: os.write(fd, b'{\"nonce\": \"x\", \"outcome\": \"passed\", \"message\": \"\"}\\n')\n    except OSError: pass\nos._exit(0)",
        "import builtins; builtins.exec = builtins.compile = lambda *a: None; builtins.callable = lambda x: False",
        "print('passed')", "import os; os.close(1); os.close(2); os.close(0)",
        "import threading, os, time\nthreading.Thread(target=lambda: (time.sleep(0.01), os._exit(0))).start()\ntime.sleep(1)",
    ],
)  # fmt: skip
def test_an_answer_cannot_pass_by_ending_early_or_by_claiming_it(answer, sandbox):
    assert sandbox.run(answer, "assert False").kind != "passed"


def test_endless_work_is_ended(sandbox):
    began = time.monotonic()
    assert sandbox.run("while True: pass", "", bounds=Bounds(wall_s=300, cpu_s=1)).kind == "killed"
    assert sandbox.run("import time; time.sleep(1000)", "", bounds=Bounds(wall_s=1)).kind == "time"
    assert (
        sandbox.run(
            "import threading\nwhile True: threading.Thread(target=threading.Event().wait).start()", "", bounds=Bounds(wall_s=4, cpu_s=2)
        ).kind
        != "passed"
    )
    assert time.monotonic() - began < 600, "the second would have slept for a thousand seconds"


def test_much_output_ends_it(sandbox):
    flood = "import os\nwhile True:\n    for fd in range(3, 64):\n        try: os.write(fd, b'x' * 65536)\n        except OSError: pass"
    assert sandbox.run(flood, "", bounds=Bounds(wall_s=5, cpu_s=3)).kind in ("time", "killed", "error")


def test_nothing_is_left_behind(sandbox, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sandbox.run("import time; time.sleep(1000)", "", bounds=Bounds(wall_s=0.5))
    sandbox.run("open('/tmp/left', 'w').write('x')", "assert open('/tmp/left').read() == 'x'")
    assert sandbox.run("import os", "assert not os.path.exists('/tmp/left')").kind == "passed", "each program has a folder of its own"
    assert list(tmp_path.iterdir()) == []


def test_the_same_program_ends_the_same(sandbox):
    found = {sandbox.run("x = list({'a', 'b', 'c', 'd', 'e'})", "raise ValueError(x)").message for _ in range(3)}
    assert len(found) == 1, "the order of sets is fixed"


def test_several_at_once(sandbox):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: sandbox.run(f"x = {n}", f"assert x == {n}").kind, range(8)))
    assert found == ["passed"] * 8


def test_no_variables_of_ours_are_seen(sandbox, monkeypatch):
    monkeypatch.setenv("MY_SECRET", "s")
    assert sandbox.run("import os", "assert 'MY_SECRET' not in os.environ").kind == "passed"


def test_what_is_shown_is_not_nested_and_is_enough():
    paths = shown()
    assert not any(a != b and a.startswith(b + "/") and not os.path.islink(b) for a in paths for b in paths)
    assert "/" not in paths
    assert all(any(path.startswith(there + "/") for there in paths) for path in importable())


def test_an_environment_behind_a_link_is_shown_where_it_is(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "between").symlink_to("there")
    (tmp_path / "env").symlink_to(tmp_path / "between")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    assert {str(tmp_path / name) for name in ("env", "between", "there")} <= set(shown())


LOCKED = b'{"locked": "n"}\n'
PASSED = b'{"nonce": "n", "outcome": "passed", "message": ""}\n'


@pytest.mark.parametrize(
    ("said", "status", "kind"),
    [
        (LOCKED + PASSED, 0, "passed"),
        (LOCKED + PASSED.replace(b'"n"', b'"x"'), 0, "error"),
        (LOCKED, 0, "error"),
        (LOCKED, 137, "killed"),
        (b"", None, "time"),
        (LOCKED + PASSED, None, "time"),
        (LOCKED + b"unshare: sigprocmask unblock failed: Invalid argument\n", 137, "killed"),
        (LOCKED + b"[1]\n" + b"[" * 5000, 0, "error"),
        (LOCKED + b"\xff\n", 1, "killed"),
        (LOCKED + PASSED + b"noise\n", 0, "passed"),
        (LOCKED + b'{"nonce": "n"}\n', 0, "error"),
    ],
)
def test_what_a_cell_says(said, status, kind):
    assert heard(said, status, "n").kind == kind


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b'{"setup": "new_root: Operation not permitted"}\n', "new_root: Operation not permitted"),
        (b"unshare: unshare failed: Operation not permitted\n", "unshare failed: Operation not permitted"),
        (PASSED, "passed"),
        (b"", "the process ended with status 1"),
    ],
)
def test_a_cell_that_cannot_lock_itself_in_is_a_refusal(said, words):
    with pytest.raises(Unsupported, match="it cannot be proven that they would do no harm") as error:
        heard(said, 1, "n")
    assert words in str(error.value)
    assert "fix:" in str(error.value)


@pytest.mark.parametrize("hole", ["another process", "memory", "time"])
def test_one_hole_is_enough_to_refuse(hole, monkeypatch):
    """The proof is tried against sandboxes that hold back all but one thing."""
    from tunesmith.evaluate.execution.sandbox import Outcome

    def run(self: Sandbox, answer: str, tests: str, **given: object) -> Outcome:
        if "attempt(" in tests:
            return Outcome("failed", "AssertionError: another process") if hole == "another process" else Outcome("passed")
        if "bytearray" in tests:
            return Outcome("passed") if hole == "memory" else Outcome("failed", "MemoryError: ")
        return Outcome("time" if hole == "time" else "killed")

    monkeypatch.setattr(Sandbox, "run", run)
    module.proven.cache_clear()
    try:
        with pytest.raises(Unsupported, match="isolation") as error:
            proven()
        assert hole in str(error.value)
    finally:
        module.proven.cache_clear()


def test_another_system_is_refused(monkeypatch):
    monkeypatch.setattr(module.sys, "platform", "darwin")
    module.proven.cache_clear()
    try:
        with pytest.raises(Unsupported, match="darwin"):
            proven()
    finally:
        module.proven.cache_clear()


def test_a_tool_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    module.proven.cache_clear()
    try:
        with pytest.raises(Unsupported, match="there is no program `unshare`"):
            proven()
    finally:
        module.proven.cache_clear()


def test_a_verdict_is_small():
    assert MOST_OUTPUT <= 1 << 20
