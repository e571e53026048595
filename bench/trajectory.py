"""Losses of several runs of the same rows, step by step → whether they are one training, and whether these steps could have told.

The noise is ours: three runs of our side that differ in what must not matter. One has another seed (other first values of the adapters), one computes
in float32 instead of bf16. The largest distance of any two of them at any step after the first update, times two, is what a peer may be away. A
fourth run of ours at half the learning rate must be further away than that: else steps so few, or a rate so small, could not tell a wrong training
from a right one, and nothing may be concluded from them.

A peer that computes in bf16 may lose more by rounding than we do: of a full training with weights on bf16's grid a tenth, and more without float32 masters
(docs/decisions/0012). So where a setting is further away, it runs once more in float32, all else as it is: if that run is ours within the noise, rows, masks,
optimiser and rate are the same, the work is ours, and what is left is what its rounding loses. The table says how far either is away.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_STEPS = 3
"""Steps after the first update that every side must have taken."""
FACTOR = 2.0
"""Tolerance over noise: three runs show less than the whole spread."""


class TooShort(Exception):
    """Fewer than `LEAST_STEPS` common steps after an update."""


def gap(one: Sequence[float], other: Sequence[float]) -> float:
    """Largest distance of two runs' losses from the second step on, over the mean loss of the first run: step 1 is before any update, and says nothing
    of training. (Over each step's own loss it would be all noise where a loss comes near 0, as that of DPO does.) Raises: TooShort.

    >>> gap([5.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.4, 1.0, 9.0])
    0.2
    """
    common = min(len(one), len(other))
    if common <= LEAST_STEPS:
        raise TooShort(f"{common} common steps, of which the first is before any update; at least {LEAST_STEPS + 1} are needed")
    scale = sum(map(abs, one[:common])) / common
    return round(max(abs(b - a) for a, b in zip(one[1:common], other[1:common], strict=True)) / scale, 9)


@dataclass(frozen=True)
class Check:
    """What a peer's losses are held to."""

    ours: tuple[float, ...]
    tolerance: float
    """Largest distance, over the mean loss, that is noise."""
    at_half_rate: float
    """How far the run at half the rate is away."""

    @classmethod
    def of(cls, runs: Sequence[Sequence[float]], half: Sequence[float]) -> Check:
        """From our runs that differ in noise only (the first one is compared with the peers), and the one at half the rate.

        Raises: TooShort.
        """
        return cls(tuple(runs[0]), FACTOR * max(gap(one, other) for one, other in itertools.combinations(runs, 2)), gap(runs[0], half))

    @property
    def tells(self) -> bool:
        """Whether the run at half the rate is told from ours."""
        return self.at_half_rate > self.tolerance

    def holds(self, losses: Sequence[float]) -> bool:
        """Whether these losses are ours within the noise. Raises: TooShort."""
        return gap(self.ours, losses) <= self.tolerance
