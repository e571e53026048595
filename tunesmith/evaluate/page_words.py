"""Numbers, names and hostile text → what a person reads on the page."""

from __future__ import annotations

import math
import re
import unicodedata

from tunesmith.spec.candidate import Candidate
from tunesmith.spec.judging import JudgeTrust
from tunesmith.spec.report import Comparison, Metric, Wait
from tunesmith.spec.task import Form, MetricName
from tunesmith.spec.trial import Remedy
from tunesmith.spec.verdict import Mean

NBSP = "\u00a0"
"""Between a number and its unit: they stay on one line."""
NOTHING = "–"
"""What stands in a cell that has no value."""

METRIC_TITLES: dict[MetricName, str] = {
    "exact_match": "Exact match",
    "accuracy": "Accuracy",
    "macro_f1": "Macro-F1",
    "out_of_scope_recall": "Out-of-scope recall",
    "out_of_scope_precision": "Out-of-scope precision",
    "false_refusal_rate": "False refusals",
    "token_f1": "Token-F1",
    "rouge_1": "ROUGE-1",
    "rouge_2": "ROUGE-2",
    "rouge_l": "ROUGE-L",
    "chrf": "chrF",
    "bleu": "BLEU",
    "json_valid": "Valid JSON",
    "schema_valid": "JSON that fits the schema",
    "field_f1": "Field F1",
    "unsupported_rate": "Unsupported numbers or names",
    "supported_share": "Support by the source",
    "execution_accuracy": "Execution accuracy",
    "query_runs": "Queries that run",
    "tests_passed": "Tests passed",
    "own_score": "Own score",
    "judge_score": "Judge’s score",
    "perplexity": "Perplexity",
}
REMEDY_TITLES: dict[Remedy, str] = {
    "majority": "Majority answer",
    "classifier": "Linear classifier",
    "prompt": "Prompt",
    "few-shot": "Prompt with examples",
    "few-shot-retrieved": "Prompt with the nearest examples",
    "rag": "RAG",
    "fine-tune": "Fine-tuned",
    "fine-tune-rag": "Fine-tuned with RAG",
    "remote": "Model elsewhere",
}
OUTCOMES = {"better": "▲ better", "worse": "▼ worse", "cannot tell": "◆ cannot tell"}
FORMS: dict[Form, str] = {"classify": "one of the labels", "extract": "JSON", "generate": "free text"}
"""What an answer is."""


def capital(text: str) -> str:
    """`text` with its first letter in upper case; the others stay: `use RAG` → `Use RAG`."""
    return text[:1].upper() + text[1:]


def clip(text: str, limit: int) -> str:
    """`text`, or its first `limit` - 1 characters and an ellipsis; never ends inside a combined character.

    >>> clip("abcdef", 4)
    'abc…'
    """
    if len(text) <= limit:
        return text
    end = limit - 1
    while end > 1 and unicodedata.combining(text[end]):
        end -= 1
    return text[:end].rstrip() + "…"


def in_percent(name: MetricName) -> bool:
    """True for every metric that is a share of 1; perplexity is not."""
    return name != "perplexity"


def amount(name: MetricName, value: float) -> str:
    """A metric's value without its unit.

    >>> amount("exact_match", 0.8244), amount("perplexity", 12.3456)
    ('82.4', '12.35')
    """
    if not math.isfinite(value):
        return "∞" if value == math.inf else NOTHING
    return f"{100 * value:.1f}" if in_percent(name) else f"{value:.2f}"


def value_of(name: MetricName, value: float) -> str:
    """A metric's value with its unit: `82.4 %`."""
    text = amount(name, value)
    return f"{text}{NBSP}%" if in_percent(name) and math.isfinite(value) else text


def bounds_of(name: MetricName, metric: Metric) -> str:
    """The interval in the unit of the value: `[78.6, 85.7]`."""
    return f"[{amount(name, metric.low)}, {amount(name, metric.high)}]"


def measured(name: MetricName, metric: Metric) -> str:
    """Value and interval: `82.4 % [78.6, 85.7]`."""
    return f"{value_of(name, metric.value)} {bounds_of(name, metric)}"


def tied(text: str) -> str:
    """A sentence in which no line ends between a number and its per cent sign.

    >>> tied("82.4 % [78.6, 85.7]") == "82.4\u00a0% [78.6, 85.7]"
    True
    """
    return re.sub(r"(?<=\d) (?=%)", NBSP, text)


def signed(name: MetricName, value: float) -> str:
    """A difference with its sign, a true minus included: `+12.3`, `−0.4`, `0.0`."""
    text = amount(name, abs(value))
    return text if float_is_zero(text) else ("+" if value > 0 else "−") + text


def float_is_zero(text: str) -> bool:
    """True if a written number has no digit but 0 (or no digit at all): then it bears no sign."""
    return not any(c in "123456789∞" for c in text)


def difference(name: MetricName, metric: Metric) -> str:
    """A paired difference with its interval: `+12.3 points [+8.1, +16.4]`."""
    unit = " points" if in_percent(name) else ""
    return f"{signed(name, metric.value)}{unit} [{signed(name, metric.low)}, {signed(name, metric.high)}]"


def p_text(p: float) -> str:
    """A p-value with as many digits as help.

    >>> p_text(0.00004), p_text(0.0341), p_text(1.0)
    ('< 0.001', '0.034', '1.00')
    """
    if not math.isfinite(p):
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def count(value: float) -> str:
    """A number of things: `12,345`; with one decimal where it is not whole and below 1,000.

    >>> count(12345), count(101.25)
    ('12,345', '101.2')
    """
    if not math.isfinite(value):
        return NOTHING
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:,.1f}"


def plural(value: int, one: str, many: str | None = None) -> str:
    """`1 row`, `2 rows`."""
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def settles(found: Comparison) -> str:
    """What would settle a comparison that is open."""
    if found.is_split:
        return "nothing: not every training shows it"
    if found.rows_to_settle is not None:
        return f"about {plural(found.rows_to_settle, 'more row')}"
    if found.seeds_to_settle is not None:
        return f"{plural(found.seeds_to_settle, 'training')} with different seeds, and no number of rows"
    return "no realistic number of rows"


def mean_of(mean: Mean) -> str:
    """What several trainings as one are called."""
    return f"mean of {plural(mean.seeds, 'seed')}"


def duration(seconds: float) -> str:
    """Seconds for people: `31 ms`, `4.2 s`, `2 min 41 s`, `1 h 04 min`.

    >>> duration(0.0312), duration(4.23), duration(161), duration(3852)
    ('31 ms', '4.2 s', '2 min 41 s', '1 h 04 min')
    """
    if not math.isfinite(seconds):
        return NOTHING
    if round(seconds, 3) < 1:
        return f"{1000 * seconds:.0f} ms" if seconds >= 0.01 else f"{1000 * seconds:.1f} ms"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def latency(wait: Wait | None) -> tuple[str, str]:
    """(what a question usually takes that is asked alone, what nine of ten take at most and of how many that is known).

    >>> latency(Wait(n=20, median_s=0.18, p90_s=0.231, p90_least_s=0.19))
    ('180 ms', '9 of 10 within 231 ms, 20 asked')
    """
    if wait is None:
        return NOTHING, ""
    most = f"9 of 10 within {duration(wait.p90_s)}" if wait.n >= 10 else f"at most {duration(wait.p90_s)}"
    return duration(wait.median_s), f"{most}, {count(wait.n)} asked"


def size(n_bytes: int) -> str:
    """Bytes for people: `612 MB`, `1.4 GB`; a thousand, not 1,024.

    >>> size(612_000_000), size(1_400_000_000), size(900)
    ('612 MB', '1.4 GB', '900 bytes')
    """
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n_bytes >= factor:
            scaled = n_bytes / factor
            return f"{scaled:.1f} {unit}" if scaled < 10 else f"{scaled:.0f} {unit}"
    return f"{n_bytes} bytes"


def judge_words(trust: JudgeTrust | None) -> str:
    """Who judged and how far its word goes; empty where nobody did."""
    if trust is None:
        return ""
    order = f" The order of two answers changed {measured('accuracy', trust.position.changed)} of its verdicts." if trust.position is not None else ""
    unread = f" {plural(trust.unread, 'verdict')} could not be read." if trust.unread else ""
    return f"{trust.judge}: {trust.reason}{order}{unread}"


def describe(candidate: Candidate) -> str:
    """What a candidate is made of, in one phrase."""
    match candidate.kind:
        case "constant":
            return "always gives the same answer"
        case "classifier":
            return f"linear model over {candidate.embedder}"
        case "prompted":
            shots = len(candidate.prompt.examples)
            return f"{candidate.model}, untuned, prompt “{candidate.prompt.name}”" + (f", {plural(shots, 'example')}" if shots else "")
        case "tuned":
            return f"tuned weights {candidate.checkpoint}, prompt “{candidate.prompt.name}”"
        case "retrieval":
            what = "passages of documents" if candidate.shown == "passages" else "training rows as examples"
            return f"{describe(candidate.reader)}; shown up to {candidate.count} {what}"
        case "remote":
            return f"{candidate.model} at {candidate.url}, prompt “{candidate.prompt.name}”"
