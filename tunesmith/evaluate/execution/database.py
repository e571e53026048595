"""Answers that are SQL queries, and the user's SQLite file → which of them give the result of the reference query.

Queries run one after the other in a process of its own, which only reads the file and is ended and started anew where a query overstays.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType

import tunesmith
from tunesmith.errors import BadData, BadProject, NotFound, Problem
from tunesmith.evaluate.execution.fences import unfenced
from tunesmith.evaluate.execution.sql import Bounds, Found, open_read_only, orders, run, same_result
from tunesmith.spec.noun import digest
from tunesmith.spec.report import Scored
from tunesmith.store.parent import die_with

WHERE = "task.database"
CHUNK = 1 << 16
MOST_BYTES = 64 << 20
"""Of one result on its way here."""
STARTS_S = 120.0
"""The process reads Python and opens the file: no part of any query's time."""
GRACE_S = 2.0
"""Beyond a query's own time, for one long step of SQLite and for the result's way."""
MOST_TOLD = 5
STANDARD = Bounds()


@dataclass
class Database:
    """The process that runs queries on one file, as a context: closed, it is gone."""

    path: Path
    bounds: Bounds = STANDARD
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def __enter__(self) -> Database:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def find(self, query: str) -> Found:
        """The rows of one query, or what is wrong with it."""
        process = self._started()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(query).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            self._end()
            return Found(error="the process that runs queries ended")
        line = self._line(process, time.monotonic() + self.bounds.seconds + GRACE_S)
        if line is None:
            self._end()
            return Found(error=f"it took longer than {self.bounds.seconds:g} s, needed too much memory, or broke SQLite")
        told = json.loads(line)
        return Found(tuple(tuple(row) for row in told["rows"]), told["error"])

    def _line(self, process: subprocess.Popen[bytes], until: float) -> bytes | None:
        """One line that the process writes; None where none comes in time."""
        assert process.stdout is not None
        said = bytearray()
        while (left := until - time.monotonic()) > 0 and len(said) <= MOST_BYTES:
            ready, _, _ = select.select([process.stdout], [], [], left)
            chunk = os.read(process.stdout.fileno(), CHUNK) if ready else b""
            if not chunk:
                return None
            said += chunk
            if said.endswith(b"\n"):
                return bytes(said)
        return None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            root = str(Path(tunesmith.__file__).parents[1])
            boot = f"import sys; sys.path.append({root!r}); from {__name__} import main; main(sys.argv[1])"
            asked = {"path": str(self.path.absolute()), "parent": os.getpid(), "bounds": asdict(self.bounds)}
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", boot, json.dumps(asked)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            self._line(self._process, time.monotonic() + STARTS_S)  # where it never opens the file, its first query finds it ended
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):  # a query that it did not take any more
                    stream.close()
        process.wait()


def main(asked: str) -> None:
    """The other process: a query a line on standard input, its result as a line on standard output."""
    given = json.loads(asked)
    bounds = Bounds(**given["bounds"])
    die_with(given["parent"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (bounds.memory_bytes, bounds.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # not even a temporary file
    connection = open_read_only(Path(given["path"]))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        found = run(connection, json.loads(line), bounds)
        sys.stdout.write(json.dumps({"rows": found.rows, "error": found.error}) + "\n")
        sys.stdout.flush()


@dataclass(frozen=True)
class SqlScorer:
    """Runs each answer and its reference on the user's file, and compares what they find."""

    path: Path
    digest: str
    """sha256 of the file's bytes."""
    bounds: Bounds = STANDARD

    @classmethod
    def open(cls, path: Path) -> SqlScorer:
        """The scorer for a file.

        Raises: NotFound; BadProject for what is no SQLite file.
        """
        try:
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            open_read_only(path).close()
        except OSError as error:
            raise NotFound("cannot be read", where=f"{WHERE} {path}", got=error.strerror or str(error), fix="correct `task.database`") from None
        except sqlite3.Error as error:
            raise BadProject("is no SQLite file", where=f"{WHERE} {path}", got=str(error), fix="name the database that the queries are for") from None
        return cls(path, sha256)

    @property
    def title(self) -> str:
        """As in `RowScorer`."""
        return "running queries"

    @property
    def identity(self) -> str:
        """As in `RowScorer`."""
        return digest({"database": self.digest, "bounds": asdict(self.bounds)})

    def scores(self, rows: Sequence[Scored], *, done: Callable[[int], None], stop: Callable[[], bool]) -> list[dict[str, float]]:
        """As in `RowScorer`: whether an answer runs, and whether it finds what the reference finds.

        Raises: BadData with the reference queries that do not run.
        """
        found: list[dict[str, float]] = []
        broken: list[Problem] = []
        with Database(self.path, self.bounds) as database:
            for row in rows:
                if stop():
                    break
                wanted = Found() if row.out_of_scope else database.find(unfenced(row.reference))
                if wanted.error is not None:
                    where = f"{row.origin.file} line {row.origin.line}"
                    broken.append(Problem("the reference query does not run", where=where, got=wanted.error, fix=f"mend it, or correct `{WHERE}`"))
                    if len(broken) == MOST_TOLD:
                        break
                found.append({} if row.out_of_scope else compared(database.find(unfenced(row.answer)), wanted, row.reference))
                done(len(found))
        if broken:
            raise BadData(problems=broken)
        return found


def compared(answer: Found, wanted: Found, reference: str) -> dict[str, float]:
    """The scores of one query."""
    same = answer.error is None and same_result(answer.rows, wanted.rows, in_order=orders(unfenced(reference)))
    return {"query_runs": float(answer.error is None), "same_result": float(same)}
