"""Acts → an append-only record: who did what to which artifact, and each look at a test split."""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, insert, select

from tunesmith.store.database import Database
from tunesmith.store.tables import LEDGER

LOOK = "look"


class HasDatabase(Protocol):
    """A store, or what stands for one here."""

    @property
    def database(self) -> Database:
        """Where the ledger is kept."""


@dataclass(frozen=True)
class Entry:
    """One act."""

    id: int
    at: float
    """Unix time, seconds."""
    actor: str
    """user@host"""
    action: str
    subject: str
    detail: dict[str, Any]


class Ledger:
    """Entries are added, never changed: the database refuses it."""

    def __init__(self, store: HasDatabase) -> None:
        self._database = store.database

    def append(self, action: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
        """Write down that `action` was done to `subject`."""
        with self._database.write() as connection:
            write(connection, action, subject, detail or {})

    def entries(self, subject: str | None = None) -> list[Entry]:
        """What was done, oldest first; to one subject if it is given."""
        query = select(LEDGER).order_by(LEDGER.c.id)
        with self._database.read() as connection:
            found = connection.execute(query if subject is None else query.where(LEDGER.c.subject == subject))
            return [Entry(row.id, row.at, row.actor, row.action, row.subject, row.detail) for row in found]

    def looks(self, dataset: str, split: str) -> int:
        """How often a split of the data set was opened for a verdict."""
        return sum(e.action == LOOK and e.detail.get("split") == split for e in self.entries(dataset))

    def open_test(self, dataset: str, candidates: Sequence[str], *, rows: str | None = None) -> int:
        """Count a look at the test split and return its number, from 1.

        `candidates` must identify the finalists by content (digests), not only by name: the same finalists on the same rows are the same
        look and keep its number, so that a run that was killed between the look and its verdict ends with the same verdict.
        `rows` is the digest of the split's rows: a data set with another name but the same test rows shares their looks.
        """
        finalists = sorted(candidates)
        with self._database.write() as connection:
            query = select(LEDGER.c.subject, LEDGER.c.detail).where(LEDGER.c.action == LOOK).order_by(LEDGER.c.id)
            before = [e for e in connection.execute(query) if e.subject == dataset or (rows is not None and e.detail.get("rows") == rows)]
            looks = [e.detail["candidates"] for e in before if e.detail["split"] == "test"]
            if finalists not in looks:
                looks.append(finalists)
                write(connection, LOOK, dataset, {"split": "test", "candidates": finalists} | ({"rows": rows} if rows else {}))
        return looks.index(finalists) + 1


def write(connection: Connection, action: str, subject: str, detail: Mapping[str, Any]) -> None:
    """Add an entry within the caller's transaction."""
    connection.execute(
        insert(LEDGER).values(at=time.time(), actor=f"{_user()}@{socket.gethostname()}", action=action, subject=subject, detail=dict(detail))
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as containers have it
        return "unknown"
