"""Turns as they are read → the same turns thread by thread, in order, kept on disk so that memory does not follow the log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

BATCH = 2_000
COLUMNS = "thread, author, side, email, time, text, subject, file, line, fault"


class Turn(NamedTuple):
    """One thing that somebody said."""

    thread: str
    author: str
    side: str
    """`agent`, `customer`, `bot` as the log says it; empty where it does not."""
    email: str
    time: float | None
    """Unix seconds."""
    text: str
    subject: str
    file: str
    line: int
    fault: str = ""
    """Why it cannot be used, where that is known already."""

    def who(self) -> str:
        """The author, as one name for all that the log calls them."""
        return (self.email or self.author).casefold()


class Turns:
    """Takes turns in any order, gives threads in the order in which each began."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "turns.db"
        self._db = sqlite3.connect(self._path)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(
            "CREATE TABLE turns (seq INTEGER PRIMARY KEY, thread TEXT, author TEXT, side TEXT, email TEXT, time REAL, text TEXT, subject TEXT, file TEXT, "
            "line INTEGER, fault TEXT)"
        )

    def __enter__(self) -> Turns:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._db.close()
        self._path.unlink(missing_ok=True)

    def add(self, turns: Iterable[Turn]) -> None:
        """Some turns."""
        self._db.executemany(f"INSERT INTO turns ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", turns)

    def finish(self) -> None:
        """Nothing is added any more."""
        self._db.execute("CREATE INDEX by_thread ON turns (thread)")
        self._db.commit()

    def count(self) -> int:
        """All turns."""
        return int(self._db.execute("SELECT COUNT(*) FROM turns").fetchone()[0])

    def threads(self) -> Iterator[list[Turn]]:
        """Each thread: by time where all its turns have one, else in the order of the file."""
        names = self._db.execute("SELECT thread FROM turns GROUP BY thread ORDER BY MIN(seq)")
        while batch := names.fetchmany(BATCH):
            for (name,) in batch:
                found = self._db.execute(f"SELECT {COLUMNS} FROM turns WHERE thread = ? ORDER BY seq", (name,))
                turns = [Turn(*row) for row in found]
                if all(turn.time is not None for turn in turns):
                    turns.sort(key=lambda turn: turn.time or 0.0)
                yield turns
