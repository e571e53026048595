"""Shared jobs are carried out by a supervisor process that really dies, and by the next one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.waiting import until
from tunesmith.jobs.progress import events_since
from tunesmith.jobs.service import is_supervised
from tunesmith.spec.job import Note

ROOT = Path(__file__).parents[2]
SERVICE = """
import sys
sys.path.insert(0, ROOT)
from tunesmith.jobs.service import main
sys.exit(main(sys.argv[2:], (sys.executable, "-P", sys.argv[1])))
"""


@pytest.fixture
def start(queue, worker):
    """Starts supervisors of the queue's store; they end with the test."""
    running = []

    def begin(*options):
        command = [sys.executable, "-P", "-c", SERVICE.replace("ROOT", repr(str(ROOT))), worker[-1], str(queue.store.home), *options]
        running.append(subprocess.Popen(command, stderr=subprocess.PIPE))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def stays():
    return "--parent", str(os.getpid())


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def enqueue(queue, do, **more):
    return queue.enqueue("finetune", do, {"do": do}, shared=True, phase="training", **more)


def test_jobs_are_done_in_turn_and_it_ends_with_the_work(queue, start):
    jobs = [enqueue(queue, "answer") for _ in range(3)]
    assert start().wait(600) == 0
    found = [queue.get(job.id) for job in jobs]
    assert [job.status for job in found] == ["succeeded"] * 3
    assert [job.finished_at <= after.started_at for job, after in pairwise(found)] == [True, True]
    assert not is_supervised(queue.store.home)


def test_a_second_supervisor_leaves_the_work_to_the_first(queue, start):
    first = start(*stays())
    until(lambda: is_supervised(queue.store.home))
    assert start().wait(300) == 0
    assert first.poll() is None


def test_a_killed_supervisor_takes_its_worker_along_and_the_next_one_goes_on(queue, start):
    job = enqueue(queue, "killed once")
    marks = queue.store.home / "marks"
    other = enqueue(queue, "wait", priority=1)
    first = start(*stays())
    until(lambda: any(isinstance(event, Note) for _, _, event in events_since(queue, other.id, 0)))
    child = int(queue.get(other.id).holder.rpartition(":")[2])
    assert child != first.pid
    first.kill()
    until(lambda: gone(child))
    assert queue.get(other.id).status == "queued"
    assert queue.get(other.id).attempts == 1
    queue.cancel(other.id)
    marks.unlink()
    assert start().wait(600) == 0
    assert queue.get(job.id).result == {"tries": 2}


def test_asked_to_end_it_lets_the_worker_save_and_the_job_waits_for_the_next(queue, start):
    job = enqueue(queue, "wait")
    service = start(*stays())
    until(lambda: events_since(queue, job.id, 0))
    service.send_signal(signal.SIGTERM)
    assert service.wait(300) == 0
    found = queue.get(job.id)
    assert (found.status, found.stop, found.attempts, found.error) == ("queued", None, 0, None)


def test_pause_saves_resume_goes_on_and_cancel_kills(queue, start):
    job, deaf = enqueue(queue, "wait"), enqueue(queue, "deaf")
    service = start(*stays())
    until(lambda: events_since(queue, job.id, 0))
    queue.pause(job.id)
    until(lambda: queue.get(job.id).status == "paused")
    until(lambda: queue.get(deaf.id).holder not in (None, f"{socket.gethostname()}:{service.pid}"))
    queue.resume(job.id)
    holder = int(queue.get(deaf.id).holder.rpartition(":")[2])
    assert queue.cancel(deaf.id).status == "cancelled"
    until(lambda: queue.get(job.id).status == "running")
    assert gone(holder)


def test_a_worker_that_is_killed_is_started_again(queue, start):
    job = enqueue(queue, "killed once")
    assert start().wait(600) == 0
    assert queue.get(job.id).result == {"tries": 2}


def test_the_same_thing_is_said_once_however_often_it_is_begun(queue, start):
    job = enqueue(queue, "steps")
    assert start().wait(600) == 0
    texts = [event.text for _, _, event in events_since(queue, job.id, 0)]
    assert texts == ["try 1", "try 2", "try 3"]
