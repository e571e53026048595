"""A home folder → the two processes beside the console: one trains, one answers. Each is started again whenever it ends.

None of the three can take another down: the console only notices that a child is gone, and starts it again, at once the first time and ever
more slowly if it does not stay. The children die with the console, by the kernel and by looking (`store/parent.py`).
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import structlog

from tunesmith.jobs.programs import program
from tunesmith.settings import worker_environment

LOG = structlog.get_logger("tunesmith.console")
LOOK_S = 0.1
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
STEADY_S = 30.0
"""A child that lived so long is started again at once when it ends."""
GRACE_S = 10.0
"""From the request to end until it is ended."""
LOG_BYTES = 1 << 20
KEY = "TUNESMITH_API_KEY"
"""The preset key is the console's business: children do not get it."""


def commands(home: Path, socket: Path) -> dict[str, tuple[str, ...]]:
    """Name → command of both children of this process."""
    parent = ("--parent", str(os.getpid()))
    return {
        "supervisor": (*program("tunesmith.jobs.service"), str(home), *parent),
        "engine": (*program("tunesmith.serve.run"), str(home), "--socket", str(socket), *parent),
    }


@dataclass
class Child:
    """One of them, as it is now."""

    name: str
    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    """Of the monotonic clock; so is the next."""
    not_before: float = 0.0
    wait_s: float = 0.0
    starts: int = 0


class Children:
    """The children of one console, watched by a thread."""

    def __init__(self, wanted: Mapping[str, Sequence[str]], logs: Path) -> None:
        self._children = [Child(name, command, logs / f"{name}.log") for name, command in wanted.items()]
        self._stopping = threading.Event()
        # The thread that starts a child must outlive it: Linux ties a child to the thread of its parent.
        self._thread = threading.Thread(target=self._watch, name="children", daemon=True)

    def start(self) -> None:
        """Start them, and go on starting them."""
        self._thread.start()

    def stop(self) -> None:
        """Ask them to end, wait a while, end them."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def states(self) -> dict[str, str]:
        """Name → `running`, or `starting` while one is down."""
        return {child.name: "running" if child.process is not None and child.process.poll() is None else "starting" for child in self._children}

    def pid(self, name: str) -> int | None:
        """The process id of a child that is up."""
        found = next(child.process for child in self._children if child.name == name)
        return found.pid if found is not None and found.poll() is None else None

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_S):
            for child in self._children:
                self._look_at(child)
        running = [child.process for child in self._children if child.process is not None and child.process.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + GRACE_S
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _look_at(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is not None:
            status = child.process.poll()
            if status is None:
                return
            LOG.warning("a child ended", child=child.name, status=status, log=str(child.log))
            child.process = None
            steady = now - child.started_at >= STEADY_S
            child.wait_s = 0.0 if steady else min(LONGEST_WAIT_S, max(FIRST_WAIT_S, 2 * child.wait_s))
            child.not_before = now + child.wait_s
        if now >= child.not_before:
            environment = {name: value for name, value in worker_environment().items() if name != KEY}
            with _open_log(child.log) as log:
                child.process = subprocess.Popen(
                    child.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
                )
            child.started_at = now
            child.starts += 1


def _open_log(path: Path) -> IO[bytes]:
    """The log, appended to; begun anew where it has grown large."""
    is_large = path.exists() and path.stat().st_size > LOG_BYTES
    return path.open("wb" if is_large else "ab")
