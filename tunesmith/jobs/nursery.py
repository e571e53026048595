"""Job ids → one process each, forked from a process that already holds what they all import.

A worker that starts from nothing reads torch and transformers for four seconds before it does anything, and a run has dozens of steps. So the
supervisor keeps one process beside it, the nursery, which opens no store, holds no model and computes nothing; after the first step that leaves more to
do it imports what steps need, once, and every further step is a fork of it: a process of its own as before, whose memory goes back with it.

    supervisor → nursery, standard input   the job's id
    nursery → supervisor, a pipe           pid N (said by the child itself, once it leads a session of its own), then exit N
"""

from __future__ import annotations

import gc
import importlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO

from tunesmith.store.parent import die_with

MORE = 75
"""Exit status of a worker that finished a step and has more to do (EX_TEMPFAIL in sysexits.h)."""


class Nursery:
    """The supervisor's end."""

    def __init__(self, command: Sequence[str], log: IO[bytes], environment: Mapping[str, str]) -> None:
        self._replies, out = os.pipe()
        self._said = b""
        self.has_ended = False
        try:
            self._process = subprocess.Popen(
                [*command, "--nursery", str(out), "--parent", str(os.getpid())],
                stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=environment, pass_fds=(out,),
            )  # fmt: skip
        except BaseException:
            os.close(self._replies)
            raise
        finally:
            os.close(out)

    def start(self, job_id: str) -> Nursling:
        """A child that works on the job."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it died: its child will be found dead
            self._process.stdin.write(job_id.encode() + b"\n")
            self._process.stdin.flush()
        return Nursling(self, self._process.pid)

    def hear(self, timeout: float | None) -> tuple[str, int] | None:
        """What it says next; None if it has ended. Raises: TimeoutExpired."""
        while b"\n" not in self._said:
            if not select.select([self._replies], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("nursery", timeout or 0.0)
            if not (more := os.read(self._replies, 100)):
                return None
            self._said += more
        line, _, self._said = self._said.partition(b"\n")
        word, _, number = line.decode().partition(" ")
        return word, int(number)

    def end(self) -> int:
        """End it, if it has not ended; its exit status."""
        if not self.has_ended:
            self.has_ended = True
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            assert self._process.stdin is not None
            with suppress(BrokenPipeError):
                self._process.stdin.close()
            os.close(self._replies)
        return self._process.wait()


class Nursling:
    """One child, as far as whoever waits for it needs to know."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.pid = pid
        """The nursery's, as long as it imports and there is no child yet."""
        self._nursery = nursery
        self._status: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, negative for a signal; the nursery's own where that died and took the child along. Raises: TimeoutExpired."""
        while self._status is None:
            match self._nursery.hear(timeout):
                case ("pid", pid):
                    self.pid = pid
                case ("exit", status):
                    self._status = status
                case _:
                    with suppress(ProcessLookupError):
                        os.killpg(self.pid, signal.SIGKILL)
                    self._status = self._nursery.end()
        return self._status


def nurse(out: int, parent: int, work: Callable[[str], int], heavy: Sequence[str]) -> int:
    """Be the nursery: a child for each job id on standard input, until that ends. In a child: what `work` says of its job.

    Modules in `heavy` are imported when there is more to do after a step. Only Linux's libraries are sure to bear a fork once they are there.
    """
    die_with(parent)
    me = os.getpid()
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            os.setsid()
            os.write(out, f"pid {os.getpid()}\n".encode())
            os.close(out)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            die_with(me)
            return work(line.strip())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(out, f"exit {status}\n".encode())
        if status == MORE and sys.platform == "linux" and heavy:
            for name in heavy:
                importlib.import_module(name)
            heavy = ()
            gc.collect()
            gc.freeze()  # what is shared stays shared: a collection in a child writes into every object that it looks at
    return 0
