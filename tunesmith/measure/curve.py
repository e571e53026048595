"""Scores of small trainings → what more rows would bring: a law of the error with its uncertainty, and its answer in plain words.

No single law is trusted. Power laws, the logarithm and saturating exponentials, of the error and of its log-odds, are averaged by how well each
explains the points (Bayesian linear regression for every shape on a grid, in closed form), so that the interval knows that the shape is not
known. Two or three points leave most of the prior standing, and the interval is wide. Points of one line share their dev rows: half of their
sampling error is taken to be common to all of them. `bench/learning_curve.py` holds the intervals against real data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith.measure.power import MOST_ROWS
from tunesmith.measure.statistics import critical
from tunesmith.spec.report import Metric

Array = NDArray[np.float64]

SHARED = 0.5
"""Share of a score's sampling variance that comes from the dev rows themselves, and is the same for all trainings."""
NOISES = ((0.002, 0.25), (0.005, 0.4), (0.01, 0.25), (0.02, 0.1))
"""(Standard deviation from run to run, its prior weight): rows drawn, seed."""
FALL = 2 * max(noise for noise, _ in NOISES)
"""A training on more rows whose interval lies so far below that of one on fewer has fallen: neither the dev rows nor the luck of a run explain it."""
EXPONENTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.25, 1.5)
REACHES = (0.15, 0.3, 0.6, 1.2, 2.4)
"""Of a saturating exponential: its constant over the largest number of rows."""
DRAWS = 500
"""Of each law, from its posterior."""
KEPT = 4000
"""Draws of all laws together that a curve keeps."""
NOTABLE = 0.01
"""A gain of less than one point is none to collect rows for."""
GRID = 240
WEAKEST = 5
SHRINKING = 4.0
"""A label's few dev rows are weighed against so many with the mean recall of all."""
MOST_TIMES = 10


class Estimate(NamedTuple):
    """A number and where it lies."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Point:
    """One training: rows, and the share of right answers that it reached."""

    rows: int
    score: float
    low: float
    high: float
    seed: int = 0


@dataclass(frozen=True)
class Law:
    """A shape in which the error, or its log-odds, falls with the rows: y = u − a · drop(rows), where a is the fall at the first point."""

    kind: Literal["power", "logarithm", "saturating"]
    of: Literal["error", "odds"]
    shape: float
    weight: float

    def drop(self, times: Array) -> Array:
        """How far it has fallen at `times` the rows of the first point, per unit of its fall there; times ≥ 1 gives ≥ 0."""
        match self.kind:
            case "power":
                return (1 - times**-self.shape) / self.shape
            case "logarithm":
                return np.log(times)
            case "saturating":
                return self.shape * (1 - np.exp(-(times - 1) / self.shape))

    def most(self) -> float:
        """The drop at infinitely many rows."""
        return {"power": 1 / self.shape if self.shape else math.inf, "logarithm": math.inf, "saturating": self.shape}[self.kind]

    def prior(self) -> tuple[Array, Array]:
        """(Means, standard deviations) of u and a."""
        return (np.array([0.5, 0.0]), np.array([0.5, 0.4])) if self.of == "error" else (np.array([0.0, 0.0]), np.array([2.5, 1.0]))

    def allowed(self, u: Array, a: Array) -> NDArray[np.bool_]:
        """Which draws are possible: the error does not rise with the rows, and its limit is not below 0."""
        if self.of == "odds":
            return a >= 0
        limit = u - a * self.most() if math.isfinite(self.most()) else u
        return (a >= 0) & (u <= 1) & (limit >= 0)


def laws(span: float) -> Iterator[Law]:
    """Every shape; `span` is the largest number of rows over the smallest."""
    for of, share in (("error", 0.65), ("odds", 0.35)):
        scale: Literal["error", "odds"] = "error" if of == "error" else "odds"
        yield Law("logarithm", scale, 0.0, share * 0.2)
        for exponent in EXPONENTS:
            yield Law("power", scale, exponent, share * 0.5 / len(EXPONENTS))
        for reach in REACHES:
            yield Law("saturating", scale, reach * span, share * 0.3 / len(REACHES))


@dataclass(frozen=True, eq=False)
class Curve:
    """A fitted curve: equally likely draws of law, level, fall and the luck of a run. `now` is how many rows there are today."""

    points: tuple[Point, ...]
    now: int
    confidence: float
    known: tuple[Law, ...]
    which: NDArray[np.int64]
    levels: Array
    falls: Array
    luck: Array

    def scores(self, rows: int | Array) -> Array:
        """[draws, rows] expected scores in every draw."""
        times = np.maximum(np.atleast_1d(np.asarray(rows, dtype=np.float64)) / self.points[0].rows, 1e-9)
        found = np.empty((len(self.which), len(times)))
        for index in np.unique(self.which):
            mine = self.which == index
            law = self.known[index]
            value = self.levels[mine, None] - self.falls[mine, None] * law.drop(times)[None, :]
            found[mine] = 1 - value if law.of == "error" else 1 / (1 + np.exp(np.clip(value, -700, 700)))
        return np.clip(found, 0.0, 1.0)

    def at(self, rows: int) -> Estimate:
        """The score that a training on `rows` rows would reach, the luck of one run included."""
        return self._estimate(np.clip(self.scores(rows)[:, 0] + self.luck, 0.0, 1.0))

    def gain(self, rows: int) -> Estimate:
        """How much better the expected score is with `rows` rows than with those there are."""
        return self._estimate(self.scores(rows)[:, 0] - self.scores(self.now)[:, 0])

    def helps(self) -> Literal["yes", "hardly", "cannot tell"]:
        """Whether twice the rows would bring a point or more."""
        chance = float(np.mean(self.scores(2 * self.now)[:, 0] - self.scores(self.now)[:, 0] >= NOTABLE))
        return "yes" if chance >= 0.8 else "hardly" if chance <= 0.2 else "cannot tell"

    def rows_for(self, gain: float) -> Estimate | None:
        """How many rows more bring `gain` over the rows there are: the middle, the best and the worst case; None if no realistic number does."""
        return self._more(lambda ahead, today: ahead >= today + gain)

    def rows_to_reach(self, score: float) -> Estimate | None:
        """How many rows more reach `score`; 0 where it is reached already."""
        return self._more(lambda ahead, today: ahead >= score)

    def rows_until_flat(self) -> int | None:
        """How many rows more until twice as many would bring less than a point; None where that is beyond a realistic number."""
        grid = self._grid()
        middle = np.median(self.scores(2 * grid) - self.scores(grid), axis=0)
        flat = np.flatnonzero(middle < NOTABLE)
        return math.ceil(grid[flat[0]]) - self.now if len(flat) else None

    def words(self) -> str:
        """Whether more data would help, and how much, in one or two sentences."""
        twice, now = self.gain(2 * self.now), self.at(self.now)
        expected = f"with all {self.now:,} rows about {100 * now.value:.1f} % is expected ({_range(now)})"
        bring = f"twice as many rows would bring {100 * twice.value:+.1f} points ({_range(twice)})"
        match self.helps():
            case "yes":
                flat = self.rows_until_flat()
                end = f"; beyond about {round_up(self.now + flat):,} rows doubling brings less than a point" if flat else ""
                return f"More data would help: {expected}, and {bring}{end}."
            case "hardly":
                return f"More data would hardly help: {expected}, and {bring}."
            case "cannot tell":
                return f"Whether more data would help cannot be told from these small trainings: {expected}, and {bring}."

    def _grid(self) -> Array:
        return np.geomspace(self.now, max(MOST_ROWS, 2 * self.now), GRID)

    def _more(self, reached: Callable[[Array, Array], NDArray[np.bool_]]) -> Estimate | None:
        grid = self._grid()
        today = self.scores(self.now)
        hit = reached(self.scores(grid), today)
        first = np.where(hit.any(axis=1), grid[hit.argmax(axis=1)], np.inf) - self.now
        tail = (1 - self.confidence) / 2
        value, low, high = (float(x) for x in np.quantile(first, [0.5, tail, 1 - tail], method="inverted_cdf"))
        return Estimate(math.ceil(value), math.ceil(low), high if math.isinf(high) else math.ceil(high)) if math.isfinite(value) else None

    def _estimate(self, values: Array) -> Estimate:
        tail = (1 - self.confidence) / 2
        middle, low, high = np.quantile(values, [0.5, tail, 1 - tail])
        return Estimate(float(middle), float(low), float(high))


def fit(points: Sequence[Point], now: int, *, confidence: float = 0.95, seed: int = 0) -> Curve | None:
    """The curve through two or more numbers of rows; None where there are fewer, or where scores clearly fall, which no law of learning does
    (`falling` says so in words). The order of the points does not matter.

    Raises: ValueError for points that are no shares between 0 and 1.
    """
    known = tuple(sorted(points, key=lambda p: (p.rows, p.seed, p.score, p.low, p.high)))
    if len({p.rows for p in known}) < 2:
        return None
    if not all(0 <= p.low <= p.score <= p.high <= 1 and p.rows > 0 for p in known):
        raise ValueError("points are shares of right answers between 0 and 1, inside their intervals")
    if any(few.rows < many.rows and few.low - many.high > FALL for few in known for many in known):
        return None
    shapes = tuple(laws(max(p.rows for p in known) / known[0].rows))
    generator = np.random.default_rng(seed)
    normal, luck = generator.standard_normal((DRAWS, 2)), generator.standard_normal(KEPT)
    cells = [_cell(law, noise, math.log(weight), known, confidence, normal) for law in shapes for noise, weight in NOISES]
    log_weights = np.array([cell[0] for cell in cells])
    if np.isneginf(log_weights).all():  # not one draw in which the error does not rise
        return None
    weights = np.exp(log_weights - log_weights.max())
    which, levels, falls, noises, heavy = [], [], [], [], []
    for index, (cell, weight) in enumerate(zip(cells, weights, strict=True)):
        _, u, a = cell
        if weight > 1e-9 and len(u):
            which.append(np.full(len(u), index // len(NOISES)))
            noises.append(np.full(len(u), NOISES[index % len(NOISES)][0]))
            heavy.append(np.full(len(u), weight / len(u)))
            levels.append(u)
            falls.append(a)
    chosen = _systematic(np.concatenate(heavy), float(generator.uniform()))
    return Curve(
        points=known,
        now=now,
        confidence=confidence,
        known=shapes,
        which=np.concatenate(which)[chosen],
        levels=np.concatenate(levels)[chosen],
        falls=np.concatenate(falls)[chosen],
        luck=np.concatenate(noises)[chosen] * luck,
    )


def falling(points: Sequence[Point]) -> str:
    """What it hints at that scores fall with more rows, in two sentences, for points that no curve goes through; empty for fewer than two numbers of rows.

    >>> falling([Point(100, 0.8, 0.73, 0.86), Point(500, 0.4, 0.33, 0.48)])
    'Scores fall with more rows: 80.0 % with 100, 40.0 % with 500. That hints at trainings that spoil what was learnt (a learning rate that is too high \
for longer trainings, too many epochs), or at labels that contradict one another; more rows are no remedy for either.'
    """
    known = sorted(points, key=lambda p: (p.rows, p.seed))
    if len({p.rows for p in known}) < 2:
        return ""
    said = ", ".join(f"{100 * p.score:.1f} % with {p.rows:,}" for p in known)
    return (
        f"Scores fall with more rows: {said}. That hints at trainings that spoil what was learnt (a learning rate that is too high for longer trainings, "
        "too many epochs), or at labels that contradict one another; more rows are no remedy for either."
    )


def _cell(law: Law, noise: float, log_weight: float, points: Sequence[Point], confidence: float, normal: Array) -> tuple[float, Array, Array]:
    """(Log evidence of one law at one noise, draws of u, draws of a) given the points.

    Source: conjugate linear regression, e.g. Bishop 2006 §3.3 and §3.5; truncation enters as the ratio of the possible parts of posterior
    and prior.
    """
    scores = np.array([p.score for p in points])
    spread = np.maximum(np.array([p.high - p.low for p in points]) / (2 * critical(confidence)), 1e-3)
    error, jacobian, stretch = 1 - scores, 0.0, np.ones(len(points))
    if law.of == "odds":
        inside = np.clip(error, spread / 2, 1 - spread / 2)
        error, stretch = np.log(inside / (1 - inside)), 1 / (inside * (1 - inside))
        jacobian = float(np.log(stretch).sum())
    own, luck = spread * stretch, noise * stretch
    covariance = np.diag(own**2 * (1 - SHARED) + luck**2) + SHARED * np.outer(own, own)
    drop = law.drop(np.array([p.rows for p in points]) / points[0].rows)
    design = np.stack([np.ones_like(drop), -drop], axis=1)
    mean, deviation = law.prior()
    total = covariance + design @ np.diag(deviation**2) @ design.T
    factor, residual = np.linalg.cholesky(total), error - design @ mean
    white = np.linalg.solve(factor, residual)
    log_evidence = -0.5 * float(white @ white) - float(np.log(np.diag(factor)).sum()) + jacobian
    pull = np.diag(deviation**2) @ design.T
    gain = np.linalg.solve(total, pull.T).T
    posterior = np.diag(deviation**2) - gain @ pull.T
    root = np.linalg.cholesky((posterior + posterior.T) / 2 + 1e-12 * np.eye(2))
    levels, falls = (mean + gain @ residual)[:, None] + root @ normal.T
    possible = law.allowed(levels, falls)
    before = law.allowed(mean[0] + deviation[0] * normal[:, 0], mean[1] + deviation[1] * normal[:, 1])
    if not possible.any():
        return -math.inf, levels[:0], falls[:0]
    ratio = math.log(possible.mean()) - math.log(max(before.mean(), 1 / DRAWS))
    return log_evidence + ratio + log_weight + math.log(law.weight), levels[possible], falls[possible]


def _systematic(weights: Array, start: float) -> NDArray[np.int64]:
    """Indices of `KEPT` equally likely draws: as many of each as its weight says."""
    total = np.cumsum(weights) / weights.sum()
    return np.minimum(np.searchsorted(total, (np.arange(KEPT) + start) / KEPT), len(weights) - 1).astype(np.int64)


@dataclass(frozen=True)
class Need:
    """A label that is answered worse than the others, and what it might take."""

    label: str
    rows: int
    """In training today."""
    recall: float
    """Weighed with the recall of all labels, because few dev rows say little."""
    more: int
    """Rows more until it is as good as the labels are on average, if its error falls as the error of all does."""


def needs(rows: Mapping[str, int], recalls: Mapping[str, Metric], curve: Curve) -> tuple[Need, ...]:
    """At most five labels that fall short of the mean recall by 5 points or more, the weakest first, each with the rows it lacks."""
    asked = {label: found for label, found in recalls.items() if found.n and rows.get(label)}
    if not asked:
        return ()
    overall = sum(found.value * found.n for found in asked.values()) / sum(found.n for found in asked.values())
    today, twice = 1 - curve.at(curve.now).value, 1 - curve.at(2 * curve.now).value
    falling = max(0.05, math.log2(max(today, 1e-6) / max(twice, 1e-6)))
    found = []
    for label, metric in asked.items():
        recall = (metric.value * metric.n + overall * SHRINKING) / (metric.n + SHRINKING)
        if recall <= overall - 0.05:
            times = min(((1 - recall) / max(1 - overall, 1e-3)) ** (1 / falling), MOST_TIMES)
            found.append(Need(label, rows[label], recall, max(1, math.ceil(rows[label] * (times - 1)))))
    return tuple(sorted(found, key=lambda need: (need.recall, need.label))[:WEAKEST])


def needs_words(found: Sequence[Need]) -> str:
    """Which labels want more rows, in one sentence; empty where none does.

    >>> needs_words([Need("refund", 12, 0.55, 20)])
    'The weakest label is refund (recall about 55 %, 12 rows: about 20 more).'
    """
    if not found:
        return ""
    listed = "; ".join(f"{need.label} (recall about {100 * need.recall:.0f} %, {need.rows} rows: about {round_up(need.more)} more)" for need in found)
    return f"The weakest label is {listed}." if len(found) == 1 else f"The weakest labels are {listed}."


def round_up(rows: float) -> int:
    """A number of rows with two significant digits, rounded up: nobody collects 1,327 rows.

    >>> round_up(1327), round_up(86), round_up(3)
    (1400, 86, 3)
    """
    unit = int(10 ** max(0, len(str(math.ceil(rows))) - 2))
    return math.ceil(rows / unit) * unit


def _range(found: Estimate) -> str:
    return f"{100 * found.low:.1f} to {100 * found.high:.1f}"
