"""Files → everything that later checks need of their rows, read once: the spool's numbers, what each row shows by itself, faults.

What was read is kept in the folder, so that a killed examination does not read again.
"""

from __future__ import annotations

import json
import os
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.clean import clean
from tunesmith.data.examine.endings import settled
from tunesmith.data.examine.noticed import Fault, Flagged, Noticed
from tunesmith.data.intake import ROWS_PER_LOOK, look
from tunesmith.data.shingles import U64
from tunesmith.data.sources.fault import RowFault
from tunesmith.data.sources.reading import Plan, Position, has_labels, read_plan, rejected
from tunesmith.data.spool import I64, NAMES, Facts, Spool, Texts
from tunesmith.errors import BadData, Problem
from tunesmith.spec.dataset import Cleaning, Record, Rejected
from tunesmith.spec.job import Monitor, Note
from tunesmith.store.disk import disk_faults, write_json

RULES = Cleaning(skip_faulty=True)
COLUMNS = "rows.npz"
WORDS = "rows.json"
NUMBERS = ("language", "system", "question_characters", "answer_characters", "rejected")


@dataclass(frozen=True)
class Rows:
    """What was read; index i of every array is the i-th row that can be used."""

    spool: Spool
    facts: Facts
    texts: Texts
    flags: Mapping[str, Flagged]
    languages: tuple[str, ...]
    language: I64
    """Number of each row's language in `languages`; -1: it cannot be told."""
    system: I64
    """Number of each row's system prompt, by first appearance; -1: it has none; -2: there are too many to tell apart."""
    question_characters: I64
    answer_characters: I64
    rejected: U64
    """Key of the rejected answer of a preference; 0: it is none."""
    read: Mapping[str, int]
    """File → rows read, faulty ones included."""
    faults: Mapping[tuple[str, str], Fault]
    """(file, reason) → the rows."""

    @classmethod
    def of(cls, spool: Spool, facts: Facts, texts: Texts, noticed: Noticed, read: Mapping[str, int]) -> Rows:
        """The rows of a spool, each of which was noticed, in the same order."""
        assert len(facts) == len(noticed.language), "a row was not looked at, or twice"
        return cls(
            spool=spool,
            facts=facts,
            texts=texts,
            flags=settled(noticed.flags, facts.source, spool.lines()),
            languages=tuple(noticed.languages.texts),
            language=np.array(noticed.language, dtype=np.int64),
            system=np.array(noticed.system, dtype=np.int64),
            question_characters=np.array(noticed.question_characters, dtype=np.int64),
            answer_characters=np.array(noticed.answer_characters, dtype=np.int64),
            rejected=np.array(noticed.rejected, dtype=np.uint64),
            read=read,
            faults=noticed.faults,
        )

    def __len__(self) -> int:
        return len(self.facts)

    def of_file(self, file: str) -> NDArray[np.bool_]:
        """Which rows stand in `file`."""
        names = self.spool.sources.texts
        return np.asarray(self.facts.source == (names.index(file) if file in names else -2))

    def place(self, row: int) -> str:
        """Where a row stands, in words."""
        origin = self.spool.origin(self.facts, row)
        return f"{origin.file} line {origin.line}"

    def every_record(self) -> Iterator[Record]:
        """All records, in order."""
        return map(Record.model_validate_json, self.spool.lines())

    def records(self, wanted: I64) -> dict[int, Record]:
        """Row → record, for a few rows; one pass over the scratch file."""
        rows = set(wanted.tolist())
        return {row: Record.model_validate_json(line) for row, line in enumerate(self.spool.lines()) if row in rows} if rows else {}


def read_rows_of(settled: Sequence[Plan], folder: Path, monitor: Monitor) -> Rows:
    """Everything about the rows of these files; `folder` keeps it, and what an earlier process read from the same files is taken from there.

    Raises: BadData if a file as a whole cannot be read; Interrupted.
    """
    if (folder / COLUMNS).exists() and (folder / WORDS).exists():
        return _load(folder)
    with ExitStack() as undo:
        spool = Spool(folder)
        undo.push(spool)  # an exception deletes what was read so far
        with Noticed() as noticed:
            read = _take_in(settled, spool, noticed, monitor)
            noticed.finish()
        facts, texts = spool.finish()
        rows = Rows.of(spool, facts, texts, noticed, read)
        _save(rows, folder)
        undo.pop_all()
    spool.release()
    return rows


def _take_in(settled: Sequence[Plan], spool: Spool, noticed: Noticed, monitor: Monitor) -> dict[str, int]:
    """File → rows read; those that can be used are in the spool, the others among the faults."""
    read: dict[str, int] = {}
    problems: list[Problem] = []
    for one in settled:
        position, file = Position(), one.source.file
        read[file] = 0
        try:
            for row in read_plan(one, position):
                read[file] += 1
                if read[file] % ROWS_PER_LOOK == 0:
                    look(monitor, f"reading {file}", position.done, position.total, position.unit)
                _take(row, spool, noticed, labels=has_labels(one.source))
        except BadData as error:
            problems += error.problems
    if problems:
        raise BadData(problems=problems)
    return read


def _take(row: Record | Rejected, spool: Spool, noticed: Noticed, *, labels: bool) -> None:
    """Put a row that can be used into the spool; else note the fault."""
    if isinstance(row, Record) and row.conversation is None:
        row = rejected(
            row.origin, RowFault("no_answer", "is a document without a question and an answer: `tunesmith data make questions` writes rows from it")
        )
    if isinstance(row, Rejected):
        noticed.refuse(row)
        return
    try:
        mended = clean(row, RULES, Counter())
    except RowFault as fault:
        noticed.refuse(rejected(row.origin, fault))
        return
    spool.add(mended)
    noticed.see(row, mended, labels=labels)


def _save(rows: Rows, folder: Path) -> None:
    """Keep what was read; the last file written is the sign that all of it is there."""
    columns = {f"facts.{name}": value for name, value in vars(rows.facts).items()}
    columns |= {f"texts.{name}": value for name, value in vars(rows.texts).items() if name != "folder"}
    columns |= {f"flags.{kind}": np.array(flagged.rows, dtype=np.int64) for kind, flagged in rows.flags.items()}
    columns |= {name: getattr(rows, name) for name in NUMBERS}
    words = {
        "names": {name: getattr(rows.spool, name).texts for name in NAMES},
        "notes": {kind: flagged.notes for kind, flagged in rows.flags.items()},
        "languages": rows.languages,
        "read": rows.read,
        "faults": [[file, reason, fault.lines, fault.messages] for (file, reason), fault in rows.faults.items()],
    }
    with disk_faults(folder):
        with (folder / f".{COLUMNS}").open("wb") as file:
            np.savez(file, allow_pickle=False, **columns)
            file.flush()
            os.fsync(file.fileno())
        (folder / f".{COLUMNS}").replace(folder / COLUMNS)
        write_json(folder / WORDS, words)


def _load(folder: Path) -> Rows:
    words = json.loads((folder / WORDS).read_bytes())
    with np.load(folder / COLUMNS, allow_pickle=False) as found:
        columns = {name: found[name] for name in found.files}

    def part(prefix: str) -> dict[str, NDArray[np.generic]]:
        return {name.removeprefix(prefix): value for name, value in columns.items() if name.startswith(prefix)}

    flags = {
        kind: Flagged(array("q", rows.tolist()), {int(row): note for row, note in words["notes"][kind].items()})
        for kind, rows in part("flags.").items()
    }
    return Rows(
        spool=Spool.reopened(folder, words["names"]),
        facts=Facts(**part("facts.")),  # type: ignore[arg-type]
        texts=Texts(folder, **part("texts.")),  # type: ignore[arg-type]
        flags=flags,
        languages=tuple(words["languages"]),
        read=words["read"],
        faults={(file, reason): Fault(lines, messages) for file, reason, lines, messages in words["faults"]},
        **{name: columns[name] for name in NUMBERS},
    )


def records_of(settled: Sequence[Plan], monitor: Monitor) -> list[Record]:
    """The rows of some files that can be used, cleaned, in memory; the others are told as one warning for each file.

    Raises: BadData if a file as a whole cannot be read, or none of its rows can be used; Interrupted.
    """
    found: list[Record] = []
    for one in settled:
        position, bad, first, before = Position(), 0, "", len(found)
        for number, row in enumerate(read_plan(one, position)):
            if number % ROWS_PER_LOOK == 0:
                look(monitor, f"reading {one.source.file}", position.done, position.total, position.unit)
            try:
                if isinstance(row, Record) and row.conversation is not None:
                    found.append(clean(row, RULES, Counter()))
                    continue
                message = row.message if isinstance(row, Rejected) else "is a document without a question and an answer"
            except RowFault as fault:
                message = fault.message
            bad, first = bad + 1, first or f"line {row.origin.line} {message}"
        if len(found) == before:
            raise BadData(
                "none of its rows can be used", where=one.source.file, got=first or "no rows", fix="tunesmith data check says what is wrong with each"
            )
        if bad:
            monitor.emit(Note(level="warning", text=f"{one.source.file}: {bad:,} rows cannot be used and are left out; the first: {first}"))
    return found
