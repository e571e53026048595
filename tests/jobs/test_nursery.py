"""Workers are forked from a process that holds what they import: each is a process of its own, and none outlives whoever waits for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import until
from tunesmith.jobs.nursery import MORE, Nursery
from tunesmith.jobs.supervisor import kill, manner
from tunesmith.pipeline import STAGES

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, sys, time
sys.path.insert(0, ROOT)
from tunesmith.jobs.nursery import MORE, nurse

def work(job):
    print(job, os.getpid(), os.getsid(0), "wave" in sys.modules, sys.stdin.read() == "", flush=True)
    match job:
        case "more": return MORE
        case "sleep": time.sleep(1000)
        case "abort": os.abort()
    return 3

sys.exit(nurse(int(sys.argv[sys.argv.index("--nursery") + 1]), int(sys.argv[-1]), work, ["wave"]))
"""


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def nursery(log):
    with log.open("wb") as file:
        made = Nursery([sys.executable, "-P", "-c", PROGRAM.replace("ROOT", repr(str(ROOT)))], file, os.environ)
    yield made
    made.end()


def said(log):
    return [line.split() for line in log.read_text().splitlines()]


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_each_child_is_a_process_and_a_session_of_its_own_with_nothing_to_read(nursery, log):
    assert [nursery.start(job).wait() for job in ("a", "more", "b")] == [3, MORE, 3]
    pids = [line[1] for line in said(log)]
    assert len({*pids, str(os.getpid())}) == 4
    assert [line[2] for line in said(log)] == pids
    assert [line[4] for line in said(log)] == ["True"] * 3


def test_what_all_import_is_there_once_a_step_has_left_more_to_do(nursery, log):
    for job in ("a", "more", "b", "c"):
        nursery.start(job).wait()
    assert [line[3] for line in said(log)] == ["False", "False", "True", "True"]


def test_how_a_child_died_is_known_and_the_next_one_starts(nursery, log):
    assert nursery.start("abort").wait() == -signal.SIGABRT
    child = nursery.start("sleep")
    until(lambda: "sleep" in log.read_text())
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.3)
    kill(child)
    assert manner(child.wait()) == "signal SIGKILL"
    assert gone(child.pid)
    assert nursery.start("a").wait() == 3


def test_a_dead_nursery_takes_its_child_along(nursery, log):
    child = nursery.start("sleep")
    mother = child.pid  # before the child has said its own
    until(lambda: said(log))
    pid = int(said(log)[0][1])
    os.kill(mother, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    until(lambda: gone(pid))
    assert nursery.has_ended


def test_nothing_that_steps_share_asks_for_a_gpu_or_computes_while_it_is_imported():
    """A process that has spoken to CUDA, or whose threads run, cannot be forked."""
    program = f"""
import importlib, os, torch
asked = []
for name in ("is_available", "device_count", "init", "_lazy_init"):
    setattr(torch.cuda, name, lambda *_, name=name: asked.append(name) or 0)
for name in {STAGES!r}: importlib.import_module(name)
print(asked, sorted(open(f"/proc/self/task/{{task}}/comm").read().strip() for task in os.listdir("/proc/self/task"))[:-1])
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "1"}  # threads of numpy and of pyarrow's allocator know of forks
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert (found.stdout, found.stderr) == ("[] ['jemalloc_bg_thd']\n", "")
