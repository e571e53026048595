"""Records in the spool, each with its split → train.jsonl, dev.jsonl and test.jsonl, and what is seen on the way."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.fold import answered, said
from tunesmith.data.intake import ROWS_PER_LOOK, look
from tunesmith.data.profile import Lengths
from tunesmith.data.spool import Spool
from tunesmith.spec.dataset import SPLITS, Record, SplitName
from tunesmith.spec.job import Monitor
from tunesmith.spec.task import TaskKind

EXAMPLES = 5
EXAMPLE_CHARACTERS = 160
ANSWER_CHARACTERS = 200


@dataclass
class Written:
    """What was seen while the splits were written."""

    lengths: Lengths
    rows: dict[SplitName, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    labels: dict[SplitName, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in SPLITS})
    examples: list[str] = field(default_factory=list)
    answers: dict[int, str] = field(default_factory=dict)
    """Row number → answer, for the rows that were asked for."""

    def see(self, record: Record, split: SplitName) -> None:
        """Count one record."""
        assert record.conversation is not None
        asked = record.conversation.messages[:-1]
        self.rows[split] += 1
        if record.label is not None:
            self.labels[split][record.label] += 1
        self.lengths.add([said(m) for m in asked], answered(record))
        if split == "train" and len(self.examples) < EXAMPLES:
            question = next((said(m) for m in reversed(asked) if m.role == "user"), said(asked[-1]) if asked else "")
            self.examples.append(f"{short(question)} → {short(answered(record))}")


def short(text: str) -> str:
    """The start of a text on one line."""
    line = " ".join(text.split())
    return line[:EXAMPLE_CHARACTERS] + ("…" if len(line) > EXAMPLE_CHARACTERS else "")


def write_splits(
    spool: Spool,
    side: NDArray[np.int8],
    clusters: Mapping[int, str],
    folder: Path,
    kind: TaskKind,
    lengths: Lengths,
    watched: Sequence[int],
    monitor: Monitor,
) -> Written:
    """The three files, in the order of the sources; `side` holds each row's split, -1 for rows that are left out; `clusters` those of rows not alone."""
    seen = Written(lengths)
    wanted = set(watched)
    with ExitStack() as stack:
        files = [stack.enter_context((folder / f"{name}.jsonl").open("wb")) for name in SPLITS]
        for row, (line, at) in enumerate(zip(spool.lines(), side.tolist(), strict=True)):
            if row % ROWS_PER_LOOK == 0:
                look(monitor, "writing and measuring rows", row, len(spool))
            if at < 0 and row not in wanted:
                continue
            record = Record.model_validate_json(line)
            if row in wanted:
                seen.answers[row] = answered(record)[:ANSWER_CHARACTERS]
            if at < 0:
                continue
            missing: dict[str, str] = {"cluster": clusters[row]} if row in clusters else {}
            if kind == "classify" and record.label is None:  # where a source names a label, it is the answer already
                missing["label"] = answered(record)
            if missing:
                record = record.model_copy(update=missing)
                line = record.model_dump_json(exclude_none=True).encode() + b"\n"
            files[at].write(line)
            seen.see(record, SPLITS[at])
    lengths.flush()
    return seen


def read_rows(folder: Path, split: SplitName) -> Iterator[Record]:
    """The rows of one split of a prepared data set, in order."""
    with (folder / f"{split}.jsonl").open("rb") as file:
        for line in file:
            yield Record.model_validate_json(line)


def sha256(path: Path) -> str:
    """Digest (64 hex digits) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def groups_of(counts: dict[SplitName, Counter[str]]) -> dict[SplitName, dict[str, int]]:
    """Label counts by split, labels sorted; empty where there are no labels."""
    if not any(counts.values()):
        return {}
    plain: defaultdict[SplitName, dict[str, int]] = defaultdict(dict)
    for name, labels in counts.items():
        plain[name] = dict(sorted(labels.items()))
    return dict(plain)
