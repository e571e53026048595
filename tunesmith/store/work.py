"""A folder of unfinished work → an immutable artifact, by one rename.

Order of events, and what a `kill -9` after each leaves: files hashed and synced (the next owner gets the folder as it is) · rename (the
folder is complete and the next opening enters it from its sidecar) · scratch deleted · row written (done). Nobody reads an artifact that has
no row, so nothing is ever half-visible.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunesmith.errors import DamagedWeights, NotFound
from tunesmith.spec.noun import Noun, digest
from tunesmith.store.disk import disk_faults, make_read_only, remove, seal, sync_folder, write_json
from tunesmith.store.folder import MANIFEST, SIDECAR, TOMBSTONE, Artifact, payload
from tunesmith.store.lease import Lease
from tunesmith.store.shelf import Shelf


class Work:
    """An owned scratch folder. It survives `kill -9` and is handed to the next owner as it is.

    Whatever lies in `path` becomes payload when the work is finished; what only this work needs (resume points) belongs in `scratch`.
    """

    def __init__(self, shelf: Shelf, path: Path, key: str, stage: str, lease: Lease) -> None:
        self.path = path
        self.key = key
        self.stage = stage
        self.earlier_s = 0.0
        """Seconds that earlier processes have given to what is taken up here; whoever takes it up says so."""
        self._shelf = shelf
        self._lease = lease

    @property
    def scratch(self) -> Path:
        """A folder for what must survive a crash but is no part of the artifact; deleted once the work is finished."""
        folder = self.path / ".scratch"
        folder.mkdir(exist_ok=True)
        return folder

    def finish(self, kind: str, manifest: Noun, *, parents: Sequence[str] = (), sidecar: Mapping[str, Any] | None = None) -> Artifact:
        """The artifact that this folder has become; the lease is freed. Equal content that is stored already is reused.

        Raises: StoreUnusable on a full or read-only disk (the folder stays); BadData if it holds rows that were forgotten.
        """
        with disk_faults(self.path):
            if kind == "dataset":
                self._shelf.refuse_forgotten(self.path)
            artifact = self._seal(kind, manifest, tuple(parents), dict(sidecar or {}))
            promote(self._shelf, self.path, artifact)
            entered = self._shelf.enter(artifact)
        self._lease.free(remove=True)
        return entered

    def _seal(self, kind: str, manifest: Noun, parents: tuple[str, ...], extra: dict[str, Any]) -> Artifact:
        """Write manifest and sidecar; every file is hashed and on the disk when this returns."""
        write_json(self.path / MANIFEST, manifest.model_dump(mode="json"))
        files = {str(p.relative_to(self.path)): seal(p) for p in payload(self.path)}
        whole = digest(files)
        now = time.time()
        facts = {"kind": kind, "key": self.key, "stage": self.stage, "created_at": now, "parents": list(parents)}
        write_json(self.path / SIDECAR, {**extra, **self._shelf.facts(), **facts, "files": files})
        for folder in {p.parent for p in payload(self.path)}:
            sync_folder(folder)
        name = f"{kind}-{whole[:12]}"
        return Artifact(name, kind, self._shelf.artifacts / name, self.key, self.stage, now, parents, whole)


def promote(shelf: Shelf, folder: Path, artifact: Artifact) -> None:
    """Make the sealed `folder` the artifact's folder, or drop it where the same content stands there already and is sound."""
    while True:
        try:
            os.rename(folder, artifact.path)
            break
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        if is_sound(artifact):
            discard(shelf, folder)
            break
        discard(shelf, artifact.path)
    sync_folder(shelf.artifacts)
    tidy(artifact.path)


def is_sound(artifact: Artifact) -> bool:
    """True if the folder that stands under the artifact's name holds exactly the artifact's content."""
    if (artifact.path / TOMBSTONE).exists():
        return False
    try:
        artifact.verify()
    except (DamagedWeights, NotFound):
        return False
    return True


def discard(shelf: Shelf, folder: Path) -> None:
    """Delete a folder so that no moment shows half of it: it is renamed first. A killed deletion is completed at the next opening."""
    aside = shelf.work / f".discarded-{secrets.token_hex(6)}"
    os.rename(folder, aside)
    remove(aside)


def tidy(folder: Path) -> None:
    """Delete the scratch of finished work and make the payload read-only. May be repeated."""
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            remove(entry)
    for file in folder.rglob("*"):
        if file.is_file():
            make_read_only(file)


def read_sealed(folder: Path) -> Artifact | None:
    """The artifact that a complete folder describes by its own sidecar, for one whose row was never written; None for any other folder."""
    try:
        facts = json.loads((folder / SIDECAR).read_bytes())
        whole = digest(facts["files"])
        if folder.name != f"{facts['kind']}-{whole[:12]}" or (folder / TOMBSTONE).exists():
            return None
        parents = tuple(str(p) for p in facts["parents"])
        return Artifact(folder.name, facts["kind"], folder, facts["key"], facts["stage"], float(facts["created_at"]), parents, whole)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def enter_sealed(shelf: Shelf) -> None:
    """Enter the artifacts whose maker was killed between the rename and the row."""
    known = {artifact.name for artifact in shelf.all()}
    for folder in sorted(shelf.artifacts.iterdir()):
        if folder.name not in known and (artifact := read_sealed(folder)):
            tidy(folder)
            shelf.enter(artifact, only_unknown=True)
