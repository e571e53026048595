"""Suites → what a verdict says beside its numbers: a sentence per suite, and how it stands. Pure, without torch.

A warning needs evidence beyond chance, as each suite defines it; "fine" needs it too: where no harm is shown and the interval does not rule it out, that is what
is said. What a tuning has cost is held against the limits of `goal.must_not_worsen`, and is the only thing here that can block a candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from tunesmith.spec.forgetting import TOPIC, Forgetting
from tunesmith.spec.report import Metric
from tunesmith.spec.suite import Calibrated, Memorisation, Slices, Suites
from tunesmith.spec.task import MustNotWorsen, TaskKind
from tunesmith.spec.verdict import Side

MOST_ANSWERED = 0.5
"""Whoever surely answers more than this share of the questions about things that do not exist makes things up."""
Standing = Literal["fine", "measured", "cannot tell", "worse", "blocks"]


def sides(suites: Suites) -> tuple[Side, ...]:
    """One side per suite that says something, in the order of the report."""
    made, learnt, spread, honest = suites.hallucination, suites.memorisation, suites.slices, suites.calibration
    outside, steady = suites.out_of_scope, suites.consistency
    found: list[tuple[str, str, Standing]] = []
    if outside is not None:
        found.append(("out of scope", outside.sentence, below([outside.false_refusals], suites.limits.false_refusals)))
    if made is not None:
        shares = [metric for metric in (made.made, made.given) if metric is not None]
        found.append(("hallucination", made.sentence, below(shares, MOST_ANSWERED)))
    if steady is not None:
        found.append(("consistency", steady.sentence, "measured"))
    if learnt is not None:
        found.append(("memorisation", learnt.sentence, of_memory(learnt, suites.limits.overfit_gap)))
    if honest is not None:
        found.append(("calibration", honest.sentence, of_confidence(honest)))
    if spread is not None:
        found.append(("worst slice", spread.sentence, of_slices(spread)))
    name = suites.candidate.name
    return tuple(Side(candidate=name, topic=topic, sentence=text, standing=standing) for topic, text, standing in found)


def below(shares: Sequence[Metric], limit: float) -> Standing:
    """How shares stand to a limit that they should stay below, by their intervals; without shares nothing is known."""
    if any(share.low > limit for share in shares):
        return "worse"
    return "fine" if shares and all(share.high <= limit for share in shares) else "cannot tell"


def of_memory(learnt: Memorisation, limit: float) -> Standing:
    """Whether it has learnt the rows and not the task: `limit` is the gap between train and dev that is called overfitting."""
    if learnt.overfits or learnt.memorises:
        return "worse"
    return "fine" if learnt.gap is not None and learnt.gap.high <= limit else "cannot tell"


def of_confidence(honest: Calibrated) -> Standing:
    """Whether its confidence is further from the truth than chance makes it."""
    if honest.expected_error.low > honest.by_chance:
        return "worse"
    return "fine" if honest.expected_error.value <= honest.by_chance else "cannot tell"


def of_slices(spread: Slices) -> Standing:
    """Whether any slice is worse than the rest; where none had rows enough, nothing is known."""
    if any(one.outcome == "worse" for one in spread.slices):
        return "worse"
    return "fine" if spread.slices else "cannot tell"


def forgetting_side(name: str, lost: Forgetting, limits: MustNotWorsen, kind: TaskKind) -> Side:
    """What the tuning of the candidate `name` has cost. It blocks where the interval of a loss lies beyond its limit as a whole."""
    ability, factor = limits.of_tuning(kind)
    ranges = [(-one.difference.high, -one.difference.low, ability) for one in lost.changes]
    ranges += [(lost.fluency.ratio.low, lost.fluency.ratio.high, factor)] if lost.fluency is not None else []
    held = [(least, most, limit) for least, most, limit in ranges if limit is not None]
    standing: Standing = "worse" if lost.standing in ("warn", "block") else "cannot tell" if lost.standing == "cannot tell" else "fine"
    told = [
        words
        for words in (f"{100 * ability:g} points" if ability is not None else "", f"perplexity times {factor:g}" if factor is not None else "")
        if words
    ]
    allowed = " and ".join(told)
    said = ""
    if any(least > limit for least, _, limit in held):
        standing, said = "blocks", f" That is beyond doubt more than is allowed ({allowed})."
    elif any(most > limit for _, most, limit in held):
        standing = standing if standing == "worse" else "cannot tell"
        said = f" Whether the loss is surely more than is allowed ({allowed}), these probes cannot tell."
    return Side(candidate=name, topic=TOPIC, sentence=f"{lost.sentence}{said}", standing=standing, is_limited=bool(told))
