"""Suites → what a verdict says beside its numbers: a sentence per suite, and whether it is a warning. Pure, without torch.

No suite blocks a candidate: what is lost against the base is the business of forgetting. A warning needs evidence beyond chance, as each suite defines it.
"""

from __future__ import annotations

from tunesmith.spec.suite import Suites
from tunesmith.spec.verdict import Side

MOST_ANSWERED = 0.5
"""Whoever surely answers more than this share of the questions about things that do not exist makes things up."""


def sides(suites: Suites) -> tuple[Side, ...]:
    """One side per suite that says something, in the order of the report."""
    made, learnt, spread, honest = suites.hallucination, suites.memorisation, suites.slices, suites.calibration
    outside, steady = suites.out_of_scope, suites.consistency
    found: list[tuple[str, str, bool]] = []
    if outside is not None:
        broken = outside.false_refusals.low > suites.limits.false_refusals
        found.append(("out of scope", outside.sentence, broken))
    if made is not None:
        shares = [metric for metric in (made.made, made.given) if metric is not None]
        found.append(("hallucination", made.sentence, any(metric.low > MOST_ANSWERED for metric in shares)))
    if steady is not None:
        found.append(("consistency", steady.sentence, False))
    if learnt is not None:
        found.append(("memorisation", learnt.sentence, learnt.overfits or learnt.memorises))
    if honest is not None:
        found.append(("calibration", honest.sentence, honest.expected_error.low > honest.by_chance))
    if spread is not None:
        found.append(("worst slice", spread.sentence, any(one.outcome == "worse" for one in spread.slices)))
    name = suites.candidate.name
    return tuple(Side(candidate=name, topic=topic, sentence=text, standing="worse" if warns else "fine") for topic, text, warns in found)
