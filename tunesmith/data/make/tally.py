"""Rows made and units skipped → counts while they come, the manifest at the end, and the files that hold them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tunesmith.data.make.read import NOTICES
from tunesmith.data.writing import sha256
from tunesmith.spec.making import Made, Making, MakingKind
from tunesmith.spec.noun import Noun
from tunesmith.spec.passage import Skipped

ROWS_FILE, SKIPPED_FILE = "rows.jsonl", "skipped.jsonl"
MAX_FIRST = 100
HARMLESS = frozenset({"bot", "internal_note", "auto_reply", "empty", "repeated", "before_question", "after_answer", "system_message"})
"""Reasons of turns that nobody would want in a conversation."""


class Tally:
    """What a maker has read, used and left."""

    def __init__(self, kind: MakingKind, unit: str, wishes: Noun) -> None:
        self.kind, self.unit, self.wishes = kind, unit, wishes
        self.inputs: dict[str, str] = {}
        self.read = self.used = self.rows = 0
        self.passed_over: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()
        self.by_how: Counter[str] = Counter()
        self.reasons: list[str] = []
        self.tokens: int | None = None
        self.token_unit: str | None = None
        self.left: Counter[str] = Counter()
        self._first: dict[str, Skipped] = {}

    def input(self, path: Path, file: str) -> None:
        """One file that is read."""
        self.inputs[file] = sha256(path)

    def made(self, row: Made) -> Made:
        """The row, counted."""
        self.rows += 1
        self.by_how[row.how] += 1
        return row

    def skip(self, one: Skipped) -> Skipped:
        """What is skipped, counted; a notice is no problem and stands among the reasons."""
        if one.reason in NOTICES:
            self.reasons.append(f"{one.spot.words()} {one.message}")
        elif one.reason in HARMLESS:
            self.pass_over(one)
        else:
            self.problems[one.reason] += 1
            self._first.setdefault(one.reason, one)
        return one

    def pass_over(self, one: Skipped) -> Skipped:
        """What is left out without being a problem, counted."""
        self.passed_over[one.reason] += 1
        self._first.setdefault(one.reason, one)
        return one

    def because(self, reason: str) -> None:
        """An automatic choice, with its reason."""
        if reason not in self.reasons:
            self.reasons.append(reason)

    def making(self) -> Making:
        """The manifest of what has been counted so far."""
        return Making(
            kind=self.kind,
            inputs=self.inputs,
            unit=self.unit,
            read=self.read,
            used=self.used,
            passed_over=dict(self.passed_over.most_common()),
            problems=dict(self.problems.most_common()),
            left=dict(self.left.most_common()),
            rows=self.rows,
            by_how=dict(self.by_how.most_common()),
            tokens=self.tokens,
            token_unit=self.token_unit,
            reasons=tuple(self.reasons),
            first=tuple(sorted(self._first.values(), key=lambda one: one.reason not in self.problems))[:MAX_FIRST],
            wishes=self.wishes.model_dump(mode="json"),
        )


def write(rows: Iterable[Made | Skipped], folder: Path, tally: Tally) -> Making:
    """The manifest, once all rows stand in `folder`/rows.jsonl and all that was skipped in skipped.jsonl."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ROWS_FILE).open("w", encoding="utf-8") as kept, (folder / SKIPPED_FILE).open("w", encoding="utf-8") as left:
        for one in rows:
            if isinstance(one, Made):
                kept.write(one.line() + "\n")
            else:
                left.write(one.model_dump_json(exclude_defaults=True) + "\n")
    return tally.making()
