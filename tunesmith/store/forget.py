"""Row ids → the same store without these rows, in the data set and in everything that was made of it.

A transaction first writes the intention and takes every affected artifact out of sight (its keys lead nowhere, its name answers "erased");
then files are changed, descendants before the data set, so that whatever a crash leaves still says what has to be removed. The next opening of
the store completes what was interrupted; every step may be repeated.

What happens to content: data sets and evaluations lose the rows (their other rows stay for the record); everything computed from the rows as a
whole (checkpoints, classifiers, verdicts, reports) is erased. A tombstone keeps the old hashes, the hashes of the row ids, when and why. A data
set that still holds such a row cannot be stored again.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from tunesmith.errors import Busy, NotFound, Problem
from tunesmith.spec.noun import digest
from tunesmith.store.disk import disk_faults, remove, sync_folder, write_json
from tunesmith.store.folder import MANIFEST, SIDECAR, TOMBSTONE, Artifact
from tunesmith.store.lease import Lease, is_held, read_note, this_process
from tunesmith.store.ledger import write as write_ledger
from tunesmith.store.shelf import Shelf, row_hash, rows
from tunesmith.store.tables import ARTIFACTS, FORGETS, FORGOTTEN, KEYS
from tunesmith.store.work import enter_sealed

KEEPS_OTHER_ROWS = frozenset({"dataset", "evaluation"})
ERASED_TEXT = "[forgotten]"
TELLING_CHARACTERS = 12
"""A text at least so long is also removed where it is only part of a string; a shorter one (a label, a word) only where it is all of it."""


@dataclass(frozen=True)
class Forgotten:
    """What was done."""

    dataset: str
    rows: int
    redacted: tuple[str, ...]
    """Artifacts that lost these rows and keep the others, for the record."""
    erased: tuple[str, ...]
    """Artifacts whose content is gone."""
    sources: tuple[str, ...]
    """The user's own files, which are not touched: the rows have to be deleted there too."""
    elsewhere: tuple[str, ...]
    """Other data sets that hold such a row: forget them there too."""


@dataclass(frozen=True)
class Traces:
    """By what a forgotten row is recognised."""

    ids: frozenset[str]
    origins: frozenset[tuple[str, int]]
    texts: tuple[str, ...]


def forget(shelf: Shelf, dataset: Artifact, row_ids: Sequence[str], reason: str) -> Forgotten:
    """Erase the rows from `dataset` and all its descendants.

    Raises: NotFound, naming every unknown row, before anything is changed; Busy while any work is going on.
    """
    ids = frozenset(row_ids)
    with disk_faults(shelf.home), _alone(shelf):
        enter_sealed(shelf)  # a maker that was killed before it wrote its row must not escape
        _carry_out_all(shelf)
        unknown = sorted(ids - {row["id"] for row in rows(dataset.path)})
        if unknown or not ids:
            fix = "look the id up in the data set's train.jsonl, dev.jsonl and test.jsonl"
            raise NotFound(problems=[Problem("holds no such row", dataset.name, got=repr(row)[:40], fix=fix) for row in unknown or [""]])
        affected = [dataset, *descendants(shelf, dataset)]
        done = Forgotten(
            dataset=dataset.name,
            rows=len(ids),
            redacted=tuple(a.name for a in affected if a.kind in KEEPS_OTHER_ROWS),
            erased=tuple(a.name for a in affected if a.kind not in KEEPS_OTHER_ROWS),
            sources=_sources(dataset),
            elsewhere=_elsewhere(shelf, {a.name for a in affected}, ids),
        )
        _intend(shelf, affected, ids, reason)
        _carry_out_all(shelf)
    return done


def erase(shelf: Shelf, artifacts: Sequence[Artifact], reason: str) -> None:
    """Erase the content of these artifacts and nothing else: what was made of them stays.

    Raises: Busy while any work is going on.
    """
    with disk_faults(shelf.home), _alone(shelf):
        enter_sealed(shelf)
        _carry_out_all(shelf)
        if artifacts:
            _intend(shelf, artifacts, (), reason)
            _carry_out_all(shelf)


def pending(shelf: Shelf) -> bool:
    """True if an intention to forget is not carried out yet."""
    with shelf.database.read() as connection:
        return bool(connection.execute(select(func.count()).select_from(FORGETS)).scalar_one())


def complete(shelf: Shelf) -> None:
    """Carry out what an interrupted `forget` left.

    Raises: Busy while any work is going on.
    """
    with disk_faults(shelf.home), _alone(shelf):
        _carry_out_all(shelf)


def descendants(shelf: Shelf, root: Artifact) -> list[Artifact]:
    """Everything that was made of `root`, children before grandchildren, each once."""
    every = shelf.all()
    found: list[Artifact] = [root]
    names = {root.name}
    for parent in found:
        for child in every:
            if parent.name in child.parents and child.name not in names:
                names.add(child.name)
                found.append(child)
    return found[1:]


@contextmanager
def _alone(shelf: Shelf) -> Iterator[None]:
    """Nobody works on anything while the block runs: work in memory could write a forgotten row again."""
    try:
        gate = Lease.take(shelf.gate, this_process("forgetting rows"))
    except Busy as error:
        held = [note for lock in sorted(shelf.work.glob("*.lock")) if is_held(lock) and (note := read_note(lock))]
        if not held:
            raise
        fix = "wait until it is done, or stop it (`tunesmith jobs`), and run the command again"
        raise Busy(problems=[Problem("work is going on that may hold the rows", "forget", got=str(note), fix=fix) for note in held]) from error
    try:
        yield
    finally:
        gate.free()


def _intend(shelf: Shelf, affected: Sequence[Artifact], ids: Iterable[str], reason: str) -> None:
    """Write the intention and take the affected artifacts out of sight: all of it, or nothing."""
    now = time.time()
    names = [a.name for a in affected]
    plan = {"dataset": names[0], "affected": names, "rows": sorted(ids), "reason": reason}
    with shelf.database.write() as connection:
        connection.execute(insert(FORGETS).values(at=now, plan=plan))
        connection.execute(update(ARTIFACTS).where(ARTIFACTS.c.name.in_(names)).values(erased_at=now, erased_why=reason))
        connection.execute(delete(KEYS).where(KEYS.c.artifact.in_(names)))
        hashes = {row_hash(row) for row in ids}
        connection.execute(delete(FORGOTTEN).where(FORGOTTEN.c.row_hash.in_(hashes)))
        if hashes:
            connection.execute(insert(FORGOTTEN), [{"row_hash": value, "at": now, "reason": reason} for value in sorted(hashes)])


def _carry_out_all(shelf: Shelf) -> None:
    with shelf.database.read() as connection:
        intentions = connection.execute(select(FORGETS).order_by(FORGETS.c.id)).all()
    for intention in intentions:
        _carry_out(shelf, intention.plan, intention.at)
        with shelf.database.write() as connection:
            connection.execute(delete(FORGETS).where(FORGETS.c.id == intention.id))
            detail = {
                "rows": [row_hash(row) for row in intention.plan["rows"]],
                "affected": intention.plan["affected"],
                "reason": intention.plan["reason"],
            }
            write_ledger(connection, "forget", intention.plan["dataset"], detail)


def _carry_out(shelf: Shelf, plan: dict[str, Any], at: float) -> None:
    """Change the files. The data set itself comes last: until then it says what to look for."""
    traces = _traces(shelf.artifacts / plan["dataset"], frozenset(plan["rows"]))
    _drop_work(shelf, set(plan["affected"]))
    for name in reversed(plan["affected"]):
        folder = shelf.artifacts / name
        if not folder.exists():
            continue
        _bury(folder, plan, at)
        if name.rpartition("-")[0] in KEEPS_OTHER_ROWS:
            _redact(folder, traces)
        else:
            _erase(folder)


def _traces(dataset: Path, ids: frozenset[str]) -> Traces:
    found = [row for row in rows(dataset) if row["id"] in ids]
    origins = frozenset((row["origin"]["file"], row["origin"]["line"]) for row in found)
    turns = [turn for row in found for turn in ((row.get("conversation") or {}).get("messages", []) + list(row.get("rejected") or []))]
    texts = {turn.get("content") for turn in turns if turn.get("role") not in ("system", "developer")} | {row.get("text") for row in found}
    return Traces(ids, origins, tuple(sorted(text for text in texts if text)))


def _drop_work(shelf: Shelf, affected: set[str]) -> None:
    """Delete unfinished work that reads an affected artifact, or of which nobody knows what it reads."""
    for lock in shelf.work.glob("*.lock"):
        note = read_note(lock)
        if note is None or not note.parents or affected & set(note.parents):
            remove(lock.with_suffix(""))
            remove(lock)
    for folder in shelf.work.iterdir():
        if folder.is_dir() and not folder.with_suffix(".lock").exists():
            remove(folder)


def _bury(folder: Path, plan: dict[str, Any], at: float) -> None:
    """Put up the tombstone, or write one more line on it, before anything is erased."""
    path = folder / TOMBSTONE
    if path.exists():
        stone = json.loads(path.read_bytes())
    else:
        stone = {"name": folder.name, "files": _old_hashes(folder), "erasures": []}
        stone["digest"] = digest(stone["files"])
    line = {"at": at, "reason": plan["reason"], "dataset": plan["dataset"], "rows": [row_hash(row) for row in plan["rows"]]}
    if line not in stone["erasures"]:
        stone["erasures"].append(line)
        write_json(path, stone)


def _old_hashes(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / SIDECAR).read_bytes())["files"])
    except (OSError, ValueError, KeyError, TypeError):  # damaged before: there is nothing to remember it by but its name
        return {}


def _erase(folder: Path) -> None:
    """Delete all content but the tombstone."""
    for entry in folder.iterdir():
        if entry.name != TOMBSTONE:
            remove(entry)
    sync_folder(folder)


def _redact(folder: Path, traces: Traces) -> None:
    """Take the rows out of a data set or an evaluation; the manifest goes first, for the rows say what to look for in it."""
    manifest = folder / MANIFEST
    if manifest.exists():
        try:
            write_json(manifest, scrub(json.loads(manifest.read_bytes()), traces))
        except ValueError:  # damaged: nothing can be told from it any more, so nothing of it is kept
            remove(manifest)
    for file in sorted(folder.glob("*.jsonl"), key=lambda p: (p.name != "rejected.jsonl", p.name)):
        _drop_lines(file, traces)
    for leftover in folder.glob(".*.new"):  # of a rewrite that was killed
        remove(leftover)


def _drop_lines(file: Path, traces: Traces) -> None:
    """Rewrite the file without the lines that are, or that repeat, a forgotten row."""
    fresh = file.with_name(f".{file.name}.new")
    with file.open("rb") as lines, fresh.open("wb") as kept:
        kept.writelines(line for line in lines if not _is_trace(line, traces))
        kept.flush()
        os.fsync(kept.fileno())
    shutil.copymode(file, fresh)
    fresh.replace(file)
    sync_folder(file.parent)


def _is_trace(line: bytes, traces: Traces) -> bool:
    try:
        row = json.loads(line)
        if "id" in row:
            return row["id"] in traces.ids
        return any(_place(row.get(end)) in traces.origins for end in ("origin", "other"))
    except (ValueError, TypeError):  # not readable, so nobody can say that the row is not in it
        return True


def _place(origin: Any) -> tuple[str, int] | None:
    return (origin["file"], origin["line"]) if origin else None


def scrub(value: Any, traces: Traces) -> Any:
    """A manifest's JSON without what could show a forgotten row: all worked examples, conflicts at its lines, strings that quote it."""
    if isinstance(value, dict):
        return {key: [] if key == "examples" else scrub(part, traces) for key, part in value.items()}
    if isinstance(value, list):
        return [
            scrub(part, traces) for part in value if not (isinstance(part, dict) and traces.origins & {_place(o) for o in part.get("origins") or ()})
        ]
    if isinstance(value, str) and any(text == value or (len(text) >= TELLING_CHARACTERS and text in value) for text in traces.texts):
        return ERASED_TEXT
    return value


def _sources(dataset: Artifact) -> tuple[str, ...]:
    try:
        return tuple(sorted(json.loads((dataset.path / MANIFEST).read_bytes()).get("sources", {})))
    except (OSError, ValueError):
        return ()


def _elsewhere(shelf: Shelf, affected: set[str], ids: frozenset[str]) -> tuple[str, ...]:
    others = [a for a in shelf.all() if a.kind == "dataset" and a.name not in affected]
    return tuple(a.name for a in others if any(row["id"] in ids for row in rows(a.path)))
