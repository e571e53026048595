"""Answers that are there, and what is known of their rows → where it is good and where not. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import numpy as np

from tunesmith.evaluate.suites.material import Material, cluster_of
from tunesmith.evaluate.suites.wording import counted, percent, rough, sentences, share
from tunesmith.measure.quantities import PER_ROW, rows_of
from tunesmith.measure.slices import Marked, Sliced, sliced
from tunesmith.spec.dataset import Record
from tunesmith.spec.report import Scored
from tunesmith.spec.suite import Example, Slice, Slices, SuiteLimits
from tunesmith.spec.task import LOWER_IS_BETTER, MetricName, form_of

FALLBACKS = ("exact_match", "token_f1")
"""Scores that stand for a metric which has no value per row (macro-F1, BLEU, perplexity)."""
OWN_SCORES = frozenset({"chrf", "bleu"})
"""Metrics of a whole corpus that rows have a value of their own for."""


def slices(material: Material) -> Slices | str:
    """The suite; the reason where no row has a score that slices could be compared by."""
    _, rows = rows_of(material.metric, material.answers)
    name = score_name(material.metric, rows)
    if name is None:
        return f"the rows have no score that stands for {material.metric.replace('_', ' ')}"
    falling = material.metric in LOWER_IS_BETTER and name not in FALLBACKS
    scores = [1 - row.scores[name] if falling else row.scores[name] for row in rows]
    limits = material.limits
    left_out = {column: why for column, values in material.columns.items() if (why := unusable([values.get(row.id, "") for row in rows], limits))}
    marks = marks_of(rows, material, left_out)
    marked = [Marked(score, cluster_of(row), mark) for row, score, mark in zip(rows, scores, marks, strict=True)]
    found = sliced(marked, least=limits.slice_rows, confidence=material.confidence, seed=limits.seed)
    worst = found.slices[0] if found.slices else None
    inside = (
        [] if worst is None else [(s, row) for s, row, m in zip(scores, rows, marks, strict=True) if m.get(worst.column) == worst.value and s < 1]
    )
    examples = tuple(
        Example(
            question=row.question,
            answer=row.answer,
            wanted=row.reference,
            note=f"{name.replace('_', ' ')} {percent(row.scores[name])}",
            origin=row.origin,
        )
        for _, row in sorted(inside, key=lambda pair: (pair[0], pair[1].id))[: limits.examples]
    )
    told = (f"1 − {name}" if falling else name) + (" (out of scope included)" if any(row.out_of_scope for row in rows) else "")
    return Slices(
        split=material.split,
        score=told,
        slices=found.slices,
        too_small=found.too_small,
        left_out=left_out,
        examples=examples,
        sentence=_sentence(found, told, len(rows), left_out),
    )


def score_name(metric: MetricName, rows: Sequence[Scored]) -> str | None:
    """The per-row score that is averaged: the metric's own, or what comes nearest to it; None where no row has one."""
    own = PER_ROW.get(metric, metric if metric in OWN_SCORES else None)
    return next((name for name in (own, *FALLBACKS) if name is not None and rows and all(name in row.scores for row in rows)), None)


def unusable(values: Sequence[str], limits: SuiteLimits) -> str:
    """Why the rows cannot be told apart by a column that the user named; empty where they can. `values` has one for each row, empty where there is none.

    >>> unusable(["a", "a", ""], SuiteLimits()), unusable(["a", "a"], SuiteLimits()), unusable(["a", "b", "c"], SuiteLimits(slice_values=2))
    ('', 'all rows have the same value', '3 different values, more than 2 (examine.slice_values)')
    """
    different = set(values)
    if len(different) < 2:
        return "all rows have the same value" if different != {""} else "no row has a value"
    count = len(different - {""})
    return f"{count:,} different values, more than {limits.slice_values} (examine.slice_values)" if count > limits.slice_values else ""


def marks_of(rows: Sequence[Scored], material: Material, left_out: Collection[str] = ()) -> list[dict[str, str]]:
    """What is known of each row: label, length of the question, language, where it comes from, and the user's own columns but for those `left_out`.

    A column of the user's takes the place of what is known anyway under its name.
    """
    records = material.records
    lengths = length_quarters([len(row.question.split()) for row in rows])
    found = []
    for row, length in zip(rows, lengths, strict=True):
        label = row.reference if form_of(material.dataset.task) == "classify" else _label(records.get(row.id))
        known = {"label": label, "length of the question": length, "language": material.languages.get(row.id, ""), "source": row.origin.file}
        own = {column: values.get(row.id, "") for column, values in material.columns.items()}
        found.append({column: value for column, value in (known | own).items() if value and column not in left_out})
    several = {column for column in _columns(found) if len({mark.get(column) for mark in found}) > 1}
    return [{column: value for column, value in mark.items() if column in several} for mark in found]


def _label(record: Record | None) -> str:
    return (record.label if record is not None else None) or ""


def _columns(marks: Sequence[Mapping[str, str]]) -> list[str]:
    return list(dict.fromkeys(column for mark in marks for column in mark))


def length_quarters(lengths: Sequence[int]) -> list[str]:
    """The quarter of each length, named by its bounds; equal lengths share a quarter, so there may be fewer than four.

    >>> length_quarters([3, 3, 4, 6, 8, 8, 20, 40])
    ['up to 3 words', 'up to 3 words', '4 to 6 words', '4 to 6 words', '7 to 8 words', '7 to 8 words', 'over 8 words', 'over 8 words']
    >>> length_quarters([1, 2, 3, 4])
    ['1 word', '2 words', '3 words', 'over 3 words']
    """
    if not lengths:
        return []

    def one(length: int) -> str:
        return f"{length} word{'s' * (length > 1)}"

    bounds = sorted({int(x) for x in np.quantile(lengths, (0.25, 0.5, 0.75), method="inverted_cdf")})
    names = [
        one(1) if bounds[0] == 1 else f"up to {bounds[0]} words",
        *(one(high) if low + 1 == high else f"{low + 1} to {high} words" for low, high in pairwise(bounds)),
        f"over {bounds[-1]} word{'s' * (bounds[-1] > 1)}",
    ]
    return [names[int(np.searchsorted(bounds, length))] for length in lengths]


def _sentence(found: Sliced, score: str, rows: int, left_out: Mapping[str, str]) -> str:
    unread = "; ".join(f"the column “{column}” makes no slices: {why}" for column, why in left_out.items())
    if not found.slices:
        return sentences([f"no slice of the {rows:,} rows has enough rows on both sides to be judged", unread])
    worse = [one for one in found.slices if one.outcome == "worse"]
    better = sum(one.outcome == "better" for one in found.slices)
    worst = worse[0] if worse else found.slices[0]
    head = f"of {counted(len(found.slices), 'slice')} the lowest is {_name(worst)}: {score.replace('_', ' ')} {share(worst.metric)} on {counted(worst.metric.n, 'row')}, elsewhere {percent(worst.rest.value)}"
    if not worse:
        return sentences(
            [
                head,
                f"no slice is worse than the rest beyond what chance gives among so many (p = {worst.p_adjusted:.2f} after Holm's correction)",
                unread,
            ]
        )
    others = [f"{_name(one)} ({percent(one.metric.value)})" for one in worse[1:4]]
    more = f"worse than the rest as well: {', '.join(others)}" + (f" and {len(worse) - 4} more" if len(worse) > 4 else "") if others else ""
    good = f"{counted(better, 'slice is', 'slices are')} better than the rest" if better else ""
    return sentences(
        [f"{head}; that is worse beyond chance (p = {worst.p_adjusted:.2g} after Holm's correction)", more, good, unread, rough([worst.metric])]
    )


def _name(one: Slice) -> str:
    return f"{one.column} “{one.value}”"
