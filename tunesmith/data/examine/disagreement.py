"""Rows that ask the same, or nearly the same → those that answer differently, with what the majority and the newest say; nothing is chosen here."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
from rapidfuzz import fuzz

from tunesmith.data.examine.repetition import Repetition
from tunesmith.data.examine.rows import Rows
from tunesmith.data.labels import contradictions
from tunesmith.data.spool import FoldedTexts
from tunesmith.measure.text import token_f1

NEARLY = 90.0
"""Similarity by edits, in percent, from which two questions are taken to ask the same where no number and no negation differs."""
ANSWERS_DIFFER = 0.5
"""Token F1 below which two longer answers to nearly one question are told as different."""
LARGEST = 50
"""Rows of a cluster that are compared with one another."""
_NUMBERS = re.compile(r"\d+")
_SYMBOLS = re.compile(r"[^\w\s.,;:!?'\"’‘“”()\[\]–—-]")
"""Signs that are part of what is asked about: C is not C++, > is not <."""
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|without|cannot|nor|nicht|kein\w*|nie|ohne|ne|pas|jamais|sans|nunca|sin|non|mai|senza|niet|geen|não|sem)\b|n['’]t\b"
)


@dataclass(frozen=True)
class Disagreement:
    """Rows with one question and several answers."""

    rows: tuple[int, ...]
    """One row for each answer first."""
    answers: int
    is_exact: bool
    """The questions are equal; else nearly equal."""
    across_files: bool
    proposal: str
    """What a person could choose: the majority's answer, or that of the file that was named last."""
    losers: tuple[int, ...]
    """The rows that answer otherwise than is proposed."""


def disagreements(rows: Rows, found: Repetition) -> list[Disagreement]:
    """All of them, exact ones first, then by their number of answers."""
    everything = np.arange(len(rows))
    exact = [_told(rows, c.rows, c.answers, True) for c in contradictions(rows.facts, everything)]
    seen = {row for one in exact for row in one.rows}
    near = [_told(rows, group, _answers(rows, group), False) for group in _nearly(rows, found) if not seen & set(group)]
    return [*exact, *sorted(near, key=lambda d: (-d.answers, d.rows[0]))]


def _answers(rows: Rows, group: tuple[int, ...]) -> int:
    return len({int(rows.facts.answer[row]) for row in group})


def _nearly(rows: Rows, found: Repetition) -> list[tuple[int, ...]]:
    """Groups of rows with nearly one question and different answers, one row for each answer first."""
    order = np.argsort(found.near, kind="stable")
    roots = found.near[order]
    starts = np.flatnonzero(np.r_[True, roots[1:] != roots[:-1]])
    groups = []
    wanted: dict[int, list[int]] = {}
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(order)], strict=True):
        members = order[start:end]
        if end - start > 1 and len(np.unique(rows.facts.answer[members])) > 1:
            wanted[int(members[0])] = members[:LARGEST].tolist()
    texts = rows.texts.folded()
    answers = _long_answers(rows, [row for members in wanted.values() for row in members])
    for some in wanted.values():
        groups += _split(some, rows, texts, answers)
    return groups


def _split(members: list[int], rows: Rows, texts: FoldedTexts, answers: dict[int, str]) -> list[tuple[int, ...]]:
    """The members that ask nearly the same as the first of them and answer differently; the rest is looked at again."""
    groups = []
    left = members
    while len(left) > 1:
        first, others = left[0], left[1:]
        same = [row for row in others if asks_the_same(texts[first], texts[row])]
        by_answer: defaultdict[int, list[int]] = defaultdict(list)
        for row in (first, *same):
            by_answer[int(rows.facts.answer[row])].append(row)
        firsts = [group[0] for group in by_answer.values()]
        if len(firsts) > 1 and any(differ(answers.get(firsts[0]), answers.get(other)) for other in firsts[1:]):
            groups.append((*firsts, *(row for group in by_answer.values() for row in group[1:])))
        left = [row for row in others if row not in same]
    return groups


def _long_answers(rows: Rows, some: list[int]) -> dict[int, str]:
    """Row → its answer, where that is no short one: those are compared as they are."""
    long = np.asarray([row for row in some if rows.facts.short_answer[row] < 0], dtype=np.int64)
    return {row: (record.conversation.messages[-1].content or "") for row, record in rows.records(long).items() if record.conversation}


def differ(first: str | None, second: str | None) -> bool:
    """True if two answers say different things; None is a short answer, which differs from every other."""
    if first is None or second is None:
        return True
    return token_f1(first, second) < ANSWERS_DIFFER or _NUMBERS.findall(first)[-1:] != _NUMBERS.findall(second)[-1:]


def asks_the_same(first: str, second: str) -> bool:
    """True if two folded questions differ in spelling or order only: few edits, the same numbers, signs and negations.

    >>> asks_the_same("where is my new card?", "where is my new crad?"), asks_the_same("what is 3 plus 4?", "what is 3 plus 5?")
    (True, False)
    """
    if any(sorted(form.findall(first)) != sorted(form.findall(second)) for form in (_NUMBERS, _SYMBOLS)):
        return False
    if len(_NEGATION.findall(first)) != len(_NEGATION.findall(second)):
        return False
    return fuzz.ratio(first, second) >= NEARLY or sorted(first.split()) == sorted(second.split())


def _told(rows: Rows, group: tuple[int, ...], answers: int, is_exact: bool) -> Disagreement:
    counts = Counter(int(rows.facts.answer[row]) for row in group)
    (top, n), *others = counts.most_common(2)
    files = np.unique(rows.facts.source[list(group)])
    if not others or n > others[0][1]:
        chosen = next(row for row in group if int(rows.facts.answer[row]) == top)
        proposal = f"the majority ({n} of {len(group)} rows) answers as {rows.place(chosen)}"
    else:
        chosen = max(group, key=lambda row: (int(rows.facts.source[row]), int(rows.facts.line[row])))
        newest = "the file named last" if len(files) > 1 else "the newest row"
        proposal = f"no majority; {newest} answers as {rows.place(chosen)}"
    losers = tuple(row for row in group if rows.facts.answer[row] != rows.facts.answer[chosen])
    return Disagreement(group, answers, is_exact, len(files) > 1, proposal, losers)
