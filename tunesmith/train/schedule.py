"""Step → learning rate, as a share of its peak."""

from __future__ import annotations

import math
from typing import assert_never

from tunesmith.spec.recipe import Schedule

SHORTEST_WARMUP = 5


def warmup_steps(schedule: Schedule, steps: int) -> int:
    """Steps during which the rate climbs: the schedule's share, at least 5, at most half of the run.

    >>> warmup_steps(Schedule(warmup=0.03), 60)
    5
    >>> warmup_steps(Schedule(warmup=0.03), 4)
    2
    """
    return 0 if schedule.warmup == 0 else min(max(SHORTEST_WARMUP, round(schedule.warmup * steps)), steps // 2)


def rate(schedule: Schedule, step: int, steps: int) -> float:
    """Share of the peak rate in step `step` (0-based) of `steps`. It never is 0, so that no step is wasted.

    >>> [round(rate(Schedule(warmup=0.5), s, 8), 2) for s in range(8)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    warmup = warmup_steps(schedule, steps)
    if step < warmup:
        return (step + 1) / warmup
    left = (steps - step) / max(1, steps - warmup)  # 1 at the peak, 1 / (steps - warmup) in the last step
    match schedule.kind:
        case "constant":
            return 1.0
        case "linear":
            return left
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * (1 - left)))
        case _:
            assert_never(schedule.kind)
