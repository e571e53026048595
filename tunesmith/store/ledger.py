"""Acts → an append-only record: who did what to which artifact, and each look at locked rows.

A look is at rows, not at a file: renamed, moved or prepared anew, a row keeps its id. So each look is kept with the marks of its rows (8 bytes of a row; the
same set of rows once), and every earlier look at any of these rows counts.
"""

from __future__ import annotations

import getpass
import hashlib
import socket
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, insert, select

from tunesmith.store.database import Database
from tunesmith.store.shelf import row_hash
from tunesmith.store.tables import LEDGER, LOOKED_AT

LOOK = "look"
MARK_BYTES = 8
"""Kept of a row's hash: among 100,000 rows and as many others, none is taken for another in 999 of 1,000 stores."""


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


@dataclass(frozen=True)
class Look:
    """One opening of locked rows for a verdict."""

    dataset: str
    """Name of the artifact that holds them."""
    rows: Collection[str]
    """Their ids, which are digests of their content."""
    finalists: Sequence[str]
    """Who is measured on them: digests of the candidates, not names."""
    judged_by: str
    """Digest of the deciding metric, the confidence and what marks the answers: to try another one on the same answers is a look of its own."""


@dataclass(frozen=True)
class Opened:
    """Which look it is."""

    number: int
    """Among the different looks at any of the rows, from 1; those that were taken again keep theirs."""
    total: int
    """So many different looks there were by now, this one included: what is printed."""
    is_known: bool
    """A run had taken this very look before."""
    others: int
    """Looks by runs that the ledger knew of before."""


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

    def open_test(self, look: Look, *, by: str = "run") -> Opened:
        """Write down a look at locked rows, and say which one it is of how many at any of them that were taken for a verdict.

        The same finalists, judged the same way on the same rows, are the same look: a run that was killed between the look and its verdict ends with the
        same verdict. `by`: `run`, or `verify`, which is written down, decides nothing, and neither counts nor vouches for a look: certificates that somebody
        altered use up nobody's looks.
        """
        marks = b"".join(sorted({bytes.fromhex(row_hash(row))[:MARK_BYTES] for row in look.rows}))
        name = hashlib.sha256(marks).hexdigest()
        finalists = sorted(look.finalists)
        mine = (name, finalists, look.judged_by)
        with self._database.write() as connection:
            before = list(overlapping(connection, look.dataset, name, marks))
            told = [(str(detail.get("rows", "")), detail["candidates"], detail.get("judged_by", "")) for detail in before]
            known = any(one == mine and detail.get("by") == "run" for one, detail in zip(told, before, strict=True))
            if not any(one == mine and detail.get("by") == by for one, detail in zip(told, before, strict=True)):
                if connection.execute(select(LOOKED_AT.c.digest).where(LOOKED_AT.c.digest == name)).first() is None:
                    connection.execute(insert(LOOKED_AT).values(digest=name, marks=marks))
                detail = {"split": "test", "candidates": finalists, "rows": name, "judged_by": look.judged_by, "by": by}
                write(connection, LOOK, look.dataset, detail)
        looks: list[tuple[str, list[str], str]] = []
        by_runs = [one for one, detail in zip(told, before, strict=True) if detail.get("by") == "run"]
        for one in (*by_runs, mine):
            if one not in looks:
                looks.append(one)
        return Opened(looks.index(mine) + 1, len(looks), is_known=known, others=len(by_runs))


def overlapping(connection: Connection, dataset: str, rows: str, marks: bytes) -> Iterator[dict[str, Any]]:
    """The details of every look at any row of `marks`, oldest first; `rows` is the name of that set."""
    query = select(LEDGER.c.subject, LEDGER.c.detail).where(LEDGER.c.action == LOOK).order_by(LEDGER.c.id)
    mine = frozenset(split(marks))
    shares: dict[str, bool] = {rows: True}
    for entry in connection.execute(query).all():
        other = str(entry.detail.get("rows", ""))
        if entry.subject != dataset and other not in shares:
            kept = connection.execute(select(LOOKED_AT.c.marks).where(LOOKED_AT.c.digest == other)).scalar()
            shares[other] = kept is not None and not mine.isdisjoint(split(kept))
        if entry.subject == dataset or shares[other]:
            yield entry.detail


def split(marks: bytes) -> Iterator[bytes]:
    """The marks of single rows."""
    return (marks[k : k + MARK_BYTES] for k in range(0, len(marks), MARK_BYTES))


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
