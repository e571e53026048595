"""Answers that are there → whether a confidence of 80 % means right in 80 of 100 cases. Pure.

Some distance between confidence and correctness is there by chance alone, the more the fewer rows: what a perfectly calibrated model would show with these very
confidences is simulated, and stands beside. Rows of one cluster are right or wrong together in it, as near duplicates are: else ten copies of a question would count
as ten proofs. Source: Bröcker & Smith 2007, consistency bars.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunesmith.evaluate.suites.judging import Judge
from tunesmith.evaluate.suites.material import Material, cluster_of
from tunesmith.evaluate.suites.wording import percent, rough, sentences, share
from tunesmith.measure.calibration import BINS, auroc, believed, calibration
from tunesmith.measure.redrawn import redrawn
from tunesmith.measure.scorers import proportion
from tunesmith.spec.suite import Bar, Calibrated

RIGHT = "right"
LEAST_RIGHT = 0.02
"""Where fewer answers are called right, being right is not what such answers are measured by."""
SIMULATIONS = 1_000


def calibrated(material: Material, judge: Judge) -> Calibrated | str:
    """The suite over the answers that carry a confidence; the reason where there are none, or where answers are neither right nor wrong."""
    rows = [row.model_copy(update={"scores": {RIGHT: float(judge.right(row))}}) for row in material.answers if row.confidence is not None]
    found = calibration(rows, score=RIGHT)
    if found is None:
        return "no answer carries a confidence"
    sure, right = believed(rows, RIGHT)
    if right.mean() < LEAST_RIGHT:
        return f"only {percent(float(right.mean()))} of the answers come so close to their reference that they could be called right"
    names = [cluster_of(row) for row in rows]
    clusters = names if len(set(names)) < len(names) else None
    limits, confidence = material.limits, material.confidence
    error = redrawn(lambda places: expected_error(sure[places], right[places]), len(rows), clusters=clusters, confidence=confidence, seed=limits.seed)
    assert error is not None  # there are rows
    accuracy = proportion([float(x) for x in right], confidence, clusters)
    chance = by_chance(sure, limits.seed, names)
    worth = int(min(right.sum(), (~right).sum()))
    made = Calibrated(
        split=material.split,
        rows=found.rows,
        expected_error=error,
        by_chance=chance,
        confidence=float(sure.mean()),
        accuracy=accuracy,
        bars=tuple(Bar(low=b.low, high=b.high, rows=b.rows, confidence=b.confidence, accuracy=b.accuracy) for b in found.bins),
        auroc=redrawn(
            lambda places: auroc(sure[places], right[places]), len(rows), clusters=clusters, worth=worth, confidence=confidence, seed=limits.seed
        ),
        sentence="",
    )
    return made.model_copy(update={"sentence": sentence_of(made)})


def expected_error(sure: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The expected calibration error, as `measure.calibration` has it, without its bins.

    >>> round(expected_error(np.array([0.9, 0.8, 0.95, 0.3]), np.array([True, False, True, False])), 4)  # a bin for each row
    0.3125
    """
    places = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = np.bincount(places, weights=sure - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(sure))


def by_chance(sure: NDArray[np.float64], seed: int, clusters: Sequence[str]) -> float:
    """The 95th percentile of the error that a perfectly calibrated model shows with these confidences; one draw decides for all rows of a cluster."""
    _, places = np.unique(np.array(clusters), return_inverse=True)
    count = int(places.max()) + 1
    generator = np.random.default_rng(seed)
    return float(np.quantile([expected_error(sure, generator.random(count)[places] < sure) for _ in range(SIMULATIONS)], 0.95))


def sentence_of(found: Calibrated) -> str:
    """What the numbers say; it is called too sure, or not sure enough, where the whole interval lies beyond chance (`sides` warns by the same rule)."""
    sure, right = found.confidence, found.accuracy.value
    what = f"on {found.rows:,} answers its confidence is {percent(sure)} on average, and {percent(right)} are right"
    distance = f"the distance between the two over ten bins is {share(found.expected_error)}"
    if found.expected_error.value <= found.by_chance:
        told = f"{distance}, no more than chance gives ({percent(found.by_chance)})"
    elif found.expected_error.low <= found.by_chance:
        told = f"{distance}, and by chance it would be under {percent(found.by_chance)}: too close to tell"
    else:
        verdict = "too sure" if sure > right else "not sure enough"
        told = f"{distance}, and by chance it would be under {percent(found.by_chance)}: it is {verdict}"
    return sentences([what, told, rough([found.accuracy])])
