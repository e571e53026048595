"""Work and what this machine took before → predicted seconds. The clock enters here, as readings, and nowhere else.

Before anything was measured the price is counted: two operations for each weight and token read, six for each one trained, over a rate that
two ordinary cores reach (docs/log.md: 497 trained tokens/s and 26 answers/s on 135 M parameters). Every reading then corrects it by the ratio
of what was taken to what was counted, the latest counting most: a machine that is busy now is busy in the prediction too. What begins and what
repeats are corrected apart, as soon as there are readings of different sizes.
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
PROMPT_S = 1.0
"""To begin with one prompt of a search: the model is there, the shared beginning is not."""
FADING = 0.7
"""A reading weighs so much less for each later one."""
TRUST = 0.15
"""Weight of the counted price beside readings of weight 1."""
MEMORY = 96
"""Readings that are kept: the latest ones."""
ASKING: frozenset[Activity] = frozenset({"choose", "write"})
"""Activities that stand in for one another where one was never measured: both are the same model answering."""


def beginning(work: Work) -> float:
    """Seconds before the first row, as counted."""
    if work.begun:
        return 0.0
    return PROMPT_S if work.purpose == "search" else BEGINNING_S[work.activity]


def counted(work: Work) -> float:
    """Seconds by counting operations, as if nothing had been measured yet.

    >>> round(counted(Work(activity="train", parameters=135_000_000, rows=2_000, tokens=30)))
    206
    """
    kind = work.activity
    return beginning(work) + OPERATIONS[kind] * work.parameters * work.tokens * work.rows / PER_SECOND[kind] if work.rows else 0.0


def seconds_of(work: Work, speeds: Speeds) -> float:
    """Predicted seconds of one piece of work: its beginning and its rows, each as many times the counted seconds as the readings say.

    The two are told apart by a least-squares fit through readings of different sizes, drawn to what those say that are mostly the one or mostly the other: a
    few steps of training say little about a thousand as long as nobody knows how much of them was the start.
    """
    whole, readings = counted(work), like(work, speeds)
    if not whole or not readings:
        return whole
    weights = [FADING**age for age in range(len(readings))]
    known = [(timed.seconds / counted(timed.work), beginning(timed.work) / counted(timed.work)) for timed in reversed(readings)]
    of_start = typical([(weight * share, ratio) for weight, (ratio, share) in zip(weights, known, strict=True)])
    of_rate = typical([(weight * (1 - share), ratio) for weight, (ratio, share) in zip(weights, known, strict=True)])
    start, mixed, rate, from_start, from_rate = TRUST, 0.0, TRUST, 0.0, 0.0  # the normal equations
    for weight, (ratio, share) in zip(weights, known, strict=True):
        expected = of_start * share + of_rate * (1 - share)
        off = min(max(ratio - expected, -expected), expected)  # one reading of a machine that slept does not rule
        start, mixed, rate = start + weight * share**2, mixed + weight * share * (1 - share), rate + weight * (1 - share) ** 2
        from_start, from_rate = from_start + weight * share * off, from_rate + weight * (1 - share) * off
    area, share = start * rate - mixed**2, beginning(work) / whole
    more_start, more_rate = (rate * from_start - mixed * from_rate) / area, (start * from_rate - mixed * from_start) / area
    return whole * (max(of_start + more_start, 0.1 * of_start) * share + max(of_rate + more_rate, 0.1 * of_rate) * (1 - share))


def typical(readings: Sequence[tuple[float, float]]) -> float:
    """The weighted geometric mean of (weight, ratio), drawn to 1: to the counted price.

    >>> typical([]), round(typical([(1.0, 4.0)]), 2), round(typical([(0.01, 4.0)]), 2)
    (1.0, 3.34, 1.09)
    """
    return math.exp(sum(weight * math.log(ratio) for weight, ratio in readings) / (sum(weight for weight, _ in readings) + TRUST))


def like(work: Work, speeds: Speeds) -> list[Timed]:
    """The readings that speak for such work: of answers that may be as long, for the same purpose, of models of the same size, else the nearest that there are."""
    activities = ASKING if work.activity in ASKING else {work.activity}
    known = [timed for timed in speeds.timed if timed.work.activity in activities]
    same = [timed for timed in known if timed.work.activity == work.activity]
    same = [timed for timed in same if timed.work.longest == work.longest] or same
    purpose = [timed for timed in same if timed.work.purpose == work.purpose]
    size = [[timed for timed in some if timed.work.parameters == work.parameters] for some in (purpose, same)]
    return size[0] or purpose or size[1] or same or known


def seconds(parts: Sequence[Work], speeds: Speeds) -> float:
    """Predicted seconds of work, part after part."""
    return sum(seconds_of(work, speeds) for work in parts)


def learn(speeds: Speeds, parts: Sequence[Work], taken: float) -> Speeds:
    """The speeds with one more reading: `taken` seconds for all the parts, shared among them as was predicted."""
    predicted = {index: seconds_of(work, speeds) for index, work in enumerate(parts) if work.rows}
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
