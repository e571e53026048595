"""Answers and labels → what contradicts, what is spelt in two ways, what is too rare."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from tunesmith.data.fold import fold
from tunesmith.data.spool import I64, Facts
from tunesmith.errors import BadProject

MAX_CONFLICTS = 50


@dataclass(frozen=True)
class Contradiction:
    """Rows (numbers) that ask the same and answer differently; one row for each answer stands first."""

    rows: tuple[int, ...]
    answers: int


def contradictions(facts: Facts, rows: I64) -> list[Contradiction]:
    """Groups of rows with the same question (system turns and tools included) and several answers; most answers first."""
    order = rows[np.lexsort((rows, facts.question[rows]))]
    if not len(order):
        return []
    question = facts.question[order]
    starts = np.flatnonzero(np.r_[True, question[1:] != question[:-1]])
    found = []
    for start, end in zip(starts, np.r_[starts[1:], len(order)], strict=True):
        if end - start > 1 and len(set(facts.answer[order[start:end]].tolist())) > 1:
            group = order[start:end].tolist()
            first_of: dict[int, int] = {}
            for row in group:
                first_of.setdefault(int(facts.answer[row]), row)
            firsts = set(first_of.values())
            found.append(Contradiction((*first_of.values(), *[row for row in group if row not in firsts]), len(firsts)))
    return sorted(found, key=lambda c: (-c.answers, -len(c.rows), c.rows[0]))


def bare(label: str) -> str:
    """A label without case, spaces and punctuation: what two spellings of one label share.

    >>> bare("Card lost") == bare("card_lost ")
    True
    """
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", label).casefold())


def spellings(counts: Mapping[str, int]) -> list[tuple[str, ...]]:
    """Labels that look like one label spelt in several ways, the most frequent spelling first.

    >>> spellings({"card_lost": 40, "Card lost": 3, "pin": 9})
    [('card_lost', 'Card lost')]
    """
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for label in counts:
        groups[bare(label) or label].append(label)
    return sorted(tuple(sorted(group, key=lambda label: (-counts[label], label))) for group in groups.values() if len(group) > 1)


def ordered(labels: Iterable[str], out_of_scope: str | None) -> tuple[str, ...]:
    """Labels in their fixed order: sorted, the out-of-scope one last."""
    return tuple(sorted(set(labels), key=lambda label: (label == out_of_scope, label)))


def no_such_answer(name: str, answers: Iterable[str]) -> BadProject:
    """The error for a `task.out_of_scope` that no row has, with the nearest answer that some row has."""
    texts = sorted(set(answers))
    same = [text for text in texts if fold(text) == fold(name)] or [text for text in texts if bare(text) == bare(name)]
    near = same or difflib.get_close_matches(name, texts, n=1, cutoff=0.5)
    fix = f'write out_of_scope = "{near[0]}"' if near else "remove `out_of_scope`, or add rows that have it"
    return BadProject("no row has this answer", where="task.out_of_scope", got=repr(name), expected="a label or answer of some rows", fix=fix)
