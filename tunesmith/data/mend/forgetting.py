"""A version's diff → the rows of earlier data sets that hold what was taken out of it, and what else holds it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from tunesmith.data.mend.run import DIFF
from tunesmith.spec.dataset import SPLITS, Dataset
from tunesmith.spec.finding import Examination
from tunesmith.spec.making import Making
from tunesmith.spec.mending import Version
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.folder import MANIFEST, TOMBSTONE

TAKEN_OUT = ("redact", "drop")
"""What may be done to a row so that it is not there any more as it was."""


def lines_of(folder: Path, actions: Collection[str]) -> dict[str, set[int]]:
    """File → lines of rows to which one of these things was done."""
    found: dict[str, set[int]] = {}
    with (folder / DIFF).open(encoding="utf-8") as lines:
        for line in lines:
            change = json.loads(line)
            if any(one["action"] in actions for one in change["done"]):
                found.setdefault(change["file"], set()).add(change["line"])
    return found


def originals(store: Store, sources: Collection[str], gone: Mapping[str, Collection[int]]) -> Iterator[tuple[Artifact, list[str]]]:
    """(data set, ids of its rows that stood on these lines), for each data set that was made of files with one of these digests."""
    names = {Path(file).name: set(lines) for file, lines in gone.items()}
    for artifact in store.artifacts("dataset"):
        files = {file for file, digest in artifact.load(Dataset).sources.items() if digest in sources}
        ids = []
        for split in SPLITS:
            path = artifact.path / f"{split}.jsonl"
            if files and path.exists():
                with path.open(encoding="utf-8") as rows:
                    for row in map(json.loads, rows):
                        origin = row["origin"]
                        if origin["file"] in files and origin["line"] in names.get(Path(origin["file"]).name, ()):
                            ids.append(row["id"])
        if ids:
            yield artifact, ids


def holding(store: Store, parent: Artifact, version: Artifact, gone: Mapping[str, Collection[int]]) -> list[Artifact]:
    """What else holds rows that `version` took out of its parent: the versions before it and beside it, examinations of their files, rows made of them.

    Files are told by their digests, since a version may have been made of a parent that was erased meanwhile. Of a version beside it, it is known whether
    the same rows are gone from it; of those that came of earlier ones it is not, and they count as holding them.
    """
    family = [one for one in store.lineage(parent.name) if one.kind == "version"]
    found = {one.name: one for one in family if one.erased_at is None}
    names, digests = {one.name for one in family}, set().union(*map(files_of, family))
    beside = {file.sha256 for file in parent.load(Version).files.values()}
    for one in reversed(store.artifacts("version", erased=True)):  # the oldest first: parents before their children
        if one.name == version.name or one.name in names or (names.isdisjoint(one.parents) and digests.isdisjoint(files_of(one))):
            continue
        if one.erased_at is None and read_of(one) <= beside and is_without(one, gone):
            continue
        names.add(one.name)
        digests |= files_of(one)
        if one.erased_at is None:
            found[one.name] = one
    looks = [one for one in store.artifacts("examination") if not digests.isdisjoint(read_by(one.load(Examination)))]
    made = [one for one in store.artifacts("making") if not digests.isdisjoint(one.load(Making).inputs.values())]
    return [*found.values(), *looks, *made]


def files_of(version: Artifact) -> set[str]:
    """sha256 of the files that a version holds and was made of; of an erased one, of those that it held."""
    if version.erased_at is not None:
        held = json.loads((version.path / TOMBSTONE).read_bytes())["files"]
        return {digest for name, digest in held.items() if name not in (DIFF, MANIFEST)}
    return {digest for file in version.load(Version).files.values() for digest in (file.sha256, file.read_sha256)}


def read_of(version: Artifact) -> set[str]:
    """sha256 of the files that a version was made of."""
    return {file.read_sha256 for file in version.load(Version).files.values()}


def orphans(store: Store, erased: Collection[str]) -> list[str]:
    """Versions that are there, and whose parent is one of those that were erased: they cannot be undone any more."""
    return sorted(one.name for one in store.artifacts("version") if not set(one.parents).isdisjoint(erased))


def read_by(found: Examination) -> list[str]:
    """sha256 of every file that was looked at."""
    return [*found.files.values(), *found.against.values()]


def is_without(version: Artifact, gone: Mapping[str, Collection[int]]) -> bool:
    """True if all these rows were taken out of the version as well, which has the same parent."""
    out = lines_of(version.path, TAKEN_OUT)
    return all(set(lines) <= out.get(file, set()) for file, lines in gone.items())
