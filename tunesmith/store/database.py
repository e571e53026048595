"""A path → the store's SQLite file at the newest schema: one connection policy, one transaction helper, faults by name.

Policy: WAL, so that readers never wait; `synchronous=FULL`, because one look at a test split or one promise to forget must survive a power
cut (a commit costs 0.5 ms on the machine this was written on); writers take the lock at BEGIN and wait for it at most 30 s, so that no transaction has to be retried.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from tunesmith.errors import Busy, StoreUnusable, TunesmithError
from tunesmith.store.disk import disk_faults, disk_full, not_writable
from tunesmith.store.lease import Lease, this_process

SCHEMA = "0004"
"""The newest migration; a test compares it with `migrations/`."""
KNOWN = frozenset({"0001", "0002", "0003", "0004"})
"""Schemas that this version can bring up to date."""
WAIT_S = 30.0
LITTLE_BYTES = 1 << 16
"""SQLite calls it an I/O error where there is no room for its index of the write-ahead log (32 KiB)."""


class Database:
    """One SQLite file. Threads may share it; processes open their own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine = _engine(path)

    @classmethod
    def open(cls, path: Path) -> Database:
        """The database at `path`, created or brought to the newest schema where that is due.

        Raises: StoreUnusable when it is no database of ours, from a newer version, damaged, read-only, or the disk is full.
        """
        database = cls(path)
        if database.version() != SCHEMA:
            with disk_faults(path), _opening(path):
                database.upgrade()
        return database

    def close(self) -> None:
        """Close the pooled connections."""
        self.engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view; never waits for writers."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its start: all of it is stored, or nothing."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        try:
            with self.engine.connect().execution_options(tunesmith_begin=begin) as connection, connection.begin():
                yield connection
        except (DBAPIError, sqlite3.Error) as error:
            named = self._named(error)
            if named is None:
                raise
            raise named from error

    def version(self) -> str | None:
        """The schema the file has; None for a file without tables.

        Raises: StoreUnusable for a newer schema, and for a file that is not ours.
        """
        with self.read() as connection:
            tables = {row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not tables:
                return None
            found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() if "alembic_version" in tables else None
        if found is None:
            raise StoreUnusable("is a database of another program", where=str(self.path), fix="move it away, or set TUNESMITH_HOME to another folder")
        if found not in KNOWN:
            raise StoreUnusable(
                "was written by a newer Tunesmith",
                where=str(self.path),
                got=f"schema {found}",
                expected=f"schema {SCHEMA} or older",
                fix="upgrade Tunesmith, or set TUNESMITH_HOME to another folder",
            )
        return str(found)

    def upgrade(self) -> None:
        """Bring the file to the newest schema; the caller holds the opening lease."""
        if self.version() == SCHEMA:  # another process was faster
            return
        from tunesmith.store import migrate  # the one import in a function: alembic costs 60-120 ms that `--help` must not pay

        try:
            with self.engine.connect() as connection:  # outside a transaction: inside one SQLite cannot change the journal
                raw = connection.connection.driver_connection
                assert raw is not None
                raw.execute("PRAGMA journal_mode=WAL")
        except (DBAPIError, sqlite3.Error) as error:
            named = self._named(error)
            if named is None:
                raise
            raise named from error
        with self.write() as connection:
            migrate.upgrade(connection)

    def _named(self, error: DBAPIError | sqlite3.Error) -> TunesmithError | None:
        """SQLite's fault in our words; None for a mistake of ours."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        symbol: str = getattr(cause, "sqlite_errorname", None) or ""
        where, why = str(self.path), str(cause)
        if symbol.startswith("SQLITE_FULL") or (symbol.startswith("SQLITE_IOERR") and shutil.disk_usage(self.path.parent).free < LITTLE_BYTES):
            return disk_full(self.path)
        if symbol.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
            return not_writable(self.path, "a read-only file system" if os.statvfs(self.path.parent).f_flag & os.ST_RDONLY else why)
        if symbol.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            fix = "move it away: stored artifacts are found again at the next start; registered names, jobs and the ledger are in a backup only"
            return StoreUnusable("is damaged, or not a database", where=where, got=why, expected="the SQLite file that Tunesmith wrote", fix=fix)
        if symbol.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return Busy(
                f"another process has been writing for {WAIT_S:.0f} s", where=where, got=why, fix="wait until it is done and run the command again"
            )
        if symbol.startswith("SQLITE_IOERR"):
            return StoreUnusable(
                "the disk does not work as it should", where=where, got=why, fix="check the disk; set TUNESMITH_HOME to a folder on another one"
            )
        return None


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    """Only one process at a time creates or migrates; the others wait for it."""
    lease = Lease.take(path.with_name("opening.lock"), this_process("opening the store"), wait_s=WAIT_S)
    try:
        yield
    finally:
        lease.free()


def _engine(path: Path) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args={"timeout": WAIT_S})

    @event.listens_for(engine, "connect")
    def connected(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # the driver begins no transaction of its own; ours does, below
        raw.execute("PRAGMA synchronous=FULL")
        raw.execute("PRAGMA secure_delete=ON")  # what is forgotten is overwritten in the file, not only unlinked

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("tunesmith_begin", "BEGIN"))

    return engine
