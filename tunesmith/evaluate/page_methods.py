"""The names that `measure` gives to its methods → what a page says of them: a few words in a table's cell, a sentence for whoever wants to know.

Only methods that a report rests on are explained in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tunesmith.spec.forgetting import Change
from tunesmith.spec.noun import Noun
from tunesmith.spec.report import Comparison, Metric
from tunesmith.spec.suite import Slices
from tunesmith.spec.verdict import LineReport

OVER_SEEDS = re.compile(r"(.+) over (?:(\d+) )?seeds?")
"""How `measure/seeds.py` marks what rests on several trainings."""


@dataclass(frozen=True)
class Method:
    """What a page says of one way to compute an interval or a p-value."""

    cell: str
    sentence: str


METHODS: Mapping[str, Method] = {
    "wilson": Method("Wilson", "The interval of a share is Wilson’s. Rows that share clusters count as many as they are worth (design effect)."),
    "rule of three": Method("none seen: rule of three", "Where no failure was seen, the rule of three bounds the share: none in n rows still allows about 3 / n."),
    "bca": Method("BCa bootstrap", "Other numbers, and differences on the same rows: the rows are drawn anew up to 10,000 times (bootstrap, BCa; whole clusters together), widened by Student’s t where there are few."),
    "bootstrap": Method("bootstrap, corrected for bias", "Numbers that are no means (AUROC, ECE, areas under curves): computed anew on 1,000 samples of the rows, whole clusters together, corrected for bias."),
    "newcombe": Method("two samples, Newcombe", "Differences between different rows: Newcombe’s interval, made of those of the two sides."),
    "bounds": Method("too few rows: the whole range", "Fewer than five rows or clusters say nothing of how they vary: the interval is all that the metric can be."),
    "exact": Method("exact, nothing to estimate", "Where every row gives the very same value there is nothing to estimate."),
    "mcnemar mid-p": Method("McNemar, mid-p", "Right or wrong on the same rows: McNemar’s exact test with mid-p, which looks at the rows that only one of the two gets right."),
    "paired permutation": Method("paired permutation", "Other scores on the same rows: a permutation test, which exchanges the two candidates’ answers at random, row by row."),
    "permutation of clusters": Method("permutation of whole clusters", "Rows that share clusters: a permutation test, which exchanges the two candidates’ answers at random, all rows of a cluster together."),
}  # fmt: skip
SEEDS = "Trained more than once: rows are averaged over the seeds. What the seeds differ by widens the intervals and weakens the tests (Student’s t, with Welch’s degrees of freedom), and a gain has to hold for every seed."
SLICES = "Slices: Fisher’s exact test for right or wrong in rows that stand alone, else a permutation of whole clusters; Holm over all slices. They are ranked by values drawn towards the mean, or the smallest would always be the worst."


def cell(method: str) -> str:
    """What a table's cell says of a method.

    >>> cell("mcnemar mid-p over 2 seeds"), cell("mcnemar mid-p over 1 seed"), cell("bca over seeds"), cell("wilson")
    ('McNemar, mid-p, over 2 seeds', 'McNemar, mid-p, over 1 seed', 'BCa bootstrap, over seeds', 'Wilson')
    """
    name, seeds = parted(method)
    known = METHODS.get(name)
    return (known.cell if known else name) + (f", over {seeds}" if seeds else "")


def parted(method: str) -> tuple[str, str]:
    """(the method, the seeds that it was used over or nothing)."""
    found = OVER_SEEDS.fullmatch(method)
    count = "" if found is None or not found[2] else f"{found[2]} "
    return (found[1], f"{count}{'seed' if count == '1 ' else 'seeds'}") if found else (method, "")


def explained(report: LineReport, examined: Sequence[Noun] = ()) -> list[str]:
    """A sentence for every method that the report, or what was examined beside it, rests on."""
    verdict = report.verdict
    values = [*(finalist.report for finalist in report.finalists), *verdict.comparisons, *examined]
    names = {name for value in values for name in methods_in(value)}
    plain = {parted(name)[0] for name in names}
    found = [method.sentence for name, method in METHODS.items() if name in plain]
    if any(parted(name)[1] for name in names):
        found.append(SEEDS)
    if verdict.comparisons:
        found.append(together([one.metric for one in verdict.comparisons], report.goal.confidence))
    if any(isinstance(part, Slices) and part.slices for one in examined for part in dict(one).values()):
        found.append(SLICES)
    return found


def together(metrics: Sequence[str], confidence: float) -> str:
    """How single comparisons, one of each metric here, become a verdict."""
    both = ", on both metrics," if len(set(metrics)) > 1 else ""
    corrected = (
        f"The p-values of all {len(metrics)} comparisons{both} are corrected together (Holm)"
        if len(metrics) > 1
        else "There was one comparison, so its p-value needs no correction"
    )
    return f"{corrected}. “Better” needs both: a {100 * confidence:g} % interval without 0, and a corrected p-value below {1 - confidence:.2g}."


def methods_in(value: object) -> Iterator[str]:
    """The names of the methods behind all numbers in a value."""
    if isinstance(value, Metric):
        yield value.method
        return
    if isinstance(value, Comparison | Change):
        yield value.test
    if isinstance(value, Noun):
        yield from methods_in([part for _, part in value])
    elif isinstance(value, Mapping):
        yield from methods_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from methods_in(part)
