"""Rows while they are read → what each shows by itself: flags, its language, its system prompt, its lengths, and which rows cannot be used.

The checks cost about as much as the reading, so they run beside it, in a second process, once there are many rows. `tunesmith data check`, the
line and fine-tuning jobs read in different ways; all of them look at their rows through this.
"""

from __future__ import annotations

import multiprocessing
import os
from array import array
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import lru_cache

from tunesmith.data.examine.single import Checked, check_rows
from tunesmith.data.examine.view import View, view_of
from tunesmith.data.fold import fold, key
from tunesmith.data.spool import Names
from tunesmith.errors import BadData
from tunesmith.spec.dataset import Record, Rejected
from tunesmith.store.parent import die_with

BATCH_ROWS = 2_000
ALONE_ROWS = 10_000
"""Up to so many rows a second process is not worth its start."""
WAITING_BATCHES = 4
NOTES_KEPT = 200
"""Notes of each kind that are remembered, from the first rows on; the rows are all remembered."""
MESSAGES_KEPT = 5
TOO_MANY = -2
_folded = lru_cache(maxsize=256)(fold)  # one system prompt usually serves many rows


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


class Noticed:
    """What the rows show, in the order in which they go into the spool; a context, since checks may run in another process."""

    def __init__(self, *, people: bool = True) -> None:
        self.people = people
        """Look for personal data and secrets, too; somebody else does, where it is False."""
        self.flags: dict[str, Flagged] = {}
        self.faults: dict[tuple[str, str], Fault] = {}
        """(file, reason) → the rows."""
        self.languages = Names()
        self.language: array[int] = array("q")
        self.system: array[int] = array("q")
        """As `Rows.system`."""
        self.question_characters: array[int] = array("q")
        self.answer_characters: array[int] = array("q")
        self.rejected: array[int] = array("Q")
        self._systems = Names()
        self._views: list[View] = []
        self._begun = 0
        self._pool: ProcessPoolExecutor | None = None
        self._waiting: deque[tuple[int, Future[list[Checked]]]] = deque()

    def __enter__(self) -> Noticed:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def refuse(self, row: Rejected) -> None:
        """A row that cannot be used."""
        fault = self.faults.setdefault((row.origin.file, row.reason), Fault())
        fault.lines.append(row.origin.line)
        if len(fault.messages) < MESSAGES_KEPT:
            fault.messages.append(row.message)

    def see(self, read: Record, kept: Record, *, labels: bool = False) -> None:
        """The next row of the spool: as it was `read`, before anything was mended, and as it was `kept`; `labels`: the answers of its source are labels.

        Raises: BadData if the second process was ended from outside.
        """
        view = view_of(read, labels=labels)
        number = self._systems.number(_folded(view.system) or None, bounded=True)
        self.system.append(TOO_MANY if number < 0 and view.system.strip() else number)
        self.question_characters.append(len(view.question))
        self.answer_characters.append(len(view.answer))
        self.rejected.append(key("\n".join(fold(turn.content or "") for turn in kept.rejected)) if kept.rejected else 0)
        self._views.append(view)
        if len(self._views) == BATCH_ROWS:
            self._check()

    def finish(self) -> None:
        """Wait for what is still being checked.

        Raises: BadData if the second process was ended from outside.
        """
        self._check()
        while self._waiting:
            self._collect()

    def _check(self) -> None:
        views, self._views = self._views, []
        if self._begun < ALONE_ROWS or (os.cpu_count() or 1) < 2:
            self._take(self._begun, check_rows(views, self.people))
        else:
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=die_with, initargs=(os.getpid(),))
            try:
                self._waiting.append((self._begun, self._pool.submit(check_rows, views, self.people)))
            except BrokenProcessPool as error:
                raise _ended() from error
            if len(self._waiting) > WAITING_BATCHES:
                self._collect()
        self._begun += len(views)

    def _collect(self) -> None:
        first, future = self._waiting.popleft()
        try:
            self._take(first, future.result())
        except BrokenProcessPool as error:
            raise _ended() from error

    def _take(self, first: int, checked: Sequence[Checked]) -> None:
        """Note what checks of single rows found, from row `first` on."""
        for row, one in enumerate(checked, first):
            self.language.append(self.languages.number(one.language))
            for flag in one.flags:
                self.flags.setdefault(flag.kind, Flagged()).add(row, flag.note)


def _ended() -> BadData:
    return BadData("the process that checks rows was ended from outside", fix="run the same command again; give it more memory")
