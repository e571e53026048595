"""The sources of a project → cleaned records in a spool and rejected rows in a file; every row read is in exactly one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tunesmith.data.clean import clean
from tunesmith.data.examine.noticed import Noticed
from tunesmith.data.personal.guard import Guard
from tunesmith.data.room import Room
from tunesmith.data.sources.fault import EXPECTED, FIX, RowFault
from tunesmith.data.sources.reading import Plan, Position, has_labels, plan, read_plan, rejected
from tunesmith.data.spool import Spool
from tunesmith.errors import BadData, Interrupted, NotEnoughData, Problem
from tunesmith.spec.dataset import Cleaning, Origin, Record, Rejected, Source
from tunesmith.spec.job import Monitor, Progress

ROWS_PER_LOOK = 500
MAX_PROBLEMS = 20
CLEANED = frozenset({"empty", "duplicate", "near_duplicate", "conflict", "leak", "personal"})
"""Reasons of rows that cleaning removes; a row with any other reason is faulty."""


def look(monitor: Monitor, label: str, done: float, total: float | None, unit: str = "rows") -> None:
    """Tell how far this step is, and stop here if the user wants a stop.

    Raises: Interrupted.
    """
    monitor.emit(Progress(label=label, done=done, total=total, unit=unit))
    if monitor.stopping():
        raise Interrupted("stopped while preparing the data", fix="run the same command again: reading starts anew, nothing is half done")


class Removed:
    """Rejected rows: written to rejected.jsonl as they come, counted by reason, the first of each reason remembered."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.counts: Counter[str] = Counter()
        self.first: dict[str, Rejected] = {}
        self.faulty: list[Rejected] = []
        """The first rows that cannot be read or used."""

    def add(self, row: Rejected) -> None:
        """One row that is not used."""
        self.counts[row.reason] += 1
        self.first.setdefault(row.reason, row)
        if row.reason not in CLEANED and len(self.faulty) < MAX_PROBLEMS:
            self.faulty.append(row)
        self._file.write(row.model_dump_json(exclude_none=True).encode() + b"\n")

    def problems(self) -> list[Problem]:
        """One problem for each reason, most frequent first, with its first line."""
        return [
            Problem(f"{n:,} rows: {reason}; the first {first.message}", f"{first.origin.file} line {first.origin.line}")
            for reason, n in self.counts.most_common()
            for first in (self.first[reason],)
        ]

    def faults(self, rows_read: int) -> list[Problem]:
        """What is wrong with the rows that cannot be read or used: how many there are and how to go on without them, then each, in order."""
        tally = [(reason, n) for reason, n in self.counts.most_common() if reason not in CLEANED]
        if not tally:
            return []
        count = sum(n for _, n in tally)
        shown = f", the first {len(self.faulty)} of them below" if count > len(self.faulty) else ""
        summary = Problem(
            f"{count:,} of {rows_read:,} rows cannot be used{shown}",
            ", ".join(dict.fromkeys(row.origin.file for row in self.faulty)),
            ", ".join(f"{n:,} {reason}" for reason, n in tally),
            "rows that can all be read",
            "mend them as said below, or go on without them: --set cleaning.skip_faulty=true (in the project: [cleaning] skip_faulty = true)",
        )
        return [summary, *map(fault, self.faulty)]


def fault(row: Rejected) -> Problem:
    """A row that cannot be used, as a problem: the parts of its message in their places."""
    message, _, fix = row.message.partition(FIX)
    message, _, expected = message.partition(EXPECTED)
    return Problem(message, f"{row.origin.file} line {row.origin.line}", expected=expected, fix=fix)


def plans(sources: Sequence[Source], root: Path) -> list[Plan]:
    """How every source will be read.

    Raises: BadData with the problems of all sources at once.
    """
    found: list[Plan] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for source in sources:
        if source.file in seen:
            problems.append(Problem("is listed twice", source.file, fix="remove one of the two sources"))
        seen.add(source.file)
        try:
            found.append(plan(source, root))
        except BadData as error:
            problems += error.problems
    if problems:
        raise BadData(problems=problems)
    return found


@dataclass
class Intake:
    """Where the rows of a project go while they are read: those that can be used into the spool, each looked at on the way, the others among the removed."""

    rules: Cleaning
    room: Room
    spool: Spool
    removed: Removed
    noticed: Noticed
    read: dict[str, int] = field(default_factory=dict)
    """File → rows read."""
    repaired: Counter[str] = field(default_factory=Counter)
    """Rule → rows changed by it."""

    @property
    def rows(self) -> int:
        """Rows read of all files."""
        return sum(self.read.values())

    def take(self, row: Record | Rejected, guard: Guard, *, labels: bool) -> None:
        """One row as it was read; `labels`: the answers of its source are labels."""
        if isinstance(row, Rejected):
            self._leave(row)
        elif row.text is not None:
            why = RowFault("no_answer", "is a document without a question and an answer; only rows with both are trained on")
            self._leave(rejected(row.origin, why))
        else:
            try:
                mended = guard.passed(clean(row, self.rules, self.repaired), self.repaired)
                self.room.check(mended)
            except RowFault as fault:
                self._leave(rejected(row.origin, fault))
                return
            self.spool.add(mended)
            self.noticed.see(row, mended, labels=labels)

    def _leave(self, row: Rejected) -> None:
        self.removed.add(row)
        if row.reason != "personal":  # that one can be used, and somebody decided otherwise
            self.noticed.refuse(row)


def take_in(settled: Sequence[Plan], into: Intake, monitor: Monitor) -> None:
    """Read all rows.

    Raises: BadData with what is wrong with the files as a whole and, unless `skip_faulty`, with their rows, all at once; NotEnoughData if they hold no
    examples.
    """
    documents = 0
    problems: list[Problem] = []
    guard = Guard(into.rules.personal_data)
    for one in settled:
        position, file = Position(), one.source.file
        into.read[file] = 0
        try:
            for row in read_plan(one, position):
                into.read[file] += 1
                if into.read[file] % ROWS_PER_LOOK == 0:
                    look(monitor, f"reading {file}", position.done, position.total, position.unit)
                documents += isinstance(row, Record) and row.text is not None
                into.take(row, guard, labels=has_labels(one.source))
        except BadData as error:
            problems += error.problems
    _refuse_faulty(settled, into, documents, problems)


def _refuse_faulty(settled: Sequence[Plan], into: Intake, documents: int, problems: Sequence[Problem]) -> None:
    """Nothing, if there are rows that can be used, and no others that have to be told.

    Raises: as `take_in`.
    """
    rows, removed, where = into.rows, into.removed, ", ".join(one.source.file for one in settled)
    faulty = [] if into.rules.skip_faulty else removed.faults(rows)
    if problems:
        raise BadData(problems=[*problems, *faulty])
    if documents and not len(into.spool):
        raise NotEnoughData(
            "documents without questions and answers cannot be trained on",
            where=where,
            got=f"{documents:,} pieces of text",
            expected="rows with an input and an answer",
            fix="make rows of the documents (tunesmith data make questions), or name the format or the columns if these are none; texts for continued pre-training are for other trainers: the line learns answers",
        )
    if not len(into.spool):
        raise NotEnoughData(
            f"none of the {rows:,} rows can be used",
            problems=[
                Problem(
                    f"none of the {rows:,} rows can be used",
                    where,
                    f"{rows:,} rejected rows",
                    "at least 10 that can be used",
                    "mend the rows as said below, or check `format` and the columns of this source",
                ),
                *removed.problems(),
            ],
        )
    if faulty:
        raise BadData(problems=faulty)


def refuse_if_too_few(rows: int, at_least: int, read: int, removed: Removed, where: str) -> None:
    """Nothing, if enough rows are left.

    Raises: NotEnoughData with where the others went.
    """
    if rows >= at_least:
        return
    got = f"{rows} usable rows of {read:,} read"
    fix = "add rows: 50 are the least that make sense, some hundred are good"
    raise NotEnoughData(
        "too few rows",
        problems=[
            Problem("too few rows to train on and to judge with", where, got=got, expected=f"at least {at_least}", fix=fix),
            *removed.problems(),
        ],
    )


def duplicate_of(origin: Origin, other: Origin, reason: str, message: str) -> Rejected:
    """A row that another row makes superfluous."""
    return Rejected(origin=origin, reason=reason, message=f"{message} {other.file} line {other.line}", other=other)
