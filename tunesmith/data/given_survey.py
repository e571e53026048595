"""Checked fine-tuning files → what is in them, measured in one pass and a few joins, and the findings that are told and fail nothing.

The findings are those of `tunesmith data check`; what is looked at besides is how long rows are against what the model is trained on at once, and what
requests ask for that does not reach the weights. The comparisons are those of the data stage (clusters by MinHash, complete joins between the files).
Where nothing is asked, as in bare completions, the whole row is what is compared. Work is bounded: where hundreds of rows are alike, a sample of them
is joined, and the proof says so.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.duplicates import Clusters, band_keys, band_rows
from tunesmith.data.examine.findings import KINDS, Suspicion, findings
from tunesmith.data.examine.mechanical import Sides, suspicions
from tunesmith.data.examine.noticed import Noticed
from tunesmith.data.examine.repetition import with_reordered
from tunesmith.data.examine.rows import Rows
from tunesmith.data.fold import key
from tunesmith.data.given import Given
from tunesmith.data.given_words import TRAINING, VALIDATION, FileRole
from tunesmith.data.intake import ROWS_PER_LOOK, look
from tunesmith.data.leak import Leaks, exact_pairs, find_leaks
from tunesmith.data.neighbours import Sets, Tally, slip_pairs
from tunesmith.data.profile import Lengths
from tunesmith.data.selection import first_of_equals_among
from tunesmith.data.spool import I64, Facts, Spool, Texts
from tunesmith.data.told import shortened
from tunesmith.spec.dataset import LeakProof, Record
from tunesmith.spec.finding import Finding
from tunesmith.spec.job import Monitor

SIMILARITY = 0.8
"""As `Cleaning.near_duplicate_similarity`."""
ALIKE_JOINED = 50
"""Rows of a cluster and a file that are compared with the other file's."""
MARKS_PER_TURN = 5
"""Tokens that a chat template puts around a turn, as ChatML does; it makes the lengths here estimates."""
ROLES: tuple[FileRole, FileRole] = (TRAINING, VALIDATION)


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
    only_one_answer: bool = True
    """Each row has one trained turn, its last, which is text."""

    def see(self, record: Record) -> None:
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


@dataclass(frozen=True)
class Survey:
    """Rows and how they hang together; `side` is 0 for training rows and 1 for validation rows."""

    rows: Rows
    sides: Sides
    side: NDArray[np.int8]
    clusters: Clusters
    seen: Seen
    conflicts: tuple[tuple[int, ...], ...]
    """Training rows (numbers) with one question, the first row of each answer; most answers first."""
    leaks: Leaks
    proof: LeakProof

    def of(self, side: int) -> I64:
        """The rows of one file."""
        return np.flatnonzero(self.side == side)


def survey(training: Given, validation: Given | None, spool: Spool, limit: Limit, monitor: Monitor) -> Survey:
    """What is in the files; the spool takes the records in.

    Raises: GivenFault if a file has changed; Interrupted.
    """
    lengths = Lengths.of(limit.tokenizer)
    seen = Seen(lengths, Lengths(lengths.tokenizer))
    side = array("b")
    total = training.rows + (validation.rows if validation else 0)
    with Noticed() as noticed:
        for given in (training, validation):
            for record in given.records() if given else ():
                if len(side) % ROWS_PER_LOOK == 0:
                    look(monitor, "looking at the examples", len(side), total)
                spool.add(record)
                noticed.see(record, record)
                seen.see(record)
                side.append(given is not training)
        noticed.finish()
    seen.around.flush()
    seen.rejected.flush()
    facts, texts = spool.finish()
    sides_of = np.asarray(side, dtype=np.int8)
    facts, files = _by_role(facts, spool, sides_of, training, validation)
    asking = np.flatnonzero(facts.asked != np.uint64(key("")))
    facts = _rows_without_question(facts, asking)
    read = {file: int((sides_of == number).sum()) for number, file in enumerate(files)}
    clusters = _clusters(facts, texts, asking, monitor)
    leaks, proof = _overlap(facts, texts, clusters, asking, sides_of) if validation else (Leaks((), (), 0), NOTHING_TO_COMPARE)
    conflicts = () if training.format == "preference" else _conflicts(facts, np.flatnonzero(sides_of == 0))
    rows = Rows.of(spool, facts, texts, noticed, read)
    return Survey(rows, Sides(files[:1], files[1:]), sides_of, clusters, seen, conflicts, leaks, proof)


NOTHING_TO_COMPARE = LeakProof(exact_pairs=0, near_pairs=0, pairs_compared=0, method="nothing to compare: there is no validation file")


def _by_role(facts: Facts, spool: Spool, side: NDArray[np.int8], training: Given, validation: Given | None) -> tuple[Facts, tuple[str, ...]]:
    """(the facts, the names of the files): one file may serve as both, and then has two names."""
    if validation is None:
        return facts, (training.file_id,)
    if training.file_id != validation.file_id:
        return facts, (training.file_id, validation.file_id)
    again = f"{validation.file_id} (validation)"
    number = spool.sources.number(again)
    return replace(facts, source=np.where(side == 1, number, facts.source)), (training.file_id, again)


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


def findings_of(found: Survey, given: Mapping[FileRole, Given], written: Lengths, limit: Limit, monitor: Monitor) -> tuple[Finding, ...]:
    """What `tunesmith data check` would say about the training file, and what concerns either as a file of a job; `written`: the lengths of all rows.

    Raises: Interrupted.
    """
    rows = found.rows
    repeated = with_reordered(rows, found.clusters.roots(), found.leaks.compared)
    told = [*suspicions(rows, found.sides, repeated, None, monitor, found.leaks), *_people(found), *_requests(found, given)]
    told += _lengths(found, written, limit)
    return shortened(findings(told, rows, (*found.sides.files, *found.sides.against)))


def _people(found: Survey) -> Iterator[Suspicion]:
    """Personal data and secrets in the validation file; of the training file all findings tell."""
    for kind, flagged in found.rows.flags.items():
        held = np.intersect1d(np.array(flagged.rows, dtype=np.int64), found.of(1))
        if KINDS[kind].group == "personal" and len(held):
            yield Suspicion(kind, held)


def _requests(found: Survey, given: Mapping[FileRole, Given]) -> Iterator[Suspicion]:
    """What rows ask for that does not reach the weights, or that they do otherwise than they say."""
    for number, role in enumerate(ROLES):
        for kind, lines in given[role].remarks.items() if role in given else ():
            yield Suspicion(kind, np.flatnonzero((found.side == number) & np.isin(found.rows.facts.line, lines)))


def _lengths(found: Survey, written: Lengths, limit: Limit) -> Iterator[Suspicion]:
    """Rows of either file that do not fit what is trained at once, the longest first."""
    if limit.tokenizer is None or limit.max_length is None:
        return
    total, fixed = _tokens(found, written)
    for kind, tokens in (("cut_row", total), ("crowded_out", fixed)):
        beyond = np.flatnonzero(tokens > limit.max_length)
        beyond = beyond[np.argsort(-tokens[beyond], kind="stable")]
        if len(beyond):
            detail = f"{limit.max_length:,} {limit.unit} are trained at once; the longest has about {int(tokens.max()):,}"
            yield Suspicion(kind, beyond, detail, scores={int(row): float(tokens[row]) for row in beyond[:50]})


def _tokens(found: Survey, written: Lengths) -> tuple[I64, I64]:
    """(tokens of each row, tokens that stand before its first question)."""
    seen = found.seen
    tools, systems = np.asarray(seen.around.answers, dtype=np.int64), np.asarray(seen.around.questions, dtype=np.int64)
    answers = np.maximum(np.asarray(written.answers, dtype=np.int64), np.asarray(seen.rejected.answers, dtype=np.int64))
    marks = MARKS_PER_TURN * np.asarray(seen.turns, dtype=np.int64)
    return np.asarray(written.questions, dtype=np.int64) + tools + answers + marks, systems + tools + 2 * MARKS_PER_TURN


def nothing_is_left(found: Survey, written: Lengths, limit: Limit) -> bool:
    """True if what stands before the first question fills what is trained at once in every training row."""
    if limit.tokenizer is None or limit.max_length is None:
        return False
    _, fixed = _tokens(found, written)
    return bool((fixed[found.of(0)] > limit.max_length).all())
