"""A store → its shared jobs carried out, one per device, in turn, for as long as there is somebody to do it for.

The supervisor process: `tunesmith serve` keeps one alive beside it, and a command that leaves a job behind starts one that ends with the work.
One store has one supervisor at a time; a second one waits for the first to end, or leaves the work to it. Killed, its workers die with it, and the
next one goes on with every job from what was saved.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tunesmith.errors import Busy, TunesmithError
from tunesmith.jobs.programs import program
from tunesmith.jobs.queue import Queue, holder
from tunesmith.jobs.supervisor import WORKER, follow
from tunesmith.jobs.turns import is_light
from tunesmith.settings import settings, worker_environment
from tunesmith.spec.job import FINAL, Job
from tunesmith.store.artifacts import Store
from tunesmith.store.lease import Lease, is_held, this_process
from tunesmith.store.parent import die_with

LOOK_S = 0.2
LOCK = "supervisor.lock"
WAIT_S = 1.0
START_S = 10.0
SERVICE = program("tunesmith.jobs.service")


def main(argv: Sequence[str], worker: Sequence[str] = WORKER) -> int:
    """Exit status 0 once it was asked to end (SIGTERM), or has nothing left to do."""
    parser = argparse.ArgumentParser(prog="python -m tunesmith.jobs.service", description="Carries out the shared jobs of a store.")
    parser.add_argument("home", type=Path)
    parser.add_argument("--parent", type=int, default=None, help="process that this one must not outlive; without it, it ends with the work")
    asked = parser.parse_args(argv)
    if asked.parent is not None:
        die_with(asked.parent)
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    store = Store.open(asked.home)
    lease = taken(store.home, ending, patient=asked.parent is not None)
    if lease is None:
        return 0
    try:
        Service(Queue(store), devices(), worker, ending, stays=asked.parent is not None).run()
    finally:
        lease.free()
    return 0


def taken(home: Path, ending: threading.Event, *, patient: bool) -> Lease | None:
    """The right to be this store's supervisor; None where another one has it and this one does not wait, or was asked to end."""
    while not ending.is_set():
        try:
            return Lease.take(home / LOCK, this_process("supervisor"))
        except Busy:
            if not patient:
                return None
            ending.wait(WAIT_S)
    return None


def is_supervised(home: Path) -> bool:
    """True if a supervisor is at work on this store."""
    return is_held(home / LOCK)


def devices() -> list[str | None]:
    """The devices that take one job each: what the user set, every CUDA device, or the processor (None: chosen by the worker)."""
    if settings().device is not None:
        return [settings().device]
    found = sorted(path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*"))
    return [f"cuda:{number}" for number in found] or [None]


def ensure(home: Path) -> None:
    """Start a supervisor that ends with the work, unless one is there. It belongs to nobody: closing the terminal does not end it."""
    if is_supervised(home):
        return
    with (home / "jobs" / "supervisor.log").open("ab") as log:
        subprocess.Popen(
            [*SERVICE, str(home)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=worker_environment(), cwd="/"
        )
    give_up = time.monotonic() + START_S
    while not is_supervised(home) and time.monotonic() < give_up:
        time.sleep(LOOK_S / 4)


class Service:
    """Follows the shared jobs of one store, each in a thread of its own; the work is done by their children."""

    def __init__(self, queue: Queue, devices: Sequence[str | None], worker: Sequence[str], ending: threading.Event, *, stays: bool) -> None:
        self.queue = queue
        self.devices = list(devices)
        self.worker = worker
        self.ending = ending
        self.stays = stays
        self.following: dict[str, tuple[threading.Thread, str | None]] = {}

    def run(self) -> None:
        """Until it is asked to end; then the workers save, and their jobs wait for the next supervisor."""
        while not self.ending.is_set():
            self._bury()
            try:
                while (job := self.queue.claim(holder(os.getpid()), len(self.devices), followed=self.following)) is not None:
                    self._begin(job)
            except TunesmithError as error:  # a full or busy disk: it may be better at the next look
                print(error, file=sys.stderr, flush=True)
            if not self.stays and not self.following and not self._waits():
                return
            self.ending.wait(LOOK_S)
        for thread, _ in self.following.values():
            thread.join()

    def _begin(self, job: Job) -> None:
        device = None if is_light(job) else next(d for d in self.devices if d not in {used for _, used in self.following.values()} or d is None)
        thread = threading.Thread(target=self._follow, args=(job, device), name=job.id)
        self.following[job.id] = (thread, device)
        thread.start()

    def _follow(self, job: Job, device: str | None) -> None:
        environment = worker_environment() | ({"TUNESMITH_DEVICE": device} if device else {})
        try:
            follow(self.queue, job, lambda event: None, interrupted=self.ending.is_set, command=self.worker, environment=environment)
        except TunesmithError as error:  # a boundary: one job's trouble is not another's
            print(f"{job.id}: {error}", file=sys.stderr, flush=True)

    def _bury(self) -> None:
        for name in [name for name, (thread, _) in self.following.items() if not thread.is_alive()]:
            del self.following[name]

    def _waits(self) -> bool:
        """True while a shared job is still to be done: it may have to wait for its next try, or for a device that a command has."""
        return any(job.is_shared and job.status not in FINAL and job.status != "paused" for job in self.queue.newest(limit=10_000))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
