"""Files → an examination: what is wrong with them, how sure that is, and whether a model should be trained on them.

Three parts, each kept on disk as soon as it is done, so that a killed examination goes on where it was: the rows, read once, with what checks of single
rows say (`rows.py`); what rows say about one another, without a model (`mechanical.py`); what an encoder and, if asked for, the base model say
(`meaningful.py`). An examination names lines and shows masked excerpts; it changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunesmith.data.examine.balance import overview
from tunesmith.data.examine.findings import KINDS, Suspicion, findings, gravest_first
from tunesmith.data.examine.header import lost_headers, taken
from tunesmith.data.examine.meaningful import Tools, by_meaning
from tunesmith.data.examine.mechanical import Sides, suspicions
from tunesmith.data.examine.page import page
from tunesmith.data.examine.probe_leaks import ProbeIndex, probe_leaks
from tunesmith.data.examine.repetition import Repetition, repetition
from tunesmith.data.examine.rows import Rows, read_rows_of
from tunesmith.data.examine.verdict import verdict
from tunesmith.data.examine.view import view_of
from tunesmith.data.sources.reading import Plan
from tunesmith.errors import NotEnoughData
from tunesmith.probes.load import probes
from tunesmith.spec.finding import Examination
from tunesmith.spec.job import Monitor
from tunesmith.store.disk import file_digest

__all__ = ["REVIEW", "VERSION", "Question", "Tools", "examine"]

VERSION = 7
"""Raised when the same files would give other findings."""
REVIEW = "review.jsonl"
PAGE = "report.html"
ASKED_FIRST = ("labels", "contradictions", "text", "usefulness")
"""Groups in the order in which a person should look at them."""
REVIEW_ROWS = 2_000
"""The most suspect rows of each kind that a person is asked about at once."""


@dataclass(frozen=True)
class Question:
    """What is to be examined."""

    settled: tuple[Plan, ...]
    against: tuple[Plan, ...] = ()
    out_of_scope: str | None = None

    @property
    def sides(self) -> Sides:
        """The files by name."""
        return Sides(tuple(p.source.file for p in self.settled), tuple(p.source.file for p in self.against))


def examine(question: Question, folder: Path, scratch: Path, tools: Tools, monitor: Monitor) -> Examination:
    """What was found; `folder` receives report.html and review.jsonl, `scratch` what a killed examination goes on from.

    Raises: BadData if a file as a whole cannot be read; NotEnoughData if no row can be; Interrupted.
    """
    plans = (*question.settled, *question.against)
    rows = read_rows_of(plans, scratch / "rows", monitor)
    sides = question.sides
    if not sides.examined(rows).any():
        raise NotEnoughData(
            f"none of the {sum(rows.read[f] for f in sides.files):,} rows can be used",
            where=", ".join(sides.files),
            got="; ".join(f.message for f in findings((), rows, sides.files)) or "no rows",
            expected="rows with a question and an answer",
            fix="check the format and the columns: --format, --input, --output, --label",
        )
    found = _kept_repetition(rows, scratch / "repetition.npz", monitor)
    suspected = list(suspicions(rows, sides, found, question.out_of_scope, monitor))
    suspected += probe_leaks(rows, sides.examined(rows), ProbeIndex(probes().texts()), monitor)
    meant, skipped = by_meaning(rows, sides, found, tools, scratch, monitor)
    told = [*suspected, *meant]
    made = gravest_first([*findings(told, rows, sides.files), *lost_headers(question.settled)])
    read = {file: rows.read[file] for file in sides.files}
    fitness, reasons = verdict(made, read)
    examination = Examination(
        files={p.source.file: file_digest(p.path) for p in question.settled},
        against={p.source.file: file_digest(p.path) for p in question.against},
        rows=read,
        taken={p.source.file: taken(p) for p in plans},
        fitness=fitness,
        reasons=reasons,
        findings=tuple(made),
        skipped=skipped,
        overviews={file: tuple(overview_of(rows, file, found)) for file in sides.files},
    )
    with (folder / REVIEW).open("w", encoding="utf-8", errors="surrogatepass") as file:
        for row in review_rows(told, rows, sides):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    (folder / PAGE).write_text(page(examination), encoding="utf-8")
    return examination


def _kept_repetition(rows: Rows, path: Path, monitor: Monitor) -> Repetition:
    """How rows repeat one another, from an earlier process if it got so far."""
    if path.exists():
        with np.load(path, allow_pickle=False) as kept:
            return Repetition(kept["exact"], kept["near"], int(kept["compared"]))
    found = repetition(rows, monitor)
    fresh = path.with_name(f".{path.name}")
    np.savez(fresh, exact=found.exact, near=found.near, compared=np.int64(found.compared))
    fresh.replace(path)
    return found


def review_rows(told: Sequence[Suspicion], rows: Rows, sides: Sides) -> Iterator[Mapping[str, object]]:
    """What a person is asked about, the most suspect first within each kind; the texts stand as they are, since they are to be judged."""
    asked = [one for one in told if len(one.rows) and (one.severity or KINDS[one.kind].severity) == "review" and KINDS[one.kind].group != "balance"]
    asked.sort(key=lambda one: ASKED_FIRST.index(KINDS[one.kind].group) if KINDS[one.kind].group in ASKED_FIRST else len(ASKED_FIRST))
    wanted = np.unique(np.concatenate([one.rows[:REVIEW_ROWS] for one in asked])) if asked else np.zeros(0, np.int64)
    records = rows.records(wanted)
    for one in asked:
        for row in one.rows[:REVIEW_ROWS].tolist():
            origin = rows.spool.origin(rows.facts, row)
            if origin.file not in sides.files:
                continue
            view = view_of(records[row])
            yield {
                "suggestion": one.suggestions.get(row, ""),
                "kind": one.kind,
                "score": one.scores.get(row),
                "file": origin.file,
                "line": origin.line,
                "question": view.question,
                "answer": view.answer,
                "note": one.notes.get(row, ""),
            }


def overview_of(rows: Rows, file: str, found: Repetition) -> list[str]:
    """What is in a file, for people."""
    from_file = rows.of_file(file)
    return overview(rows, from_file, int((found.exact[from_file] != np.flatnonzero(from_file)).sum()))
