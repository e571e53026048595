"""Rows as they were read → suspicions that need no model: flags of single rows, duplicates, contradictions, leaks, balance, amount.

These are the findings that everybody tells: `tunesmith data check`, the line about its data set, a fine-tuning job about its files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.examine.balance import NONE, about_amount, about_labels, about_lengths, about_scope, about_systems, label_counts
from tunesmith.data.examine.disagreement import Disagreement, disagreements
from tunesmith.data.examine.findings import Suspicion
from tunesmith.data.examine.language import languages
from tunesmith.data.examine.outputs import outputs
from tunesmith.data.examine.repetition import SIMILARITY, Repetition, across, near_with_same_answer, repeats, templates
from tunesmith.data.examine.rows import Rows
from tunesmith.data.leak import Leaks, find_leaks
from tunesmith.data.profile import some
from tunesmith.data.spool import I64
from tunesmith.spec.job import Monitor

NOTED = 200
"""Clusters whose rows say in their note what they repeat."""


@dataclass(frozen=True)
class Sides:
    """Which files are examined, and which they must not leak into."""

    files: tuple[str, ...]
    against: tuple[str, ...] = ()

    def examined(self, rows: Rows) -> NDArray[np.bool_]:
        """Rows of the files that are examined."""
        return _of_any(rows, self.files)

    def judging(self, rows: Rows) -> NDArray[np.bool_]:
        """Rows of the files to judge with."""
        return _of_any(rows, self.against)


def _of_any(rows: Rows, files: Sequence[str]) -> NDArray[np.bool_]:
    mask = np.zeros(len(rows), bool)
    for file in files:
        mask |= rows.of_file(file)
    return mask


def suspicions(
    rows: Rows, sides: Sides, found: Repetition, out_of_scope: str | None, monitor: Monitor, leaks: Leaks | None = None
) -> Iterator[Suspicion]:
    """Everything that can be told without a model; `leaks` where they are known already, else they are looked for.

    Raises: Interrupted.
    """
    examined = sides.examined(rows)
    by_file = [one for file in sides.files for one in (*outputs(rows, rows.of_file(file)), *about_lengths(rows, rows.of_file(file)))]
    yield from united([*flagged(rows, examined), *by_file], "truncated_answer")
    yield from about_repetition(rows, examined, found, monitor)
    yield from about_contradictions(rows, examined, found)
    if sides.against:
        yield from about_leaks(rows, sides, leaks or every_leak(rows, sides))
        yield from about_untrained(rows, sides)
    yield from languages(rows, examined)
    yield from about_labels(rows, examined, out_of_scope)
    yield from about_scope(rows, examined, out_of_scope)
    yield from about_systems(rows, examined)
    yield from about_amount(rows, examined)


def flagged(rows: Rows, examined: NDArray[np.bool_]) -> Iterator[Suspicion]:
    """What is wrong with single rows."""
    for kind, some_ in rows.flags.items():
        mine = _among(np.array(some_.rows, dtype=np.int64), examined)
        if len(mine):
            yield Suspicion(kind, mine, notes=some_.notes)


def united(found: Sequence[Suspicion], kind: str) -> Iterator[Suspicion]:
    """The same, with one suspicion of this kind: an answer breaks off by its own last word, or by what the others of its file end with."""
    same = [one for one in found if one.kind == kind]
    yield from (one for one in found if one.kind != kind)
    if same:
        notes = {row: note for one in reversed(same) for row, note in one.notes.items()}
        detail = "; ".join(one.detail for one in same if one.detail)
        yield Suspicion(kind, np.unique(np.concatenate([one.rows for one in same])), detail, notes=notes)


def _among(some: I64, mask: NDArray[np.bool_]) -> I64:
    return np.asarray(some[mask[some]]) if len(some) else some


def about_repetition(rows: Rows, examined: NDArray[np.bool_], found: Repetition, monitor: Monitor) -> Iterator[Suspicion]:
    """Exact and near duplicates, and templates."""
    mine = np.flatnonzero(examined)
    exact, clusters = repeats(rows, _first_among(found.exact, mine, len(rows)))
    if len(exact):
        yield Suspicion("duplicate", exact, clusters=clusters, notes=_beside(rows, clusters, "repeats"))
    near, clusters = repeats(rows, _first_among(near_with_same_answer(rows, found), mine, len(rows)))
    if len(near):
        yield Suspicion("near_duplicate", near, of_kin(rows, clusters), clusters=clusters, notes=_beside(rows, clusters, "nearly repeats"))
    frames = templates(rows, monitor)
    if frames:
        members = np.asarray([row for frame in frames for row in frame.rows if examined[row]], dtype=np.int64)
        notes = {row: f"from the frame: {frame.frame}" for frame in frames for row in frame.rows[:5]}
        if len(members):
            yield Suspicion(
                "template", members, f"{len(frames):,} frames, the largest: {frames[0].frame[:120]}", notes=notes, clusters=[f.rows for f in frames]
            )


def of_kin(rows: Rows, clusters: Sequence[tuple[int, ...]]) -> str:
    """How many rows repeat one of their own group, in words: whoever made paraphrases wants those; nothing where there are none."""
    group = rows.facts.group
    count = sum(group[row] >= 0 and group[row] == group[cluster[0]] for cluster in clusters for row in cluster[1:])
    return f"{count:,} of them are in one group with the row they repeat, as paraphrases of it are" if count else ""


def _first_among(first: I64, mine: I64, total: int) -> I64:
    """`first` with the earliest of `mine` for each value; the other rows stand for themselves."""
    made = np.arange(total)
    _, place, inverse = np.unique(first[mine], return_index=True, return_inverse=True)
    made[mine] = mine[place[inverse]]
    return made


def _beside(rows: Rows, clusters: Sequence[tuple[int, ...]], words: str) -> dict[int, str]:
    """Row → which row it repeats, for the first clusters."""
    return {row: f"{words} {rows.place(cluster[0])}" for cluster in clusters[:NOTED] for row in cluster[1:]}


def _across(rows: Rows, judging: NDArray[np.bool_], pairs: Sequence[tuple[int, int]]) -> dict[int, str]:
    """Row of an examined file → where it stands in a file to judge with, for the first pairs."""
    both = [pair if judging[pair[1]] else pair[::-1] for pair in pairs[:NOTED]]
    return {mine: f"as {rows.place(theirs)}" for mine, theirs in both}


def about_contradictions(rows: Rows, examined: NDArray[np.bool_], found: Repetition) -> Iterator[Suspicion]:
    """Rows with one question and several answers; of preferences, those that prefer what another one rejects: several of one question are usual."""
    is_preference = rows.rejected != 0
    answering = examined & ~is_preference
    everything = [d for d in disagreements(rows, found) if answering[list(d.rows)].all()]
    for kind, is_exact in (("contradiction", True), ("near_contradiction", False)):
        some = [d for d in everything if d.is_exact == is_exact]
        if some:
            yield _disagreeing(kind, some)
    pairs = swapped(rows, np.flatnonzero(examined & is_preference))
    if pairs:
        members = np.asarray(list(dict.fromkeys(row for pair in pairs for row in pair)), dtype=np.int64)
        notes = {mine: f"prefers what {rows.place(other)} rejects" for other, mine in pairs[:NOTED]}
        yield Suspicion("contradiction", members, f"{len(pairs):,} preferences contradict another one", notes=notes, clusters=pairs)


def swapped(rows: Rows, some: I64) -> list[tuple[int, int]]:
    """(a preference, a later one of the same question that prefers what it rejects)."""
    first: dict[tuple[int, int, int], int] = {}
    pairs = []
    columns = (rows.facts.question[some], rows.facts.answer[some], rows.rejected[some])
    for row, question, better, worse in zip(some.tolist(), *(column.tolist() for column in columns), strict=True):
        other = first.get((question, worse, better))
        if other is not None:
            pairs.append((other, row))
        first.setdefault((question, better, worse), row)
    return pairs


def _disagreeing(kind: str, some: list[Disagreement]) -> Suspicion:
    members = np.asarray(list(dict.fromkeys(row for one in some for row in one.rows)), dtype=np.int64)
    notes = {row: one.proposal for one in some[:200] for row in one.rows}
    many = sum(one.across_files for one in some)
    detail = f"{len(some):,} question{'' if len(some) == 1 else 's'}" + (f", {many:,} of them across files" if many else "")
    proposed = np.asarray(sorted({row for one in some for row in one.losers}), dtype=np.int64)
    return Suspicion(kind, members, detail, notes=notes, clusters=[one.rows for one in some], proposed=proposed)


def every_leak(rows: Rows, sides: Sides) -> Leaks:
    """All pairs of rows that ask the same, or nearly the same, on both sides."""
    judging = sides.judging(rows)
    found = find_leaks(rows.facts, rows.texts, np.arange(len(rows)), judging.astype(np.int8), SIMILARITY)
    return replace(found, near=tuple(sorted({*found.near, *across(rows, judging)})))


def about_leaks(rows: Rows, sides: Sides, leaks: Leaks) -> Iterator[Suspicion]:
    """Rows of the examined files that also stand, exactly or nearly, in the files to judge with."""
    judging = sides.judging(rows)
    equal = np.intersect1d(np.flatnonzero(~judging), np.flatnonzero(np.isin(rows.facts.asked, rows.facts.asked[judging])))
    if len(equal):
        yield Suspicion("leak", equal, clusters=leaks.exact, notes=_across(rows, judging, leaks.exact))
    near_keys = {int(rows.facts.asked[row]) for pair in leaks.near for row in pair if not judging[row]}
    near = np.setdiff1d(np.flatnonzero(~judging & np.isin(rows.facts.asked, np.asarray(sorted(near_keys), dtype=np.uint64))), equal)
    if len(near):
        yield Suspicion("near_leak", near, clusters=leaks.near, notes=_across(rows, judging, leaks.near))


def about_untrained(rows: Rows, sides: Sides) -> Iterator[Suspicion]:
    """Labels that stand only in the files to judge with."""
    trained, judged = (label_counts(rows, mask) for mask in (sides.examined(rows), sides.judging(rows)))
    lost = sorted(label for label in judged if label not in trained)
    if trained and lost:
        yield Suspicion("untrained_label", NONE, some([f"{label} ({judged[label]:,})" for label in lost]))
