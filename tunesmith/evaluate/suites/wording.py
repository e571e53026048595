"""Numbers of suites → the pieces of their sentences."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.measure.rates import roughness
from tunesmith.spec.report import Metric


def percent(value: float) -> str:
    """A share for people.

    >>> percent(0.0444), percent(1.0)
    ('4.4 %', '100.0 %')
    """
    return f"{100 * value:.1f} %"


def share(metric: Metric) -> str:
    """A share with its interval.

    >>> share(Metric(value=0.5, low=0.4, high=0.6, n=90, method="wilson"))
    '50.0 % [40.0, 60.0]'
    """
    return f"{percent(metric.value)} [{100 * metric.low:.1f}, {100 * metric.high:.1f}]"


def points(metric: Metric) -> str:
    """A difference of two shares with its interval.

    >>> points(Metric(value=-0.031, low=-0.05, high=-0.01, n=90, method="newcombe"))
    '−3.1 points [−5.0, −1.0]'
    """
    return f"{signed(metric.value)} points [{signed(metric.low)}, {signed(metric.high)}]"


def signed(value: float) -> str:
    """A hundredfold with its sign, a true minus included."""
    text = f"{100 * abs(value):.1f}"
    return text if not any(c in "123456789" for c in text) else ("+" if value > 0 else "−") + text


def counted(n: int, one: str, many: str | None = None) -> str:
    """`1 row`, `2 rows`.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def sentences(parts: Sequence[str]) -> str:
    """Whole sentences out of clauses: capitals in front, full stops behind; empty ones left out.

    >>> sentences(["it holds", "", "7 rows do not."])
    'It holds. 7 rows do not.'
    """
    return " ".join(f"{part[:1].upper()}{part[1:]}" + ("" if part[-1] in ".!?" else ".") for part in parts if part)


def rough(metrics: Sequence[Metric | None]) -> str:
    """What to say where intervals are rough; empty where none is."""
    return next((text for metric in metrics if metric is not None and (text := roughness(metric))), "")
