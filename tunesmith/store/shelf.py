"""Rows of the index ↔ artifacts: what `work.py`, `artifacts.py` and `forget.py` share, so that each can be read alone."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from tunesmith.errors import BadData, Problem
from tunesmith.store.database import Database
from tunesmith.store.folder import Artifact
from tunesmith.store.provenance import provenance
from tunesmith.store.tables import ARTIFACTS, FORGOTTEN, KEYS


@dataclass(frozen=True)
class Shelf:
    """The folders of a store and its index."""

    home: Path
    database: Database

    @property
    def artifacts(self) -> Path:
        """Finished results."""
        return self.home / "artifacts"

    @property
    def work(self) -> Path:
        """Unfinished work and its lock files."""
        return self.home / "work"

    @property
    def gate(self) -> Path:
        """The lock that all work shares and `forget` has alone."""
        return self.home / "gate.lock"

    def facts(self) -> dict[str, Any]:
        """What stands beside every artifact, unhashed."""
        return provenance()

    def artifact(self, row: Row[Any]) -> Artifact:
        """One row of the index as an artifact."""
        return Artifact(
            row.name,
            row.kind,
            self.artifacts / row.name,
            row.key,
            row.stage,
            row.created_at,
            tuple(row.parents),
            row.digest,
            row.erased_at,
            row.erased_why or "",
        )

    def all(self) -> list[Artifact]:
        """Every artifact of the index, erased ones too, newest first."""
        with self.database.read() as connection:
            return [self.artifact(row) for row in connection.execute(select(ARTIFACTS).order_by(ARTIFACTS.c.created_at.desc(), ARTIFACTS.c.name))]

    def enter(self, artifact: Artifact, *, only_unknown: bool = False) -> Artifact:
        """Write the artifact's row, and that its key leads to it. Known content gains the new parents.

        `only_unknown` is for mending: a row that somebody has written (or marked as erased) meanwhile is left as it is.
        """
        with self.database.write() as connection:
            known = connection.execute(select(ARTIFACTS).where(ARTIFACTS.c.name == artifact.name)).one_or_none()
            if known is not None and only_unknown:
                return self.artifact(known)
            entered = artifact if known is None or known.erased_at is not None else self._joined(self.artifact(known), artifact)
            self._put(connection, entered)
            connection.execute(delete(KEYS).where(KEYS.c.key == artifact.key))
            connection.execute(insert(KEYS).values(key=artifact.key, artifact=artifact.name))
        return entered

    @staticmethod
    def _joined(known: Artifact, again: Artifact) -> Artifact:
        """The known artifact as a child of all parents that ever led to it: `forget` must find it from each of them."""
        return replace(known, parents=tuple(dict.fromkeys((*known.parents, *again.parents))))

    @staticmethod
    def _put(connection: Connection, artifact: Artifact) -> None:
        values = {
            "kind": artifact.kind,
            "digest": artifact.digest,
            "key": artifact.key,
            "stage": artifact.stage,
            "created_at": artifact.created_at,
            "parents": list(artifact.parents),
            "erased_at": None,
            "erased_why": None,
        }
        changed = connection.execute(update(ARTIFACTS).where(ARTIFACTS.c.name == artifact.name).values(**values))
        if changed.rowcount == 0:
            connection.execute(insert(ARTIFACTS).values(name=artifact.name, **values))

    def refuse_forgotten(self, folder: Path) -> None:
        """Keep forgotten rows from coming back with the next preparation of the same sources.

        Raises: BadData with file and line of every such row (at most 20).
        """
        with self.database.read() as connection:
            forgotten = {row.row_hash: row for row in connection.execute(select(FORGOTTEN))}
        if not forgotten:
            return
        problems = []
        for row in rows(folder):
            if found := forgotten.get(row_hash(row["id"])):
                origin = row.get("origin") or {}
                when = time.strftime("%Y-%m-%d", time.localtime(found.at))
                where = f"{origin.get('file', 'row')} line {origin.get('line', '?')}"
                problems.append(
                    Problem(
                        f"this row was forgotten on {when} and is still in the source",
                        where,
                        got=f"reason given: {found.reason}",
                        fix="delete it there",
                    )
                )
        if problems:
            raise BadData(problems=problems[:20])


SPLIT_FILES = ("train.jsonl", "dev.jsonl", "test.jsonl")


def rows(folder: Path, files: Iterable[str] = SPLIT_FILES) -> Iterable[dict[str, Any]]:
    """The rows of a data set folder as plain JSON objects."""
    for name in files:
        if (folder / name).exists():
            with (folder / name).open("rb") as lines:
                yield from (json.loads(line) for line in lines if line.strip())


def row_hash(row_id: str) -> str:
    """What is kept of a forgotten row: sha256 (64 hex digits) of its id.

    >>> row_hash("0123456789abcdef")[:8]
    '9f9f5111'
    """
    return hashlib.sha256(row_id.encode("utf-8", "surrogatepass")).hexdigest()
