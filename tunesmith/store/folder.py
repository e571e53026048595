"""An immutable folder → its noun, its facts, and the proof that nothing in it changed.

    artifacts/dataset-1a2b3c4d5e6f/
        manifest.json     the noun, canonical JSON: payload, hashed
        train.jsonl …     payload files: hashed
        sidecar.json      when, where, by which versions, and every payload file's sha256: not hashed
        page.html         only in a line's report: for people, with clock readings: not hashed
        tombstone.json    only where something was forgotten: what was there, when and why it was erased

The name holds the first 12 digits of the sha256 over all payload hashes; the database keeps the whole of it.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from tunesmith.errors import DamagedWeights, NotFound, Problem
from tunesmith.spec.noun import Noun, digest
from tunesmith.store.disk import file_digest

N = TypeVar("N", bound=Noun)
MANIFEST, SIDECAR, TOMBSTONE = "manifest.json", "sidecar.json", "tombstone.json"
PAGE = "page.html"
BESIDE = frozenset({SIDECAR, TOMBSTONE, PAGE})
"""Not hashed: they hold clock readings, and the same work must give the same name."""
AGAIN = "delete the folder and run the project again: the step is repeated, everything else is reused"


@dataclass(frozen=True)
class Artifact:
    """One finished result. Readers see it whole or not at all."""

    name: str
    """`dataset-1a2b3c4d5e6f`: kind + 12 hex digits of the payload's hash."""
    kind: str
    path: Path
    key: str
    """Of the step that made it first."""
    stage: str
    created_at: float
    """Unix time, seconds."""
    parents: tuple[str, ...]
    digest: str
    """sha256 over the sha256 of every payload file."""
    erased_at: float | None = None
    """When rows of it were forgotten; the content is then incomplete or gone."""
    erased_why: str = ""

    def load(self, noun: type[N]) -> N:
        """The manifest as a `noun`.

        Raises: NotFound if it was erased; DamagedWeights if the manifest is not what was stored.
        """
        self.refuse_erased()
        manifest = self.path / MANIFEST
        recorded = self.recorded()
        try:
            if file_digest(manifest) != recorded.get(MANIFEST):
                raise DamagedWeights("is not what was stored", where=str(manifest), expected=f"sha256 {recorded.get(MANIFEST)}", fix=AGAIN)
            return noun.model_validate_json(manifest.read_bytes())
        except FileNotFoundError:
            raise DamagedWeights("is missing", where=str(manifest), fix=AGAIN) from None
        except ValidationError as error:
            got = f"{error.error_count()} fields that do not fit"
            fix = "run the project again with this version of Tunesmith"
            raise DamagedWeights(f"is no {noun.__name__} of this version", where=str(manifest), got=got, fix=fix) from error

    def sidecar(self) -> dict[str, Any]:
        """Times, host, versions and commit, and `files`: payload file → sha256. Empty once the payload is erased.

        Raises: DamagedWeights if the file is missing or no JSON.
        """
        try:
            found = json.loads((self.path / SIDECAR).read_bytes())
        except FileNotFoundError:
            if self.erased_at is not None:
                return {}
            raise DamagedWeights("is missing", where=str(self.path / SIDECAR), fix=AGAIN) from None
        except ValueError as error:
            raise DamagedWeights("is not JSON", where=str(self.path / SIDECAR), fix=AGAIN) from error
        assert isinstance(found, dict)
        return found

    def recorded(self) -> dict[str, str]:
        """Payload file → the sha256 it had when it was stored.

        Raises: DamagedWeights if the record itself is not the one that the name was made from.
        """
        files: dict[str, str] = self.sidecar().get("files", {})
        if digest(files) != self.digest:
            raise DamagedWeights("is not what was stored", where=str(self.path / SIDECAR), expected=f"hashes that give {self.digest}", fix=AGAIN)
        return files

    def verify(self) -> None:
        """Compare every payload file with its recorded hash.

        Raises: DamagedWeights with every file that changed, is missing or was added; NotFound if the content was erased.
        """
        self.refuse_erased()
        recorded = self.recorded()
        found = {str(p.relative_to(self.path)): file_digest(p) for p in payload(self.path)}
        problems = []
        for file in sorted({*recorded, *found}):
            if recorded.get(file) != found.get(file):
                message = "is missing" if file not in found else "does not belong here" if file not in recorded else "is not what was stored"
                got, expected = (f"sha256 {h[file]}" if file in h else "" for h in (found, recorded))
                problems.append(Problem(message, str(self.path / file), got=got, expected=expected, fix=AGAIN))
        if problems:
            raise DamagedWeights(problems=problems)

    def refuse_erased(self) -> None:
        """Raises: NotFound, with when and why, if the content was erased."""
        if self.erased_at is not None:
            when = time.strftime("%Y-%m-%d", time.localtime(self.erased_at))
            raise NotFound(
                f"its content was erased on {when}",
                where=self.name,
                got=f"reason given: {self.erased_why}",
                fix="run the project again: it is made anew from what is left",
            )

    def tombstone(self) -> dict[str, Any] | None:
        """What was erased here, when and why; None where nothing was."""
        path = self.path / TOMBSTONE
        return json.loads(path.read_bytes()) if path.exists() else None


def payload(folder: Path) -> list[Path]:
    """Every hashed file below `folder`, sorted. Names that begin with a dot are scratch and never part of it.

    Raises: ValueError for a link: what it points to could change.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if parts[0].startswith(".") or (len(parts) == 1 and parts[0] in BESIDE):
            continue
        if path.is_symlink():
            raise ValueError(f"{path} is a link; an artifact holds files only")
        if path.is_file():
            found.append(path)
    return found
