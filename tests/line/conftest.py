"""A tiny project, and a home in which its line has run once, undisturbed."""

from __future__ import annotations

import functools
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.line.tiny_project import Home, Ran, Running, make
from tests.waiting import until

TRAINING = "*/.scratch/plan.json"
"""Under work/ while a training goes on."""


@dataclass(frozen=True)
class Contest:
    """Three runs of one project in one store: the first, one that was willing to wait for it, and one that was not."""

    home: Home
    first: Ran
    second: Ran
    refused: Ran


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's folder; tests that change it copy it."""
    return make(tmp_path_factory.mktemp("line") / "project")


@pytest.fixture(scope="session")
def contest(folder: Path) -> Contest:
    """The line, run by two commands at once, while a third will not wait. The first one's worker is held still while it trains, so that they meet."""
    for home, first, worker in (held for held in (held_still(folder, f"contested-{n}") for n in range(5)) if held is not None):
        try:
            second = home.start("run", home.project(), "--json")
            refused = home.start("run", home.project(), "--no-wait", "--json").end()
            have_met = wait_until(second, lambda second=second: "waiting for" in second.said())
        finally:
            worker.resume()
        contest = Contest(home, first.end(), second.end(), refused)
        if have_met:
            return contest
        assert "has been writing" in contest.second.out, contest.second  # it stands still with the database in its hands: no contest
    raise AssertionError("no two commands met")


def held_still(folder: Path, name: str) -> tuple[Home, Running, psutil.Process] | None:
    """A new home, the command that runs the line in it, and its worker, which stands still while it trains; None where this machine was too slow for that."""
    home = Home(folder.parent / name, folder)
    first = home.start("run", home.project(), "--json")
    wait_until(first, lambda: any((home.path / "work").glob(TRAINING)))
    with suppress(psutil.NoSuchProcess, IndexError):
        worker = psutil.Process(first.process.pid).children()[0].children()[0]
        suspend_between_writes(worker, home)
        if any((home.path / "work").glob(TRAINING)):
            return home, first, worker
        worker.resume()
    first.end()
    return None


def is_still(pid: int) -> bool:
    """True once every thread of a process that was told to stop has stopped: until then one may still begin to write. True also where it has ended."""
    try:
        states = [(task / "stat").read_text().rpartition(")")[2].split()[0] for task in Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return all(state in "TtZX" for state in states)


def suspend_between_writes(worker: psutil.Process, home: Home) -> None:
    """Hold a process still, but not while it holds the database: nobody else could write then."""
    while True:
        worker.suspend()
        until(lambda: is_still(worker.pid))
        with closing(sqlite3.connect(home.path / "store.db", timeout=0.5, isolation_level=None)) as database, suppress(sqlite3.OperationalError):
            database.execute("BEGIN IMMEDIATE")
            return
        worker.resume()
        time.sleep(0.05)


@pytest.fixture(scope="session")
def home(contest: Contest) -> Home:
    """A home in which the line has run."""
    return contest.home


def wait_until(command: Running, happens: Callable[[], bool]) -> bool:
    """True once something has happened while the command ran; False if it ended before."""
    return until(lambda: (True,) if happens() else (False,) if command.process.poll() is not None else (), 900)[0]


def stopped_while(home: Home, words: tuple[str, ...], happens: Callable[[Home], bool]) -> tuple[Home, Ran]:
    """(a home, how a command ended in it at Ctrl-C while something happened); in another home where this machine stood still until that was over."""
    for number in range(5):
        mine = Home(home.path.with_name(f"{home.path.name}-{number}"), home.folder)
        command = mine.start(*words)
        wait_until(command, functools.partial(happens, mine))
        command.process.send_signal(signal.SIGINT)
        ended = command.end()
        if happens(mine):
            return mine, ended
    raise AssertionError(ended.err)
