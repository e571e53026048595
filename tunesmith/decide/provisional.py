"""What dev says so far → one line for whoever follows, made by the verdict's own rules and marked as what it is: not proven.

The locked rows are opened once, at the end, because each look at them makes lucky results more likely. So the first sound word is about dev, with intervals and
the correction for all comparisons: as soon as the untrained rivals are measured, and again behind every training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunesmith.decide.conclude import choose
from tunesmith.decide.evidence import Evidence, weigh
from tunesmith.decide.headline import subject
from tunesmith.decide.steps import TRAINED
from tunesmith.decide.wording import counted, gap, p_words, shown
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.plan import Done, Plan, PlannedTrial
from tunesmith.spec.report import Scored
from tunesmith.spec.task import Goal
from tunesmith.spec.verdict import Finalist, Known


def is_telling(step: PlannedTrial, after: PlannedTrial | Done, plan: Plan) -> bool:
    """True if more is known after this trial than a search knows: a training of the recipe was measured, or the last of the untrained rivals."""
    kinds = {one.name: one.kind for one in plan.steps}
    if kinds[step.step] in TRAINED:
        return kinds[step.step] != "ladder" and step.recipe is not None
    return isinstance(after, Done) or kinds[after.step] in TRAINED


def provisional(on_dev: Sequence[Finalist], scored: Mapping[str, Sequence[Scored]], goal: Goal, dataset: Dataset, given: Sequence[str] = ()) -> str:
    """Who leads on dev, by how much, and what would be decided if these were the locked rows.

    Raises: as `conclude`.
    """
    evidence = weigh(on_dev, scored, goal, dataset, Known(), given)
    small = {one.candidate.name for one in on_dev if one.arm}
    leader, metrics = evidence.leader, evidence.metrics
    rival = next(
        iter(sorted((name for name in evidence.arms if name != leader), key=lambda name: (name == evidence.control, evidence.badness(name)))), None
    )
    told = ", ".join(value_words(evidence, name, small) for name in (leader, rival) if name is not None)
    beside = f"; {gap_words(evidence, leader, rival)}" if rival is not None else ""
    rows = f"{counted(metrics[leader])}, {100 * goal.confidence:g} % intervals"
    return f"so far on dev ({rows}): {told}{beside}. These rows say “{choose(evidence).decision}”; only the locked rows prove it"


def value_words(evidence: Evidence, name: str, small: set[str]) -> str:
    """What an arm reaches on dev: `the classifier 94.0 % [91.2, 96.0]`."""
    found = evidence.metrics[name]
    low, high = (shown(evidence.metric, end).removesuffix(" %") for end in (found.low, found.high))
    called = f"the small training {name}" if name in small else subject(evidence, name)
    return f"{called} {shown(evidence.metric, found.value)} [{low}, {high}]"


def gap_words(evidence: Evidence, leader: str, rival: str) -> str:
    """By how much the leader is apart from the next one, and whether that is more than chance."""
    found = evidence.between(leader, rival, evidence.metric)
    assert found is not None  # the leader is compared with every other arm
    many = f", corrected for {len(evidence.found)} comparisons" if len(evidence.found) > 1 else ""
    chance = "more than chance explains" if found.outcome == "better" else "which may be chance"
    return f"{gap(evidence.metric, found.difference.value)}, {chance} ({p_words(found.p_adjusted)}{many})"
