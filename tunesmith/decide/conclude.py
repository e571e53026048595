"""Evidence from the test split → the verdict, with the reasons in plain words. A win on one metric and a loss on the other is always said.

    nothing that could be served answers within the limit           nothing is fast enough
    nothing is better than the majority answer (without one: than no answer)   nothing helps (cannot tell, where a gain worth having is not ruled out)
    the cheapest arm that is as good as the leader and as all dearer ones,
        and ahead of all cheaper ones                               it: a classifier, a prompt, RAG, fine-tuning, both
    a cheaper arm may be as good, or a dearer one better            the cheapest that reaches the goal beyond doubt and is not shown to be behind;
                                                                    without such a one: cannot tell, and what would settle it
    what was trained had too few rows, or the curve says so         get more rows; until then, what the lines above say
    undecided, and no goal can be judged with so few test rows      the goal cannot be judged

So a dear remedy is decided for only if it is ahead beyond doubt of everything cheaper, and a cheap one only if it loses no more than the margin, whoever
leads; what is dear may be decided for without that only where the goal asks for it and nothing cheaper surely reaches it. Where nothing helps, nothing is
recommended; and while it is open whether a model elsewhere is better, no question is sent there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from tunesmith.decide.economy import bills
from tunesmith.decide.evidence import BLIND, NOTHING, PROMPTING, TRAINED, Evidence, beats, weigh
from tunesmith.decide.headline import headline
from tunesmith.decide.outcome import Outcome
from tunesmith.decide.reasons import reasons, settling
from tunesmith.measure.power import MOST_ROWS
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.project import Project
from tunesmith.spec.report import Metric, Scored
from tunesmith.spec.task import LOWER_IS_BETTER, UNBOUNDED, Goal, MetricName
from tunesmith.spec.verdict import Decision, Finalist, Known, Mean, Verdict

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
        winner=None if outcome.is_hopeless else winner(evidence),
        goal_met=outcome.goal_met,
        means=tuple(
            Mean(candidate=name, seeds=len(arm.runs), value=evidence.metrics[name]) for name, arm in evidence.arms.items() if len(arm.runs) > 1
        ),
        comparisons=tuple(evidence.found.values()),
        looks=looks,
        recommended=recommended(evidence, outcome),
        settle=settling(evidence, outcome, dataset),
        bills=bills(finalists, known, evidence),
        known=known,
    )


def spoken_for(
    finalists: Sequence[Finalist],
    scored: Mapping[str, Sequence[Scored]],
    goal: Goal,
    dataset: Dataset,
    given: Sequence[str] = (),
    known: Known | None = None,
) -> str | None:
    """The finalist that these answers speak for with what is known so far: what would be recommended, else the winner, or the best where all are too slow; None
    where there is none.

    Raises: as `conclude`.
    """
    evidence = weigh(finalists, scored, goal, dataset, known or Known(), given)
    found = choose(evidence)
    if evidence.arms[found.chosen].is_open_to_choice:
        return found.chosen
    slow = [name for name, arm in evidence.arms.items() if arm.is_too_slow] if found.decision == "nothing is fast enough" else []
    return winner(evidence) or min(slow, key=evidence.badness, default=None)


def decide(evidence: Evidence, dataset: Dataset, known: Known) -> Outcome:
    """The decision: by what was compared, then by what more rows would change."""
    found = choose(evidence)
    if found.decision == "nothing is fast enough":
        return found.but(goal_met=False)
    found = found.but(goal_met=goal_met(evidence.goal, evidence.metric, evidence.served[found.chosen]))
    wanted = rows_wanted(evidence, found, dataset, known)
    if wanted is not None:
        labels = known.outlook.labels if known.outlook else ()
        labels = labels or rarest(dataset)
        rests_on: Literal["curve", "flat curve", "rule"] = (
            "rule" if known.outlook is None else "curve" if known.outlook.more == wanted else "flat curve"
        )
        return found.but(
            decision="get more rows", beneath=found.decision, more=wanted, rows=dataset.rows["train"], labels=labels, more_rests_on=rests_on
        )
    if found.decision == "cannot tell" and found.goal_met is None and evidence.goal.at_least is not None and is_blind_to_goal(evidence, found.chosen):
        more = rows_to_judge(evidence.served[found.chosen], evidence.goal.at_least)
        return found.but(decision="the goal cannot be judged", beneath="cannot tell", more=more)
    return found


def choose(evidence: Evidence) -> Outcome:
    """The decision that follows from the comparisons and the readings of the clock, by the first rule that applies."""
    if evidence.is_too_slow:
        return Outcome("nothing is fast enough", evidence.leader)
    said = floor_says(evidence)
    if said is not None:
        return Outcome(said, evidence.leader if said == "nothing helps" else fallback(evidence), pair=open_pair(evidence, evidence.leader))
    if not evidence.choices or not evidence.found:
        return Outcome("cannot tell", evidence.leader)
    chosen = evidence.cheapest
    if not evidence.is_something(chosen):
        return Outcome("cannot tell", fallback(evidence))
    pair = doubt(evidence, chosen)
    if pair is None:
        is_open = has_no_rival(evidence, chosen) and not goal_met(evidence.goal, evidence.metric, evidence.served[chosen])
        return Outcome("cannot tell", chosen, alone=True) if is_open else Outcome(TIER_SAYS[evidence.arms[chosen].tier], chosen)
    reaches = cheapest_at_goal(evidence)
    if reaches is not None:
        return Outcome(TIER_SAYS[evidence.arms[reaches].tier], reaches, pair=pair, by_goal=True)
    return Outcome("cannot tell", fallback(evidence), pair=pair)


def floor_says(evidence: Evidence) -> Decision | None:
    """What follows if no arm is better than doing nothing: than the majority answer, else than no answer at all; None where one is, or nothing is compared."""
    if len(evidence.arms) == 1:
        return None
    control = evidence.control
    if control is None:
        if any(evidence.is_something(name) for name in evidence.arms):
            return None
        return "nothing helps" if all(found.high <= NOTHING for found in evidence.metrics.values()) else "cannot tell"
    against = [found for name in evidence.arms if name != control and (found := evidence.between(name, control, evidence.metric)) is not None]
    if any(found.outcome == "better" for found in against):
        return None
    most, room = NOTHING, evidence.room
    if room is not None:
        most = min(NOTHING, room / 2)  # where there is little to gain, a little of it is much
    elif evidence.metric in UNBOUNDED:
        most = NOTHING * abs(evidence.metrics[control].value)
    return "nothing helps" if evidence.may_gain <= most else "cannot tell"


def has_no_rival(evidence: Evidence, chosen: str) -> bool:
    """True if a prompt was compared with nothing that needs more than a prompt: that it is enough is then more than anybody knows. A yardstick is nothing."""
    dearer = [arm for arm in evidence.arms.values() if arm.tier > evidence.arms[chosen].tier and not arm.is_yardstick]
    return evidence.arms[chosen].remedy in PROMPTING and not dearer


def doubt(evidence: Evidence, chosen: str) -> tuple[str, str] | None:
    """The two arms between which it is open, if `chosen` cannot be decided for; None if it can.

    Something cheaper may be as good, the majority answer may be, or something dearer may be better.
    """
    control, tier = evidence.control, evidence.arms[chosen].tier
    if (pair := open_pair(evidence, chosen)) is not None:
        return pair
    if control is not None and not beats(evidence, chosen, control):
        return chosen, control
    maybe_better = [name for name in evidence.choices if evidence.arms[name].tier > tier and not evidence.is_as_good(chosen, name)]
    return (min(maybe_better, key=evidence.badness), chosen) if maybe_better else None


def open_pair(evidence: Evidence, name: str) -> tuple[str, str] | None:
    """(`name`, an arm of a cheaper tier that it is not shown to be ahead of): prompting first, then the best; None where there is none."""
    tier = evidence.arms[name].tier
    below = [other for other in evidence.choices if evidence.arms[other].tier < tier and evidence.standing(name, other) != "ahead"]
    order = sorted(below, key=lambda other: (evidence.arms[other].remedy not in PROMPTING, evidence.badness(other)))
    return (name, order[0]) if order else None


def cheapest_at_goal(evidence: Evidence) -> str | None:
    """The cheapest arm on this machine that reaches the goal beyond doubt and that the leader is not ahead of; None without one, or if doing nothing may do too."""
    reached = {name: goal_met(evidence.goal, evidence.metric, evidence.served[name]) for name in evidence.metrics}
    if evidence.control is not None and reached[evidence.control] is not False:
        return None
    able = (name for name in local(evidence) if reached[name] and evidence.is_something(name))
    return next((name for name in able if evidence.standing(evidence.leader, name) != "ahead"), None)


def local(evidence: Evidence) -> list[str]:
    """The choices that answer on this machine, from cheap to dear."""
    return [name for name in evidence.choices if evidence.arms[name].remedy != "remote"]


def fallback(evidence: Evidence) -> str:
    """What to serve while the decision is open: the best that needs no training and that the leader is not ahead of, else the leader.

    Never a model elsewhere, as long as anything here can be served: it has to be better beyond doubt before questions leave the machine.
    """
    here = local(evidence)
    able = [name for name in here if evidence.arms[name].remedy not in TRAINED and evidence.standing(evidence.leader, name) != "ahead"]
    rest = [evidence.leader] if evidence.leader in here else here
    return min(able or rest, key=evidence.badness, default=evidence.leader)


def recommended(evidence: Evidence, outcome: Outcome) -> str | None:
    """The candidate to serve; None where nothing helps, nothing may be recommended, or only a model elsewhere could be that is not shown to be better."""
    arm = evidence.arms[outcome.chosen]
    is_open = "cannot tell" in (outcome.decision, outcome.beneath)
    return arm.name if arm.is_open_to_choice and not outcome.is_hopeless and not (is_open and arm.remedy == "remote") else None


def rows_wanted(evidence: Evidence, found: Outcome, dataset: Dataset, known: Known) -> int | None:
    """How many training rows more are worth more than what was decided; None where none are."""
    outlook, best = known.outlook, evidence.metrics[evidence.leader]
    learns = [arm for arm in evidence.arms.values() if arm.remedy in TRAINED or arm.remedy == "classifier"]
    if not learns or found.goal_met is True:
        return None
    if found.goal_met is None and evidence.metric not in UNBOUNDED and is_at_ceiling(evidence.metric, best):
        return None
    undecided = found.decision in ("cannot tell", "nothing helps") and not found.alone
    if dataset.kind == "answer" and any(arm.remedy == "rag" for arm in evidence.arms.values()) and not evidence.named({"fine-tune-rag"}):
        return None  # the answers stand in documents, and nothing that learns to read them was tried: rows of the others say nothing of it
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


def rarest(dataset: Dataset) -> tuple[str, ...]:
    """The labels with the fewest training rows, the rarest first, of those with fewer than are advised; empty where all have as many."""
    rows = dataset.profile.labels.get("train", {})
    counts = {label: rows.get(label, 0) for label in dataset.labels if label != dataset.out_of_scope} if rows else {}
    if len(set(counts.values())) < 2:
        return ()
    few = [label for label, count in counts.items() if count < ENOUGH_PER_LABEL and count < max(counts.values())]
    return tuple(sorted(few, key=lambda label: (counts[label], label)))


def is_at_ceiling(metric: MetricName, found: Metric) -> bool:
    """True if the interval reaches the best values that a share can have."""
    return found.low <= 1 - CEILING if metric in LOWER_IS_BETTER else found.high >= CEILING


def is_blind_to_goal(evidence: Evidence, name: str) -> bool:
    """True if the interval is so wide that hardly any goal could be judged by it."""
    found = evidence.served[name]
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
