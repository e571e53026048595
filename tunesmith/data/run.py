"""A project's sources → a Dataset: read, cleaned, without duplicates, split without leaks, described.

Two passes. The first streams the sources into a scratch file and keeps a few numbers a row; the decisions (duplicates,
contradictions, clusters, splits) are made on those numbers; the second pass writes the splits and measures them. Rows read are always
rows kept plus rows in rejected.jsonl.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunesmith.data.ancestry import Ancestor, Known, seen_before
from tunesmith.data.examine.findings import gravest_first
from tunesmith.data.examine.header import lost_headers
from tunesmith.data.examine.mechanical import Sides
from tunesmith.data.examine.noticed import Noticed
from tunesmith.data.examine.rows import Rows as Examined
from tunesmith.data.examine.tongue import language_of
from tunesmith.data.intake import Intake, Removed, look, plans, refuse_if_too_few, take_in
from tunesmith.data.kind import task_kind
from tunesmith.data.labels import MAX_CONFLICTS, no_such_answer, ordered
from tunesmith.data.leak import Leaks, find_leaks
from tunesmith.data.profile import Lengths, Seen, spread, warnings
from tunesmith.data.purpose import advice, looked_at, purpose_of
from tunesmith.data.room import Room
from tunesmith.data.selection import Selection, leaked, select
from tunesmith.data.sources.lines import check_file
from tunesmith.data.sources.reading import Plan
from tunesmith.data.split import DROPPED, Division, Rows, Side, split
from tunesmith.data.spool import I64, Facts, Spool, Texts
from tunesmith.data.told import told
from tunesmith.data.writing import Written, groups_of, read_rows, sha256, write_splits
from tunesmith.errors import BadData, NotEnoughData, Problem
from tunesmith.spec.dataset import SPLITS, Conflict, Dataset, LeakProof, Profile
from tunesmith.spec.job import Monitor, Note
from tunesmith.spec.project import Project
from tunesmith.spec.task import TaskKind

__all__ = ["VERSION", "prepare", "read_rows", "source_digests"]

VERSION = 8
AT_LEAST_ROWS = 10
MAX_ROUNDS = 20


def source_digests(project: Project, root: Path) -> dict[str, str]:
    """sha256 of each source file's bytes, by the name the user gave it.

    Raises: BadData naming every file that cannot be read.
    """
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for source in project.sources:
        path = root / source.file
        try:
            if not path.is_file():  # an empty file is told by `prepare`, with everything else that is wrong with the sources
                check_file(path, source.file)
            found[source.file] = sha256(path)
        except BadData as error:
            problems += error.problems
        except OSError as error:
            problems.append(Problem(f"cannot be read: {error.strerror}", source.file, expected="a readable file", fix="check the disk it lies on"))
    if problems:
        raise BadData(problems=problems)
    return found


def prepare(
    project: Project,
    root: Path,
    folder: Path,
    monitor: Monitor,
    tokenizer: Path | None,
    context: int | None = None,
    ancestors: Sequence[Ancestor] = (),
) -> Dataset:
    """The data set of a project; `folder` receives train.jsonl, dev.jsonl, test.jsonl and rejected.jsonl.

    `root` is the folder of the project file; lengths are counted with the tokenizer.json at `tokenizer`, in words without one. Rows of more than
    `context` tokens are rejected. What a continued model has seen, in the data sets of its `ancestors`, does not judge it.

    Raises: BadData, BadProject, NotEnoughData with every problem that can be told at once; Interrupted.
    """
    settled = plans(project.sources, root)
    digests = source_digests(project, root)
    for one in settled:
        monitor.emit(Note(text=f"{one.source.file}: {one.reason}"))
    with (
        Spool(folder / "scratch", project.task.out_of_scope) as spool,
        Noticed(people=project.cleaning.personal_data == "keep") as noticed,  # else the guard has taken them out
        (folder / "rejected.jsonl").open("wb") as file,
    ):
        removed = Removed(file)
        into = Intake(project.cleaning, Room.of(tokenizer, context), spool, removed, noticed)
        take_in(settled, into, monitor)
        facts, texts = spool.finish()
        scene = _Scene(project, settled, into, facts, texts, monitor)
        kind, why = task_kind(project, [one.source for one in settled], facts, spool.answers)
        outside = scene.out_of_scope()
        kept = select(spool, facts, texts, scene.rank(), project.cleaning, removed, monitor)
        scene.refuse_what_teaches_nothing(kept, kind)
        similarity = project.cleaning.near_duplicate_similarity
        seen = seen_before(spool, facts, kept.rows, ancestors, similarity, folder / "seen", monitor) if ancestors else None
        division, proof = scene.divide(kept, kind, seen)
        noticed.finish()
        noted = told(Examined.of(spool, facts, texts, noticed, into.read), kept.near.roots(), scene.sides(), outside, monitor)
        found = tuple(gravest_first([*noted, *lost_headers(settled)]))
        written = scene.write(kept, division, folder, kind, Lengths.of(tokenizer))
        scene.leave_out(kept, division)
        if seen is not None:
            monitor.emit(Note(text=seen.note(proof.kept_in_train)))
        profile = scene.profile(kept, division, written, "words" if tokenizer is None else f"tokens of {project.start or project.base()}")
    assert into.rows == sum(written.rows.values()) + sum(removed.counts.values()), "a row was lost or counted twice"
    label = next((one.source.label for one in settled if one.source.label), None)
    purpose, purpose_why = purpose_of(
        project.task,
        kind,
        why,
        looked_at(folder),
        has_documents=bool(project.documents),
        label=label,
        language=lambda text: language_of(text) or "und",
    )
    told_apart = advice(purpose, has_groups=any(one.source.group for one in settled))
    monitor.emit(Note(text=f"task: {purpose}, {purpose_why}"))
    return Dataset(
        project=project.name,
        task=kind,
        task_reason=why,
        purpose=purpose,
        purpose_reason=purpose_why,
        labels=ordered((label for counts in written.labels.values() for label in counts), outside) if kind == "classify" else (),
        out_of_scope=outside,
        rows=written.rows,
        files={name: sha256(folder / name) for name in (*(f"{s}.jsonl" for s in SPLITS), "rejected.jsonl")},
        sources=digests,
        formats={one.source.file: one.reason for one in settled},
        profile=profile.model_copy(update={"warnings": (*profile.warnings, *told_apart)}),
        findings=found,
        leak_proof=proof,
    )


def shared_clusters(facts: Facts, kept: Selection, side: Side) -> dict[int, str]:
    """Row → the id of the first row of its cluster, for the rows in a split that share their cluster with another one there."""
    rows = kept.rows[side[kept.rows] >= 0]
    roots = kept.clusters.roots()[rows]
    _, first, inverse, sizes = np.unique(roots, return_index=True, return_inverse=True, return_counts=True)
    together = np.flatnonzero(sizes[inverse] > 1)
    return {int(rows[i]): f"{int(facts.ids[rows[first[inverse[i]]]]):016x}" for i in together.tolist()}


@dataclass(frozen=True)
class _Scene:
    """What every decision looks at, once all rows are in."""

    project: Project
    settled: list[Plan]
    into: Intake
    facts: Facts
    texts: Texts
    monitor: Monitor

    def sides(self) -> Sides:
        """The files to train on, and those whose rows judge."""
        judging = tuple(one.source.file for one in self.settled if one.source.split in ("dev", "test"))
        return Sides(tuple(one.source.file for one in self.settled if one.source.file not in judging), judging)

    def rank(self) -> Side:
        """The split that each row's source asks for (train 0, dev 1, test 2); -1: none."""
        asked = {one.source.file: SPLITS.index(one.source.split) if one.source.split else -1 for one in self.settled}
        by_source = np.asarray([asked[file] for file in self.into.spool.sources.texts], dtype=np.int8)
        return np.asarray(by_source[self.facts.source], dtype=np.int8)

    def out_of_scope(self) -> str | None:
        """The out-of-scope answer, which some row has.

        Raises: BadProject if none has it.
        """
        name = self.project.task.out_of_scope
        if name is not None and not self.facts.is_outside.any():
            raise no_such_answer(name, self.into.spool.answers.texts)
        return name

    def refuse_what_teaches_nothing(self, kept: Selection, kind: TaskKind) -> None:
        """Nothing, if there are enough rows with more than one question and answer.

        Raises: NotEnoughData.
        """
        answers = np.unique(self.facts.answer[kept.rows])
        where = ", ".join(one.source.file for one in self.settled)
        if len(kept.rows) == 1 and self.into.removed.counts["duplicate"]:
            got = f"{self.into.rows:,} rows, all equal"
            raise NotEnoughData(
                "all rows are duplicates of one row",
                where=where,
                got=got,
                expected=f"at least {AT_LEAST_ROWS} different rows",
                fix="check how the file was exported",
            )
        refuse_if_too_few(len(kept.rows), AT_LEAST_ROWS, self.into.rows, self.into.removed, where)
        if len(answers) == 1:
            number = int(self.facts.short_answer[kept.rows[0]])
            got = (
                f"{len(kept.rows):,} rows, all answered {self.into.spool.answers.texts[number]!r}"
                if number >= 0
                else f"{len(kept.rows):,} rows, all with one answer"
            )
            what = "there is one label only" if kind == "classify" else "every answer is the same"
            fix = "check which column holds the answer, or add rows of other labels"
            raise NotEnoughData(what, where=where, got=got[:160], expected="at least two different answers", fix=fix)
        if kind == "classify" and len(answers) == len(kept.rows):
            raise NotEnoughData(
                "every row has a label of its own",
                where=where,
                got=f"{len(answers):,} labels in {len(kept.rows):,} rows",
                expected="labels that stand in several rows each",
                fix='check which column holds the label (`label`); free text belongs under `output`, with task.kind = "generate"',
            )

    def divide(self, kept: Selection, kind: TaskKind, seen: Known | None = None) -> tuple[Division, LeakProof]:
        """(the split of each kept row, the proof that nothing leaks); clusters that MinHash left apart are joined and split again.

        No cluster with a row that the continued model has `seen` stands where it would judge.

        Raises: BadData if a label stands only in a dev or test source; NotEnoughData.
        """
        similarity = self.project.cleaning.near_duplicate_similarity
        stratum = self.strata(kind)
        compared = kept.compared
        for rounds in range(1, MAX_ROUNDS + 1):
            look(self.monitor, "splitting and proving", rounds - 1, None, "rounds")
            roots = kept.clusters.roots()[kept.rows]
            unit = np.unique(roots, return_inverse=True)[1]
            highest = seen.highest if seen else None
            rows = Rows(unit, stratum[kept.rows], self.facts.is_outside[kept.rows], self.rank()[kept.rows], self.facts.ids[kept.rows], highest)
            division = split(rows, self.project.split)
            side = np.full(len(self.facts), DROPPED, np.int8)
            side[kept.rows] = division.side
            leaks = find_leaks(self.facts, self.texts, kept.rows[division.side >= 0], side, similarity)
            compared += leaks.compared
            if not leaks.near and not leaks.exact:
                self.refuse_untrained_labels(kept, kind, division)
                proof = Leaks((), (), compared).proof(similarity, rounds)
                return division, seen.proven(proof, unit) if seen else proof
            for first, second in (*leaks.near, *leaks.exact):
                kept.clusters.join(first, second)
                kept.near.join(first, second)
        raise AssertionError(f"the splits still leak after {MAX_ROUNDS} rounds")

    def write(self, kept: Selection, division: Division, folder: Path, kind: TaskKind, lengths: Lengths) -> Written:
        """The three splits, written, and what was seen on the way."""
        side = np.full(len(self.facts), DROPPED, np.int8)
        side[kept.rows] = division.side
        watched = [row for c in kept.conflicts[:MAX_CONFLICTS] for row in c.rows[: c.answers]]
        clusters = shared_clusters(self.facts, kept, side)
        return write_splits(self.into.spool, side, clusters, folder, kind, lengths, watched, self.monitor)

    def leave_out(self, kept: Selection, division: Division) -> None:
        """Tell of the rows that stand too close to a row that judges, or that a continued model has seen."""
        for row, keeper in division.leaks:
            self.into.removed.add(leaked(self.into.spool, self.facts, int(kept.rows[row]), int(kept.rows[keeper])))
        for row in sorted(division.seen):
            self.into.removed.add(leaked(self.into.spool, self.facts, int(kept.rows[row])))

    def strata(self, kind: TaskKind) -> I64:
        """The number of the label to stratify by, for every row."""
        if kind == "classify":
            return self.facts.short_answer
        return np.where(self.facts.is_outside, len(self.into.spool.labels.texts), self.facts.label)

    def refuse_untrained_labels(self, kept: Selection, kind: TaskKind, division: Division) -> None:
        """Nothing, if every label of dev and test stands in train too.

        Raises: BadData if the sources' own splits leave a label untrained.
        """
        if kind != "classify":
            return
        answer = self.facts.short_answer[kept.rows]
        lost = np.setdiff1d(answer[division.side > 0], answer[division.side == 0]).tolist()
        if not lost:
            return
        problems = []
        for number in lost:
            row = int(kept.rows[np.flatnonzero((answer == number) & (division.side > 0))[0]])
            origin = self.into.spool.origin(self.facts, row)
            fix = "add rows of it to a training source, remove its rows here, or remove `split` so that rows are split by label"
            problems.append(
                Problem(
                    f"the label {self.into.spool.answers.texts[number]!r} stands only in dev or test",
                    f"{origin.file} line {origin.line}",
                    expected="every label in train",
                    fix=fix,
                )
            )
        raise BadData("labels that are never trained", problems=problems[:20])

    def profile(self, kept: Selection, division: Division, written: Written, unit: str) -> Profile:
        """What was found, with the warnings."""
        labels = groups_of(written.labels)
        question, answer = spread(written.lengths.questions), spread(written.lengths.answers)
        seen = Seen(
            rows=written.rows,
            labels=labels,
            rows_read=self.into.rows,
            removed=self.into.removed.counts,
            largest_cluster=int(np.unique(kept.clusters.roots()[kept.rows], return_counts=True)[1].max()),
            question=question,
            answer=answer,
            unit=unit,
        )
        return Profile(
            rows_read=self.into.rows,
            rows_kept=sum(written.rows.values()),
            removed=dict(self.into.removed.counts.most_common()),
            repaired=dict(self.into.repaired),
            input_tokens=question,
            answer_tokens=answer,
            token_unit=unit,
            labels=labels,
            near_duplicate_clusters=kept.near_clusters,
            near_duplicate_rows=kept.near_rows,
            conflicts=tuple(
                Conflict(
                    origins=tuple(self.into.spool.origin(self.facts, r) for r in c.rows[:20]),
                    answers=tuple(written.answers[r] for r in c.rows[: c.answers]),
                )
                for c in kept.conflicts[:MAX_CONFLICTS]
            ),
            conflict_count=len(kept.conflicts),
            examples=tuple(written.examples),
            warnings=(*division.notes, *warnings(seen)),
        )
