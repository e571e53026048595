"""Two judges' labels of the same items → how far they agree beyond chance: Cohen's kappa with its interval.

Source: Cohen 1960; weighted by squared distance for grades, Cohen 1968. Written as a function of sums over items (`Quantity`), so that the
bootstrap of every other metric serves here too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunesmith.measure.quantities import Array, Quantity
from tunesmith.measure.statistics import interval
from tunesmith.spec.report import Metric


def kappa(
    first: Sequence[object],
    second: Sequence[object],
    *,
    ordered: Sequence[object] = (),
    confidence: float = 0.95,
    seed: int = 0,
    groups: Sequence[str] | None = None,
) -> Metric:
    """Cohen's kappa of two label sequences over the same items, with its BCa interval; 0 where one label is all there is.

    `ordered`: the grades from the lowest to the highest; disagreement then counts by its squared distance. Empty: labels have no order.

    >>> round(kappa(["yes"] * 25 + ["no"] * 25, ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15).value, 3)
    0.4

    20 and 15 of 50 agree (0.7); by chance it were 0.5 × 0.6 + 0.5 × 0.4 = 0.5: (0.7 − 0.5) / (1 − 0.5).

    Raises: ValueError for sequences of different lengths, or a label that is not among `ordered`.
    """
    return interval(kappa_quantity(first, second, ordered), confidence=confidence, seed=seed, groups=groups)


def kappa_quantity(first: Sequence[object], second: Sequence[object], ordered: Sequence[object] = ()) -> Quantity:
    """Kappa as a function of the counts of every pair of labels. Raises: as `kappa`."""
    if len(first) != len(second):
        raise ValueError(f"{len(first)} labels against {len(second)}")
    labels = list(ordered) or sorted({*first, *second}, key=str)
    places = {label: place for place, label in enumerate(labels)}
    if missing := [label for label in (*first, *second) if label not in places]:
        raise ValueError(f"{missing[0]!r} is not among the grades")
    size = len(labels)
    columns = np.zeros((len(first), size * size))
    for row, pair in enumerate(zip(first, second, strict=True)):
        columns[row, places[pair[0]] * size + places[pair[1]]] = 1
    steps = np.arange(size)
    apart = np.square(steps[:, None] - steps[None, :]) if ordered else steps[:, None] != steps[None, :]
    distance: Array = apart.astype(np.float64)

    def value_of(sums: Array) -> Array:
        return kappa_of(sums, distance)

    return Quantity(columns, value_of, -1.0, 1.0)


def kappa_of(sums: Array, distance: Array) -> Array:
    """1 − observed / expected disagreement, from counts of label pairs; (…, labels²) → (…). 0 where no disagreement was possible."""
    size = len(distance)
    counts = sums.reshape(*sums.shape[:-1], size, size)
    total = np.maximum(counts.sum(axis=(-1, -2)), 1)
    by_chance = counts.sum(axis=-1)[..., :, None] * counts.sum(axis=-2)[..., None, :] / total[..., None, None] ** 2
    observed = (counts / total[..., None, None] * distance).sum(axis=(-1, -2))
    expected = (by_chance * distance).sum(axis=(-1, -2))
    return np.where(expected > 0, 1 - observed / np.where(expected > 0, expected, 1.0), 0.0)
