"""A job id → one step done, its result or its error in the store: everything about the worker process but the line itself.

`worker.py` calls `main` with the real pipeline; tests and other programs pass their own object with the same two functions.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from tunesmith.errors import DoesNotFit, TunesmithError, visible
from tunesmith.jobs.nursery import MORE, nurse
from tunesmith.jobs.progress import FLUSH_S, JobMonitor
from tunesmith.jobs.queue import Queue, holder
from tunesmith.jobs.supervisor import WORDS
from tunesmith.spec.job import Job, Monitor
from tunesmith.store.artifacts import Store
from tunesmith.store.disk import FULL, disk_full
from tunesmith.store.parent import die_with

HEARTBEAT_S = 2.0
TRACEBACK_CHARACTERS = 8_000
YIELDING = 10
"""How far the work of a service stands back (as `nice` counts) behind whoever waits for an answer on the same processor."""
OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


class Pipeline(Protocol):
    """What the worker needs of `tunesmith.pipeline`."""

    def run_job(self, job: Job, store: Store, monitor: Monitor) -> dict[str, Any] | None:
        """Run one step; None: one step is done and there is more to do."""

    def chat(self, payload: dict[str, Any], store: Store, lines: Iterator[dict[str, Any]], emit: Callable[[dict[str, Any]], None]) -> None:
        """Answer `lines` until they end."""


def main(argv: Sequence[str], pipeline: Pipeline, heavy: Sequence[str] = ()) -> int:
    """Converse, or be the nursery of a job's workers, which share the modules in `heavy`.

    Exit status of a worker: 0 when the job has ended (its record says how), 75 when a step is done and more is to do.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tunesmith.jobs.worker", description="The steps of one job, or a chat; started by the supervisor."
    )
    parser.add_argument("home", type=Path)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--chat", action="store_true", help="converse over standard input and output")
    mode.add_argument("--nursery", type=int, metavar="PIPE", help="fork a worker for each job id on standard input; say to the pipe how it ends")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="process that this one must not outlive")
    asked = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor asks in the store; a Ctrl-C in the terminal is its business
    if asked.chat:
        die_with(asked.parent)
        return talk(asked.home, pipeline)
    return nurse(asked.nursery, asked.parent, lambda job: work(asked.home, job, asked.parent, pipeline), heavy)


def work(home: Path, job_id: str, parent: int, pipeline: Pipeline) -> int:
    """Lease the job, run one step of it, write down how it went."""
    me = holder(os.getpid())
    try:
        store = Store.open(home)
        queue = Queue(store)
        job = queue.lease(job_id, me, over=holder(parent))
        if job.phase == "waiting":
            queue.enter(job_id, "training")
        monitor = JobMonitor(queue, job_id)
    except TunesmithError as error:
        return shout(error.to_json())
    if job.is_shared:
        os.nice(YIELDING)
    try:
        with Pulse(queue, job_id, me, monitor):
            result = pipeline.run_job(job, store, monitor)
            monitor.close()
        if result is None:
            if job.phase == "validating":  # its files are in order; training waits for a device
                queue.enter(job_id, "waiting")
            queue.hand_on(job_id, me, holder(parent))
            return MORE
        queue.finish(job_id, result)
    except Exception as error:  # the process boundary: whatever it was must reach the person who waits for it
        return give_up(queue, job_id, monitor, named(error, home))
    return 0


def give_up(queue: Queue, job_id: str, monitor: JobMonitor, error: dict[str, Any]) -> int:
    """Record the error in the store or, where that takes nothing more (a full disk), in the log."""
    try:
        queue.fail(job_id, error)
        monitor.close()
    except TunesmithError:
        return shout(error)
    return 0


def shout(error: dict[str, Any]) -> int:
    """Leave the error at the end of the log, where the supervisor looks."""
    print(WORDS + json.dumps(error), flush=True)
    return 1


def named(error: Exception, home: Path) -> dict[str, Any]:
    """The error as JSON: ours by name, the machine's limits by diagnosis, and a mistake of ours with its traceback."""
    if isinstance(error, TunesmithError):
        return error.to_json()
    text = str(error)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or any(words in text.lower() for words in OUT_OF_MEMORY):
        fix = "close other programs, take a smaller model, or lower `tokens_per_batch` and `max_length`; then run the command again"
        return DoesNotFit("memory ran out", got=text.partition("\n")[0][:200], fix=fix).to_json()
    if (isinstance(error, OSError) and error.errno in FULL) or "No space left on device" in text:
        there = error.filename if isinstance(error, OSError) and isinstance(error.filename, str) else home
        return disk_full(Path(there)).to_json()
    trace = visible("".join(traceback.format_exception(error)))[-TRACEBACK_CHARACTERS:]
    problem = {"message": f"{type(error).__name__}: {text[:200]}", "fix": "this is a mistake in Tunesmith; please report it with the traceback"}
    return {"code": "internal", "message": problem["message"], "problems": [problem], "traceback": trace}


class Pulse:
    """A thread that writes what the job says and keeps its lease; a lost lease stops the job."""

    def __init__(self, queue: Queue, job_id: str, me: str, monitor: JobMonitor) -> None:
        self._queue = queue
        self._job = job_id
        self._me = me
        self._monitor = monitor
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="pulse")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _beat(self) -> None:
        last = time.monotonic()
        while not self._done.wait(FLUSH_S):
            try:
                self._monitor.flush()
                if time.monotonic() - last >= HEARTBEAT_S:
                    last = time.monotonic()
                    if not self._queue.heartbeat(self._job, self._me):
                        self._monitor.stop()
            except TunesmithError as error:
                print(error, file=sys.stderr, flush=True)  # a full or busy store: the main thread meets it as well and says so in the record


def talk(home: Path, pipeline: Pipeline) -> int:
    """Converse: the first line on standard input is the payload, each further one is said to `pipeline.chat`."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print goes to the log and not between the lines

    def emit(line: dict[str, Any]) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    lines: Iterator[dict[str, Any]] = (json.loads(line) for line in sys.stdin)
    try:
        payload = next(lines, None)
        if payload is not None:
            pipeline.chat(payload, Store.open(home), lines, emit)
    except BrokenPipeError:  # nobody listens any more
        os._exit(0)
    except Exception as error:  # the process boundary
        emit({"error": named(error, home)})
    return 0
