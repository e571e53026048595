"""A job → its end, by one worker child at a time; and a conversation with a child that holds a model.

Each step of the line runs in a process of its own, which loads only what this step needs and gives all memory back. The child dies with this
process (the kernel sees to it), and this process notices the child's death within a tenth of a second. A child that dies without a word is
started again, for its work goes on from what was saved; after three deaths without a finished step in between the job has failed. Commands
follow their own jobs here; `service.py` follows the shared ones, and a shared job may also come back from here to wait for its turn or its user.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from tunesmith.errors import DoesNotFit, Interrupted, TunesmithError, from_json, visible
from tunesmith.jobs.nursery import MORE, Nursery, Nursling
from tunesmith.jobs.programs import program
from tunesmith.jobs.progress import JobMonitor, events_since, last_event
from tunesmith.jobs.queue import Queue, holder
from tunesmith.jobs.turns import is_light
from tunesmith.settings import worker_environment
from tunesmith.spec.job import FINAL, Job, Note, Reading, Spoken, StageFinished
from tunesmith.store.disk import disk_faults

DEATHS = 3
"""A job whose workers die so often without getting on in between has failed."""
POLL_S = 0.1
LOG_BYTES = 1 << 20
TAIL_LINES = 20
WORDS = "tunesmith-error: "
"""A line of the log that begins so holds an error that the worker could not write into the store."""
START = b"--- a worker starts\n"
CLOSE_S = 5.0
WORKER = program("tunesmith.jobs.worker")


def follow(
    queue: Queue,
    job: Job,
    on_event: Callable[[Spoken], None],
    *,
    interrupted: Callable[[], bool] = lambda: False,
    command: Sequence[str] = WORKER,
    environment: Mapping[str, str] | None = None,
) -> Job:
    """The job as it ended, or (a shared one) as it waits again. `on_event` hears what it says, in order, while it runs.

    The worker gets `environment`, or that of any worker.

    Once `interrupted()` is true the worker is asked to save and stop. An exception in here (a second Ctrl-C) kills it at once.
    Raises: Busy when another process runs this job; Interrupted after a second Ctrl-C.
    """
    if job.status in FINAL:
        return job
    return _Following(queue, job.id, on_event, interrupted, command, environment or worker_environment()).run()


class _Following:
    """One job, followed from its first child to its end."""

    def __init__(
        self,
        queue: Queue,
        job_id: str,
        on_event: Callable[[Spoken], None],
        interrupted: Callable[[], bool],
        command: Sequence[str],
        environment: Mapping[str, str],
    ) -> None:
        self.queue = queue
        self.job_id = job_id
        self.on_event = on_event
        self.interrupted = interrupted
        self.command = command
        self.environment = environment
        self.log = queue.store.home / "jobs" / f"{job_id}.log"
        self.me = holder(os.getpid())
        self.seq = last_event(queue, job_id)
        self.is_asked = False
        self.has_got_on = False
        self.nursery: Nursery | None = None

    def run(self) -> Job:
        """Start children until the job has ended."""
        try:
            return self._run()
        finally:
            if self.nursery is not None:
                self.nursery.end()

    def _run(self) -> Job:
        light = is_light(self.queue.lease(self.job_id, self.me))
        deaths = 0
        while True:
            status, job = self._step()
            if job.status != "running":
                return job
            if self.is_asked or self.queue.is_stopping(self.job_id):
                return self.queue.fail(self.job_id, stopped(self.job_id, "stopped after a step" if status == MORE else "stopped").to_json())
            if status == MORE or self.has_got_on:
                deaths, self.has_got_on = 0, False
            if status == MORE:
                if job.is_shared and is_light(job) != light:
                    return self.queue.wait_again(self.job_id, self.me)
                continue
            deaths += 1
            error = told(self.log) or (self._death(status, deaths) if deaths == DEATHS else None)
            if error is not None:
                return self.queue.fail(self.job_id, error)
            self._warn(f"the worker died ({manner(status)}); starting it again from what was saved ({deaths} of {DEATHS - 1})")

    def _step(self) -> tuple[int, Job]:
        """(exit status, the job) after one child; this process holds the lease again if the job has not ended."""
        child = self._start()
        try:
            while (status := _wait(child)) is None:
                self._listen()
                self._ask(child)
                trim(self.log)
        except BaseException as error:  # a boundary: whatever stops this process from watching must stop the child too
            kill(child)
            with suppress(TunesmithError):  # a store that takes nothing: the next look at the job finds its holder dead
                self.queue.hand_on(self.job_id, holder(child.pid), self.me)
                self.queue.fail(self.job_id, stopped(self.job_id).to_json())
            if isinstance(error, KeyboardInterrupt):
                raise stopped(self.job_id) from None
            raise
        job = self.queue.hand_on(self.job_id, holder(child.pid), self.me)
        self._listen()
        return status, job

    def _start(self) -> Nursling:
        with disk_faults(self.log), self.log.open("ab") as log:
            log.write(START)
            log.flush()
            if self.nursery is None or self.nursery.has_ended:
                self.nursery = Nursery([*self.command, str(self.queue.store.home)], log, self.environment)
        return self.nursery.start(self.job_id)

    def _listen(self) -> None:
        """Pass on what the job said; a reading or a finished step is a sign that it gets on."""
        for seq, _, event in events_since(self.queue, self.job_id, self.seq):
            self.seq = seq
            self.on_event(event)
            if isinstance(event, Reading | StageFinished) and not self.has_got_on:
                self.has_got_on = True
                self.queue.got_on(self.job_id)

    def _ask(self, child: Nursling) -> None:
        """Pass on that the user wants a stop; what is cancelled has nothing to save."""
        if not self.is_asked and self.interrupted():
            self.is_asked = True
            self.queue.interrupt(self.job_id)
        if self.queue.stop_asked(self.job_id) == "cancel":
            kill(child)

    def _warn(self, text: str) -> None:
        monitor = JobMonitor(self.queue, self.job_id)
        monitor.emit(Note(level="warning", text=text))
        monitor.close()
        self._listen()

    def _death(self, status: int, deaths: int) -> dict[str, Any]:
        """The diagnosis after the last death."""
        if status == -signal.SIGKILL:
            total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
            return DoesNotFit(
                "the system killed the worker, most likely because memory ran out",
                where=self.job_id,
                got=f"{deaths} times signal 9; this machine has {total:,} bytes",
                fix="close other programs, take a smaller model, or lower `tokens_per_batch` and `max_length`; then run the command again",
            ).to_json()
        fix = f"the whole output is in {self.log}; please report it"
        problem = {"message": f"the worker died {deaths} times ({manner(status)})", "where": self.job_id, "fix": fix}
        return {"code": "internal", "message": problem["message"], "problems": [problem], "traceback": tail(self.log)}


def stopped(job_id: str, how: str = "stopped at once") -> Interrupted:
    """The record of a job that ended because the user asked for it, without a word of the worker's own."""
    return Interrupted(how, where=job_id, fix="run the command again: it goes on from what was saved")


def manner(status: int) -> str:
    """How a process ended, for a person.

    >>> manner(-11), manner(3)
    ('signal SIGSEGV', 'exit status 3')
    """
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def told(log: Path) -> dict[str, Any] | None:
    """The error that a worker left in its log because the store took nothing; None where there is none at its end."""
    last = tail(log).rpartition(WORDS)
    try:
        found: dict[str, Any] = json.loads(last[2]) if last[1] else {}
    except ValueError:  # something else was printed after it, by a later worker
        return None
    return found or None


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log, control characters made visible."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_BYTES // 16))
        return visible("\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:]))


def trim(log: Path, limit: int = LOG_BYTES) -> None:
    """Cut a log that grew beyond the limit to its last half; whoever appends to it goes on appending."""
    if not log.exists() or log.stat().st_size <= limit:
        return
    with log.open("rb+") as file:
        file.seek(-limit // 2, os.SEEK_END)
        kept = file.read()
        file.truncate(0)
    with log.open("ab") as file:
        file.write(b"[...]\n" + kept)


def kill(child: subprocess.Popen[bytes] | Nursling) -> None:
    """End the child and everything in its session, now."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _wait(child: subprocess.Popen[bytes] | Nursling) -> int | None:
    try:
        return child.wait(POLL_S)
    except subprocess.TimeoutExpired:
        return None


class Talk:
    """A conversation with a child: one JSON object per line in each direction."""

    def __init__(self, child: subprocess.Popen[bytes], log: Path) -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        self._child = child
        self._in: IO[bytes] = child.stdin
        self._out: IO[bytes] = child.stdout
        self._log = log

    def send(self, line: Mapping[str, Any]) -> None:
        """Say something to the child.

        Raises: what the child met, if it has ended.
        """
        try:
            self._in.write(json.dumps(line).encode() + b"\n")
            self._in.flush()
        except BrokenPipeError:
            while self.receive() is not None:  # what it still said, up to its error
                continue
            raise RuntimeError(f"the chat ended\n{tail(self._log)}") from None

    def receive(self) -> dict[str, Any] | None:
        """What the child says next; None once it has said everything and ended.

        Raises: the TunesmithError that the child met; RuntimeError, with its traceback, for a mistake of ours; DoesNotFit when it was killed.
        """
        raw = self._out.readline()
        if raw:
            line: dict[str, Any] = json.loads(raw)
            if "error" not in line:
                return line
            if line["error"]["code"] == "internal":
                raise RuntimeError(line["error"]["traceback"])
            raise from_json(line["error"])
        status = self._child.wait()
        if status == -signal.SIGKILL:
            fix = "close other programs, or take a smaller model"
            raise DoesNotFit("the system killed the chat's process, most likely because memory ran out", where="chat", fix=fix)
        if status != 0:
            raise RuntimeError(f"the chat's process died ({manner(status)})\n{tail(self._log)}")
        return None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Everything the child says until it ends."""
        while (line := self.receive()) is not None:
            yield line


@contextmanager
def converse(home: Path, payload: Mapping[str, Any], *, command: Sequence[str] = WORKER) -> Iterator[Talk]:
    """A child that runs `pipeline.chat(payload, …)`; it ends with the block."""
    log = home / "jobs" / f"chat-{secrets.token_hex(4)}.log"
    with disk_faults(log), log.open("ab") as errors:
        arguments = [*command, str(home), "--chat", "--parent", str(os.getpid())]
        child = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True, env=worker_environment()
        )
    talk = Talk(child, log)
    try:
        talk.send(payload)
        yield talk
    finally:
        with suppress(BrokenPipeError):
            talk._in.close()
        give_up = time.monotonic() + CLOSE_S
        while _wait(child) is None and time.monotonic() < give_up:
            continue
        kill(child)
        talk._out.close()
        log.unlink(missing_ok=True)
