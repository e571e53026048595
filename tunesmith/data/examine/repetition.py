"""Rows → which say the same: exactly, nearly, in another order of words, or out of one template.

Near duplicates are the data stage's (MinHash candidates confirmed by exact Jaccard, one typing slip in short texts); what is added here are rows with the
same words in another order, one slip in texts of some 20 to 50 words, where it takes five of few word 5-grams with it, and templates. A cluster is told by
its first row; the later ones repeat it only where they answer the same.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.duplicates import Clusters, first_of_equals, join_near_duplicates
from tunesmith.data.examine.rows import Rows
from tunesmith.data.fold import key
from tunesmith.data.intake import look
from tunesmith.data.neighbours import Tally, one_slip
from tunesmith.data.selection import first_of_equals_among
from tunesmith.data.shingles import U64
from tunesmith.data.spool import I64
from tunesmith.spec.job import Monitor

SIMILARITY = 0.8
"""As `Cleaning.near_duplicate_similarity`."""
REORDERED_WORDS = 5
"""Shorter questions with the same words in another order often ask something else."""
SLIP_SHINGLES = 45
"""Word 5-grams below which one slip takes two texts under SIMILARITY: 5 of n go, and (n - 5) / (n + 5) < 0.8."""
PARTS = 3
RIVALS = 16
"""Rows of one key that each row is compared with: a template of a thousand rows would ask for a million comparisons."""
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
    clusters = Clusters(len(facts))
    clusters.join_equal(facts.asked)
    tally = Tally()
    distinct = first_of_equals_among(facts.asked, np.arange(len(facts)))
    total = len(distinct)
    join_near_duplicates(clusters, rows.texts, distinct, SIMILARITY, tally, lambda done: look(monitor, "finding near duplicates", done, total))
    return with_reordered(rows, clusters.roots(), tally.pairs)


def with_reordered(rows: Rows, near: I64, compared: int) -> Repetition:
    """How rows repeat one another: `near` holds the first row of each one's cluster of nearly equal questions; those with the same words in another order and
    those one slip apart are added."""
    facts, tally = rows.facts, Tally(compared)
    distinct = first_of_equals_among(facts.asked, np.arange(len(facts)))
    clusters = Clusters(len(facts))
    clusters.join_equal(near)
    clusters.join_equal(bags(rows, distinct))
    for first, second in slips(rows, distinct, tally):
        clusters.join(first, second)
    return Repetition(first_of_equals(facts.row), clusters.roots(), tally.pairs)


def bags(rows: Rows, distinct: I64) -> U64:
    """[N] for each row, a key of its question's words whatever their order; of the question itself where the words are few. `distinct`: one row of each question."""
    found = np.zeros(len(rows), np.uint64)
    for row, words in words_of(rows, distinct):
        found[row] = key(" ".join(sorted(words))) if len(words) >= REORDERED_WORDS else rows.facts.asked[row]
    return found[first_of_equals(rows.facts.asked)]


def slips(rows: Rows, some: I64, tally: Tally) -> Iterator[tuple[int, int]]:
    """Pairs among the longer of `some` (different questions) that one slip turns into each other, with the same digits; (earlier, later).

    Of a text cut in three, a slip leaves two parts as they were: pairs share one of the keys that leave a part out. The parts before it are counted from
    the beginning, those behind it from the end, for this length and the next one, since the slip may have taken a letter.
    """
    sizes = np.diff(rows.texts.shingle_offsets)
    chosen = some[~rows.texts.is_short[some] & (sizes[some] < SLIP_SHINGLES)]
    folded, keys = rows.texts.folded(), array("q")
    for row in chosen.tolist():
        text = folded[row]
        for length in (len(text), len(text) + 1):
            part = (length - 2) // PARTS
            for left in range(PARTS):
                keys.append(hash((length, left, text[: left * part], text[len(text) - (PARTS - 1 - left) * part :])))
    order = np.argsort(np.array(keys, dtype=np.int64), kind="stable")
    values, owners = np.array(keys, dtype=np.int64)[order], np.repeat(chosen, 2 * PARTS)[order]
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]]) if len(values) else order
    ends = np.r_[starts[1:], len(values)]
    for start, end in zip(starts[ends - starts > 1].tolist(), ends[ends - starts > 1].tolist(), strict=True):
        run = owners[start:end].tolist()
        for place, second in enumerate(run):
            for first in run[max(0, place - RIVALS) : place]:
                tally.pairs += 1
                if one_slip(folded, first, second):
                    yield min(first, second), max(first, second)


def across(rows: Rows, judging: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Pairs of a row to train on and one to judge with that the data stage's join does not look for: the same words in another order, one slip in a longer text."""
    side = judging.astype(np.uint64)
    one_per_side = first_of_equals_among(rows.facts.asked ^ side, np.arange(len(rows)))
    found = {pair for pair in slips(rows, one_per_side, Tally()) if judging[pair[0]] != judging[pair[1]]}
    words = bags(rows, first_of_equals_among(rows.facts.asked, np.arange(len(rows))))
    first_judging = {int(words[row]): row for row in np.flatnonzero(judging)[::-1].tolist()}
    for row in np.flatnonzero(~judging & np.isin(words, words[judging])).tolist():
        other = first_judging[int(words[row])]
        if rows.facts.asked[row] != rows.facts.asked[other]:
            found.add((min(row, other), max(row, other)))
    return sorted(found)


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
