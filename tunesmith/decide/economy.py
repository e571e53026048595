"""Tokens, prices and seconds → what each finalist costs, after how many answers training has paid, and what leaves the machine.

A break-even volume is what training cost, divided by what each answer costs less. It is against what would be served otherwise: the model elsewhere where
one was measured, else the best arm that needs no training. Tokens are billed in answering and in training as by somebody who shares nothing, and are the same in
every run; what the clock says is kept apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tunesmith.decide.evidence import CONTROL, TRAINED, Evidence
from tunesmith.spec.candidate import Classifier, Prompted, Remote, Retrieval, Tuned
from tunesmith.spec.report import Answering, Cost
from tunesmith.spec.verdict import Bill, Finalist, Known, Pace, Prices

THOUSAND, MILLION, HOUR_S = 1_000, 1_000_000, 3_600.0
SHIFT = 1e-12
"""Answers that differ by less cost the same."""
STAYS = "Questions and answers stay on this machine."


def bills(finalists: Sequence[Finalist], known: Known, evidence: Evidence) -> tuple[Bill, ...]:
    """What every finalist costs, as they stand."""
    other = instead_of(finalists, evidence)
    each = {f.candidate.name: per_1000(f, known.prices) for f in finalists}
    return tuple(bill(f, known, each, other if other != f.candidate.name else None) for f in finalists)


def bill(finalist: Finalist, known: Known, each: Mapping[str, float | None], other: str | None) -> Bill:
    """What one finalist costs; `each` has what 1,000 answers of every finalist cost, `other` is what would be served otherwise."""
    report, name = finalist.report, finalist.candidate.name
    rows = max(report.rows, 1)
    tokens = known.training_tokens.get(name, 0)
    price = known.prices.per_million_training_tokens
    training = tokens * price / MILLION if price is not None and tokens else None
    return Bill(
        candidate=name,
        remedy=finalist.remedy,
        prompt_tokens=report.prompt_tokens / rows,
        answer_tokens=report.completion_tokens / rows,
        computed_tokens=report.computed_tokens / rows,
        per_1000_answers=each[name],
        training_tokens=tokens,
        training=training,
        break_even=break_even(training, each[name], each[other] if other else None),
        instead_of=other if tokens else None,
        privacy=privacy(finalist),
    )


def per_1000(finalist: Finalist, prices: Prices) -> float | None:
    """What 1,000 answers cost by their tokens; None where those have no price. A classifier and a constant answer with no model's tokens."""
    if finalist.remedy in (CONTROL, "classifier"):
        return 0.0 if prices.per_million_prompt_tokens is not None else None
    is_remote = finalist.remedy == "remote"
    asked = prices.per_million_remote_prompt_tokens if is_remote else prices.per_million_prompt_tokens
    said = prices.per_million_remote_answer_tokens if is_remote else prices.per_million_answer_tokens
    if asked is None and said is None:
        return None
    report = finalist.report
    whole = report.prompt_tokens * (asked or 0.0) + report.completion_tokens * (said or 0.0)
    return whole / max(report.rows, 1) * THOUSAND / MILLION


def break_even(training: float | None, mine: float | None, theirs: float | None) -> int | None:
    """The number of answers from which on training has paid; None where it never does, or something is unknown. Costs are per 1,000 answers.

    >>> break_even(12.0, 0.5, 2.0)
    8000
    """
    if training is None or mine is None or theirs is None or theirs - mine <= SHIFT:
        return None
    return math.ceil(training / ((theirs - mine) / THOUSAND) - SHIFT)


def instead_of(finalists: Sequence[Finalist], evidence: Evidence) -> str | None:
    """What would be served otherwise: the model elsewhere where there is one, else the best arm that needs no training; None for none."""
    remote = next((f.candidate.name for f in finalists if f.remedy == "remote"), None)
    untrained = [name for name in evidence.choices if evidence.arms[name].remedy not in TRAINED]
    return remote or min(untrained, key=evidence.badness, default=None)


def privacy(finalist: Finalist) -> str:
    """What leaves this machine when the candidate answers, and which of the user's data it keeps."""
    candidate = finalist.candidate
    if isinstance(candidate, Remote):
        return f"Every question leaves this machine: it goes to {candidate.url}, with the prompt and its examples."
    reader = candidate.reader if isinstance(candidate, Retrieval) else candidate
    kept = [STAYS]
    if isinstance(reader, Classifier):
        kept.append("Its weights were fitted on the training rows.")
    if isinstance(reader, Tuned):
        kept.append("Training rows can stay in its weights.")
    if isinstance(reader, Prompted | Tuned) and reader.prompt.examples:
        kept.append("Its prompt holds training rows word for word.")
    if isinstance(candidate, Retrieval):
        kept.append(f"It shows the model {'training rows' if candidate.shown == 'examples' else 'passages of the documents'} word for word.")
    return " ".join(kept)


def paces(
    finalists: Sequence[Finalist], answering: Mapping[str, Answering], training: Mapping[str, Cost], known: Known, other: str | None
) -> tuple[Pace, ...]:
    """What the clock says of every finalist that it measured.

    `answering`: candidate → its answers on test; `training`: candidate → its training; `other`: `Bill.instead_of`.
    """
    seconds = {f.candidate.name: answering[f.candidate.name].seconds / max(f.report.rows, 1) for f in finalists if f.candidate.name in answering}
    found = []
    for finalist in finalists:
        name = finalist.candidate.name
        if name not in seconds:
            continue
        trained = training[name].seconds if name in training else 0.0
        hourly = known.prices.per_hour
        against = other if trained and other in seconds and other != name else None
        found.append(
            Pace(
                candidate=name,
                row_s=seconds[name],
                wait=finalist.wait or answering[name].wait,
                hours_per_1000_answers=seconds[name] * THOUSAND / HOUR_S,
                training_s=trained,
                per_1000_answers=seconds[name] * THOUSAND / HOUR_S * hourly if hourly is not None else None,
                break_even=break_even(trained, seconds[name] * THOUSAND, seconds[against] * THOUSAND) if against else None,
                instead_of=against,
            )
        )
    return tuple(found)
