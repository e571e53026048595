"""The rows of a data set, once they are read and compared → the findings that it keeps: those of `tunesmith data check` that need no model.

What the data stage has computed for itself is not computed again: its clusters of near duplicates, and which of its rows also stand in a source to
judge with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from tunesmith.data.examine.findings import KINDS, Suspicion, findings
from tunesmith.data.examine.mechanical import Sides, suspicions
from tunesmith.data.examine.repetition import with_reordered
from tunesmith.data.examine.rows import Rows
from tunesmith.data.leak import Leaks, exact_pairs
from tunesmith.data.spool import I64
from tunesmith.spec.finding import Finding
from tunesmith.spec.job import Monitor

LINES_KEPT = 1_000
CLUSTERS_KEPT = 20
"""Of each finding, in a data set's manifest; `tunesmith data check` names all."""
DECIDED = "kept, as the project says ([cleaning] personal_data)"


def told(rows: Rows, near: I64, sides: Sides, out_of_scope: str | None, monitor: Monitor) -> tuple[Finding, ...]:
    """What is wrong with the rows of the files; `near`: for each row the first row of its cluster of nearly equal questions.

    Raises: Interrupted.
    """
    repeated = with_reordered(rows, near, 0)
    found = suspicions(rows, sides, repeated, out_of_scope, monitor, crossing(rows, repeated.near, sides))
    return shortened(findings(_decided(found), rows, sides.files))


def shortened(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings as a manifest keeps them."""
    return tuple(one.shortened(LINES_KEPT, CLUSTERS_KEPT) for one in found)


def _decided(found: Iterable[Suspicion]) -> Iterator[Suspicion]:
    """Personal data that stay by decision block nothing any more."""
    for one in found:
        yield replace(one, severity="review", detail=DECIDED) if KINDS[one.kind].group == "personal" else one


def crossing(rows: Rows, near: I64, sides: Sides) -> Leaks:
    """Rows of the files with the first row of a file to judge with that asks the same, or stands in their cluster."""
    judging = sides.judging(rows)
    asked = rows.facts.asked
    roots, first = np.unique(near[judging], return_index=True)
    judges = np.flatnonzero(judging)[first]
    mine = np.flatnonzero(~judging & np.isin(near, roots) & ~np.isin(asked, asked[judging]))
    theirs = judges[np.searchsorted(roots, near[mine])]
    pairs = zip(mine.tolist(), theirs.tolist(), strict=True)
    return Leaks(tuple(exact_pairs(asked, np.arange(len(rows)), judging.astype(np.int8))), tuple(pairs), 0)
