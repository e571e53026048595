"""A job is followed to its end through real children that really die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.waiting import until
from tunesmith.errors import Alarm, DoesNotFit, Interrupted
from tunesmith.jobs.nursery import Nursery
from tunesmith.jobs.queue import Queue
from tunesmith.jobs.supervisor import converse, follow, tail, trim
from tunesmith.spec.job import Note
from tunesmith.store.artifacts import Store

ROOT = Path(__file__).parents[2]


def run(queue, worker, do, **more):
    heard = []
    job = follow(queue, queue.enqueue("run", do, {"do": do}), heard.append, command=worker, **more)
    return job, [event.text for event in heard if isinstance(event, Note)]


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def commands_with(word):
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended meanwhile
            found += [file.read_bytes()] if word.encode() in file.read_bytes() else []
    return found


def pid_of(queue, job_id, not_this):
    """The worker's process id, once it holds the lease."""
    return until(lambda: next((pid for pid in [int((queue.get(job_id).holder or ":0").rpartition(":")[2])] if pid not in (0, not_this)), None))


def test_a_result_and_everything_said_on_the_way(queue, worker):
    job, heard = run(queue, worker, "answer")
    assert (job.status, job.result, heard) == ("succeeded", {"answer": 42}, ["try 1"])
    assert follow(queue, job, pytest.fail) == job


def test_one_child_per_step_until_there_is_no_more(queue, worker):
    job, heard = run(queue, worker, "steps")
    assert (job.result, heard) == ({"steps": 3}, ["try 1", "try 2", "try 3"])


def test_an_error_of_ours_arrives_whole(queue, worker):
    job, _ = run(queue, worker, "alarm")
    expected = Alarm("the loss is not a number", where="step 7", fix="lower the learning rate")
    assert (job.status, job.error) == ("failed", expected.to_json())


def test_a_mistake_of_ours_arrives_with_its_traceback(queue, worker):
    job, heard = run(queue, worker, "bug")
    assert (job.status, job.error["code"], heard) == ("failed", "internal", ["try 1"])
    assert "in run_job" in job.error["traceback"]
    assert "KeyError: 'a mistake of ours'" in job.error["traceback"]


@pytest.mark.parametrize(("do", "code", "words"), [("memory", "does_not_fit", "memory ran out"), ("full", "store_unusable", "the disk is full")])
def test_the_machines_limits_are_named(queue, worker, do, code, words):
    job, _ = run(queue, worker, do)
    assert (job.error["code"], job.error["message"].startswith(words)) == (code, True)
    assert job.error["problems"][0]["fix"]


def test_a_worker_killed_once_is_started_again(queue, worker):
    job, heard = run(queue, worker, "killed once")
    assert job.result == {"tries": 2}
    told = ["the worker died (signal SIGKILL); starting it again from what was saved (1 of 2)", "try 2"]
    assert heard in (told, ["try 1", *told]), "whether its first words were written before it died is a matter of time"


def test_killed_three_times_is_taken_for_lack_of_memory(queue, worker):
    job, heard = run(queue, worker, "killed")
    assert (job.status, job.error["code"]) == ("failed", "does_not_fit")
    assert "most likely because memory ran out" in job.error["message"]
    assert [text for text in heard if text.startswith("try")] == ["try 1", "try 2", "try 3"]


def test_a_crash_shows_the_end_of_what_the_child_wrote(queue, worker):
    job, _ = run(queue, worker, "crash")
    assert (job.status, job.error["code"]) == ("failed", "internal")
    assert "died 3 times (signal SIGABRT)" in job.error["message"]
    assert "a line on the way down" in job.error["traceback"]


def test_the_first_interrupt_lets_it_save(queue, worker):
    heard = []
    job = follow(queue, queue.enqueue("run", "wait", {"do": "wait"}), heard.append, command=worker, interrupted=lambda: bool(heard))
    assert (job.status, job.error["message"]) == ("interrupted", "stopped after step 9")
    assert [event.text for event in heard if isinstance(event, Note)] == ["try 1"]
    assert queue.requeue(job.id).status == "queued"


def test_a_second_one_kills_at_once(queue, worker):
    job = queue.enqueue("run", "deaf", {"do": "deaf"})

    def second_ctrl_c(event):
        raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="goes on from what was saved"):
        follow(queue, job, second_ctrl_c, command=worker)
    assert queue.get(job.id).status == "interrupted"
    assert commands_with(str(queue.store.home)) == []


def test_the_child_dies_with_its_parent_and_the_job_is_not_left_running(queue, worker):
    job = queue.enqueue("run", "deaf", {"do": "deaf"})
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path; from tunesmith.jobs.queue import Queue\n"
        "from tunesmith.jobs.supervisor import follow; from tunesmith.store.artifacts import Store\n"
        f"q = Queue(Store.open(Path({str(queue.store.home)!r}))); follow(q, q.get({job.id!r}), lambda e: None, command={worker!r})"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    pid = pid_of(queue, job.id, parent.pid)
    assert is_running(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: not is_running(pid))
    assert queue.get(job.id).status == "interrupted"


def test_a_conversation_over_pipes(queue, worker):
    with converse(queue.store.home, {"model": "router"}, command=worker) as talk:
        for word in ("one", "zwei ✓"):
            talk.send({"say": word})
            assert talk.receive() == {"heard": word, "model": "router"}
        pid = talk._child.pid
    assert not is_running(pid)
    assert list((queue.store.home / "jobs").iterdir()) == []


@pytest.mark.parametrize(
    ("say", "error", "words"), [("alarm", Alarm, "no such model"), ("bug", RuntimeError, "in chat"), ("die", DoesNotFit, "memory ran out")]
)
def test_what_a_conversation_meets_is_raised_here(queue, worker, say, error, words):
    with converse(queue.store.home, {"model": "router"}, command=worker) as talk:
        talk.send({"say": say})
        with pytest.raises(error, match=words):
            talk.receive()


def test_a_log_stays_small_and_its_end_is_kept(tmp_path):
    log = tmp_path / "job.log"
    with log.open("ab", buffering=0) as child:
        child.write(b"".join(b"line %d\n" % n for n in range(1000)))
        trim(log, limit=2000)
        child.write(b"\x1b[31mlast\n")
    assert log.stat().st_size < 1100
    assert tail(log, 2) == "line 999\n\\x1b[31mlast"


def test_doors_load_neither_the_line_nor_torch():
    script = "import sys, tunesmith.jobs.supervisor, tunesmith.jobs.progress; print([m for m in ('tunesmith.pipeline', 'torch', 'alembic', 'tunesmith.jobs.child') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT).stdout == "[]\n"


def test_a_worker_that_cannot_write_into_the_store_tells_its_supervisor(queue, worker):
    store = Store.open(queue.store.home)
    job = queue.enqueue("run", "answer", {"do": "answer"})
    queue.lease(job.id, "another-host:1")  # the worker will not get it
    log = (queue.store.home / "jobs" / "x.log").open("wb")
    nursery = Nursery([*worker, str(store.home)], log, os.environ)
    log.close()
    assert nursery.start(job.id).wait() == 1
    nursery.end()
    assert '"code": "busy"' in tail(queue.store.home / "jobs" / "x.log")
    assert Queue(store).get(job.id).holder == "another-host:1"
    store.close()
