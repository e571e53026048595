"""An order → a job in the queue, followed to its end on the screen; Ctrl-C → a stop after the step that runs, with everything saved.

Where a supervisor is at work on the store (`tunesmith serve`, or work that was left to the background), it does the job in its turn, and here it is
only watched. Else this command does the job itself, and the work ends with it.
"""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any, NoReturn

import psutil
import typer

from tunesmith.cli.display import Display, a_display
from tunesmith.cli.failures import killed, outcome, stopped
from tunesmith.cli.screen import Screen
from tunesmith.errors import Busy, Interrupted
from tunesmith.jobs.progress import events_since
from tunesmith.jobs.queue import Queue
from tunesmith.jobs.service import ensure, is_supervised
from tunesmith.jobs.supervisor import follow
from tunesmith.settings import settings
from tunesmith.spec.job import FINAL, Event, Job, JobKind, Note, StageFinished
from tunesmith.store.artifacts import Store

WATCH_S = 0.2
BUSY_POLL_S = 0.5
BUSY_RETRY_S = 30.0
"""A retry starts a worker, which costs seconds; so it comes when the holder's process is gone, and else this seldom."""


def open_store() -> Store:
    """The store of this user.

    Raises: StoreUnusable.
    """
    return Store.open(settings().home)


@dataclass(frozen=True)
class Order:
    """Work that a command wants done."""

    kind: JobKind
    title: str
    payload: dict[str, Any]
    command: tuple[str, ...]
    """What goes on after an interruption, as words of a command line."""
    detach: bool = False
    """Leave it to the background."""


@dataclass
class Stops:
    """Counts Ctrl-C while it is the signal handler: the first asks for a stop, the second raises KeyboardInterrupt."""

    asked: int = 0
    before: dict[int, Any] = field(default_factory=dict)

    def __enter__(self) -> Stops:
        for number in (signal.SIGINT, signal.SIGTERM):
            self.before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.asked += 1
        if self.asked > 1:
            raise KeyboardInterrupt


def carry_out(screen: Screen, store: Store, order: Order, *, wait: bool = True) -> dict[str, Any]:
    """Enqueue, follow, and return the job's result. Waits while another process holds a step, unless `wait` is False.

    Raises: what the worker met; Interrupted after Ctrl-C; Busy without `wait`; WorkerBug for a mistake of ours; Exit once it was left to the
    background.
    """
    queue = Queue(store)
    if order.detach:
        leave(screen, queue, order)
    if wait and is_supervised(store.home):
        job = queue.enqueue(order.kind, order.title, order.payload, shared=True)
        return outcome(watch(screen, queue, job), order.command)
    with Stops() as stops, a_display(screen.console, order.title) as display:
        told, show = None, once(display)
        while True:
            job = followed(queue, queue.enqueue(order.kind, order.title, order.payload), show, Interruption(stops, display), order)
            try:
                return outcome(job, order.command)
            except Busy as busy:
                if not wait:
                    raise
                told = tell_holder(display, busy, told)
                pause(told, stops, order)


def leave(screen: Screen, queue: Queue, order: Order) -> NoReturn:
    """Enqueue the order for whichever supervisor there is, or for one that is started now. Raises: Exit."""
    job = queue.enqueue(order.kind, order.title, order.payload, shared=True)
    ensure(queue.store.home)
    screen.result({"job": job.id})
    screen.say(f"{job.id} works in the background. To see how it goes: tunesmith jobs follow {job.id}")
    raise typer.Exit


def watch(screen: Screen, queue: Queue, job: Job) -> Job:
    """A shared job as it ended, or was paused, shown while a supervisor does it. Ctrl-C pauses it; a second one leaves it to itself.

    Raises: Interrupted after Ctrl-C.
    """
    home = queue.store.home
    with Stops() as stops, a_display(screen.console, job.title) as display:
        seq, told, asked = 0, "", False
        while True:
            job = queue.get(job.id)
            for number, _, event in events_since(queue, job.id, seq):
                seq = number
                display.show(event)
            if job.status in FINAL or job.status == "paused":
                break
            if job.status != told and job.status == "queued":
                display.say(f"{job.id} waits for its turn", "dim")
            told = job.status
            if stops.asked > 1:
                raise Interrupted("left to itself: it pauses in the background", where=job.id, fix=f"to go on: tunesmith jobs resume {job.id}")
            if stops.asked and not asked:
                asked = True
                display.say("pausing after this step, saving … (Ctrl-C again does not wait for it)", "yellow")
                queue.pause(job.id)
            ensure(home)  # a supervisor that was killed is replaced
            time.sleep(WATCH_S)
    if job.status == "paused":
        raise Interrupted("paused; everything is saved", where=job.id, fix=f"to go on: tunesmith jobs resume {job.id}")
    return job


def once(display: Display) -> Callable[[Event], None]:
    """Shows events, but notes and finished steps only the first time: a job that is tried again says them again."""
    said: set[str] = set()

    def show(event: Event) -> None:
        key = event.text if isinstance(event, Note) else event.artifact if isinstance(event, StageFinished) else None
        if key is None or key not in said:
            display.show(event)
        if key is not None:
            said.add(key)

    return show


def followed(queue: Queue, job: Job, show: Callable[[Event], None], interrupted: Callable[[], bool], order: Order) -> Job:
    """The job at its end. Raises: Interrupted at the second Ctrl-C."""
    try:
        return follow(queue, job, show, interrupted=interrupted)
    except (KeyboardInterrupt, Interrupted):
        raise killed(order.command) from None


@dataclass
class Interruption:
    """Asked by the supervisor again and again: has the user asked for a stop? Answers on the screen the first time."""

    stops: Stops
    display: Display
    answered: bool = False

    def __call__(self) -> bool:
        if self.stops.asked and not self.answered:
            self.answered = True
            self.display.say("stopping after this step, saving … (Ctrl-C again kills it)", "yellow")
        return bool(self.stops.asked)


def tell_holder(display: Display, busy: Busy, told: str | None) -> str:
    """Say once who holds what is needed."""
    holder = busy.problems[0].got or busy.message
    if holder != told:
        display.say(f"waiting for {holder} (Ctrl-C stops waiting; --no-wait does not wait)", "yellow")
    return holder


def pause(holder: str, stops: Stops, order: Order) -> None:
    """Wait until the holder's process is gone, or BUSY_RETRY_S. Raises: Interrupted if the user asks for a stop meanwhile."""
    until = time.monotonic() + BUSY_RETRY_S
    while time.monotonic() < until:
        if stops.asked:
            raise stopped(order.command)
        time.sleep(BUSY_POLL_S)
        if is_gone(holder):
            return


def is_gone(holder: str) -> bool:
    """True if `host:pid since …` names a process of this machine that has ended.

    >>> is_gone("elsewhere:1 since 2026-01-01, run x")
    False
    """
    found = re.match(r"(.+):(\d+) since ", holder)
    return found is not None and found[1] == socket.gethostname() and not psutil.pid_exists(int(found[2]))
