"""What the rows leave open, and what the seeds of a training add to it → the smallest difference that could be shown, and what would settle an open one.

More rows make the error of the rows smaller, and not what trainings differ by: that is only made smaller by more trainings. The two are kept apart here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit

from tunesmith.measure.statistics import NORMAL, SAME, critical
from tunesmith.spec.report import Metric

POWER = 0.8
MOST_ROWS = 1_000_000
"""More rows than this are no realistic advice."""
MOST_SEEDS = 10
"""More trainings than this are none either."""


USUAL_SEEDS = 2
"""What seeds usually do counts as much as so many further trainings: two alone cannot tell that seeds do not matter."""
LEAST_P = 0.001
"""From a smaller p-value no standard error is told: 10,000 exchanges know none below 0.0001, and where all of many rows speak for one side it is 0."""


@dataclass(frozen=True)
class Spread:
    """What the seeds add to the squared standard error of a difference of means over them."""

    believed: float = 0.0
    """What they were seen to differ by, held together with what seeds are known to do: two of them may be alike by luck; 0: nothing was trained."""
    freedom: float = math.inf
    """How well that is known, in degrees of freedom."""

    def with_rows(self, squared: float, freedom: float = math.inf) -> tuple[float, float]:
        """(The squared standard error together with that of the rows, its degrees of freedom); `freedom` is that of the rows: boundless unless clusters are few.

        Source: Welch 1947 and Satterthwaite 1946, for the sum of two variances.
        """
        whole = squared + self.believed
        unsure = squared**2 / freedom + self.believed**2 / self.freedom
        return whole, whole**2 / unsure if unsure else math.inf


NO_SEEDS = Spread()


def reach(confidence: float, freedom: float) -> float:
    """Half-width in standard errors of a two-sided interval: Student's t, 1.96 for 0.95 and boundless freedom.

    >>> round(reach(0.95, math.inf), 2), round(reach(0.95, 4), 2)
    (1.96, 2.78)
    """
    return quantile(0.5 + confidence / 2, freedom)


def quantile(share: float, freedom: float) -> float:
    """Of Student's t."""
    return float(stdtrit(freedom, share)) if math.isfinite(freedom) else NORMAL.inv_cdf(share)


def widened(found: Metric, between: Spread, confidence: float) -> Metric:
    """The number with an interval that holds what other seeds would bring too: on each side the error of the rows and that of the seeds are added in squares."""
    if not between.believed:
        return found
    ends = []
    for half in (found.value - found.low, found.high - found.value):
        whole, freedom = between.with_rows((half / critical(confidence)) ** 2)
        ends.append(reach(confidence, freedom) * math.sqrt(whole))
    return found.model_copy(update={"low": found.value - ends[0], "high": found.value + ends[1], "method": f"{found.method} over seeds"})


def softened(p_value: float, difference: float, squared: float, between: Spread) -> float:
    """The p-value with what the seeds add to the standard error of the rows: the one that it implies itself; `squared`, where it is too small to imply one."""
    if not between.believed or p_value >= 1 or not difference:
        return p_value
    rows = squared if p_value < LEAST_P else (difference / NORMAL.inv_cdf(p_value / 2)) ** 2
    whole, freedom = between.with_rows(rows)
    return max(p_value, 2 * float(stdtr(freedom, -abs(difference) / math.sqrt(whole))))


def minimum_detectable(
    variance: float, n: int, *, confidence: float = 0.95, power: float = POWER, between: Spread = NO_SEEDS, freedom: float = math.inf
) -> float:
    """The smallest true difference that `n` pairs with this variance show with `power`, where the seeds add `between`.

    `freedom` is how well the variance is known, in degrees of freedom: boundless unless clusters are few.

    >>> round(minimum_detectable(0.2, 500), 3)  # binary answers, 20 % of the pairs differ
    0.056
    >>> round(minimum_detectable(0.2, 500, between=Spread(0.0002, 3)), 3)
    0.071

    Source: Miller 2024 (2411.00640), section on power; (t_α/2 + t_β) × standard error.
    """
    whole, freedom = between.with_rows(variance / n, freedom)
    return (reach(confidence, freedom) + quantile(power, freedom)) * math.sqrt(whole)


def rows_to_settle(
    difference: float, variance: float, n: int, *, confidence: float = 0.95, power: float = POWER, family: int = 1, between: Spread = NO_SEEDS
) -> int | None:
    """How many rows more, if the true difference is the observed one, until it is shown with `power`.

    `family` is the number of comparisons that share the error rate. None where the difference is next to nothing, the number is
    not realistic (over 1,000,000), or what the seeds add hides it on however many rows.

    >>> rows_to_settle(0.02, 0.2, 1000), rows_to_settle(0.02, 0.2, 1000, between=Spread(0.0001, 6))
    (2925, None)
    """

    def shows(rows: int) -> bool:
        return minimum_detectable(variance, rows, confidence=1 - (1 - confidence) / family, power=power, between=between) <= abs(difference)

    most = n + MOST_ROWS
    if abs(difference) <= SAME or not math.isfinite(variance) or not shows(most):
        return None
    low, high = n, most  # the number lies above `low`, and is at most `high`
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shows(middle) else (middle, high)
    return high - n


def seeds_to_settle(
    difference: float, variance: float, n: int, seeds: int, *, confidence: float = 0.95, power: float = POWER, family: int = 1, between: Spread
) -> int | None:
    """How many trainings of each kind that was trained, those `seeds` that there are among them, until these rows show the observed difference with `power`.

    None where ten would not.
    """
    strict = 1 - (1 - confidence) / family
    for count in range(seeds + 1, MOST_SEEDS + 1):
        more = Spread(between.believed * seeds / count, between.freedom * (USUAL_SEEDS + count - 1) / (USUAL_SEEDS + seeds - 1))
        if minimum_detectable(variance, n, confidence=strict, power=power, between=more) <= abs(difference):
            return count
    return None
