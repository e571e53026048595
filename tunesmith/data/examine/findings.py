"""Suspicions about rows, by number → findings that a person and a program can read, one for each kind and file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tunesmith.data.examine.kinds import KINDS as TEXT_KINDS
from tunesmith.data.examine.kinds import Kind
from tunesmith.data.examine.kinds_meaning import KINDS as MEANING_KINDS
from tunesmith.data.examine.kinds_rows import KINDS as ROW_KINDS
from tunesmith.data.examine.noticed import Fault
from tunesmith.data.examine.rows import Rows
from tunesmith.data.examine.view import view_of
from tunesmith.data.personal.masking import masked
from tunesmith.data.spool import I64
from tunesmith.spec.dataset import Record
from tunesmith.spec.finding import SEVERITIES, Exhibit, Finding, Place, Severity

KINDS: dict[str, Kind] = {**TEXT_KINDS, **ROW_KINDS, **MEANING_KINDS}
SHOWN = 5
SHOWN_CHARACTERS = 160
MAX_CLUSTERS = 200
MAX_CLUSTER_ROWS = 50


@dataclass(frozen=True)
class Suspicion:
    """Rows with one kind of problem."""

    kind: str
    rows: I64
    """Worst first."""
    detail: str = ""
    """What is particular about it here: which labels, how large a share."""
    notes: Mapping[int, str] = field(default_factory=dict)
    scores: Mapping[int, float] = field(default_factory=dict)
    clusters: Sequence[tuple[int, ...]] = ()
    severity: Severity | None = None
    """None: the kind's own."""
    renames: Mapping[str, str] = field(default_factory=dict)
    """Label → the spelling it should have."""
    proposed: I64 | None = None
    """Rows that would be dropped if what is proposed is taken."""
    suggestions: Mapping[int, str] = field(default_factory=dict)
    """Row → the answer that it should probably have."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Numbers of the detail, by name."""


def findings(found: Iterable[Suspicion], rows: Rows, files: Sequence[str]) -> list[Finding]:
    """The faults of these files and one finding for each kind and file, the gravest first; `files`: those that are examined, not those they are compared with."""
    pairs = [(one, file) for one in found for file in files]
    concerned = [(one, file, _in_file(one.rows, rows, file)) for one, file in pairs]
    concerned = [(one, file, mine) for one, file, mine in concerned if len(mine) or (not len(one.rows) and file == files[0])]
    shown = rows.records(np.unique(np.concatenate([mine[:SHOWN] for _, _, mine in concerned]))) if concerned else {}
    made = [*_faults(rows, files), *(_finding(one, file, mine, rows, shown) for one, file, mine in concerned)]
    return gravest_first(made)


def gravest_first(found: Iterable[Finding]) -> list[Finding]:
    """The findings in the order in which they are told."""
    return sorted(found, key=lambda f: (SEVERITIES.index(f.severity), -len(f.lines)))


def _in_file(some: I64, rows: Rows, file: str) -> I64:
    return np.asarray(some[rows.of_file(file)[some]]) if len(some) else some


def _finding(one: Suspicion, file: str, mine: I64, rows: Rows, shown: Mapping[int, Record]) -> Finding:
    kind = KINDS[one.kind]
    lines = rows.facts.line[mine].tolist()
    total = int(rows.of_file(file).sum())
    count = f"{len(lines):,} of {total:,} rows ({share(len(lines), total)})" if len(lines) else ""
    return Finding(
        kind=one.kind,
        group=kind.group,
        severity=one.severity or kind.severity,
        file=file,
        lines=tuple(lines),
        count=len(lines),
        message="; ".join(part for part in (f"{kind.title}: {count}" if count else kind.title, masked(one.detail)) if part),
        why=kind.why,
        evidence=kind.evidence,
        fix=kind.fix,
        is_mendable=kind.is_mendable,
        examples=tuple(_exhibit(file, int(row), rows, shown[int(row)], one) for row in mine[:SHOWN]),
        clusters=tuple(_places(cluster, rows) for cluster in _of_file(one.clusters, rows, file)),
        renames=dict(one.renames),
        proposed=tuple(rows.facts.line[_in_file(one.proposed, rows, file)].tolist()) if one.proposed is not None else (),
        suggestions={int(rows.facts.line[row]): one.suggestions[row] for row in mine.tolist() if row in one.suggestions},
        figures=dict(one.figures),
    )


def _faults(rows: Rows, files: Sequence[str]) -> Iterator[Finding]:
    """One finding for each reason why rows of a file cannot be read or used."""
    for (file, reason), fault in rows.faults.items():
        if file in files:
            yield _fault(file, reason, fault, rows.read[file])


def _fault(file: str, reason: str, fault: Fault, total: int) -> Finding:
    kind = KINDS["unusable_row"]
    shown = [Exhibit(file=file, line=line, text="", note=masked(message)) for line, message in zip(fault.lines, fault.messages, strict=False)]
    return Finding(
        kind=f"unusable_{reason}",
        group=kind.group,
        severity=kind.severity,
        file=file,
        lines=tuple(fault.lines),
        count=len(fault.lines),
        message=f"{kind.title} ({reason.replace('_', ' ')}): {len(fault.lines):,} of {total:,} rows ({share(len(fault.lines), total)})",
        why=kind.why,
        evidence=kind.evidence,
        fix=kind.fix,
        is_mendable=True,
        examples=tuple(shown),
    )


def share(part: int, whole: int) -> str:
    """A share in percent, with as many places as it takes to not be zero.

    >>> share(1, 3), share(3, 10_000), share(0, 5)
    ('33 %', '0.03 %', '0 %')
    """
    percent = 100 * part / max(1, whole)
    return f"{percent:.0f} %" if percent >= 1 or percent == 0 else f"{percent:.1g} %"


def _of_file(clusters: Sequence[tuple[int, ...]], rows: Rows, file: str) -> list[tuple[int, ...]]:
    mine = rows.of_file(file)
    return [cluster for cluster in clusters if mine[list(cluster)].any()][:MAX_CLUSTERS]


def _places(cluster: tuple[int, ...], rows: Rows) -> tuple[Place, ...]:
    origins = [rows.spool.origin(rows.facts, row) for row in cluster[:MAX_CLUSTER_ROWS]]
    return tuple(Place(file=origin.file, line=origin.line) for origin in origins)


def _exhibit(file: str, row: int, rows: Rows, record: Record, one: Suspicion) -> Exhibit:
    view = view_of(record)
    text = f"{excerpt(masked(view.question), SHOWN_CHARACTERS)} → {excerpt(masked(view.answer), SHOWN_CHARACTERS)}"
    return Exhibit(
        file=file,
        line=int(rows.facts.line[row]),
        text=text,
        note=excerpt(masked(one.notes.get(row, "")), SHOWN_CHARACTERS),
        score=one.scores.get(row),
    )


def excerpt(text: str, longest: int) -> str:
    """The text on one line, cut in the middle where it is too long.

    >>> excerpt("one\\ntwo", 20), excerpt("abcdefghij", 5)
    ('one two', 'abc…j')
    """
    flat = " ".join(text.split())
    if len(flat) <= longest:
        return flat
    tail = longest // 4
    return flat[: longest - tail - 1] + "…" + flat[len(flat) - tail :]
