"""What the data doctor found: each kind with its rows, why it matters, the evidence for its threshold, and what the fix would do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from tunesmith.spec.noun import Noun

Severity = Literal["block", "mend", "review", "note"]
"""`block`: the line stops until it is decided. `mend`: a fix exists and should be used. `review`: a person has to look. `note`: good to know."""
Group = Literal["text", "duplicates", "contradictions", "labels", "leaks", "balance", "personal", "language", "usefulness", "amount"]
Fitness = Literal["fit", "fit_after_fixes", "not_fit"]
SEVERITIES: tuple[Severity, ...] = ("block", "mend", "review", "note")
SEVERITY_TITLES: dict[Severity, str] = {"block": "To be decided", "mend": "To be mended", "review": "For a person to look at", "note": "Good to know"}
FIRST_LINES = 6
MEASURED = "measured_"
"""Begins the name of a figure that was reached with so many rows: `measured_800`."""


class Place(Noun):
    """A row: the file as the user named it and the 1-based physical line it begins on."""

    file: str
    line: int


class Exhibit(Noun):
    """One row that shows what a finding is about."""

    file: str
    line: int
    text: str
    """An excerpt; personal data and secrets in it are masked."""
    note: str = ""
    """What is wrong with this row, or what it should be."""
    score: float | None = None
    """How sure, or how bad; comparable within one finding only."""


class Finding(Noun):
    """One kind of problem in one file."""

    kind: str
    """A stable word: `near_duplicate`, `label_error`, `email` …"""
    group: Group
    severity: Severity
    file: str
    lines: tuple[int, ...]
    """Every row concerned, by its 1-based physical line; worst first where there is an order of worst. Empty: the finding is about the file as a whole."""
    count: int = 0
    """How many rows are concerned: as many as `lines`, unless only the first of those are kept (`shortened`)."""
    message: str
    """What, and how many."""
    why: str
    """Why it matters for a model trained on these rows."""
    evidence: str
    """Where the threshold comes from."""
    fix: str
    """What `tunesmith data fix` would do, or what only a person can do."""
    is_mendable: bool = False
    """`tunesmith data fix` does it without asking."""
    examples: tuple[Exhibit, ...] = ()
    """The worst ones."""
    clusters: tuple[tuple[Place, ...], ...] = ()
    """Rows that belong together (duplicates, contradictions, leaks), the one to keep first; the largest clusters, at most 200."""
    renames: dict[str, str] = {}
    """Label → the spelling that it should have."""
    proposed: tuple[int, ...] = ()
    """Contradictions: the rows that would be dropped if what is proposed (the majority, else the newest) is taken."""
    suggestions: dict[int, str] = {}
    """Line → the answer that it should probably have."""
    figures: dict[str, float] = {}
    """Numbers of the message by name, for programs."""

    def where(self, shown: int = FIRST_LINES) -> str:
        """The first of its lines, for people."""
        return line_numbers(self.lines, shown, max(self.count, len(self.lines)))

    def words(self) -> str:
        """The finding in one line: the file, what, the first of its lines, and why it matters."""
        where = f" (line{'' if len(self.lines) == 1 else 's'} {self.where()})" if self.lines else ""
        return f"{self.file}: {self.message}{where}. {self.why}"

    def shortened(self, lines: int, clusters: int) -> Finding:
        """The finding with the first of its lines and clusters; `count` still tells of all."""
        kept = set(self.lines[:lines])
        return self.model_copy(
            update={
                "lines": self.lines[:lines],
                "clusters": self.clusters[:clusters],
                "proposed": self.proposed[:lines],
                "suggestions": {line: answer for line, answer in self.suggestions.items() if line in kept},
            }
        )


def line_numbers(lines: Sequence[int], shown: int, total: int) -> str:
    """The first of `total` line numbers for people, runs of them drawn together.

    >>> line_numbers([3, 4, 5, 9], 9, 4), line_numbers(range(1, 100, 2), 3, 50)
    ('3–5, 9', '1, 3, 5 and 47 more')
    """
    some = sorted(lines[:shown])
    starts = [some[0], *(b for a, b in pairwise(some) if b != a + 1)] if some else []
    ends = [*(a for a, b in pairwise(some) if b != a + 1), some[-1]] if some else []
    told = ", ".join(f"{a}" if a == b else f"{a}–{b}" for a, b in zip(starts, ends, strict=True))
    return told + (f" and {total - len(some):,} more" if total > len(some) else "")


class Examination(Noun):
    """The manifest of an examination; report.html and review.jsonl stand beside it."""

    files: dict[str, str]
    """File as named by the user → sha256 of its bytes."""
    against: dict[str, str] = {}
    """The files that must not leak into `files`: name → sha256."""
    rows: dict[str, int]
    """File → rows read, faulty ones included."""
    taken: dict[str, str] = {}
    """File → which of its columns were taken for what, or how it was read."""
    fitness: Fitness
    reasons: tuple[str, ...]
    """Why this verdict, the gravest first."""
    findings: tuple[Finding, ...]
    skipped: dict[str, str] = {}
    """Examination that was not made → why, and how to have it made."""
    overviews: dict[str, tuple[str, ...]] = {}
    """File → what is in it, in a few lines."""
