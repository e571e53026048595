"""Work that is left to the background: it goes on without its terminal, one job at a time, and is watched, paused and ended from any other."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.line.tiny_project import Home
from tests.waiting import until
from tunesmith.jobs.queue import Queue
from tunesmith.jobs.service import is_supervised

pytestmark = pytest.mark.line
LONG = tuple(word for wish in ("max_steps=100000", "epochs=100", "rows_per_step=1", "patience=0") for word in ("--set", f"train.budget.{wish}"))


@pytest.fixture
def place(folder, tmp_path):
    return Home(tmp_path / "home", folder)


def test_a_job_of_the_background_is_followed_to_its_result(place):
    left = place.run("train", place.project("chat"), "--detach", "--json").json()
    found = place.run("jobs", "follow", left["job"], "--json").json()
    assert found["result"]["model"] == "tiny-chat"
    assert place.run("models", "list", "--json").json()
    until(lambda: not is_supervised(place.path))


def test_paused_resumed_and_cancelled_from_another_terminal(place):
    job = place.run("train", place.project("chat"), *LONG, "--detach", "--json").json()["job"]
    queue = Queue(place.store())
    until(lambda: any((place.path / "work").glob("*/.scratch/plan.json")))
    place.run("jobs", "pause", job)
    until(lambda: queue.get(job).status == "paused")
    until(lambda: not is_supervised(place.path))
    assert "is not paused" not in place.run("jobs", "resume", job).err
    until(lambda: queue.get(job).status == "running")
    assert place.run("jobs", "cancel", job, "--json").json()["job"]["status"] == "cancelled"
    until(lambda: not is_supervised(place.path))
    assert "has ended already" in place.run("jobs", "cancel", job, status=4).err


def test_a_command_beside_a_supervisor_waits_for_its_turn_and_outlives_its_supervisor(place):
    first = place.run("train", place.project("chat"), *LONG, "--detach", "--json").json()["job"]
    second = place.start("train", place.project("chat"), "--set", "train.seed=5", "--json")
    until(lambda: "waits for its turn" in second.said())
    queue = Queue(place.store())
    supervisor = int(next(pid for pid in os.listdir("/proc") if pid.isdigit() and is_supervisor(pid, place)))
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: queue.get(first).status == "running" or queue.get(first).attempts)
    place.run("jobs", "cancel", first)
    ended = second.end()
    assert ended.status == 0, ended.err
    assert ended.json()["model"] == "tiny-chat"


def is_supervisor(pid, place):
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"jobs.service" in command and str(place.path).encode() in command
