"""Rows, as numbers → which of them stay, in which clusters: exact duplicates, contradictions, near duplicates, groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.duplicates import Clusters, first_of_equals, join_near_duplicates
from tunesmith.data.intake import Removed, duplicate_of, look
from tunesmith.data.labels import Contradiction, contradictions
from tunesmith.data.neighbours import Tally
from tunesmith.data.spool import I64, Facts, Spool, Texts
from tunesmith.errors import BadData, Problem
from tunesmith.spec.dataset import Cleaning, Rejected
from tunesmith.spec.job import Monitor

MAX_PROBLEMS = 20


@dataclass(frozen=True)
class Selection:
    """The rows that are kept, and how they hang together."""

    rows: I64
    clusters: Clusters
    """Over all rows: equal questions, near duplicates and groups."""
    near: Clusters
    """The same without the groups."""
    conflicts: list[Contradiction]
    near_clusters: int
    near_rows: int
    compared: int


def select(spool: Spool, facts: Facts, texts: Texts, rank: NDArray[np.int8], rules: Cleaning, removed: Removed, monitor: Monitor) -> Selection:
    """What is kept under the rules; `rank` says which of two equal rows is kept (the higher; then the first).

    Raises: BadData if contradictions are to be refused and there are some.
    """
    order = np.lexsort((np.arange(len(facts)), -rank.astype(np.int64)))
    rows = np.arange(len(facts))
    if rules.drop_exact_duplicates:
        rows = _drop_equal(spool, facts, facts.row, rows, order, removed, "duplicate", "says the same as")
    conflicts = contradictions(facts, rows)
    if conflicts and rules.conflicts == "refuse":
        raise BadData("the same question has different answers", problems=[_problem(spool, facts, c) for c in conflicts[:MAX_PROBLEMS]])
    if rules.conflicts == "drop":
        rows = _drop_conflicts(spool, facts, rows, conflicts, removed)
    clusters = Clusters(len(facts))
    clusters.join_equal(facts.asked)
    tally = Tally()
    distinct = np.intersect1d(rows, first_of_equals_among(facts.asked, rows))
    total = len(distinct)
    join_near_duplicates(
        clusters, texts, distinct, rules.near_duplicate_similarity, tally, lambda done: look(monitor, "finding near duplicates", done, total)
    )
    roots = clusters.roots()
    _, sizes = np.unique(roots[rows], return_counts=True)
    near_clusters, near_rows = int((sizes > 1).sum()), int(sizes[sizes > 1].sum())
    if rules.drop_near_duplicates:
        rows = _drop_equal(spool, facts, roots, rows, order, removed, "near_duplicate", "says nearly the same as")
    near = clusters.copy()
    join_groups(clusters, facts.group)
    return Selection(rows, clusters, near, conflicts, near_clusters, near_rows, tally.pairs)


def first_of_equals_among(values: NDArray[np.uint64], rows: I64) -> I64:
    """The first of `rows` for each value."""
    return rows[np.unique(first_of_equals(values[rows]))]


def join_groups(clusters: Clusters, group: I64) -> None:
    """Join the rows of each group; -1 is no group."""
    rows = np.flatnonzero(group >= 0)
    order = rows[np.argsort(group[rows], kind="stable")]
    for first, second in zip(order[:-1].tolist(), order[1:].tolist(), strict=True):
        if group[first] == group[second]:
            clusters.join(first, second)


def _drop_equal(spool: Spool, facts: Facts, values: NDArray[np.generic], rows: I64, order: I64, removed: Removed, reason: str, message: str) -> I64:
    """`rows` without those that have the value of a row before them in `order`."""
    kept_rows = order[np.isin(order, rows)]
    keeper = kept_rows[first_of_equals(values[kept_rows])]
    dropped = kept_rows != keeper
    for row, other in sorted(zip(kept_rows[dropped].tolist(), keeper[dropped].tolist(), strict=True)):
        removed.add(duplicate_of(spool.origin(facts, row), spool.origin(facts, other), reason, message))
    return np.sort(kept_rows[~dropped])


def _drop_conflicts(spool: Spool, facts: Facts, rows: I64, conflicts: Iterable[Contradiction], removed: Removed) -> I64:
    gone: list[int] = []
    for conflict in conflicts:
        for row in conflict.rows:
            other = next(r for r in conflict.rows if facts.answer[r] != facts.answer[row])
            removed.add(
                duplicate_of(spool.origin(facts, row), spool.origin(facts, other), "conflict", "has the same question as, and another answer than,")
            )
            gone.append(row)
    return np.setdiff1d(rows, np.asarray(gone, dtype=np.int64))


def _problem(spool: Spool, facts: Facts, conflict: Contradiction) -> Problem:
    first, second = (spool.origin(facts, row) for row in conflict.rows[:2])
    shown = [
        spool.answers.texts[int(facts.short_answer[r])] if facts.short_answer[r] >= 0 else "a longer text" for r in conflict.rows[: conflict.answers]
    ]
    got = " / ".join(repr(text)[:60] for text in shown[:5])
    return Problem(
        f"the same question as in {second.file} line {second.line}, and another answer",
        f"{first.file} line {first.line}",
        got,
        "one answer",
        'mend one of them, or set cleaning.conflicts = "keep" or "drop"',
    )


def leaked(spool: Spool, facts: Facts, row: int, keeper: int | None = None) -> Rejected:
    """A row that stands too close to a row of a dev or test source, or, without one, to a row that a continued model has seen."""
    if keeper is None:
        message = "cannot judge the model that is continued: it was tuned with this row or a near duplicate of it"
        return Rejected(origin=spool.origin(facts, row), reason="leak", message=message)
    return duplicate_of(spool.origin(facts, row), spool.origin(facts, keeper), "leak", "would leak into another split: it belongs together with")
