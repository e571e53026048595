"""The data sets a continued model was tuned with → for each new row, the highest split that it may stand in.

A row that was trained on, or a near duplicate of one, would be answered from memory: it may be trained on again and judges nothing. Rows of an
ancestor's dev split were looked at (prompts were chosen and training was stopped by them): they may serve as dev rows again, not as test rows.
Found by the complete joins that the leak proof uses, so that none is missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunesmith.data.intake import ROWS_PER_LOOK, look
from tunesmith.data.leak import find_leaks
from tunesmith.data.split import DEV, TEST, TRAIN, Side
from tunesmith.data.spool import I64, Facts, Spool
from tunesmith.data.writing import read_rows
from tunesmith.spec.dataset import LeakProof, Record, SplitName
from tunesmith.spec.job import Monitor

NEW, TRAINED, LOOKED = 0, 1, 2
SEEN: tuple[tuple[SplitName, int], ...] = (("train", TRAINED), ("dev", LOOKED))


@dataclass(frozen=True)
class Ancestor:
    """A data set that the continued model, or one before it, was tuned with."""

    name: str
    folder: Path


@dataclass(frozen=True)
class Known:
    """What the continued model has seen of the rows that are kept."""

    highest: Side
    """The highest split that each row may stand in: TRAIN, DEV or TEST."""
    checked: int
    """Rows that the ancestors were trained on."""
    ancestors: tuple[str, ...]

    def proven(self, proof: LeakProof, unit: I64) -> LeakProof:
        """The proof with what was compared and found; rows of one `unit` stay together."""
        trained = int(np.isin(unit, unit[self.highest == TRAIN]).sum())
        words = f"compared with {self.checked:,} rows that the continued model was trained on ({', '.join(self.ancestors)}): {trained:,} rows stay in train"
        return proof.model_copy(update={"method": f"{proof.method}; {words}", "ancestor_rows": self.checked, "kept_in_train": trained})

    def note(self, trained: int) -> str:
        """For the person who waits."""
        looked = int((self.highest == DEV).sum())
        more = f"; {looked:,} were dev rows before and stay out of test" if looked else ""
        return (
            f"the continued model was trained on {self.checked:,} rows ({', '.join(self.ancestors)}): {trained:,} rows here are equal or near "
            f"duplicates of them, or in a cluster with one, and stay out of dev and test{more}"
        )


def seen_before(spool: Spool, facts: Facts, rows: I64, ancestors: Sequence[Ancestor], similarity: float, scratch: Path, monitor: Monitor) -> Known:
    """What of `rows` the model has seen; `scratch` is a folder for the comparison, gone afterwards."""
    with Spool(scratch) as both:
        kept = np.zeros(len(facts), bool)
        kept[rows] = True
        for row, line in enumerate(spool.lines()):
            _look(monitor, row, len(spool))
            if kept[row]:
                both.add(Record.model_validate_json(line))
        kinds = [NEW] * len(both)
        for ancestor in ancestors:
            for split, kind in SEEN:
                for record in read_rows(ancestor.folder, split):
                    _look(monitor, len(kinds), None)
                    both.add(record)
                    kinds.append(kind)
        side = np.asarray(kinds, dtype=np.int8)
        found, texts = both.finish()
        seen = {kind: set(found.asked[side == kind].tolist()) for kind in (LOOKED, TRAINED)}
        for pair in find_leaks(found, texts, np.arange(len(side)), side, similarity).near:
            for new, old in (pair, pair[::-1]):
                if side[new] == NEW and side[old] != NEW:
                    seen[int(side[old])].add(int(found.asked[new]))
    highest = np.full(len(rows), TEST, np.int8)
    for kind, most in ((LOOKED, DEV), (TRAINED, TRAIN)):
        highest[np.isin(facts.asked[rows], np.asarray(sorted(seen[kind]), dtype=np.uint64))] = most
    return Known(highest, int((side == TRAINED).sum()), tuple(ancestor.name for ancestor in ancestors))


def _look(monitor: Monitor, done: int, total: int | None) -> None:
    if done % ROWS_PER_LOOK == 0:
        look(monitor, "comparing with what the model was trained on", done, total)
