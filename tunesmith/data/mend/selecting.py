"""Files and a number → a version with so many of their rows: the most useful ones that still stand for all, and what was given up with the others.

Nothing else is done to the rows. Of rows that say the same only the first can be chosen. Labels get the same number of rows each, as far as they have
them; where answers are no labels, rows are chosen by what they ask, as they lie. With a base model a row is worth more the harder its answer is where
its question helps (usefulness.py), and a row whose question does not help is worth nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.duplicates import first_of_equals
from tunesmith.data.examine.balance import label_counts
from tunesmith.data.examine.choose import Choice, choose, shortfall
from tunesmith.data.examine.findings import KINDS, SHOWN_CHARACTERS, excerpt
from tunesmith.data.examine.meaning import meanings
from tunesmith.data.examine.meaningful import Tools
from tunesmith.data.examine.rows import Rows, read_rows_of
from tunesmith.data.examine.topics import topics
from tunesmith.data.examine.usefulness import NO_HELP, Losses, measured
from tunesmith.data.examine.view import view_of
from tunesmith.data.mend.plan import Plan as Mending
from tunesmith.data.mend.plan import Step
from tunesmith.data.mend.run import refuse_changed, write_files
from tunesmith.data.personal.masking import masked
from tunesmith.data.personal.redact import Placeholders
from tunesmith.data.sources.reading import Plan
from tunesmith.data.spool import I64
from tunesmith.errors import NotEnoughData
from tunesmith.spec.finding import Exhibit
from tunesmith.spec.job import Monitor
from tunesmith.spec.mending import GaveUp, Version
from tunesmith.store.disk import file_digest

VERSION = 2
"""Raised when the same files and number would give other rows."""
MOST_MEASURED = 5_000
"""Rows that the base model reads, drawn at random where there are more; the others count as worth half."""
NAMED = 20
F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """Rows that can be chosen, with what is known of them."""

    rows: Rows
    able: I64
    """The first of each group of rows that say the same."""
    questions: Sequence[str]
    """Of the rows in `able`."""


def select(settled: Sequence[Plan], count: int, tools: Tools, folder: Path, scratch: Path, monitor: Monitor) -> Version:
    """The version with `count` of the rows in `folder`; `scratch` holds what a killed selection goes on from.

    Raises: BadData if a file as a whole cannot be read; NotEnoughData if there are no more different rows than are to be kept; Interrupted.
    """
    assert tools.encoder is not None
    before = {one.source.file: file_digest(one.path) for one in settled}
    rows = read_rows_of(settled, scratch / "rows", monitor)
    able = np.unique(first_of_equals(rows.facts.row)) if len(rows) else np.zeros(0, np.int64)
    if len(able) <= count:
        raise NotEnoughData(
            "there is nothing to choose from",
            where=", ".join(one.source.file for one in settled),
            got=f"{len(able):,} different rows that can be used",
            expected=f"more than {count:,}",
            fix="ask for fewer rows, or use the files as they are",
        )
    is_able = np.isin(np.arange(len(rows)), able)
    scene = Scene(rows, able, [view_of(record).question for record, wanted in zip(rows.every_record(), is_able.tolist(), strict=True) if wanted])
    vectors = meanings(scene.questions, tools.encoder, scratch / "questions", monitor, "reading questions for meaning").every()
    worth, said = _worth(scene, tools, scratch, monitor)
    by_label = len(label_counts(rows, is_able)) > 1
    groups = rows.facts.short_answer[able] if by_label else None
    chosen = choose(vectors, count, monitor, groups, worth, tools.seed)
    if by_label:
        of, names = rows.facts.short_answer[able], rows.spool.answers.texts
    else:
        found = topics(vectors, scene.questions, monitor, tools.seed)
        of, names = found.of, [topic.name for topic in found.topics]
    missed = shortfall(of, chosen.rows)
    gave_up = GaveUp(
        kept=len(chosen.rows),
        of=len(able),
        by="labels" if by_label else "topics",
        lost=tuple(masked(names[number]) for number in missed.lost[:NAMED]),
        halved=tuple(masked(names[number]) for number in missed.halved[:NAMED]),
        mean_distance=round(chosen.mean_distance, 4),
        worst_distance=round(chosen.worst_distance, 4),
        farthest=_farthest(scene, chosen),
        worth=said,
        personal=_personal(rows, able[chosen.rows]),
    )
    files = write_files(settled, _plan(scene, chosen), folder, Placeholders(), monitor)
    refuse_changed(settled, before)
    return Version(title=", ".join(Path(one.source.file).name for one in settled), number=1, files=files, gave_up=gave_up)


def _worth(scene: Scene, tools: Tools, scratch: Path, monitor: Monitor) -> tuple[F64 | None, str]:
    """([R] what each row has to teach, 0 … 1; where that comes from)."""
    if tools.measure is None:
        return None, "every row counts the same: no base model was named (--base)"
    conversations = [record.conversation for record in scene.rows.records(scene.able).values() if record.conversation is not None]
    losses = measured(conversations, tools.measure, tools.base, scratch / "losses", monitor, seed=tools.seed, most=MOST_MEASURED)
    return worths(losses), f"instruction-following difficulty by {tools.base}, measured on {len(losses.rows):,} of {losses.of:,} rows"


def _personal(rows: Rows, kept: I64) -> dict[str, int]:
    """Kind of personal data → how many of these rows have some."""
    found = {
        kind: int(np.isin(np.array(flagged.rows, np.int64), kept).sum()) for kind, flagged in rows.flags.items() if KINDS[kind].group == "personal"
    }
    return {kind: count for kind, count in found.items() if count}


def worths(losses: Losses) -> F64:
    """[N] what each row has to teach: its rank by difficulty among the rows that their question helps, 0 where it does not help, NaN where nobody measured."""
    worth = np.full(losses.of, np.nan)
    ifd = losses.ifd
    worth[losses.rows[ifd >= NO_HELP]] = 0.0
    helped = np.flatnonzero(ifd < NO_HELP)
    order = losses.rows[helped[np.argsort(ifd[helped], kind="stable")]]
    worth[order] = np.arange(len(order)) / max(1, len(order) - 1)
    return worth


def _plan(scene: Scene, chosen: Choice) -> Mending:
    """Every row that is not chosen is dropped, with the row that stands for it; so are those that cannot be used."""
    rows, made = scene.rows, Mending()
    for (file, reason), fault in rows.faults.items():
        for line in fault.lines:
            made.add(file, line, Step("drop", f"unusable_{reason}"))
    first = first_of_equals(rows.facts.row)
    place = np.searchsorted(scene.able, first)
    kept = np.zeros(len(rows), bool)
    kept[scene.able[chosen.rows]] = True
    for row in np.flatnonzero(~kept).tolist():
        origin = rows.spool.origin(rows.facts, row)
        if first[row] != row:
            step = Step("drop", "duplicate", f"of {rows.place(int(first[row]))}")
        else:
            step = Step("drop", "not_selected", f"the nearest that is kept: {rows.place(int(scene.able[chosen.stands_for[place[row]]]))}")
        made.add(origin.file, origin.line, step)
    return made


def _farthest(scene: Scene, chosen: Choice) -> tuple[Exhibit, ...]:
    """The rows left out that nothing chosen is near to."""
    told = []
    for number in chosen.farthest.tolist():
        origin = scene.rows.spool.origin(scene.rows.facts, int(scene.able[number]))
        told.append(Exhibit(file=origin.file, line=origin.line, text=excerpt(masked(scene.questions[number]), SHOWN_CHARACTERS)))
    return tuple(told)
