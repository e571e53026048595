"""Checked fine-tuning files → what is in them, measured in one pass and a few joins: repetition, contradiction, overlap, lengths, people.

The comparisons are those of the data stage (clusters by MinHash, complete joins between the files). Where nothing is asked, as in bare
completions, the whole row is what is compared. Work is bounded: where hundreds of rows are alike, a sample of them is joined, and the proof says so.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.concerns import TRAINING, VALIDATION, Findings, Pairs, Sizes
from tunesmith.data.duplicates import Clusters, band_keys, band_rows, first_of_equals
from tunesmith.data.fold import answered, asked, fold, key, setting
from tunesmith.data.given import Given
from tunesmith.data.given_words import FIRST_NUMBERS, FileRole, Numbers
from tunesmith.data.intake import ROWS_PER_LOOK, look
from tunesmith.data.leak import Leaks, exact_pairs, find_leaks
from tunesmith.data.neighbours import Sets, Tally, slip_pairs
from tunesmith.data.personal.records import texts_of
from tunesmith.data.personal.spans import KINDS, kinds_in
from tunesmith.data.profile import Lengths
from tunesmith.data.selection import first_of_equals_among
from tunesmith.data.spool import I64, Facts, Spool, Texts
from tunesmith.spec.dataset import LeakProof, Record
from tunesmith.spec.job import Monitor

SIMILARITY = 0.8
"""As `Cleaning.near_duplicate_similarity`."""
ALIKE_JOINED = 50
"""Rows of a cluster and a file that are compared with the other file's."""
MARKS_PER_TURN = 5
"""Tokens that a chat template puts around a turn, as ChatML does; it makes the lengths here estimates."""


@dataclass(frozen=True)
class Limit:
    """What the model is trained on at once, and how it is counted."""

    tokenizer: Path | None = None
    """tokenizer.json of the base model; None: lengths are counted in words and nothing is said about truncation."""
    max_length: int | None = None
    unit: str = "words"
    """`tokens of <model>`, or `words`."""


@dataclass
class Seen:
    """What the first pass notes of each row; index i is the i-th row, training file first."""

    around: Lengths
    """Questions: the system's turns. Answers: the tools."""
    rejected: Lengths
    turns: array[int] = field(default_factory=lambda: array("q"))
    systems: set[int] = field(default_factory=set)
    without_system: Numbers = field(default_factory=Numbers)
    personal: dict[FileRole, dict[str, Numbers]] = field(default_factory=dict)
    swapped: list[tuple[int, int]] = field(default_factory=list)
    """Preferences of the training file: (example, an earlier one that prefers what it rejects)."""
    only_one_answer: bool = True
    """Each row has one trained turn, its last, which is text."""
    _pairs: dict[int, int] = field(default_factory=dict)

    def see(self, record: Record, example: int, role: FileRole) -> None:
        """Note one row."""
        assert record.conversation is not None
        messages = record.conversation.messages
        system = "\n".join(m.content or "" for m in messages if m.role in ("system", "developer"))
        tools = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in record.conversation.tools or ())
        self.around.add([system], tools)
        self.rejected.add([], "\n".join(m.content or "" for m in record.rejected or ()))
        self.turns.append(len(messages))
        trained = sum(m.role == "assistant" and m.weight != 0 for m in messages)
        self.only_one_answer &= record.rejected is None and trained == 1 and not messages[-1].tool_calls and messages[-1].weight != 0
        for kind in kinds_in("\n".join(texts_of(record))):
            self.personal.setdefault(role, {}).setdefault(kind, Numbers()).add(example)
        if role == TRAINING:
            if system:
                self.systems.add(key(system))
            else:
                self.without_system.add(example)
            if record.rejected is not None:
                self._see_preference(record, example)

    def _see_preference(self, record: Record, example: int) -> None:
        question = f"{setting(record)}\0{asked(record)}"
        better, worse = fold(answered(record)), "\n".join(fold(m.content or "") for m in record.rejected or ())
        other = self._pairs.get(key(f"{question}\0{worse}\0{better}"))
        if other is not None:
            self.swapped.append((example, other))
        self._pairs.setdefault(key(f"{question}\0{better}\0{worse}"), example)


@dataclass(frozen=True)
class Survey:
    """Rows and how they hang together; `side` is 0 for training rows and 1 for validation rows."""

    facts: Facts
    side: NDArray[np.int8]
    clusters: Clusters
    seen: Seen
    conflicts: tuple[tuple[int, ...], ...]
    """Training rows (numbers) with one question, the first row of each answer; most answers first."""
    leaks: Leaks
    proof: LeakProof

    def rows(self, side: int) -> I64:
        """The rows of one file."""
        return np.flatnonzero(self.side == side)


def survey(training: Given, validation: Given | None, spool: Spool, limit: Limit, monitor: Monitor) -> Survey:
    """What is in the files; the spool takes the records in.

    Raises: GivenFault if a file has changed; Interrupted.
    """
    lengths = Lengths.of(limit.tokenizer)
    seen = Seen(lengths, Lengths(lengths.tokenizer))
    side = array("b")
    for given in (training, validation):
        for example, record in enumerate(given.records() if given else (), 1):
            if len(side) % ROWS_PER_LOOK == 0:
                look(monitor, "looking at the examples", len(side), training.rows + (validation.rows if validation else 0))
            spool.add(record)
            seen.see(record, example, TRAINING if given is training else VALIDATION)
            side.append(given is not training)
    seen.around.flush()
    seen.rejected.flush()
    facts, texts = spool.finish()
    asking = np.flatnonzero(facts.asked != np.uint64(key("")))
    facts = _rows_without_question(facts, asking)
    sides = np.asarray(side, dtype=np.int8)
    clusters = _clusters(facts, texts, asking, monitor)
    leaks, proof = _overlap(facts, texts, clusters, asking, sides) if validation else (Leaks((), (), 0), NOTHING_TO_COMPARE)
    conflicts = () if training.format == "preference" else _conflicts(facts, np.flatnonzero(sides == 0))
    return Survey(facts, sides, clusters, seen, conflicts, leaks, proof)


NOTHING_TO_COMPARE = LeakProof(exact_pairs=0, near_pairs=0, pairs_compared=0, method="nothing to compare: there is no validation file")


def _rows_without_question(facts: Facts, asking: I64) -> Facts:
    """The facts, with the whole row in place of a question that is not there."""
    blank = np.ones(len(facts), bool)
    blank[asking] = False
    return replace(facts, asked=np.where(blank, facts.row, facts.asked), question=np.where(blank, facts.row, facts.question))


def _clusters(facts: Facts, texts: Texts, asking: I64, monitor: Monitor) -> Clusters:
    """Rows that ask the same or nearly the same, together.

    As `join_near_duplicates`, but each row is compared with its neighbours in a band only, and of a cluster some rows are looked at for slips: a
    template that stands in 50,000 rows costs seconds and not minutes. What is missed between the files, the complete join finds.
    """
    clusters = Clusters(len(facts))
    clusters.join_equal(facts.asked)
    distinct = first_of_equals_among(facts.asked, asking)
    sets = Sets(texts)
    for is_short in (True, False):
        rows = distinct[texts.is_short[distinct] == is_short]
        total = len(rows)
        if total < 2:
            continue
        for band in band_keys(sets, rows, band_rows(SIMILARITY), lambda done, of=total: look(monitor, "finding near duplicates", done, of)):  # type: ignore[misc]
            order = np.argsort(band, kind="stable")
            same = np.flatnonzero(band[order][1:] == band[order][:-1])
            for first, second in zip(rows[order[same]].tolist(), rows[order[same + 1]].tolist(), strict=True):
                if clusters.find(first) != clusters.find(second) and sets.similarity(first, second) >= SIMILARITY:
                    clusters.join(first, second)
    some = distinct[_first_of_each(clusters.roots()[distinct])]
    if len(some) > 1:
        for ones, others in slip_pairs(texts, some, None, SIMILARITY, Tally()):
            for first, second in zip(ones.tolist(), others.tolist(), strict=True):
                clusters.join(first, second)
    return clusters


def _first_of_each(group: I64) -> NDArray[np.bool_]:
    """True for the first ALIKE_JOINED entries of each group."""
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.r_[True, group[order][1:] != group[order][:-1]][: len(group)])
    kept = np.zeros(len(group), bool)
    kept[order] = np.arange(len(group)) - np.repeat(starts, np.diff(np.r_[starts, len(group)])) < ALIKE_JOINED
    return kept


def _overlap(facts: Facts, texts: Texts, clusters: Clusters, asking: I64, side: NDArray[np.int8]) -> tuple[Leaks, LeakProof]:
    """(pairs of rows that ask the same or nearly the same in both files, what was compared)."""
    roots = clusters.roots()
    both = np.intersect1d(roots[side == 0], roots[side == 1])
    joined, is_sample = _some_of_each(roots, both, facts.asked, asking, side)
    near = find_leaks(facts, texts, joined, side, SIMILARITY) if len(joined) else Leaks((), (), 0)
    exact = exact_pairs(facts.asked, np.arange(len(facts)), side)
    leaks = Leaks(tuple(exact), near.near, near.compared)
    proof = leaks.proof(SIMILARITY, 1)
    if is_sample:
        words = f"near pairs are a lower bound: of groups with more than {ALIKE_JOINED} different questions of a file the first {ALIKE_JOINED} were compared"
        proof = proof.model_copy(update={"method": f"{proof.method}; {words}"})
    return leaks, proof


def _some_of_each(roots: I64, both: I64, asked_: NDArray[np.uint64], asking: I64, side: NDArray[np.int8]) -> tuple[I64, bool]:
    """(the rows to join: of clusters in both files at most ALIKE_JOINED different questions of each, of others all; whether any was left out)."""
    order = asking[np.lexsort((asking, asked_[asking], side[asking]))]
    again = (asked_[order][1:] == asked_[order][:-1]) & (side[order][1:] == side[order][:-1])
    distinct = np.sort(order[np.r_[True, ~again]]) if len(order) else order
    kept = _first_of_each(roots[distinct] * 2 + side[distinct]) | ~np.isin(roots[distinct], both)
    return distinct[kept], not bool(kept.all())


def _conflicts(facts: Facts, rows: I64) -> tuple[tuple[int, ...], ...]:
    """Rows with one question and several answers; sorted once, since one question may stand in every row."""
    order = rows[np.lexsort((rows, facts.answer[rows], facts.question[rows]))]
    question, answer = facts.question[order], facts.answer[order]
    firsts = order[np.r_[True, (question[1:] != question[:-1]) | (answer[1:] != answer[:-1])]]
    _, start, counts = np.unique(facts.question[firsts], return_index=True, return_counts=True)
    found = [tuple(sorted(firsts[at : at + n].tolist())) for at, n in zip(start[counts > 1].tolist(), counts[counts > 1].tolist(), strict=True)]
    return tuple(sorted(found, key=lambda group: (-len(group), group)))


def findings(
    found: Survey, given: Mapping[FileRole, Given], written: Lengths, labels: Mapping[FileRole, Mapping[str, int]], limit: Limit
) -> Findings:
    """What the concerns are about; `written` holds the lengths of all rows, and `labels` the answers where they are labels."""
    training = found.rows(0)
    first = training[first_of_equals(found.facts.row[training])]
    duplicates = [(row + 1, other + 1) for row, other in zip(training.tolist(), first.tolist(), strict=True) if row != other]
    preference = given[TRAINING].format == "preference"
    contradicting = tuple((b, a) for a, b in found.seen.swapped) if preference else tuple(tuple(r + 1 for r in rows) for rows in found.conflicts)
    return Findings(
        rows={role: one.rows for role, one in given.items()},
        duplicates=Pairs.of(duplicates),
        near=_near(found, training),
        equal=Pairs.of(_equal(found)),
        alike=Pairs.of(_alike(found)),
        contradicting=tuple(rows[:FIRST_NUMBERS] for rows in contradicting[:FIRST_NUMBERS]),
        contradictions=len(contradicting),
        sizes=dict(_sizes(found, given, written, limit)),
        labels=labels,
        systems=len(found.seen.systems),
        without_system=found.seen.without_system,
        personal={role: {sort.title: kinds[kind] for kind, sort in KINDS.items() if kind in kinds} for role, kinds in found.seen.personal.items()},
        remarks={role: one.remarks for role, one in given.items()},
        is_preference=preference,
    )


def _near(found: Survey, training: I64) -> Numbers:
    """Training examples in a cluster with another question of the training file."""
    distinct = first_of_equals_among(found.facts.asked, training)
    _, inverse, sizes = np.unique(found.clusters.roots()[distinct], return_inverse=True, return_counts=True)
    return Numbers.of((np.sort(distinct[sizes[inverse] > 1]) + 1).tolist())


def _equal(found: Survey) -> Iterator[tuple[int, int]]:
    """(validation example, first training example that asks the same)."""
    training, offset = found.rows(0), len(found.rows(0))
    asked_, first = np.unique(found.facts.asked[training], return_index=True)
    for row in found.rows(1).tolist():
        at = int(np.searchsorted(asked_, found.facts.asked[row]))
        if at < len(asked_) and asked_[at] == found.facts.asked[row]:
            yield row - offset + 1, int(training[first[at]]) + 1


def _alike(found: Survey) -> Iterator[tuple[int, int]]:
    """(validation example, training example that asks nearly the same), one for each validation example that none asks exactly."""
    offset = len(found.rows(0))
    told = {example for example, _ in _equal(found)}
    for row, other in sorted((max(pair), min(pair)) for pair in found.leaks.near):
        example = row - offset + 1
        if example not in told:
            told.add(example)
            yield example, other + 1


def _sizes(found: Survey, given: Mapping[FileRole, Given], written: Lengths, limit: Limit) -> Iterator[tuple[FileRole, Sizes]]:
    if limit.tokenizer is None or limit.max_length is None:
        return
    seen = found.seen
    marks = MARKS_PER_TURN * np.asarray(seen.turns, dtype=np.int64)
    tools, systems = np.asarray(seen.around.answers, dtype=np.int64), np.asarray(seen.around.questions, dtype=np.int64)
    answers = np.maximum(np.asarray(written.answers, dtype=np.int64), np.asarray(seen.rejected.answers, dtype=np.int64))
    total = np.asarray(written.questions, dtype=np.int64) + tools + answers + marks
    fixed = systems + tools + 2 * MARKS_PER_TURN
    for number, role in enumerate((TRAINING, VALIDATION)):
        if role in given:
            rows = found.rows(number)
            beyond, lost = (np.flatnonzero(values[rows] > limit.max_length) + 1 for values in (total, fixed))
            yield role, Sizes(limit.max_length, int(total[rows].max()), Numbers.of(beyond.tolist()), Numbers.of(lost.tolist()))
