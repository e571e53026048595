"""The finalists' answers on the test split → the verdict, with the reasons in plain words.

How the tuned model stands to a rival: the deciding metric decides; where it cannot tell, out-of-scope recall does (if the task has it).
A win on one and a loss on the other is always said. Holm's correction runs over all rivals and both metrics together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tunesmith.decide.wording import (
    SUBJECTS,
    achieves,
    capital,
    comparison_words,
    gap,
    goal_words,
    looks_words,
    rows_words,
    shown,
)
from tunesmith.errors import NotEnoughData
from tunesmith.measure.comparison import compare, correct, pairs
from tunesmith.measure.quantities import measurable, rows_of
from tunesmith.measure.scorers import deciding_metric, metric_of
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.project import Project
from tunesmith.spec.report import Comparison, Metric, Scored
from tunesmith.spec.task import LOWER_IS_BETTER, Goal, MetricName
from tunesmith.spec.trial import Remedy
from tunesmith.spec.verdict import Decision, Finalist, Verdict

MARGIN = 0.02
"""A rival that loses at most so much (of 1; of the value for perplexity) is as good: evidence.md's non-inferiority margin."""
BLIND = 0.15
"""Where only a gain above this could be seen over the majority answer, "nothing helps" would claim too much."""
PROMPTING: frozenset[Remedy] = frozenset({"prompt", "few-shot"})

Standing = Literal["ahead", "behind", "open"]


@dataclass(frozen=True)
class Evidence:
    """What was found on test, ready to be weighed."""

    tuned: str
    remedies: Mapping[str, Remedy]
    """Candidate → remedy, of the candidates that the deciding metric can be measured on."""
    unmeasured: tuple[str, ...]
    """Candidates it cannot be measured on (perplexity of a classifier)."""
    answers: Mapping[str, Sequence[Scored]]
    metric: MetricName
    second: MetricName | None
    """Out-of-scope recall, where the task has it and it does not decide already."""
    metrics: Mapping[str, Metric]
    """Candidate → deciding metric."""
    seconds: Mapping[str, Metric]
    """Candidate → second metric; empty where there is none."""
    primary: Mapping[str, Comparison]
    """Rival → the tuned model against it on the deciding metric."""
    secondary: Mapping[str, Comparison]
    goal: Goal

    def rivals(self, remedies: frozenset[Remedy]) -> list[str]:
        """The rivals with one of these remedies, the best one first (ties: as the finalists stand)."""
        sign = 1 if self.metric in LOWER_IS_BETTER else -1
        return sorted((name for name in self.primary if self.remedies[name] in remedies), key=lambda name: sign * self.metrics[name].value)

    def standing(self, rival: str) -> Standing:
        """How the tuned model stands to `rival`."""
        for found in (self.primary[rival], self.secondary.get(rival)):
            if found is not None and found.outcome != "cannot tell":
                return "ahead" if found.outcome == "better" else "behind"
        return "open"

    def is_as_good(self, rival: str) -> bool:
        """True if `rival` is ahead of the tuned model, or loses at most the margin on every metric, by its interval."""
        found = [one for one in (self.primary[rival], self.secondary.get(rival)) if one is not None]
        return self.standing(rival) == "behind" or (self.standing(rival) == "open" and all(worst_loss(one) <= self.margin() for one in found))

    def margin(self) -> float:
        """The largest loss that still counts as none."""
        return MARGIN * self.metrics[self.tuned].value if self.metric == "perplexity" else MARGIN


def worst_loss(found: Comparison) -> float:
    """How much the rival may lose against the tuned model, at the far end of the interval."""
    return -found.difference.low if found.metric in LOWER_IS_BETTER else found.difference.high


def conclude(finalists: Sequence[Finalist], scored: Mapping[str, Sequence[Scored]], project: Project, dataset: Dataset, looks: int) -> Verdict:
    """The verdict over the finalists, from their rows on the test split (`scored`, by candidate name; one finalist is the tuned model).

    Raises: BadProject if the goal's metric does not fit the task; BadData if the candidates answered different rows; NotEnoughData if
    no row shows the deciding metric.
    """
    evidence = weigh(finalists, scored, project.goal, dataset)
    decision = decide(evidence)
    chosen = recommended(evidence, decision)
    met = goal_met(evidence.goal, evidence.metric, evidence.metrics[chosen])
    return Verdict(
        decision=decision,
        headline=headline(evidence, decision, chosen),
        reasons=tuple(reasons(evidence, chosen, met, looks)),
        metric=evidence.metric,
        winner=winner(evidence, decision),
        goal_met=met,
        comparisons=(*evidence.primary.values(), *evidence.secondary.values()),
        looks=looks,
    )


def weigh(finalists: Sequence[Finalist], scored: Mapping[str, Sequence[Scored]], goal: Goal, dataset: Dataset) -> Evidence:
    """The evidence: metrics of every candidate, and the tuned model against every rival."""
    remedies = {finalist.candidate.name: finalist.remedy for finalist in finalists}
    tuned = next(name for name, remedy in remedies.items() if remedy == "fine-tune")
    metric = deciding_metric(dataset.task, goal)
    metrics = {name: found for name in remedies if (found := metric_of(metric, scored[name], confidence=goal.confidence)) is not None}
    if tuned not in metrics:
        got = f"{len(scored[tuned])} test rows"
        fix = "enlarge split.test, or choose another goal.metric"
        raise NotEnoughData(f"no test row shows {metric}", where="goal.metric", got=got, expected="at least one row that it rests on", fix=fix)
    answers = {name: scored[name] for name in metrics}
    second = second_metric(metric, scored[tuned], dataset)
    compared = [*pairs(tuned, answers, metric, confidence=goal.confidence)]
    if second is not None:
        compared += pairs(tuned, answers, second, confidence=goal.confidence)
    corrected = correct(compared, confidence=goal.confidence)
    return Evidence(
        tuned=tuned,
        remedies={name: remedies[name] for name in metrics},
        unmeasured=tuple(name for name in remedies if name not in metrics),
        answers=answers,
        metric=metric,
        second=second,
        metrics=metrics,
        seconds={name: found for name in metrics if second and (found := metric_of(second, scored[name], confidence=goal.confidence))},
        primary={found.rival: found for found in corrected if found.metric == metric},
        secondary={found.rival: found for found in corrected if found.metric != metric},
        goal=goal,
    )


def second_metric(metric: MetricName, rows: Sequence[Scored], dataset: Dataset) -> MetricName | None:
    """Out-of-scope recall, if the task has it, the rows show it, and it does not decide anyway."""
    if dataset.out_of_scope is None or metric == "out_of_scope_recall":
        return None
    _, outside = rows_of("out_of_scope_recall", rows)
    return "out_of_scope_recall" if measurable("out_of_scope_recall", outside) else None


def decide(evidence: Evidence) -> Decision:
    """The decision, by the first rule that applies."""
    prompting, classifiers = evidence.rivals(PROMPTING), evidence.rivals(frozenset({"classifier"}))
    control = control_says(evidence)
    if control is not None:
        return control
    if any(evidence.standing(name) != "ahead" and suffices(evidence, name) for name in classifiers):
        return "a classifier does it"
    if evidence.primary and all(evidence.standing(name) == "ahead" for name in evidence.primary):
        return "fine-tune"
    if any(evidence.is_as_good(name) for name in prompting):
        return "prompting is enough"
    return "cannot tell"


def control_says(evidence: Evidence) -> Decision | None:
    """What follows if no candidate is better than the majority answer; None where one is, or there is no such control."""
    controls = evidence.rivals(frozenset({"majority"}))
    others = [name for name in evidence.answers if name not in controls]
    if not controls:
        return None
    tests = [pair for name in others for pair in pairs_of(evidence, name, controls[0])]
    judged = correct(tests, confidence=evidence.goal.confidence)
    if any(found.outcome == "better" for found in judged):
        return None
    blind = evidence.metric != "perplexity" and max(found.minimum_detectable for found in judged) > BLIND
    return "cannot tell" if blind else "nothing helps"


def pairs_of(evidence: Evidence, first: str, second: str) -> tuple[Comparison, ...]:
    """Two candidates on the deciding metric, uncorrected."""
    return pairs(first, {name: evidence.answers[name] for name in (first, second)}, evidence.metric, confidence=evidence.goal.confidence)


def suffices(evidence: Evidence, name: str) -> bool:
    """True if `name` is better than the majority answer (where that was measured) and no prompting rival is better than `name`."""
    confidence = evidence.goal.confidence
    over = [pair for other in evidence.rivals(frozenset({"majority"})) for pair in pairs_of(evidence, name, other)]
    under = [pair for other in evidence.rivals(PROMPTING) for pair in pairs_of(evidence, other, name)]
    if any(pair.outcome != "better" for pair in correct(over, confidence=confidence)):
        return False
    return all(pair.outcome != "better" for pair in correct(under, confidence=confidence))


def recommended(evidence: Evidence, decision: Decision) -> str:
    """The candidate that the decision speaks for; the tuned model where it speaks for none."""
    if decision == "a classifier does it":
        return evidence.rivals(frozenset({"classifier"}))[0]
    if decision == "prompting is enough":
        return next(name for name in evidence.rivals(PROMPTING) if evidence.is_as_good(name))
    return evidence.tuned


def winner(evidence: Evidence, decision: Decision) -> str | None:
    """The tuned model where the decision is to fine-tune; else the candidate that is better than every other one; None if there is none."""
    if decision == "fine-tune":
        return evidence.tuned
    sign = 1 if evidence.metric in LOWER_IS_BETTER else -1
    best = min(evidence.metrics, key=lambda name: sign * evidence.metrics[name].value)
    against = compare(best, evidence.answers, evidence.metric, confidence=evidence.goal.confidence)
    return best if against and all(found.outcome == "better" for found in against) else None


def goal_met(goal: Goal, metric: MetricName, found: Metric) -> bool | None:
    """True or False where the whole interval lies on one side of the goal; None inside, or without a goal."""
    if goal.at_least is None:
        return None
    if metric in LOWER_IS_BETTER:
        return True if found.high <= goal.at_least else False if found.low > goal.at_least else None
    return True if found.low >= goal.at_least else False if found.high < goal.at_least else None


def headline(evidence: Evidence, decision: Decision, chosen: str) -> str:
    """One sentence (two where a win here is a loss there) that needs no statistics to be understood."""
    prompting = evidence.rivals(PROMPTING)
    tuned = does(evidence, evidence.tuned)
    match decision:
        case "fine-tune":
            rival = prompting[0] if prompting else next(iter(evidence.primary))
            first = (
                f"Fine-tune: the tuned model {tuned}; {SUBJECTS[evidence.remedies[rival]]} {does(evidence, rival)}, and chance does not explain that."
            )
        case "a classifier does it":
            how = "better than" if evidence.standing(chosen) == "behind" else "these rows show no clear difference from"
            first = f"A classifier does it: it {does(evidence, chosen)}, {how} the tuned model ({value(evidence, evidence.tuned)}), and costs far less to run."
        case "prompting is enough":
            subject = SUBJECTS[evidence.remedies[chosen]]
            first = f"Prompting is enough: {subject} {does(evidence, chosen)}; the tuned model ({value(evidence, evidence.tuned)}) adds nothing that matters."
        case "nothing helps":
            control = evidence.rivals(frozenset({"majority"}))[0]
            first = f"Nothing helps: the tuned model {tuned}, and nothing tried is clearly better than {SUBJECTS['majority']} ({value(evidence, control)})."
        case "cannot tell":
            first = open_question(evidence)
    named = [name for name in evidence.primary if chosen in (name, evidence.tuned) and evidence.remedies[name] != "majority"]
    mixed = [sentence for name in named if (sentence := trade(evidence, name))]
    return " ".join([first, *mixed])


def does(evidence: Evidence, name: str) -> str:
    """What a candidate achieves on test."""
    return achieves(evidence.metric, evidence.metrics[name].value, evidence.second is not None)


def value(evidence: Evidence, name: str) -> str:
    """The deciding metric of a candidate, as people read it."""
    return shown(evidence.metric, evidence.metrics[name].value)


def open_question(evidence: Evidence) -> str:
    """The headline where the rows do not decide."""
    tuned = f"the tuned model {does(evidence, evidence.tuned)}"
    unsettled = [name for name in (*evidence.rivals(PROMPTING), *evidence.primary) if evidence.standing(name) == "open"]
    if not evidence.primary:
        return f"Cannot tell: {tuned}, but nothing else was measured that it could be compared with."
    if not unsettled:
        name = next((name for name in evidence.primary if evidence.standing(name) == "behind"), next(iter(evidence.primary)))
        return f"Cannot tell: {tuned}; {SUBJECTS[evidence.remedies[name]]} ({value(evidence, name)}) leaves open whether fine-tuning pays."
    name = unsettled[0]
    found = evidence.primary[name]
    return (
        f"Cannot tell: {tuned}, {SUBJECTS[evidence.remedies[name]]} {value(evidence, name)}, and {found.difference.n} rows are too few to say "
        f"whether that is more than chance; {rows_words(found.rows_to_settle)}."
    )


def trade(evidence: Evidence, rival: str) -> str | None:
    """The sentence that names a win on one metric and a loss on the other; None where there is no such pair."""
    first, second = evidence.primary[rival], evidence.secondary.get(rival)
    if second is None or {first.outcome, second.outcome} != {"better", "worse"}:
        return None
    mine, theirs = (shown(second.metric, evidence.seconds[name].value) for name in (evidence.tuned, rival))
    less = "fewer" if second.outcome == "worse" else "more"
    return f"But the tuned model declines {less} of the questions that are out of scope: {mine} against {theirs} for {SUBJECTS[evidence.remedies[rival]]}."


def reasons(evidence: Evidence, chosen: str, met: bool | None, looks: int) -> list[str]:
    """Every finding that the decision rests on, as sentences with numbers."""
    confidence, family = evidence.goal.confidence, len(evidence.primary) + len(evidence.secondary)
    found: list[str] = []
    if evidence.goal.at_least is not None:
        found.append(goal_words(evidence.goal, evidence.metric, evidence.metrics[chosen], SUBJECTS[evidence.remedies[chosen]], met))
    for rival in evidence.rivals(frozenset(evidence.remedies.values())):
        both = (evidence.primary[rival], evidence.secondary.get(rival))
        found += [comparison_words(one, evidence.remedies, confidence, family) for one in both if one is not None]
        found += [sentence] if (sentence := trade(evidence, rival)) else []
    return (
        found
        + [sentence for sentence in (margin_words(evidence, chosen), *missing_words(evidence)) if sentence]
        + ([looks_words(looks)] if looks > 1 else [])
    )


def margin_words(evidence: Evidence, chosen: str) -> str | None:
    """How little the chosen prompt can lose at most; None where no prompt was chosen."""
    if evidence.remedies[chosen] not in PROMPTING or evidence.standing(chosen) != "open":
        return None
    loss = gap(evidence.metric, max(0.0, worst_loss(evidence.primary[chosen]))).removeprefix("+")
    margin = gap(evidence.metric, evidence.margin()).removeprefix("+")
    return f"{capital(SUBJECTS[evidence.remedies[chosen]])} loses at most {loss} against the tuned model; up to {margin} counts as no loss."


def missing_words(evidence: Evidence) -> list[str]:
    """What could not be compared, and why that matters."""
    found = [f"{name} was left out of the comparison: {evidence.metric} cannot be measured on its answers." for name in evidence.unmeasured]
    if not evidence.rivals(PROMPTING):
        found.append("No prompt of the untuned model was measured, so nothing is said about fine-tuning against prompting.")
    return found
