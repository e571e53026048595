"""A number → the few characters a person reads it in."""

from __future__ import annotations

import math
from datetime import datetime

from tunesmith.spec.report import Metric
from tunesmith.spec.task import MetricName

PLAIN_NUMBERS: frozenset[MetricName] = frozenset({"perplexity"})
"""Metrics that are not shares of 1."""
TITLES: dict[MetricName, str] = {
    "exact_match": "exact match",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "out_of_scope_recall": "out-of-scope recall",
    "out_of_scope_precision": "out-of-scope precision",
    "false_refusal_rate": "false refusals",
    "token_f1": "token F1",
    "rouge_1": "ROUGE-1",
    "rouge_2": "ROUGE-2",
    "rouge_l": "ROUGE-L",
    "chrf": "chrF",
    "bleu": "BLEU",
    "json_valid": "valid JSON",
    "schema_valid": "JSON that fits the schema",
    "field_f1": "field F1",
    "unsupported_rate": "unsupported numbers or names",
    "supported_share": "support by the source",
    "execution_accuracy": "execution accuracy",
    "query_runs": "queries that run",
    "tests_passed": "tests passed",
    "own_score": "own score",
    "judge_score": "judge's score",
    "perplexity": "perplexity",
}


def title(metric: MetricName) -> str:
    """A metric's name in words."""
    return TITLES[metric]


def number(value: float, metric: str) -> str:
    """A metric's value with one digit after the point, in percent if it is a share.

    >>> number(0.8214, "exact_match"), number(12.3456, "perplexity")
    ('82.1 %', '12.35')
    """
    if not math.isfinite(value):
        return "–"
    return f"{value:.2f}" if metric in PLAIN_NUMBERS else f"{100 * value:.1f} %"


def interval(metric: Metric, name: str) -> str:
    """Value and interval.

    >>> interval(Metric(value=0.821, low=0.78, high=0.85, n=450, method="wilson"), "exact_match")
    '82.1 % [78.0, 85.0]'
    """
    low, high = (number(v, name).removesuffix(" %") for v in (metric.low, metric.high))
    return f"{number(metric.value, name)} [{low}, {high}]"


def difference(metric: Metric, name: str) -> str:
    """A difference with its sign and interval, in points if the metric is a share.

    >>> difference(Metric(value=0.112, low=0.08, high=0.144, n=450, method="bca"), "exact_match")
    '+11.2 points [+8.0, +14.4]'
    """
    scale, digits, unit = (1.0, 2, "") if name in PLAIN_NUMBERS else (100.0, 1, " points")
    value, low, high = (f"{scale * v:+.{digits}f}" for v in (metric.value, metric.low, metric.high))
    return f"{value}{unit} [{low}, {high}]"


def chance(p: float) -> str:
    """A p-value, never as a bare 0.

    >>> chance(0.00001), chance(0.034)
    ('p < 0.001', 'p = 0.034')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def seconds(value: float) -> str:
    """A duration, in the two largest units that matter.

    >>> seconds(0.42), seconds(41.26), seconds(163), seconds(7260)
    ('0.4 s', '41.3 s', '2 min 43 s', '2 h 1 min')
    """
    if not math.isfinite(value):
        return "–"
    if value < 59.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def moment(value: float) -> str:
    """A short duration.

    >>> moment(0.0123), moment(0.00042), moment(2.34)
    ('12 ms', '0.42 ms', '2.3 s')
    """
    return seconds(value) if value >= 1 else f"{1000 * value:.0f} ms" if value >= 0.01 else f"{1000 * value:.2g} ms"


def size(count: float) -> str:
    """Bytes in decimal units.

    >>> size(512), size(269_060_552), size(1.2e9)
    ('512 B', '269 MB', '1.2 GB')
    """
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}" if count / scale < 10 else f"{count / scale:.0f} {unit}"
    return f"{count:.0f} B"


def parameters(count: int) -> str:
    """A parameter count.

    >>> parameters(134_515_008), parameters(1_700_000_000)
    ('135 M', '1.7 B')
    """
    return f"{count / 1e9:.1f} B" if count >= 1e9 else f"{count / 1e6:.0f} M"


def whole(count: float) -> str:
    """A count with thousands apart.

    >>> whole(15660)
    '15,660'
    """
    return f"{count:,.0f}"


def clock(at: float) -> str:
    """Unix time as local date and minute."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")
