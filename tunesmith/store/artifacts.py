"""A home folder → the store: keys lead to artifacts, names lead to artifacts, unfinished work has one owner.

HOME/store.db             the index, the jobs, the ledger
HOME/artifacts/<name>/    immutable results (see `folder.py`)
HOME/work/<key[:16]>/     unfinished work, and beside it the lock file of its owner
HOME/models/              weights of the catalogue
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import delete, func, insert, select

from tunesmith.errors import Busy, NotFound
from tunesmith.store import forget as forgetting
from tunesmith.store.database import Database
from tunesmith.store.disk import disk_faults, not_writable, remove
from tunesmith.store.folder import MANIFEST, SIDECAR, Artifact
from tunesmith.store.forget import Forgotten
from tunesmith.store.lease import Lease, this_process
from tunesmith.store.ledger import write as write_ledger
from tunesmith.store.shelf import Shelf
from tunesmith.store.tables import ARTIFACTS, KEYS, MODELS
from tunesmith.store.work import Work, enter_sealed

__all__ = ["Artifact", "Forgotten", "Store", "Version", "Work"]
NOUNS = {"dataset": "data set", "checkpoint": "tuned model", "line": "report of a run", "examination": "examination", "version": "version of data"}
"""Kind → what a person calls it; other kinds are called by their name."""
LISTS = {
    "dataset": "tunesmith data list",
    "line": "tunesmith report --list",
    "certificate": "tunesmith certificate --list",
    "version": "tunesmith data versions",
}
"""Kind → the command that lists it; the others are found from the models."""


@dataclass(frozen=True)
class Version:
    """One entry under a registered name."""

    model: str
    number: int
    """1, 2 … per name."""
    artifact: str
    at: float
    """Unix time, seconds."""


class Store:
    """Where nouns live. Cheap to open; any number of processes may use one at once."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.home = shelf.home
        self.models = shelf.home / "models"
        self.database = shelf.database

    @classmethod
    def open(cls, home: Path) -> Store:
        """The store at `home`: created where there is none, migrated where it is old, mended where somebody was killed.

        Raises: StoreUnusable when it is read-only, full, damaged, or from a newer version.
        """
        with disk_faults(home):
            for folder in (home, home / "artifacts", home / "work", home / "models", home / "jobs"):
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                except FileNotFoundError as error:  # a file system that makes no folders
                    raise not_writable(folder, error.strerror or str(error)) from error
            store = cls(Shelf(home, Database.open(home / "store.db")))
            store._mend()
        return store

    def close(self) -> None:
        """Close the database's connections."""
        self.database.close()

    def _mend(self) -> None:
        """Enter artifacts whose maker was killed before it wrote the row, finish deletions, and complete interrupted forgetting."""
        enter_sealed(self.shelf)
        for leftover in self.shelf.work.glob(".discarded-*"):
            remove(leftover)
        if forgetting.pending(self.shelf):
            with suppress(Busy):  # whoever holds the gate is working: nothing of what is to be forgotten resolves meanwhile
                forgetting.complete(self.shelf)

    def find(self, key: str) -> Artifact | None:
        """The artifact that the step with this key left, or None: the step has to run (again)."""
        with self.database.read() as connection:
            query = select(ARTIFACTS).join(KEYS, KEYS.c.artifact == ARTIFACTS.c.name).where(KEYS.c.key == key, ARTIFACTS.c.erased_at.is_(None))
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        artifact = replace(self.shelf.artifact(row), key=key)
        return artifact if (artifact.path / MANIFEST).exists() else None  # a folder that somebody deleted is made again

    def lead(self, key: str, artifact: str) -> None:
        """Let one more key lead to a stored artifact: `find(key)` gives it from now on."""
        with self.database.write() as connection:
            connection.execute(delete(KEYS).where(KEYS.c.key == key))
            connection.execute(insert(KEYS).values(key=key, artifact=artifact))

    def artifacts(self, kind: str | None = None, *, erased: bool = False) -> list[Artifact]:
        """Finished results, newest first; those whose content was erased only if asked for."""
        return [a for a in self.shelf.all() if kind in (None, a.kind) and (erased or a.erased_at is None)]

    def get(self, name: str, kind: str | None = None) -> Artifact:
        """The artifact that `name` means: its full name, a registered name, `latest`, or a unique prefix of its name or hash.

        Raises: NotFound, with the nearest names, or with when and why the content was erased.
        """
        every = self.artifacts(erased=True)
        wanted = [a for a in every if kind in (None, a.kind)]
        if name == "latest" and (alive := [a for a in wanted if a.erased_at is None]):
            return alive[0]
        target = self._newest_version(name) or name
        for artifact in every:
            if artifact.name == target and kind in (None, artifact.kind):
                return artifact
            if artifact.name == target:
                noun, listed = NOUNS.get(kind or "", kind), LISTS.get(kind or "", "tunesmith models list")
                raise NotFound(f"is no {noun}", where=name, got=artifact.name, expected=f"the name of a {noun}", fix=f"look one up with `{listed}`")
        found = [a for a in wanted if name and (a.name.startswith(name) or (len(name) >= 4 and a.name.rpartition("-")[2].startswith(name)))]
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFound(f"could be any of {len(found)}", where=name, got=", ".join(a.name for a in found[:5]), fix="write more of the name")
        raise self._unknown(name, kind, [a.name for a in wanted if a.erased_at is None])

    def _unknown(self, name: str, kind: str | None, names: list[str]) -> NotFound:
        nearest = difflib.get_close_matches(name, [*self.registered(), *names], n=3, cutoff=0.5)
        fix = (
            f"did you mean {', '.join(nearest)}?"
            if nearest
            else f"look it up with `{LISTS.get(kind or '', 'tunesmith models list')}`"
            if names
            else "run a project first: `tunesmith run project.toml`"
        )
        noun = NOUNS.get(kind, kind) if kind else "artifact"
        what = f"there is no {noun} yet" if name == "latest" and not names else f"no {noun} in the store is called so"
        return NotFound(what, where=name or "''", got=f"{len(names)} stored", expected="a name, the beginning of one, or `latest`", fix=fix)

    @contextmanager
    def work(self, key: str, *, stage: str, title: str, parents: Sequence[str] = ()) -> Iterator[Work]:
        """The folder of the step with this key, owned until the block ends; what a dead owner left in it is still there.

        Ask `find(key)` again inside: the former owner may have finished meanwhile. `parents` are the artifacts that the step reads:
        `forget` deletes unfinished work that may hold a forgotten row, and without them it has to assume so.
        Raises: Busy, naming the holder, when another live process owns it; StoreUnusable when the disk is full.
        """
        if len(key) < 16 or set(key) - set("0123456789abcdef"):
            raise ValueError(f"a key is at least 16 hex digits, not {key!r}")
        folder = self.shelf.work / key[:16]
        with disk_faults(folder):
            gate = Lease.take(self.shelf.gate, this_process(title), shared=True)
        try:
            with disk_faults(folder):
                lease = Lease.take(folder.with_suffix(".lock"), this_process(title, stage, tuple(parents)))
            try:
                with disk_faults(folder):
                    folder.mkdir(exist_ok=True)
                    for leftover in (MANIFEST, SIDECAR):  # of an owner that was killed while it finished
                        remove(folder / leftover)
                with disk_faults(folder, only_full=True):
                    yield Work(self.shelf, folder, key, stage, lease)
            finally:
                lease.free()
        finally:
            gate.free()

    def register(self, model: str, artifact: str) -> None:
        """Make `model` mean `artifact` from now on; earlier versions stay listed. The newest version is not registered twice.

        Raises: NotFound if there is no such artifact, or it was erased.
        """
        meant = self.get(artifact)
        meant.refuse_erased()
        with self.database.write() as connection:
            newest = connection.execute(select(MODELS).where(MODELS.c.name == model).order_by(MODELS.c.version.desc()).limit(1)).one_or_none()
            if newest is None or newest.artifact != meant.name:
                number = newest.version + 1 if newest else 1
                connection.execute(insert(MODELS).values(name=model, version=number, artifact=meant.name, at=time.time()))
                write_ledger(connection, "register", meant.name, {"model": model, "version": number})

    def registered(self) -> dict[str, list[Version]]:
        """Registered name → its versions, newest last; versions whose content was erased are left out."""
        with self.database.read() as connection:
            query = select(MODELS).join(ARTIFACTS, ARTIFACTS.c.name == MODELS.c.artifact).where(ARTIFACTS.c.erased_at.is_(None))
            found: dict[str, list[Version]] = {}
            for row in connection.execute(query.order_by(MODELS.c.name, MODELS.c.version)):
                found.setdefault(row.name, []).append(Version(row.name, row.version, row.artifact, row.at))
            return found

    def _newest_version(self, model: str) -> str | None:
        """Name of the artifact that a registered name means; None for a name that was never registered.

        Raises: NotFound if its content was erased; the fix names the versions that are left.
        """
        with self.database.read() as connection:
            newest = select(func.max(MODELS.c.version)).where(MODELS.c.name == model).scalar_subquery()
            row = connection.execute(
                select(ARTIFACTS, MODELS.c.version)
                .join(MODELS, MODELS.c.artifact == ARTIFACTS.c.name)
                .where(MODELS.c.name == model, MODELS.c.version == newest)
            ).one_or_none()
        if row is None:
            return None
        if row.erased_at is not None:
            left = [v.artifact for v in self.registered().get(model, [])]
            when = time.strftime("%Y-%m-%d", time.localtime(row.erased_at))
            fix = (
                f"run the project again, or use an earlier version by its own name: {', '.join(reversed(left))}" if left else "run the project again"
            )
            raise NotFound(f"version {row.version} of this model was erased on {when}", where=model, got=f"reason given: {row.erased_why}", fix=fix)
        return str(row.name)

    def lineage(self, name: str) -> list[Artifact]:
        """From the artifact to its roots: all parents, breadth first, each once, erased ones too."""
        every = {artifact.name: artifact for artifact in self.shelf.all()}
        queue, seen = [self.get(name)], {self.get(name).name}
        for artifact in queue:
            for parent in artifact.parents:
                if parent in every and parent not in seen:
                    seen.add(parent)
                    queue.append(every[parent])
        return queue

    def forget(self, dataset: str, row_ids: Sequence[str], *, reason: str) -> Forgotten:
        """Erase rows from a data set and from everything that was made of it (see `forget.py`).

        Raises: NotFound for an unknown data set or row; Busy while work is going on.
        """
        return forgetting.forget(self.shelf, self.get(dataset, "dataset"), row_ids, reason)

    def erase(self, names: Sequence[str], *, reason: str) -> tuple[str, ...]:
        """Erase the content of these artifacts, for good; the names of those that were erased. What was made of them stays.

        Raises: NotFound for an unknown name; Busy while work is going on.
        """
        forgetting.erase(self.shelf, [self.get(name) for name in names], reason)
        return tuple(names)
