"""Files → everything that later checks need of their rows, read once: the spool's numbers, the flags of single rows, languages, faults.

Checks of single rows run beside the reading, in a second process, where there are many rows: each costs about as much as the other.
What was read is kept in the folder, so that a killed examination does not read again.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from array import array
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.clean import clean
from tunesmith.data.examine.single import Checked, check_rows
from tunesmith.data.examine.view import View, view_of
from tunesmith.data.fold import setting
from tunesmith.data.intake import ROWS_PER_LOOK, look
from tunesmith.data.sources.fault import RowFault
from tunesmith.data.sources.reading import Plan, Position, read_plan, rejected
from tunesmith.data.spool import I64, NAMES, Facts, Names, Spool, Texts
from tunesmith.errors import BadData
from tunesmith.spec.dataset import Cleaning, Record, Rejected
from tunesmith.spec.job import Monitor, Note
from tunesmith.store.disk import disk_faults, write_json
from tunesmith.store.parent import die_with

BATCH_ROWS = 2_000
ALONE_ROWS = 10_000
"""Up to so many rows a second process is not worth its start."""
WAITING_BATCHES = 4
NOTES_KEPT = 200
"""Notes of each kind that are remembered, from the first rows on; the rows are all remembered."""
RULES = Cleaning(skip_faulty=True)
COLUMNS = "rows.npz"
WORDS = "rows.json"


@dataclass
class Flagged:
    """The rows with one kind of flag, in order, and notes about the first of them."""

    rows: array[int] = field(default_factory=lambda: array("q"))
    notes: dict[int, str] = field(default_factory=dict)

    def add(self, row: int, note: str) -> None:
        """One more row; a row is counted once."""
        if not self.rows or self.rows[-1] != row:
            self.rows.append(row)
        if note and len(self.notes) < NOTES_KEPT:
            self.notes.setdefault(row, note)


@dataclass
class Fault:
    """Rows of one file that cannot be read or used, for one reason."""

    lines: list[int] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    """Of the first few."""


@dataclass(frozen=True)
class Rows:
    """What was read; index i of every array is the i-th row that can be used."""

    spool: Spool
    facts: Facts
    texts: Texts
    flags: dict[str, Flagged]
    languages: tuple[str, ...]
    language: I64
    """Number of each row's language in `languages`; -1: it cannot be told."""
    system: I64
    """Number of each row's system prompt with its tools, by first appearance; -1: it has none, or there are too many to tell apart."""
    question_characters: I64
    answer_characters: I64
    read: dict[str, int]
    """File → rows read, faulty ones included."""
    faults: dict[tuple[str, str], Fault]
    """(file, reason) → the rows."""

    def __len__(self) -> int:
        return len(self.facts)

    def of_file(self, file: str) -> NDArray[np.bool_]:
        """Which rows stand in `file`."""
        names = self.spool.sources.texts
        return np.asarray(self.facts.source == (names.index(file) if file in names else -2))

    def every_record(self) -> Iterator[Record]:
        """All records, in order."""
        return map(Record.model_validate_json, self.spool.lines())

    def records(self, wanted: I64) -> dict[int, Record]:
        """Row → record, for a few rows; one pass over the scratch file."""
        rows = set(wanted.tolist())
        return {row: Record.model_validate_json(line) for row, line in enumerate(self.spool.lines()) if row in rows} if rows else {}


@dataclass
class _Growing:
    """What the pass has seen so far."""

    flags: dict[str, Flagged] = field(default_factory=dict)
    languages: Names = field(default_factory=Names)
    language: array[int] = field(default_factory=lambda: array("q"))
    systems: Names = field(default_factory=Names)
    system: array[int] = field(default_factory=lambda: array("q"))
    question: array[int] = field(default_factory=lambda: array("q"))
    answer: array[int] = field(default_factory=lambda: array("q"))
    read: dict[str, int] = field(default_factory=dict)
    faults: dict[tuple[str, str], Fault] = field(default_factory=dict)

    def refuse(self, row: Rejected) -> None:
        """Note a row that cannot be used."""
        fault = self.faults.setdefault((row.origin.file, row.reason), Fault())
        fault.lines.append(row.origin.line)
        if len(fault.messages) < 5:
            fault.messages.append(row.message)

    def take(self, first: int, checked: Sequence[Checked]) -> None:
        """Note what checks of single rows found, from row `first` on."""
        for row, one in enumerate(checked, first):
            self.language.append(self.languages.number(one.language))
            for flag in one.flags:
                self.flags.setdefault(flag.kind, Flagged()).add(row, flag.note)


class _Beside:
    """Checks batches of rows in order, beside the reading once there are enough of them."""

    def __init__(self, growing: _Growing) -> None:
        self.growing = growing
        self.begun = 0
        self.pool: ProcessPoolExecutor | None = None
        self.waiting: deque[tuple[int, Future[list[Checked]]]] = deque()

    def __enter__(self) -> _Beside:
        return self

    def __exit__(self, *raised: object) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=True, cancel_futures=True)

    def check(self, views: list[View]) -> None:
        """Have one batch checked.

        Raises: BrokenProcessPool if the second process was killed.
        """
        if self.begun < ALONE_ROWS or (os.cpu_count() or 1) < 2:
            self.growing.take(self.begun, check_rows(views))
        else:
            if self.pool is None:
                context = multiprocessing.get_context("spawn")
                self.pool = ProcessPoolExecutor(1, mp_context=context, initializer=die_with, initargs=(os.getpid(),))
            self.waiting.append((self.begun, self.pool.submit(check_rows, views)))
            if len(self.waiting) > WAITING_BATCHES:
                self._collect()
        self.begun += len(views)

    def _collect(self) -> None:
        first, future = self.waiting.popleft()
        self.growing.take(first, future.result())

    def finish(self) -> None:
        """Wait for what is still being checked."""
        while self.waiting:
            self._collect()


def read_rows_of(settled: Sequence[Plan], folder: Path, monitor: Monitor) -> Rows:
    """Everything about the rows of these files; `folder` keeps it, and what an earlier process read from the same files is taken from there.

    Raises: BadData if a file as a whole cannot be read; Interrupted.
    """
    if (folder / COLUMNS).exists() and (folder / WORDS).exists():
        return _load(folder)
    with ExitStack() as undo:
        spool = Spool(folder)
        undo.push(spool)  # an exception deletes what was read so far
        growing = _Growing()
        try:
            with _Beside(growing) as beside:
                for views in _batches(settled, spool, growing, monitor):
                    beside.check(views)
                beside.finish()
        except BrokenProcessPool as error:
            raise BadData("the process that checks rows was ended from outside", fix="run the same command again; give it more memory") from error
        facts, texts = spool.finish()
        rows = Rows(
            spool=spool,
            facts=facts,
            texts=texts,
            flags=growing.flags,
            languages=tuple(growing.languages.texts),
            language=np.array(growing.language, dtype=np.int64),
            system=np.array(growing.system, dtype=np.int64),
            question_characters=np.array(growing.question, dtype=np.int64),
            answer_characters=np.array(growing.answer, dtype=np.int64),
            read=growing.read,
            faults=growing.faults,
        )
        _save(rows, folder)
        undo.pop_all()
    spool.release()
    return rows


def _batches(settled: Sequence[Plan], spool: Spool, growing: _Growing, monitor: Monitor) -> Iterator[list[View]]:
    """The views of rows that can be used, some thousand at a time; the rows are in the spool."""
    views: list[View] = []
    problems: list[Exception] = []
    for one in settled:
        position, file = Position(), one.source.file
        growing.read[file] = 0
        try:
            for row in read_plan(one, position):
                growing.read[file] += 1
                if growing.read[file] % ROWS_PER_LOOK == 0:
                    look(monitor, f"reading {file}", position.done, position.total, position.unit)
                view = _taken(row, spool, growing, has_labels=one.source.format == "table" and one.source.output is None)
                if view is not None:
                    views.append(view)
                    if len(views) == BATCH_ROWS:
                        yield views
                        views = []
        except BadData as error:
            problems += [error]
    if problems:
        raise BadData(problems=[p for error in problems if isinstance(error, BadData) for p in error.problems])
    yield views


def _taken(row: Record | Rejected, spool: Spool, growing: _Growing, *, has_labels: bool) -> View | None:
    """The view of a row that can be used, once it is in the spool; else None, once the fault is noted."""
    if isinstance(row, Record) and row.conversation is None:
        row = rejected(
            row.origin, RowFault("no_answer", "is a document without a question and an answer: `tunesmith data make questions` writes rows from it")
        )
    if isinstance(row, Rejected):
        growing.refuse(row)
        return None
    try:
        mended = clean(row, RULES, Counter())
    except RowFault as fault:
        growing.refuse(rejected(row.origin, fault))
        return None
    spool.add(mended)
    view = view_of(row, labels=has_labels)
    around = setting(mended)
    growing.system.append(growing.systems.number(around or None, bounded=True))
    growing.question.append(len(view.question))
    growing.answer.append(len(view.answer))
    return view


def _save(rows: Rows, folder: Path) -> None:
    """Keep what was read; the last file written is the sign that all of it is there."""
    columns = {f"facts.{name}": value for name, value in vars(rows.facts).items()}
    columns |= {f"texts.{name}": value for name, value in vars(rows.texts).items() if name != "folder"}
    columns |= {f"flags.{kind}": np.array(flagged.rows, dtype=np.int64) for kind, flagged in rows.flags.items()}
    columns |= {name: getattr(rows, name) for name in ("language", "system", "question_characters", "answer_characters")}
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
        language=columns["language"],
        system=columns["system"],
        question_characters=columns["question_characters"],
        answer_characters=columns["answer_characters"],
        read=words["read"],
        faults={(file, reason): Fault(lines, messages) for file, reason, lines, messages in words["faults"]},
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
