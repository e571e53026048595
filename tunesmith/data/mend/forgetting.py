"""A version's diff → the rows of earlier data sets that hold what was taken out of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from tunesmith.data.mend.run import DIFF
from tunesmith.spec.dataset import SPLITS, Dataset
from tunesmith.store.artifacts import Artifact, Store


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
