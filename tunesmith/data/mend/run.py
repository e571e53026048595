"""Examined files, decisions and a review → a new version: the mended files, and a diff that says of every changed row why."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tunesmith.data.mend.plan import Plan as Mending
from tunesmith.data.mend.plan import Reviewed, plan
from tunesmith.data.mend.writing import write_mended
from tunesmith.data.personal.redact import Placeholders
from tunesmith.data.sources.detection import raw_rows
from tunesmith.data.sources.lines import read_lines
from tunesmith.data.sources.reading import Plan
from tunesmith.errors import BadData, Problem
from tunesmith.spec.finding import Examination
from tunesmith.spec.job import Monitor
from tunesmith.spec.mending import Decisions, MendedFile, Version
from tunesmith.store.disk import file_digest

__all__ = ["VERSION", "as_they_came", "mend", "mending", "row_counts", "write_files"]
VERSION = 2
DIFF = "diff.jsonl"


def mending(found: Examination, decisions: Decisions, reviewed: Sequence[Reviewed]) -> Mending:
    """What is to be done.

    Raises: BadProject, BadData with everything that is undecided or unknown; BadData if nothing is to be done.
    """
    made = plan(found, decisions, reviewed)
    if made.is_empty and not made.accepted:
        fix = "use the files as they are, or decide about the rows in a review file (`tunesmith data check --review FILE`)"
        raise BadData("there is nothing to mend without a decision", where=", ".join(found.files), fix=fix)
    return made


def mend(settled: Sequence[Plan], made: Mending, found: tuple[str, Examination], decisions: Decisions, folder: Path, monitor: Monitor) -> Version:
    """The new version in `folder`; `found`: the name of the examination, and what it found.

    Raises: BadData if a file is not the one that was examined; Interrupted.
    """
    name, examination = found
    refuse_changed(settled, examination.files)
    book = Placeholders()
    for one in settled if decisions.personal == "redact" else ():
        reserve(one, book)
    files = write_files(settled, made, folder, book, monitor)
    title = ", ".join(Path(one.source.file).name for one in settled)
    return Version(title=title, number=1, files=files, examination=name, decisions=decisions, accepted=made.accepted)


def write_files(settled: Sequence[Plan], made: Mending, folder: Path, book: Placeholders, monitor: Monitor) -> dict[str, MendedFile]:
    """What becomes of each file, written into `folder` with the diff.

    Raises: BadData if a file cannot be read; Interrupted.
    """
    with (folder / DIFF).open("wb") as diff:
        return {one.source.file: write_mended(one, number, made, folder, diff, book, monitor) for number, one in enumerate(settled, 1)}


def reserve(settled: Plan, book: Placeholders) -> None:
    """Keep the placeholders that stand in the file already from being given to other values."""
    if settled.shape.layout == "parquet":
        for _, row in raw_rows(settled.path, settled.shape, settled.source.file):
            book.reserve(str(row))
        return
    for line in read_lines(settled.path, settled.shape.codec, settled.source.file):
        book.reserve(line.text)


def as_they_came(settled: Sequence[Plan], read: Mapping[str, int], folder: Path) -> Version:
    """Version 0: the files, byte for byte; `read`: file → its rows."""
    files: dict[str, MendedFile] = {}
    for number, one in enumerate(settled, 1):
        stored = f"{number}-{one.path.name}"
        shutil.copyfile(one.path, folder / stored)
        sha256, rows = file_digest(folder / stored), read[one.source.file]
        files[one.source.file] = MendedFile(stored=stored, sha256=sha256, read_sha256=sha256, rows_read=rows, rows_written=rows)
    return Version(title=", ".join(one.path.name for one in settled), number=0, files=files)


def row_counts(settled: Sequence[Plan]) -> dict[str, int]:
    """File → its rows, faulty ones included.

    Raises: BadData for a document: it has no rows.
    """
    plain = [one.source.file for one in settled if one.shape.layout == "plain"]
    if plain:
        fix = "make rows of it first: tunesmith data make questions"
        raise BadData(problems=[Problem("is a document and holds no rows", file, fix=fix) for file in plain])
    return {one.source.file: sum(1 for _ in raw_rows(one.path, one.shape, one.source.file)) for one in settled}


def refuse_changed(settled: Sequence[Plan], examined: Mapping[str, str]) -> None:
    """Nothing, if every file is byte for byte the one that was examined.

    Raises: BadData naming each that is not.
    """
    problems = [
        Problem("has changed since it was read", one.source.file, fix="run the same command again")
        for one in settled
        if file_digest(one.path) != examined.get(one.source.file)
    ]
    if problems:
        raise BadData(problems=problems)
