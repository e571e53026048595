"""Children are started, started again, and ended."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from tests.waiting import until
from tunesmith.console import children as module
from tunesmith.console.children import Children

SLEEPER = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)")
DEAF = (sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)")
GONE = (sys.executable, "-c", "raise SystemExit(3)")


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_child_that_dies_is_started_again(tmp_path):
    children = Children({"one": SLEEPER, "other": SLEEPER}, tmp_path)
    assert children.states() == {"one": "starting", "other": "starting"}
    children.start()
    until(lambda: set(children.states().values()) == {"running"} and (tmp_path / "one.log").read_bytes() == b"up\n")
    first, other = children.pid("one"), children.pid("other")
    os.kill(first, signal.SIGKILL)
    until(lambda: children.pid("one") not in (None, first))
    assert children.pid("other") == other
    last = children.pid("one")
    children.stop()
    assert not is_there(last)
    assert not is_there(other)
    assert children.states() == {"one": "starting", "other": "starting"}
    assert (tmp_path / "one.log").read_bytes().startswith(b"up")


def test_one_that_does_not_stay_is_started_ever_more_slowly(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.2)
    children = Children({"one": GONE}, tmp_path)
    began = time.monotonic()
    children.start()
    child = children._children[0]
    until(lambda: child.starts >= 4)
    assert time.monotonic() - began > 0.2 + 0.4 + 0.8
    children.stop()
    assert child.wait_s in {0.2 * 2 ** (deaths - 1) for deaths in (child.starts - 1, child.starts)}


def test_one_that_does_not_listen_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "GRACE_S", 0.3)
    children = Children({"one": DEAF}, tmp_path)
    children.start()
    until(lambda: (tmp_path / "one.log").exists() and (tmp_path / "one.log").read_bytes().startswith(b"up"))
    pid = children.pid("one")
    began = time.monotonic()
    children.stop()
    assert time.monotonic() - began < 120, "it would have slept for ten minutes"
    assert not is_there(pid)


def test_stopping_what_was_never_started(tmp_path):
    Children({"one": SLEEPER}, tmp_path).stop()


@pytest.mark.parametrize("size", [10, module.LOG_BYTES + 1])
def test_a_log_that_has_grown_large_begins_anew(tmp_path, size):
    path = tmp_path / "one.log"
    path.write_bytes(b"x" * size)
    with module._open_log(path) as log:
        log.write(b"y")
    assert path.stat().st_size == (size + 1 if size == 10 else 1)
