"""Confidences on dev and on test → a threshold that serving can apply, with what it costs and what it buys. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from tunesmith.evaluate.suites.material import Material
from tunesmith.evaluate.suites.wording import percent, share
from tunesmith.measure.selective import Judged, Outcome, by_false_refusals, by_risk, outcome_at
from tunesmith.spec.report import Metric
from tunesmith.spec.suite import Kept, Threshold

Bounded = Literal["false refusals", "risk"]


def thresholds(material: Material, judged: Sequence[Judged], dev: Sequence[Judged]) -> tuple[Threshold, ...]:
    """The proposals: the one for a bound on risk first, where the user wants it, and one for a bound on false refusals; none where answers have no confidence.

    `judged` are the rows of the judged split: they check a threshold only if they are no dev rows.
    """
    if not any(not row.outside for row in dev):
        return ()
    limits = material.limits
    wanted: list[tuple[Bounded, float]] = [("risk", limits.risk)] if limits.risk is not None else []
    wanted.append(("false refusals", limits.false_refusals))
    fresh = judged if material.split == "test" else []
    return tuple(propose(bounded, bound, dev, fresh, material) for bounded, bound in wanted)


def propose(bounded: Bounded, bound: float, dev: Sequence[Judged], fresh: Sequence[Judged], material: Material) -> Threshold:
    """One threshold: chosen on `dev`, checked on `fresh`."""
    confidence = material.confidence
    choose = by_false_refusals if bounded == "false refusals" else by_risk
    promised = choose(dev, bound, confidence)
    value = promised or choose(dev, bound, confidence, sure=False)  # to decline nothing is a promise too, and helps nobody
    at = value if value is not None else 0.0
    chosen = _bounded(outcome_at(dev, at, confidence), bounded)
    before = outcome_at(fresh, 0.0, confidence) if fresh else None
    after = outcome_at(fresh, at, confidence) if fresh else None
    checked = _bounded(after, bounded) if after is not None else None
    kept = kept_by(checked, bound) if value is not None else "cannot tell"
    made = Threshold(
        bounded=bounded,
        bound=bound,
        value=value,
        promised=promised is not None and value == promised,
        instead=material.dataset.out_of_scope,
        chosen=chosen,
        checked=checked,
        kept=kept,
        coverage=after.coverage if after is not None else None,
        risk=(before.risk, after.risk) if before and after and before.risk and after.risk else None,
        recall=(before.recall, after.recall) if before and after and before.recall and after.recall else None,
        sentence="",
    )
    return made.model_copy(update={"sentence": sentence_of(made)})


def kept_by(checked: Metric | None, bound: float) -> Kept:
    """Whether the bound holds by the interval on fresh rows."""
    if checked is None:
        return "cannot tell"
    return "yes" if checked.high <= bound else "no" if checked.low > bound else "cannot tell"


def _bounded(found: Outcome, bounded: Bounded) -> Metric | None:
    return found.false_refusals if bounded == "false refusals" else found.risk


def sentence_of(found: Threshold) -> str:
    """The proposal in words, with what it costs and what it buys on test."""
    what = "of the questions in scope are declined" if found.bounded == "false refusals" else "of the given answers are wrong"
    promise = f"at most {percent(found.bound)} {what}"
    if found.value is None or found.chosen is None:
        seen = f": there it is {share(found.chosen)} without one" if found.chosen is not None else ""
        return f"No threshold keeps the share on dev so low that {promise}{seen}."
    if found.value == 0:
        return f"Without a threshold {share(found.chosen)} {what} on dev, and with any it would be more than {percent(found.bound)}."
    opening = (
        f"Declining below a confidence of {found.value:.3f} does not keep its promise"
        if found.kept == "no"
        else f"Decline below a confidence of {found.value:.3f}"
    )
    told = f"{opening}: on dev {share(found.chosen)} {what}"
    told += "" if found.promised else f" (too few rows to promise {promise.partition(' of ')[0]})"
    if found.checked is not None:
        doubts = {
            "yes": "",
            "no": f", which is surely more than {percent(found.bound)}, so serving does not offer it",
            "cannot tell": ", which cannot tell whether the bound holds",
        }
        told += f", on test {share(found.checked)}{doubts[found.kept]}"
    bought = []
    if found.recall is not None:
        bought.append(f"{percent(found.recall[0].value)} → {percent(found.recall[1].value)} of the questions out of scope are declined")
    if found.risk is not None:
        bought.append(f"{percent(found.risk[0].value)} → {percent(found.risk[1].value)} of the given answers are wrong")
    return f"{told}{'; ' * bool(bought)}{', '.join(bought)}."
