"""Checked fine-tuning files → a Dataset: train.jsonl and dev.jsonl hold every example, in the order of its file, and the manifest what was measured.

Unlike the data stage, nothing is cleaned, dropped or split: the user chose the rows and their split. What the other stage would refuse
(rows in both files, contradictions) is measured and told in `findings`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tunesmith.data.given import Given
from tunesmith.data.given_survey import Limit, Survey, findings_of, nothing_is_left, survey
from tunesmith.data.given_words import TRAINING, VALIDATION, FileRole, Flaw, file_fault
from tunesmith.data.kind import task_kind
from tunesmith.data.labels import MAX_CONFLICTS, ordered
from tunesmith.data.profile import Lengths, spread
from tunesmith.data.spool import Spool
from tunesmith.data.writing import Written, groups_of, sha256, write_splits
from tunesmith.spec.dataset import SPLITS, Conflict, Dataset, Profile, Source
from tunesmith.spec.job import Monitor, Silent
from tunesmith.spec.project import Project
from tunesmith.spec.task import TaskKind

ORIGINS_SHOWN = 20
FORMATS = {"chat": "chat messages", "completion": "prompt/completion pairs", "preference": "preference pairs"}


def given_dataset(
    training: Given,
    validation: Given | None,
    folder: Path,
    *,
    name: str = "finetune",
    limit: Limit | None = None,
    monitor: Monitor | None = None,
) -> Dataset:
    """The data set of a fine-tuning job; `folder` receives train.jsonl, dev.jsonl, test.jsonl (empty) and rejected.jsonl (empty).

    Raises: GivenFault if a file has changed since it was checked, or if no training example fits the limit; Interrupted.
    """
    watcher, bounds = monitor or Silent(), limit or Limit()
    given: dict[FileRole, Given] = {TRAINING: training} | ({VALIDATION: validation} if validation else {})
    with Spool(folder / "scratch") as spool:
        found = survey(training, validation, spool, bounds, watcher)
        kind, why = _kind(training, found, spool)
        watched = [row for rows in found.conflicts[:MAX_CONFLICTS] for row in rows[:ORIGINS_SHOWN]]
        clusters = _shared_clusters(found)
        written = write_splits(spool, found.side, clusters, folder, kind, Lengths(found.seen.around.tokenizer), watched, watcher)
        (folder / "rejected.jsonl").write_bytes(b"")
        if nothing_is_left(found, written.lengths, bounds):
            raise file_fault(TRAINING, [_nothing_left(bounds.max_length or 0)])
        told = findings_of(found, given, written.lengths, bounds, watcher)
        profile = _profile(found, spool, written, bounds.unit)
    return Dataset(
        project=name,
        task=kind,
        task_reason=why,
        labels=ordered((label for counts in written.labels.values() for label in counts), None),
        out_of_scope=None,
        rows=written.rows,
        files={file: sha256(folder / file) for file in (*(f"{split}.jsonl" for split in SPLITS), "rejected.jsonl")},
        sources={one.file_id: one.sha256 for one in given.values()},
        formats={one.file_id: f"{one.format}: every example holds {FORMATS[one.format]}" for one in given.values()},
        profile=profile,
        findings=told,
        leak_proof=found.proof,
    )


def _nothing_left(tokens: int) -> Flaw:
    return Flaw(
        f"Nothing is left to train on: the system prompt and the tools of every example fill the {tokens:,} tokens that are trained at once.",
        "shorten the system prompt or the tools, or choose a model with a longer context",
    )


def _kind(training: Given, found: Survey, spool: Spool) -> tuple[TaskKind, str]:
    """(kind, why): labels and JSON are recognised where each example has one answer, in text."""
    if not found.seen.only_one_answer:
        several = "preferences rank answers" if training.format == "preference" else "some examples train several turns or tool calls"
        return "generate", several
    project = Project(name="finetune", sources=(Source(file=training.file_id, format="chat"),))
    return task_kind(project, [], found.rows.facts, spool.answers)


def _shared_clusters(found: Survey) -> dict[int, str]:
    """Row → the id of the first row of its cluster, for rows that share theirs with another one."""
    _, first, inverse, sizes = np.unique(found.clusters.roots(), return_index=True, return_inverse=True, return_counts=True)
    together = np.flatnonzero(sizes[inverse] > 1)
    return {int(row): f"{int(found.rows.facts.ids[first[inverse[row]]]):016x}" for row in together.tolist()}


def _profile(found: Survey, spool: Spool, written: Written, unit: str) -> Profile:
    sizes = np.unique(found.clusters.roots(), return_counts=True)[1]
    return Profile(
        rows_read=len(found.rows),
        rows_kept=sum(written.rows.values()),
        removed={},
        repaired={},
        input_tokens=spread(written.lengths.questions),
        answer_tokens=spread(written.lengths.answers),
        token_unit=unit,
        labels=groups_of(written.labels),
        near_duplicate_clusters=int((sizes > 1).sum()),
        near_duplicate_rows=int(sizes[sizes > 1].sum()),
        conflicts=tuple(
            Conflict(
                origins=tuple(spool.origin(found.rows.facts, row) for row in rows[:ORIGINS_SHOWN]),
                answers=tuple(written.answers[row] for row in rows[:ORIGINS_SHOWN]),
            )
            for rows in found.conflicts[:MAX_CONFLICTS]
        ),
        conflict_count=len(found.conflicts),
        examples=tuple(written.examples),
        warnings=(),
    )
