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
LEAST_MORE = 10
"""Fewer than a tenth more rows are no advice: the observed difference is not known that well."""
MOST_SEEDS = 10
"""More trainings than this are none either."""
USUAL_SEEDS = 2
"""What seeds usually do counts as much as so many further trainings: two alone cannot tell that seeds do not matter."""
USUAL_FREEDOM = 8.0
"""How well it is known, in degrees of freedom. With fewer Student's t would outgrow what more rows gain, and more of them make a claim less sure."""
FEWER_ROWS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""How much larger the rows' squared error is tried, in multiples of what the seeds add."""
LEAST_P = 0.001
"""From a smaller p-value no standard error is told: 10,000 exchanges know none below 0.0001, and where all of many rows speak for one side it is 0."""


@dataclass(frozen=True)
class Spread:
    """What the seeds add to the squared standard error of a difference of means over them."""

    believed: float = 0.0
    """What they were seen to differ by, held together with what seeds are known to do: two of them may be alike by luck; 0: nothing was trained."""
    freedom: float = math.inf
    """How well that is known, in degrees of freedom."""

    def with_rows(self, squared: float, freedom: float = math.inf) -> list[tuple[float, float]]:
        """(The squared standard error together with that of the rows, its degrees of freedom), for the rows that there are first.

        Then for fewer rows: where the error of the rows is small beside one that hardly anything is known of, Student's t is so wide that leaving rows out would
        make a claim surer. Whoever asks takes what reaches least far, so that more rows never say less. `freedom` is that of the rows.

        Source: Welch 1947 and Satterthwaite 1946, for the sum of two variances.
        """
        found = []
        for more in FEWER_ROWS if self.believed else FEWER_ROWS[:1]:
            rows = squared + more * self.believed
            unsure = rows**2 / freedom + self.believed**2 / self.freedom
            found.append((rows + self.believed, (rows + self.believed) ** 2 / unsure if unsure else math.inf))
        return found

    def least(self, squared: float, *shares: float, freedom: float = math.inf) -> float:
        """How far the sum of these quantiles of Student's t reaches, with the rows' squared standard error."""
        return min(sum(quantile(share, known) for share in shares) * math.sqrt(whole) for whole, known in self.with_rows(squared, freedom))


NO_SEEDS = Spread()


def quantile(share: float, freedom: float) -> float:
    """Of Student's t.

    >>> round(quantile(0.975, math.inf), 2), round(quantile(0.975, 4), 2)
    (1.96, 2.78)
    """
    return float(stdtrit(freedom, share)) if math.isfinite(freedom) else NORMAL.inv_cdf(share)


def widened(found: Metric, between: Spread, confidence: float) -> Metric:
    """The number with an interval that holds what other seeds would bring too: on each side the error of the rows and that of the seeds are added in squares."""
    if not between.believed:
        return found
    ends = [between.least((half / critical(confidence)) ** 2, 0.5 + confidence / 2) for half in (found.value - found.low, found.high - found.value)]
    return found.model_copy(update={"low": found.value - ends[0], "high": found.value + ends[1], "method": f"{found.method} over seeds"})


def softened(p_value: float, difference: float, squared: float, between: Spread) -> float:
    """The p-value with what the seeds add to the standard error of the rows: the one that it implies itself; `squared`, where it is too small to imply one."""
    if not between.believed or p_value >= 1 or not difference:
        return p_value
    rows = squared if p_value < LEAST_P else (difference / NORMAL.inv_cdf(p_value / 2)) ** 2
    softer = min(2 * float(stdtr(freedom, -abs(difference) / math.sqrt(whole))) for whole, freedom in between.with_rows(rows))
    return max(p_value, softer)


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
    return between.least(variance / n, 0.5 + confidence / 2, power, freedom=freedom)


def rows_to_settle(
    difference: float,
    variance: float,
    n: int,
    *,
    confidence: float = 0.95,
    power: float = POWER,
    family: int = 1,
    between: Spread = NO_SEEDS,
    freedom: float = math.inf,
) -> int | None:
    """How many rows more, at least a tenth of those that there are, if the true difference is the observed one, until it is shown with `power`.

    `family` is the number of comparisons that share the error rate. None where the difference is next to nothing, the number is
    not realistic (over 1,000,000), or what the seeds add hides it on however many rows.

    >>> rows_to_settle(0.02, 0.2, 1000), rows_to_settle(0.02, 0.2, 1000, between=Spread(0.0001, 6))
    (2925, None)
    """

    def shows(rows: int) -> bool:
        strict, known = 1 - (1 - confidence) / family, freedom * rows / n
        return minimum_detectable(variance, rows, confidence=strict, power=power, between=between, freedom=known) <= abs(difference)

    most, least = n + MOST_ROWS, math.ceil(n / LEAST_MORE)
    if abs(difference) <= SAME or not math.isfinite(variance) or not shows(most):
        return None
    low, high = n, most  # the number lies above `low`, and is at most `high`
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shows(middle) else (middle, high)
    return max(high - n, least)


def seeds_to_settle(
    difference: float, variance: float, n: int, seeds: int, *, confidence: float = 0.95, power: float = POWER, family: int = 1, between: Spread
) -> int | None:
    """How many trainings of each kind that was trained, those `seeds` that there are among them, until these rows show the observed difference with `power`.

    None where ten would not.
    """
    strict = 1 - (1 - confidence) / family
    for count in range(seeds + 1, MOST_SEEDS + 1):
        more = Spread(between.believed * seeds / count, between.freedom)
        if minimum_detectable(variance, n, confidence=strict, power=power, between=more) <= abs(difference):
            return count
    return None
