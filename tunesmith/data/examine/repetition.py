"""Rows → which say the same: exactly, nearly, in another order of words, or out of one template.

Near duplicates are the data stage's (MinHash candidates confirmed by exact Jaccard, one typing slip); what is added here are rows with the same words
in another order, and templates. A cluster is told by its first row; the later ones repeat it only where they answer the same.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.duplicates import Clusters, first_of_equals, join_near_duplicates
from tunesmith.data.examine.rows import Rows
from tunesmith.data.fold import key
from tunesmith.data.intake import look
from tunesmith.data.neighbours import Tally
from tunesmith.data.selection import first_of_equals_among
from tunesmith.data.spool import I64
from tunesmith.spec.job import Monitor

SIMILARITY = 0.8
"""As `Cleaning.near_duplicate_similarity`."""
REORDERED_WORDS = 5
"""Shorter questions with the same words in another order often ask something else."""
TEMPLATE_ROWS = 10
"""Rows that share a frame before it is called a template."""
TEMPLATE_FIXED_WORDS = 4
TEMPLATE_FIXED_SHARE = 0.5
RARE_SHARE = 0.002
"""A word in fewer than this share of the rows is something filled in, if a frame stands around it."""
_WORD = re.compile(r"\w+(?:['’]\w+)*")


@dataclass(frozen=True)
class Repetition:
    """How rows repeat one another."""

    exact: I64
    """For each row, the first row that says the same, question and answer; itself where there is none before it."""
    near: I64
    """For each row, the first row of its cluster of nearly equal questions."""
    compared: int


@dataclass(frozen=True)
class Template:
    """Rows that were made from one frame."""

    frame: str
    """The words that stay, `…` where something is filled in."""
    rows: tuple[int, ...]


def repetition(rows: Rows, monitor: Monitor) -> Repetition:
    """Which rows say the same as an earlier one, exactly or nearly.

    Raises: Interrupted.
    """
    facts = rows.facts
    everything = np.arange(len(facts))
    clusters = Clusters(len(facts))
    clusters.join_equal(facts.asked)
    tally = Tally()
    distinct = first_of_equals_among(facts.asked, everything)
    total = len(distinct)
    join_near_duplicates(clusters, rows.texts, distinct, SIMILARITY, tally, lambda done: look(monitor, "finding near duplicates", done, total))
    bags = np.zeros(len(facts), np.uint64)
    for row, words in words_of(rows, distinct):
        bags[row] = key(" ".join(sorted(words))) if len(words) >= REORDERED_WORDS else facts.asked[row]
    bags = bags[first_of_equals(facts.asked)]
    clusters.join_equal(bags)
    return Repetition(first_of_equals(facts.row), clusters.roots(), tally.pairs)


def words_of(rows: Rows, some: I64) -> Iterator[tuple[int, list[str]]]:
    """(row, the words of its folded question), for some rows."""
    folded = rows.texts.folded()
    for row in some.tolist():
        yield row, _WORD.findall(folded[row])


def repeats(rows: Rows, first: I64) -> tuple[I64, list[tuple[int, ...]]]:
    """(rows that repeat an earlier row of `first`'s clusters, the clusters of two or more, the largest first)."""
    order = np.argsort(first, kind="stable")
    starts = np.flatnonzero(np.r_[True, first[order][1:] != first[order][:-1]])
    ends = np.r_[starts[1:], len(order)]
    found = [tuple(order[a:b].tolist()) for a, b in zip(starts.tolist(), ends.tolist(), strict=True) if b - a > 1]
    found.sort(key=lambda cluster: (-len(cluster), cluster[0]))
    return np.flatnonzero(first != np.arange(len(first))), found


def near_with_same_answer(rows: Rows, found: Repetition) -> I64:
    """For each row, the first row of its cluster that answers the same; rows that are exact repeats stand for themselves here."""
    exact = found.exact != np.arange(len(found.exact))
    lone = np.where(exact, np.arange(len(found.near)), -1)
    keys = np.stack([found.near.astype(np.int64), rows.facts.answer.view(np.int64), lone], axis=1)
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return np.asarray(first[inverse.reshape(-1)], dtype=np.int64)


def templates(rows: Rows, monitor: Monitor) -> list[Template]:
    """Frames that many rows share with other words filled in, the largest first.

    A word is part of the frame if it stands in many rows; digits never are. Raises: Interrupted.
    """
    distinct = first_of_equals_among(rows.facts.asked, np.arange(len(rows)))
    if len(distinct) < TEMPLATE_ROWS:
        return []
    counts: Counter[str] = Counter()
    for _, words in words_of(rows, distinct):
        counts.update(set(words))
    look(monitor, "looking for templates", 1, 2, "passes")
    frequent = {word for word, n in counts.items() if n >= max(TEMPLATE_ROWS, RARE_SHARE * len(distinct)) and not any(c.isdigit() for c in word)}
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for row, words in words_of(rows, distinct):
        frame, fixed = framed(words, frequent)
        if fixed >= TEMPLATE_FIXED_WORDS and fixed >= TEMPLATE_FIXED_SHARE * len(words) and "…" in frame:
            groups[key(" ".join(frame))].append(row)
    large = sorted((group for group in groups.values() if len(group) >= TEMPLATE_ROWS), key=lambda group: (-len(group), group[0]))
    folded = rows.texts.folded()
    return [Template(" ".join(framed(_WORD.findall(folded[group[0]]), frequent)[0]), tuple(group)) for group in large]


def framed(words: list[str], frequent: set[str]) -> tuple[list[str], int]:
    """(the words with each run of rare ones as `…`, how many stay).

    >>> framed(["who", "leads", "acme", "corp", "now"], {"who", "leads", "now"})
    (['who', 'leads', '…', 'now'], 3)
    """
    frame: list[str] = []
    fixed = 0
    for word in words:
        if word in frequent:
            frame.append(word)
            fixed += 1
        elif not frame or frame[-1] != "…":
            frame.append("…")
    return frame, fixed


def of_file(cluster_of: I64, mask: NDArray[np.bool_]) -> I64:
    """The rows of one file that repeat an earlier row of any file."""
    return np.flatnonzero(mask & (cluster_of != np.arange(len(cluster_of))))
