"""An order → where what is made of its files is written: over nothing but what the same decisions wrote there before, unless it says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from os.path import realpath
from pathlib import Path

from tunesmith.errors import BadProject, Problem
from tunesmith.spec.checkup import Mending
from tunesmith.spec.mending import Version
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.disk import file_digest, no_places

MENDED, SELECTED = ".mended", ".selected"
"""What the name of a file gets that is written beside the one that was read."""
REVIEW = "review"


def targets(order: Mending, store: Store) -> dict[str, Path]:
    """File → where its mended form is written.

    Raises: BadProject for every place that cannot be written to, or where something else stands.
    """
    root, checkup = Path(order.checkup.root), order.checkup
    folder = root / order.out if order.out is not None else None
    made = {source.file: _place(Path(source.file), root, folder, MENDED if order.select is None else SELECTED) for source in checkup.sources}
    twice = sorted({str(path) for path in made.values() if list(made.values()).count(path) > 1})
    problems = [Problem("two files would be written to one", path, fix="mend them one by one, or give them other names") for path in twice]
    problems += no_places(folder, made.values())
    read = {realpath(root / source.file) for source in (*checkup.sources, *checkup.against)}
    problems += [Problem("is the file that is read", str(p), fix="name another folder with --out") for p in made.values() if realpath(p) in read]
    problems += taken(order, store, {file: path for file, path in made.items() if realpath(path) not in read})
    if problems:
        raise BadProject(problems=problems)
    return made


def _place(path: Path, root: Path, folder: Path | None, mark: str) -> Path:
    suffix = ".jsonl" if path.suffix.lower() == ".parquet" else path.suffix
    name = path.name.removesuffix(path.suffix).removesuffix(MENDED).removesuffix(SELECTED)
    return folder / f"{name}{suffix}" if folder else root / path.with_name(f"{name}{mark}{suffix}")


def taken(order: Mending, store: Store, made: Mapping[str, Path]) -> Iterator[Problem]:
    """Every file that stands at one of these places and was not written there by the same decisions about the same file."""
    there = {file: path for file, path in made.items() if path.is_file() and not order.force}
    versions = [(artifact, artifact.load(Version)) for artifact in store.artifacts("version")] if there else []
    for file, path in there.items():
        digest = file_digest(path)
        holding = [(artifact, version) for artifact, version in versions if digest in (one.sha256 for one in version.files.values())]
        if not any(is_of(version, order) and digest == _sha256(version, file) for _, version in holding):
            yield Problem(
                "is there already, and is not what these decisions made of this file",
                str(path),
                got=_told(artifact for artifact, _ in holding),
                expected="no file, or one that the same command wrote",
                fix="add --out FOLDER to keep both, or --force to write over it",
            )


def _sha256(version: Version, file: str) -> str:
    """What this version made of a file of this name; empty: nothing."""
    return next((one.sha256 for name, one in version.files.items() if Path(name).name == Path(file).name), "")


def _told(holding: Iterable[Artifact]) -> str:
    names = [artifact.name for artifact in holding]
    return f"a file of {', '.join(names)}" if names else "a file that no version holds"


def is_of(version: Version, order: Mending) -> bool:
    """True if the version was made by these decisions, and holds nothing of a review that the order does not have."""
    if order.select is not None:
        return version.gave_up is not None and version.gave_up.kept == order.select
    by_hand = any(REVIEW in (*one.dropped, *one.changed) for one in version.files.values())
    return version.decisions == order.decisions and (order.reviewed is not None or not by_hand)
