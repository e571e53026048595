"""The finalists' answers on the test split → what they show: each arm's metrics, and the paired comparisons that the rules need.

An arm is a remedy as it was made: one candidate, or one training with several seeds. No arm is special. The leader is the one that was best on dev (rows
that it is not tested on; where dev says nothing: the dearest), and is compared with every other arm; if one of those is ahead of it beyond
doubt, that one leads and is compared with all of them too. So is the cheapest arm that is as good as the leader, since it is the one that a verdict
may speak for. Comparing all pairs instead would cost a third of the power at seven arms.
Holm's correction runs over everything that was compared, both metrics together.

How two arms stand: the deciding metric decides; where it cannot tell, out-of-scope recall does (if the task has it), unless the one that is ahead in that
was measured to lose more than the margin on the deciding metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tunesmith.errors import NotEnoughData
from tunesmith.measure.comparison import correct
from tunesmith.measure.quantities import measurable, rows_of
from tunesmith.measure.scorers import deciding_metric
from tunesmith.measure.seeds import Runs, compared, holds, metric_over
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.report import Comparison, Metric, Scored, Wait
from tunesmith.spec.task import LOWER_IS_BETTER, UNBOUNDED, Goal, MetricName
from tunesmith.spec.trial import Remedy
from tunesmith.spec.verdict import Finalist, Known

MARGIN = 0.02
"""An arm that loses at most so much (of 1; of the value for a metric without bounds) is as good: evidence.md's non-inferiority margin."""
BLIND = 0.15
"""Where only a gain above this could be seen, a tie would claim too much."""
NOTHING = 0.1
"""Only where every gain over doing nothing surely stays below this, and below half of the room that there is for one, nothing helps."""
FEWEST_OUTSIDE = 10
"""On fewer rows out of scope nothing short of half of them all is more than chance: to compare there would only weaken the other comparisons."""

CONTROL: Remedy = "majority"
PROMPTING: frozenset[Remedy] = frozenset({"prompt", "few-shot", "few-shot-retrieved"})
TRAINED: frozenset[Remedy] = frozenset({"fine-tune", "fine-tune-rag"})
COST: tuple[Remedy, ...] = (
    "majority",
    "classifier",
    "prompt",
    "few-shot",
    "few-shot-retrieved",
    "rag",
    "fine-tune",
    "fine-tune-rag",
    "remote",
)
"""From cheap to dear, making and running together; a model elsewhere is dearest: what it is asked leaves the machine."""
TIERS: tuple[frozenset[Remedy], ...] = (
    frozenset({CONTROL}),
    frozenset({"classifier"}),
    PROMPTING,
    frozenset({"rag"}),
    frozenset({"fine-tune"}),
    frozenset({"fine-tune-rag"}),
    frozenset({"remote"}),
)
"""Remedies that a verdict calls by one name, from cheap to dear."""

Standing = Literal["ahead", "behind", "open"]
Pair = tuple[str, str, MetricName]


@dataclass(frozen=True)
class Arm:
    """One way to do the task, as it was made."""

    name: str
    """Of the candidate that stands for it: of several seeds the one that is best on dev."""
    candidates: tuple[str, ...]
    """Of all its seeds."""
    remedy: Remedy
    runs: Runs
    """Its rows on test, once per seed."""
    seeds: tuple[int | None, ...]
    on_dev: float | None
    is_open_to_choice: bool
    """It may be recommended: it is no control, no yardstick, nothing that was found out about it forbids it, and it is not surely too slow."""
    wait: Wait | None = None
    """How long one question takes, where the project limits that."""
    is_too_slow: bool = False
    """It could be recommended, were it not for that limit."""
    is_barred: bool = False
    """It has lost more elsewhere than the project allows."""
    is_yardstick: bool = False
    """It is a model elsewhere that may not be recommended whatever it achieves."""

    @property
    def is_trained(self) -> bool:
        """A training with another seed would have made another one."""
        return any(seed is not None for seed in self.seeds)

    @property
    def own(self) -> Sequence[Scored]:
        """The rows of the candidate that stands for it, and that would be served."""
        return self.runs[self.candidates.index(self.name)]

    @property
    def cost(self) -> int:
        """Its place in the order of cost."""
        return COST.index(self.remedy)

    @property
    def tier(self) -> int:
        """Its place among the remedies that a verdict calls by one name."""
        return next(k for k, tier in enumerate(TIERS) if self.remedy in tier)


@dataclass(frozen=True)
class Evidence:
    """What was found on test, ready to be weighed."""

    arms: Mapping[str, Arm]
    """As the finalists stand, without those that the deciding metric cannot be measured on."""
    unmeasured: tuple[str, ...]
    """Candidates it cannot be measured on (perplexity of a classifier)."""
    leader: str
    metric: MetricName
    second: MetricName | None
    """Out-of-scope recall, where the task has it and it does not decide already."""
    metrics: Mapping[str, Metric]
    """Arm → deciding metric."""
    served: Mapping[str, Metric]
    """Arm → the same of the weights that stand for it: of several trainings it is one that is served, and that a goal is asked of."""
    seconds: Mapping[str, Metric]
    """Arm → second metric; empty where there is none."""
    found: Mapping[Pair, Comparison]
    """What was compared, in its order, corrected together."""
    goal: Goal

    def named(self, remedies: Iterable[Remedy]) -> list[str]:
        """The arms with one of these remedies, the best one first (ties: as the finalists stand)."""
        wanted = frozenset(remedies)
        return sorted((name for name, arm in self.arms.items() if arm.remedy in wanted), key=self.badness)

    def badness(self, name: str) -> float:
        """The deciding metric, turned so that less is better."""
        return self.metrics[name].value * (1 if self.metric in LOWER_IS_BETTER else -1)

    @property
    def choices(self) -> list[str]:
        """The arms that may be recommended, from cheap to dear, of equal cost the better one first."""
        return sorted((name for name, arm in self.arms.items() if arm.is_open_to_choice), key=lambda name: (self.arms[name].cost, self.badness(name)))

    @property
    def is_too_slow(self) -> bool:
        """True if nothing may be recommended, and something could be were it faster."""
        return not self.choices and any(arm.is_too_slow for arm in self.arms.values())

    @property
    def control(self) -> str | None:
        """The majority answer, where it was measured."""
        return next(iter(self.named({CONTROL})), None)

    @property
    def room(self) -> float | None:
        """What there is to gain over the majority answer; None without one, or for a metric without bounds."""
        if self.control is None or self.metric in UNBOUNDED:
            return None
        value = self.metrics[self.control].value
        return value if self.metric in LOWER_IS_BETTER else 1 - value

    @property
    def may_gain(self) -> float:
        """What anything that was tried may gain over the majority answer at most, by the far ends of the intervals."""
        control = self.control
        against = (self.between(name, control, self.metric) for name in self.arms if name != control) if control is not None else ()
        most = max(0.0, *(best_gain(found) for found in against if found is not None), 0.0)
        return most if self.room is None else min(most, self.room)

    def between(self, first: str, second: str, metric: MetricName) -> Comparison | None:
        """How `first` does against `second`, whichever way round they were compared; None if they were not."""
        straight = self.found.get((first, second, metric))
        turned_round = self.found.get((second, first, metric))
        return straight or (turned(turned_round) if turned_round is not None else None)

    def both(self, first: str, second: str) -> list[Comparison]:
        """`first` against `second` on the deciding metric and, where there is one, on the second."""
        found = (self.between(first, second, metric) for metric in (self.metric, self.second) if metric is not None)
        return [one for one in found if one is not None]

    def standing(self, first: str, second: str) -> Standing:
        """How `first` stands to `second`; `open` also where they were not compared, or where the metrics pull apart and neither can be left aside."""
        deciding = self.between(first, second, self.metric)
        if deciding is not None and deciding.outcome != "cannot tell":
            return "ahead" if deciding.outcome == "better" else "behind"
        other = self.between(first, second, self.second) if self.second is not None else None
        if deciding is None or other is None or other.outcome == "cannot tell":
            return "open"
        is_ahead = other.outcome == "better"
        price = loss(deciding) if is_ahead else -loss(deciding)  # what the one that is ahead on the second metric loses on the first
        if price > self.margin(second if is_ahead else first):
            return "open"
        return "ahead" if is_ahead else "behind"

    def is_as_good(self, name: str, other: str) -> bool:
        """True if `name` is ahead of `other`, or loses at most the margin against it on every metric, by the far end of the interval.

        A classifier costs a thousandth of a language model, so that the burden of proof is on the other: it is enough that it is not behind, that what
        was measured lies within the margin, and that the rows are not blind to a difference.
        """
        found = self.both(name, other)
        if not found:
            return False
        standing = self.standing(name, other)
        if standing == "ahead" or all(worst_loss(one) <= self.margin(other, one.metric) for one in found):
            return True
        if self.arms[name].remedy != "classifier" or self.arms[other].remedy == "classifier" or standing == "behind":
            return False
        sees = self.metric in UNBOUNDED or found[0].minimum_detectable <= BLIND or found[0].leans == "better"
        return sees and all(loss(one) <= self.margin(other, one.metric) for one in found)

    def margin(self, name: str, metric: MetricName | None = None) -> float:
        """The largest loss against `name` that still counts as none, on the deciding metric or on `metric`."""
        return MARGIN * self.metrics[name].value if (metric or self.metric) in UNBOUNDED else MARGIN

    @property
    def has_floor(self) -> bool:
        """True if no answer at all would reach 0 and no majority answer was measured that says more: then what an arm reaches has to lie above that."""
        return self.control is None and self.metric not in UNBOUNDED and self.metric not in LOWER_IS_BETTER

    def is_something(self, name: str) -> bool:
        """True if the arm reaches more than no answer at all would, beyond doubt and by more than the margin; True also where nothing like that is known."""
        return not self.has_floor or self.metrics[name].low > MARGIN

    @property
    def cheapest(self) -> str:
        """The cheapest arm that is as good as the leader and better than no answer at all: the one that the verdict may speak for. Else the leader."""
        able = (name for name in self.choices if (name == self.leader or self.is_as_good(name, self.leader)) and self.is_something(name))
        return next(able, self.leader)


def turned(found: Comparison) -> Comparison:
    """The same comparison seen from the other side."""
    outcomes: dict[str, Literal["better", "worse", "cannot tell"]] = {"better": "worse", "worse": "better", "cannot tell": "cannot tell"}
    as_trained = reversed_(found.as_trained) if found.as_trained is not None else None
    difference = reversed_(found.difference)
    return found.model_copy(
        update={
            "better": found.rival, "rival": found.better, "difference": difference, "as_trained": as_trained, "outcome": outcomes[found.outcome]
        },
    )  # fmt: skip


def reversed_(gap: Metric) -> Metric:
    """A difference, seen from the other side."""
    return gap.model_copy(update={"value": -gap.value, "low": -gap.high, "high": -gap.low})


def loss(found: Comparison) -> float:
    """How much the first of the two loses against the second, as measured; negative: it gains."""
    return found.difference.value if found.metric in LOWER_IS_BETTER else -found.difference.value


def worst_loss(found: Comparison) -> float:
    """How much the first of the two may lose against the second, at the far end of the interval.

    Asked of the weights that there are: who claims no gain need not fear that other seeds would have brought more.
    """
    return found.of_these.high if found.metric in LOWER_IS_BETTER else -found.of_these.low


def best_gain(found: Comparison, *, as_served: bool = False) -> float:
    """How much the first of the two may gain over the second, at the far end of the interval; `as_served`: the weights that there are."""
    gap = found.of_these if as_served else found.difference
    return -gap.low if found.metric in LOWER_IS_BETTER else gap.high


def weigh(
    finalists: Sequence[Finalist], scored: Mapping[str, Sequence[Scored]], goal: Goal, dataset: Dataset, known: Known, given: Sequence[str] = ()
) -> Evidence:
    """The evidence: metrics of every arm, and the comparisons that the rules need.

    Raises: BadProject, BadData, NotEnoughData as `conclude`.
    """
    metric = deciding_metric(dataset.kind, goal, given)
    every = arms_of(finalists, scored, metric, known)
    metrics = {arm.name: value for arm in every if (value := metric_over(metric, arm.runs, confidence=goal.confidence)) is not None}
    arms = {arm.name: arm for arm in every if arm.name in metrics}
    if not arms:
        got = f"{len(every[0].runs[0])} test rows"
        fix = "enlarge split.test, or choose another goal.metric"
        raise NotEnoughData(f"no test row shows {metric}", where="goal.metric", got=got, expected="at least one row that it rests on", fix=fix)
    second = second_metric(metric, next(iter(arms.values())).runs[0], dataset)
    seconds = {name: value for name, arm in arms.items() if second and (value := metric_over(second, arm.runs, confidence=goal.confidence))}
    start = Evidence(
        arms=arms,
        unmeasured=tuple(arm.name for arm in every if arm.name not in metrics),
        leader=challenger(list(arms.values()), metric),
        metric=metric,
        second=second,
        metrics=metrics,
        served=metrics
        | {name: own for name, arm in arms.items() if len(arm.runs) > 1 and (own := metric_over(metric, (arm.own,), confidence=goal.confidence))},
        seconds=seconds,
        found={},
        goal=goal,
    )
    return with_cheapest(with_leader(start))


def arms_of(finalists: Sequence[Finalist], scored: Mapping[str, Sequence[Scored]], metric: MetricName, known: Known) -> list[Arm]:
    """The finalists as arms, in their order: trainings that differ in the seed alone are one."""
    groups: dict[object, list[Finalist]] = {}
    for finalist in finalists:
        own = (finalist.remedy, finalist.arm) if finalist.seed is not None else finalist.candidate.name
        groups.setdefault(own, []).append(finalist)
    blocked = {side.candidate for side in known.sides if side.standing == "blocks"}
    sign = 1 if metric in LOWER_IS_BETTER else -1
    found = []
    for group in groups.values():
        first = min(group, key=lambda one: (one.on_dev is None, sign * (one.on_dev or 0.0)))
        values = [one.on_dev for one in group if one.on_dev is not None]
        names = tuple(one.candidate.name for one in group)
        is_barred = not blocked.isdisjoint(names)
        is_choice = first.remedy != CONTROL and (first.remedy != "remote" or known.may_leave) and not is_barred
        is_slow = first.wait is not None and first.wait.is_too_long
        found.append(
            Arm(
                name=first.candidate.name,
                candidates=names,
                remedy=first.remedy,
                runs=tuple(scored[one.candidate.name] for one in group),
                seeds=tuple(one.seed for one in group),
                on_dev=sum(values) / len(values) if len(values) == len(group) else None,
                is_open_to_choice=is_choice and not is_slow,
                wait=first.wait,
                is_too_slow=is_choice and is_slow,
                is_barred=is_barred,
                is_yardstick=first.remedy == "remote" and not known.may_leave,
            )
        )
    return found


def challenger(arms: Sequence[Arm], metric: MetricName) -> str:
    """The arm whose gain is tested first: the best on dev; the dearest where dev does not say it of all. The test rows have no part in it."""
    able = [arm for arm in arms if arm.is_open_to_choice] or list(arms)
    sign = 1 if metric in LOWER_IS_BETTER else -1
    if all(arm.on_dev is not None for arm in able):
        return min(able, key=lambda arm: (sign * (arm.on_dev or 0.0), arm.cost)).name
    return max(able, key=lambda arm: arm.cost).name


def second_metric(metric: MetricName, rows: Sequence[Scored], dataset: Dataset) -> MetricName | None:
    """Out-of-scope recall, if the task has it, enough rows show it, and it does not decide anyway."""
    if dataset.out_of_scope is None or metric == "out_of_scope_recall":
        return None
    _, outside = rows_of("out_of_scope_recall", rows)
    return "out_of_scope_recall" if len(outside) >= FEWEST_OUTSIDE and measurable("out_of_scope_recall", outside) else None


def with_leader(evidence: Evidence) -> Evidence:
    """The evidence with the leader compared with all others; where one of them is ahead of it beyond doubt, with that one leading, and so on."""
    led: set[str] = set()
    while True:
        led.add(evidence.leader)
        evidence = with_pairs(evidence, [(evidence.leader, name) for name in evidence.arms if name != evidence.leader])
        ahead = [name for name in evidence.choices if name not in led and evidence.standing(evidence.leader, name) == "behind"]
        if not ahead:
            return evidence
        evidence = replace(evidence, leader=min(ahead, key=evidence.badness))


def with_cheapest(evidence: Evidence) -> Evidence:
    """The evidence with what more the rules ask for, until they ask for nothing more: each comparison weakens the others.

    Where the leader is not better than the majority answer: every arm against that. Where a cheaper arm is as good as the leader: that one against the
    majority answer, and against every arm that is dearer or cheaper than it.
    """
    while True:
        known, control = len(evidence.found), evidence.control
        others = [name for name in evidence.arms if name != control]
        if control is not None and not beats(evidence, evidence.leader, control):
            evidence = with_pairs(evidence, [(name, control) for name in others], secondary=False)
        if control is None or any(beats(evidence, name, control) for name in others):
            one = evidence.cheapest
            apart = [name for name in evidence.choices if evidence.arms[name].tier != evidence.arms[one].tier]
            evidence = with_pairs(evidence, [(one, name) for name in apart])
            evidence = with_pairs(evidence, [(one, control)], secondary=False) if control is not None and control != one else evidence
        if len(evidence.found) == known:
            return evidence


def beats(evidence: Evidence, name: str, control: str) -> bool:
    """True if the arm is better than the control on the deciding metric, beyond doubt."""
    found = evidence.between(name, control, evidence.metric)
    return found is not None and found.outcome == "better"


def with_pairs(evidence: Evidence, pairs: Sequence[tuple[str, str]], *, secondary: bool = True) -> Evidence:
    """The evidence with these pairs compared too, all corrected together; pairs that were compared before, either way round, are not again."""
    metrics = [metric for metric in (evidence.metric, evidence.second if secondary else None) if metric is not None]
    fresh = [
        against(evidence.arms[first], evidence.arms[second], metric, evidence.goal.confidence)
        for metric in metrics
        for first, second in pairs
        if evidence.between(first, second, metric) is None
    ]
    if not fresh:
        return evidence
    corrected = correct([*evidence.found.values(), *fresh], confidence=evidence.goal.confidence)
    kept = [over_seeds(one, evidence.arms[one.better].runs, evidence.arms[one.rival].runs) for one in corrected]
    return replace(evidence, found={(one.better, one.rival, one.metric): one for one in kept})


def against(first: Arm, second: Arm, metric: MetricName, confidence: float) -> Comparison:
    """One arm beside another on the same rows, uncorrected.

    Raises: as `compared`.
    """
    trained = (first.is_trained, second.is_trained)
    served = (first.candidates.index(first.name), second.candidates.index(second.name))
    return compared(first.name, first.runs, second.name, second.runs, metric, confidence=confidence, trained=trained, served=served)


def over_seeds(found: Comparison, mine: Runs, theirs: Runs) -> Comparison:
    """The comparison, open if it does not hold for every seed."""
    if holds(found, mine, theirs):
        return found
    return found.model_copy(update={"outcome": "cannot tell", "rows_to_settle": None, "seeds_to_settle": None, "is_split": True})
