"""A tiny project, and a home in which its line has run once, undisturbed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.line.tiny_project import Home, Ran, Running, make

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
    home = Home(folder.parent / "contested", folder)
    first = home.start("run", home.project(), "--json")
    wait_until(first, lambda: any((home.path / "work").glob(TRAINING)))
    worker = psutil.Process(first.process.pid).children()[0].children()[0]
    suspend_between_writes(worker, home)
    try:
        second = home.start("run", home.project(), "--json")
        refused = home.start("run", home.project(), "--no-wait", "--json").end()
        wait_until(second, lambda: "waiting for" in second.said())
    finally:
        worker.resume()
    return Contest(home, first.end(), second.end(), refused)


def suspend_between_writes(worker: psutil.Process, home: Home) -> None:
    """Hold a process still, but not while it holds the database: nobody else could write then."""
    while True:
        worker.suspend()
        with closing(sqlite3.connect(home.path / "store.db", timeout=0.5, isolation_level=None)) as database, suppress(sqlite3.OperationalError):
            database.execute("BEGIN IMMEDIATE")
            return
        worker.resume()
        time.sleep(0.05)


@pytest.fixture(scope="session")
def home(contest: Contest) -> Home:
    """A home in which the line has run."""
    return contest.home


def wait_until(command: Running, happens: Callable[[], bool]) -> None:
    """Until something happens while the command runs."""
    give_up = time.monotonic() + 180
    while not happens():
        assert command.process.poll() is None, command.said()
        assert time.monotonic() < give_up, command.said()
        time.sleep(0.01)
