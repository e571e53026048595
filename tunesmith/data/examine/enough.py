"""Vectors with judged labels → what more rows would bring: the learning curve of a classifier over embeddings.

The classifier that judges the labels learns again from shares of the rows, in the same folds, and each time all rows are answered by one that has not
seen them. What twice as many rows would bring is the law of `measure/curve.py` through these points and the one of the label check, which costs nothing
more. A classifier over embeddings is not a tuned model: it needs fewer rows for the first points, and gains less from many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.examine.meaning import I64, Vectors
from tunesmith.data.examine.suspects import Suspects, others, out_of_fold
from tunesmith.data.intake import look
from tunesmith.measure.curve import Curve, Need, Point, fit, needs, needs_words
from tunesmith.measure.statistics import wilson
from tunesmith.spec.finding import MEASURED
from tunesmith.spec.job import Monitor
from tunesmith.spec.report import Metric

SHARES = ((0.1, 3), (0.25, 2), (0.5, 1))
"""(Share of the rows, how often it is drawn anew): few rows are a matter of luck. The whole is known already."""
LEAST = 3
"""Rows of a label, on average: with fewer the first point says what one example does, and no law goes through it."""
MANY = 20_000
"""Rows from which one fold judges, and only the small shares are learnt, once: that is rows enough to judge by, and learning from half takes minutes."""
SMALL = 0.25


ENDS = ("", "_low", "_high")
"""Of an estimate: its middle and its interval."""


@dataclass(frozen=True)
class Enough:
    """What a classifier over embeddings says about more rows."""

    curve: Curve
    weak: tuple[Need, ...]
    """Labels that fall behind the others."""

    @property
    def figures(self) -> dict[str, float]:
        """The numbers by name: shares of right answers; `twice` is what twice as many rows would add, `measured_N` what was reached with N rows."""
        named = {"expected": self.curve.at(self.curve.now), "twice": self.curve.gain(2 * self.curve.now)}
        told = {f"{name}{end}": value for name, one in named.items() for end, value in zip(ENDS, one, strict=True)}
        return {"rows": self.curve.now} | told | {f"{MEASURED}{rows}": score for rows, score in self.measured}

    @property
    def measured(self) -> list[tuple[int, float]]:
        """(Rows, mean share of right answers) of the trainings, fewest rows first."""
        points = self.curve.points
        return [(rows, float(np.mean([point.score for point in points if point.rows == rows]))) for rows in sorted({point.rows for point in points})]

    def words(self) -> str:
        """For people; no number of rows is named for a label where rows hardly help."""
        if self.weak and self.curve.helps() == "hardly":
            named = ", ".join(f"{need.label} (recall about {100 * need.recall:.0f} %)" for need in self.weak)
            return f"{self.curve.words()} Weakest: {named}; look at what they are taken for, rather than for more rows."
        return f"{self.curve.words()} {needs_words(self.weak)}".strip()


def enough(vectors: Vectors, labels: I64, found: Suspects, names: Sequence[str], monitor: Monitor, seed: int = 0) -> Enough | None:
    """What more rows would bring; None where too few labels have rows enough to be judged. `names`: what the numbers in `labels` [N] stand for.

    Raises: Interrupted once the user wants a stop.
    """
    rows = np.flatnonzero(found.fold >= 0)
    if not len(rows):
        return None
    known, fold = np.asarray(vectors[rows], dtype=np.float32), found.fold[rows]
    own = np.unique(labels[rows], return_inverse=True)[1].astype(np.int64)
    right = found.told[rows] == labels[rows]
    is_many = len(rows) >= MANY
    every = others(fold)[: 1 if is_many else None]
    judging = fold < len(every)
    points = [point(right[judging], every, seed)]
    few = LEAST * (int(own.max()) + 1) / float(every.sum(axis=1).mean())
    trials = [(share, repeat) for share, times in SHARES if share >= few for repeat in range(times)]
    trials = [(share, repeat) for share, repeat in trials if not is_many or (share <= SMALL and not repeat)]
    for done, (share, repeat) in enumerate(trials):

        def tick(part: int, of: int, done: int = done) -> None:
            look(monitor, "measuring what more rows would bring", done + part / of, len(trials), "trainings")

        learnt = drawn(every, own, share, np.random.default_rng((seed, repeat, round(100 * share))))
        told = out_of_fold(known, own, fold, learnt, tick).argmax(axis=1)
        points.append(point((told == own)[judging], learnt, repeat))
    curve = fit(points, len(rows), seed=seed)
    if curve is None:
        return None
    numbers, counts = np.unique(labels[rows], return_counts=True)
    sizes = {names[number]: count for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)}
    return Enough(curve, needs(sizes, {names[number]: recall(right[labels[rows] == number]) for number in numbers.tolist()}, curve))


def point(right: NDArray[np.bool_], learnt: NDArray[np.bool_], seed: int) -> Point:
    """What was reached by learning from the rows `learnt` [F, N], where `right` [N] rows were answered rightly."""
    hits = int(right.sum())
    low, high = wilson(hits, len(right))
    return Point(round(float(learnt.sum(axis=1).mean())), hits / len(right), low, high, seed)


def recall(right: NDArray[np.bool_]) -> Metric:
    """The share of a label's rows that were answered rightly."""
    hits = int(right.sum())
    low, high = wilson(hits, len(right))
    return Metric(value=hits / len(right), low=low, high=high, n=len(right), method="wilson")


def drawn(every: NDArray[np.bool_], labels: I64, share: float, random: np.random.Generator) -> NDArray[np.bool_]:
    """[F, N] `share` of the rows `every` [F, N] allows each fold, of each label the same share and at least one row.

    >>> drawn(np.array([[True, True, True, True, False]]), np.array([0, 0, 0, 0, 0]), 0.5, np.random.default_rng(0)).sum()
    np.int64(2)
    """
    order = np.lexsort((random.random(len(labels)), labels))
    chosen = np.zeros_like(every)
    for allowed, mine in zip(every, chosen, strict=True):
        some = order[allowed[order]]
        counts = np.bincount(labels[some])
        place = np.arange(len(some)) - (np.cumsum(counts) - counts)[labels[some]]
        mine[some] = place < np.ceil(share * counts)[labels[some]]
    return chosen
