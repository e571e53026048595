"""Work and what this machine took before → predicted seconds. The clock enters here, as readings, and nowhere else.

Before anything was measured the price is counted: two operations for each weight and token read, six for each one trained, over a rate that
two ordinary cores reach (docs/log.md: 497 trained tokens/s and 26 answers/s on 135 M parameters). Every reading then corrects it by the ratio
of what was taken to what was counted, the latest counting most: a machine that is busy now is busy in the prediction too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tunesmith.spec.plan import Activity, Speeds, Timed, Work

OPERATIONS: Mapping[Activity, float] = {"encode": 2.0, "choose": 2.0, "write": 2.0, "train": 6.0, "single": 2.0, "remote": 1.0, "process": 1.0}
"""For each weight and token."""
PER_SECOND: Mapping[Activity, float] = {
    "encode": 60e9,
    "choose": 100e9,
    "write": 50e9,
    "train": 250e9,
    "single": 60e9,
    "remote": 1.0,
    "process": 0.25,
}
"""Operations that two cores do: on the low side of what was measured, so that an unknown machine is not overrated. A model elsewhere counts answers,
one a second; processes start in four seconds."""
BEGINNING_S: Mapping[Activity, float] = {"encode": 3.0, "choose": 3.0, "write": 3.0, "train": 12.0, "single": 0.0, "remote": 1.0, "process": 0.0}
"""To start a process's part of it: loading, rendering, the shared beginning."""
FADING = 0.7
"""A reading weighs so much less for each later one."""
TRUST = 0.15
"""Weight of the counted price beside readings of weight 1."""
MEMORY = 64
"""Readings that are kept: the latest ones."""


def counted(work: Work) -> float:
    """Seconds by counting operations, as if nothing had been measured yet.

    >>> round(counted(Work(activity="train", parameters=135_000_000, rows=2_000, tokens=30)))
    206
    """
    kind = work.activity
    return BEGINNING_S[kind] + OPERATIONS[kind] * work.parameters * work.tokens * work.rows / PER_SECOND[kind] if work.rows else 0.0


def slowness(work: Work, speeds: Speeds) -> float:
    """How many times the counted seconds this machine takes for such work: the readings' weighted geometric mean, 1 where there are none.

    Readings of models of the same size come first; those of other sizes stand in where there are none.
    """
    alike = [timed for timed in speeds.timed if timed.work.activity == work.activity]
    same = [timed for timed in alike if timed.work.parameters == work.parameters] or alike
    weights = [FADING**age for age in range(len(same))]
    logs = [math.log(timed.seconds / counted(timed.work)) for timed in reversed(same)]
    return math.exp(sum(w * x for w, x in zip(weights, logs, strict=True)) / (sum(weights) + TRUST)) if same else 1.0


def seconds(parts: Sequence[Work], speeds: Speeds) -> float:
    """Predicted seconds of work, part after part."""
    return sum(counted(work) * slowness(work, speeds) for work in parts)


def learn(speeds: Speeds, parts: Sequence[Work], taken: float) -> Speeds:
    """The speeds with one more reading: `taken` seconds for all the parts, shared among them as was predicted."""
    predicted = {index: counted(work) * slowness(work, speeds) for index, work in enumerate(parts) if work.rows}
    whole = sum(predicted.values())
    if taken <= 0 or whole <= 0:
        return speeds
    found = tuple(Timed(work=parts[index], seconds=taken * part / whole) for index, part in predicted.items())
    return Speeds(timed=(*speeds.timed, *found)[-MEMORY:])


def spoken(taken: float) -> str:
    """A time as people say it.

    >>> spoken(42.4), spoken(400), spoken(5400)
    ('42 s', '6 min 40 s', '1 h 30 min')
    """
    whole = round(taken)
    if whole < 60:
        return f"{whole} s"
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"
