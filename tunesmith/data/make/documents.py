"""Files and folders as the user names them → a stream of passages, and of what could not be read.

`documents` is the door for every maker that starts from documents; the reading itself is done in a process of its own (confined.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tunesmith.data.intake import look
from tunesmith.data.make.confined import Reader
from tunesmith.data.make.file_kind import named_kind
from tunesmith.data.make.read import Read
from tunesmith.data.make.tally import Tally
from tunesmith.data.sources.lines import check_file
from tunesmith.errors import BadData, Problem
from tunesmith.spec.job import Monitor
from tunesmith.spec.making import Limits
from tunesmith.spec.passage import Skipped, Spot

MAX_FILES = 200_000


def documents(
    paths: Sequence[str | Path], root: Path, monitor: Monitor, *, limits: Limits | None = None, tally: Tally | None = None
) -> Iterator[Read]:
    """Every passage of the documents at `paths` (files, or folders with all that is in them; relative ones stand in `root`), file by file.

    What cannot be read comes as Skipped with its file and page or line, and does not stop the others.
    Raises: BadData if a path does not exist, MissingDependency, Interrupted.
    """
    files, others = files_at(paths, root)
    yield from others
    with Reader(limits or Limits()) as reader:
        for i, (path, file) in enumerate(files):

            def tell(done: int = i, label: str = f"reading {file}") -> None:
                look(monitor, label, done, len(files), "files")

            tell()
            if tally is not None:
                tally.input(path, file)
            yield from reader.read(path, file, tell)


def files_at(paths: Sequence[str | Path], root: Path) -> tuple[list[tuple[Path, str]], list[Skipped]]:
    """((path, its name for the user) of every document, each once; the files in folders that are none).

    Raises: BadData with every path that does not exist.
    """
    found: dict[Path, str] = {}
    others: list[Skipped] = []
    problems: list[Problem] = []
    for given in paths:
        path = root / given
        if path.is_dir():
            for inside, name in walk(path, str(given)):
                if named_kind(inside) is None:
                    fix = "save it as PDF, Word (.docx), HTML, Markdown or text, or name it by itself"
                    others.append(Skipped(spot=Spot(file=name), reason="not_a_document", message="is not named like a document", fix=fix))
                else:
                    found.setdefault(inside.resolve(), name)
        else:
            try:
                check_file(path, str(given))
                found.setdefault(path.resolve(), str(given))
            except BadData as error:
                problems += error.problems
        if len(found) > MAX_FILES:
            raise BadData("holds too many files", where=str(given), got=f"more than {MAX_FILES:,}", fix="name fewer folders at once")
    if problems:
        raise BadData(problems=problems)
    if not found and not others:
        raise BadData(
            "holds no files", where=", ".join(map(str, paths)) or str(root), expected="documents", fix="name files or folders with documents"
        )
    return list(found.items()), others


def walk(folder: Path, name: str) -> Iterator[tuple[Path, str]]:
    """(path, name below `name`) of every file in a folder and the folders in it, sorted; hidden ones and linked folders are left out."""
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for file in sorted(files):
            path = Path(at) / file
            if not file.startswith(".") and path.is_file():
                yield path, str(Path(name) / path.relative_to(folder))
