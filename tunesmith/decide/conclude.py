"""Evidence from the test split → the verdict, with the reasons in plain words. A win on one metric and a loss on the other is always said.

    nothing is better than the majority answer                      nothing helps (cannot tell, where the rows would not show it)
    the cheapest arm that is as good as the leader and as all dearer ones     it: a classifier, a prompt, RAG, fine-tuning, both
    a cheaper arm may be as good, or a dearer one better            cannot tell, and what would settle it
    what was trained had too few rows, or the curve says so         get more rows; until then, what the line above says
    undecided, and no goal can be judged with so few test rows      the goal cannot be judged

So a dear remedy is decided for only if it is ahead beyond doubt of everything cheaper, and a cheap one only if it loses no more than the margin.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tunesmith.decide.economy import bills
from tunesmith.decide.evidence import BLIND, PROMPTING, TRAINED, Evidence, beats, weigh
from tunesmith.decide.headline import headline
from tunesmith.decide.outcome import Outcome
from tunesmith.decide.reasons import reasons, settling
from tunesmith.measure.statistics import MOST_ROWS
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.project import Project
from tunesmith.spec.report import Metric, Scored
from tunesmith.spec.task import LOWER_IS_BETTER, UNBOUNDED, Goal, MetricName
from tunesmith.spec.verdict import Decision, Finalist, Known, Verdict

TIER_SAYS: tuple[Decision, ...] = (
    "nothing helps",
    "a classifier does it",
    "prompting is enough",
    "use RAG",
    "fine-tune",
    "fine-tune with RAG",
    "use the remote model",
)
"""What is decided when the arm that is chosen stands in this tier (`evidence.TIERS`)."""
SCARCE = 50
"""Fewer training rows than these teach a form at most: evidence.md §7."""
SCARCE_PER_LABEL = 5
ENOUGH = 200
"""So many rows, and so many of each label, are advised where no learning curve says better."""
ENOUGH_PER_LABEL = 20
CEILING = 0.95
"""Where the interval of the leader reaches this, more rows have no room to help."""


def conclude(
    finalists: Sequence[Finalist], scored: Mapping[str, Sequence[Scored]], project: Project, dataset: Dataset, looks: int, known: Known | None = None
) -> Verdict:
    """The verdict over the finalists, from their rows on the test split (`scored`, by candidate name).

    `known` is what else is known: the learning curve, what suites found, prices, tokens of training.
    Raises: BadProject if the goal's metric does not fit the task; BadData if the candidates answered different rows; NotEnoughData if
    no row shows the deciding metric.
    """
    known = known or Known()
    evidence = weigh(finalists, scored, project.goal, dataset, known, project.given())
    outcome = decide(evidence, dataset, known)
    return Verdict(
        decision=outcome.decision,
        headline=headline(evidence, outcome),
        reasons=tuple(reasons(evidence, outcome, known, looks)),
        metric=evidence.metric,
        winner=winner(evidence),
        goal_met=outcome.goal_met,
        comparisons=tuple(evidence.found.values()),
        looks=looks,
        recommended=outcome.chosen if evidence.arms[outcome.chosen].is_open_to_choice else None,
        settle=settling(evidence, outcome),
        bills=bills(finalists, known, evidence),
        known=known,
    )


def spoken_for(
    finalists: Sequence[Finalist], scored: Mapping[str, Sequence[Scored]], goal: Goal, dataset: Dataset, given: Sequence[str] = ()
) -> str | None:
    """The finalist that these answers speak for while nothing else is known: what would be recommended, else the winner; None where there is neither.

    Raises: as `conclude`.
    """
    evidence = weigh(finalists, scored, goal, dataset, Known(), given)
    chosen = choose(evidence).chosen
    return chosen if evidence.arms[chosen].is_open_to_choice else winner(evidence)


def decide(evidence: Evidence, dataset: Dataset, known: Known) -> Outcome:
    """The decision: by what was compared, then by what more rows would change."""
    found = choose(evidence)
    found = found.but(goal_met=goal_met(evidence.goal, evidence.metric, evidence.metrics[found.chosen]))
    wanted = rows_wanted(evidence, found, dataset, known)
    if wanted is not None:
        labels = known.outlook.labels if known.outlook else ()
        return found.but(decision="get more rows", beneath=found.decision, more=wanted, rows=dataset.rows["train"], labels=labels)
    if found.decision == "cannot tell" and found.goal_met is None and evidence.goal.at_least is not None and is_blind_to_goal(evidence, found.chosen):
        more = rows_to_judge(evidence.metrics[found.chosen], evidence.goal.at_least)
        return found.but(decision="the goal cannot be judged", beneath="cannot tell", more=more)
    return found


def choose(evidence: Evidence) -> Outcome:
    """The decision that follows from the comparisons alone, by the first rule that applies."""
    said = control_says(evidence)
    if said is not None:
        return Outcome(said, evidence.leader if said == "nothing helps" else fallback(evidence), pair=open_pair(evidence, evidence.leader))
    leader, choices = evidence.leader, evidence.choices
    if not choices or not evidence.found:
        return Outcome("cannot tell", leader)
    chosen = next(name for name in choices if name == leader or evidence.is_as_good(name, leader))
    if chosen == leader and (pair := open_pair(evidence, leader)) is not None:
        return Outcome("cannot tell", fallback(evidence), pair=pair)
    control = evidence.control
    if control is not None and not beats(evidence, chosen, control):
        return Outcome("cannot tell", fallback(evidence), pair=(chosen, control))
    tier = evidence.arms[chosen].tier
    maybe_better = [name for name in choices if evidence.arms[name].tier > tier and not evidence.is_as_good(chosen, name)]
    if maybe_better:
        return Outcome("cannot tell", fallback(evidence), pair=(min(maybe_better, key=evidence.badness), chosen))
    return Outcome(TIER_SAYS[tier], chosen)


def control_says(evidence: Evidence) -> Decision | None:
    """What follows if no arm is better than the majority answer; None where one is, or there is no such control."""
    control = evidence.control
    if control is None or len(evidence.arms) == 1:
        return None
    against = [found for name in evidence.arms if name != control and (found := evidence.between(name, control, evidence.metric)) is not None]
    if any(found.outcome == "better" for found in against):
        return None
    blind = evidence.metric not in UNBOUNDED and max(found.minimum_detectable for found in against) > BLIND
    return "cannot tell" if blind else "nothing helps"


def open_pair(evidence: Evidence, leader: str) -> tuple[str, str] | None:
    """(the leader, an arm of a cheaper tier that it is not shown to be ahead of): prompting first, then the best; None where there is none."""
    tier = evidence.arms[leader].tier
    below = [name for name in evidence.choices if evidence.arms[name].tier < tier and evidence.standing(leader, name) == "open"]
    order = sorted(below, key=lambda name: (evidence.arms[name].remedy not in PROMPTING, evidence.badness(name)))
    return (leader, order[0]) if order else None


def fallback(evidence: Evidence) -> str:
    """What to serve while the decision is open: the best that needs no training and that the leader is not ahead of, else the leader."""
    able = [name for name in evidence.choices if evidence.arms[name].remedy not in TRAINED and evidence.standing(evidence.leader, name) != "ahead"]
    return min(able, key=evidence.badness, default=evidence.leader)


def rows_wanted(evidence: Evidence, found: Outcome, dataset: Dataset, known: Known) -> int | None:
    """How many training rows more are worth more than what was decided; None where none are."""
    outlook, best = known.outlook, evidence.metrics[evidence.leader]
    learns = [arm for arm in evidence.arms.values() if arm.remedy in TRAINED or arm.remedy == "classifier"]
    if not learns or found.goal_met is True:
        return None
    if found.goal_met is None and evidence.metric not in UNBOUNDED and is_at_ceiling(evidence.metric, best):
        return None
    undecided = found.decision in ("cannot tell", "nothing helps")
    if (undecided or evidence.arms[found.chosen] in learns) and is_scarce(dataset):
        labels = [label for label in dataset.labels if label != dataset.out_of_scope]
        return outlook.more if outlook and outlook.more else max(ENOUGH, ENOUGH_PER_LABEL * len(labels)) - dataset.rows["train"]
    if outlook is None or outlook.more is None or outlook.low is None or outlook.high is None or outlook.expected is None:
        return None
    sign = -1 if evidence.metric in LOWER_IS_BETTER else 1
    if evidence.goal.at_least is not None and found.goal_met is False:
        return outlook.more if sign * outlook.expected >= sign * evidence.goal.at_least else None
    sure = sign * (outlook.low if sign > 0 else outlook.high)
    untrained = evidence.arms[found.chosen] not in learns
    return outlook.more if (undecided or untrained) and sure > sign * best.value + evidence.margin(evidence.leader) else None


def is_scarce(dataset: Dataset) -> bool:
    """True if there are fewer training rows than anything could be learnt from."""
    labels = [label for label in dataset.labels if label != dataset.out_of_scope]
    return dataset.rows["train"] < max(SCARCE, SCARCE_PER_LABEL * len(labels))


def is_at_ceiling(metric: MetricName, found: Metric) -> bool:
    """True if the interval reaches the best values that a share can have."""
    return found.low <= 1 - CEILING if metric in LOWER_IS_BETTER else found.high >= CEILING


def is_blind_to_goal(evidence: Evidence, name: str) -> bool:
    """True if the interval is so wide that hardly any goal could be judged by it."""
    found = evidence.metrics[name]
    return evidence.metric not in UNBOUNDED and (found.high - found.low) / 2 > BLIND


def rows_to_judge(found: Metric, goal: float) -> int | None:
    """How many test rows more would put the goal outside the interval, were the value to stay; None where no realistic number would."""
    half, gap = (found.high - found.low) / 2, abs(found.value - goal)
    if not gap:
        return None
    needed = math.ceil(found.n * ((half / gap) ** 2 - 1))
    return max(1, needed) if needed <= MOST_ROWS else None


def winner(evidence: Evidence) -> str | None:
    """The leader, if it is ahead beyond doubt of every other arm; None if it is not, or there is no other."""
    others = [name for name in evidence.arms if name != evidence.leader]
    return evidence.leader if others and all(evidence.standing(evidence.leader, name) == "ahead" for name in others) else None


def goal_met(goal: Goal, metric: MetricName, found: Metric) -> bool | None:
    """True or False where the whole interval lies on one side of the goal; None inside, or without a goal."""
    if goal.at_least is None:
        return None
    if metric in LOWER_IS_BETTER:
        return True if found.high <= goal.at_least else False if found.low > goal.at_least else None
    return True if found.low >= goal.at_least else False if found.high < goal.at_least else None
