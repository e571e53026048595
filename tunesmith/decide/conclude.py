"""Evidence from the test split → the verdict, with the reasons in plain words. A win on one metric and a loss on the other is always said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from tunesmith.decide.evidence import PROMPTING, Evidence, pairs_of, weigh, worst_loss
from tunesmith.decide.wording import (
    SUBJECTS,
    achieves,
    capital,
    cluster_words,
    comparison_words,
    counted,
    gap,
    goal_words,
    looks_words,
    rows_words,
    shown,
    standing_words,
)
from tunesmith.measure.comparison import compare, correct
from tunesmith.measure.quantities import clusters_of, rows_of
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.project import Project
from tunesmith.spec.report import Metric, Scored
from tunesmith.spec.task import LOWER_IS_BETTER, Goal, MetricName
from tunesmith.spec.trial import Remedy
from tunesmith.spec.verdict import Decision, Finalist, Verdict

BLIND = 0.15
"""Where only a gain above this could be seen over the majority answer, "nothing helps" would claim too much."""

CROWDED = 0.2
"""A cluster with a larger share of the test rows is warned of."""


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
    if not controls or evidence.primary[controls[0]].outcome == "better":
        return None
    tests = [pair for name in others for pair in pairs_of(evidence, name, controls[0])]
    judged = correct(tests, confidence=evidence.goal.confidence)
    if any(found.outcome == "better" for found in judged):
        return None
    blind = evidence.metric != "perplexity" and max(found.minimum_detectable for found in judged) > BLIND
    return "cannot tell" if blind else "nothing helps"


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
            chance = ", and chance does not explain that" if evidence.primary[rival].outcome == "better" else ""
            first = f"Fine-tune: the tuned model {tuned}; {SUBJECTS[evidence.remedies[rival]]} {does(evidence, rival)}{chance}."
        case "a classifier does it":
            mine, theirs = value(evidence, evidence.tuned), value(evidence, chosen)
            if evidence.standing(chosen) == "behind":
                first = f"A classifier does it: it {does(evidence, chosen)}, better than the tuned model ({mine}), and costs far less to run."
            else:
                known = standing_words(evidence.primary[chosen], theirs, mine)
                first = f"A classifier does it: it {does(evidence, chosen)} and costs far less to run; {known}."
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
        f"Cannot tell: {tuned}, {SUBJECTS[evidence.remedies[name]]} {value(evidence, name)}, and {counted(found.difference)} {'is' if found.difference.n == 1 else 'are'} too few to say "
        f"whether that is more than chance; {rows_words(found.rows_to_settle)}."
    )


def trade(evidence: Evidence, rival: str) -> str | None:
    """The sentence that names a win on one metric and a loss on the other, or a choice that the second metric made; None for neither."""
    first, second = evidence.primary[rival], evidence.secondary.get(rival)
    if second is None or second.outcome in ("cannot tell", first.outcome):
        return None
    mine, theirs = (shown(second.metric, evidence.seconds[name].value) for name in (evidence.tuned, rival))
    if first.outcome == "cannot tell":
        ahead, count = ("ahead of", "more") if second.outcome == "better" else ("behind", "fewer")
        return (
            f"The tuned model is {ahead} {SUBJECTS[evidence.remedies[rival]]} because it declines {count} of the questions that are out of scope: "
            f"{mine} against {theirs}; on the others ({value(evidence, evidence.tuned)} against {value(evidence, rival)}) there is no clear difference."
        )
    less = "fewer" if second.outcome == "worse" else "more"
    return f"But the tuned model declines {less} of the questions that are out of scope: {mine} against {theirs} for {SUBJECTS[evidence.remedies[rival]]}."


def reasons(evidence: Evidence, chosen: str, met: bool | None, looks: int) -> list[str]:
    """What the decision rests on, as sentences with numbers: the strongest rival of each kind; the verdict's comparisons hold them all."""
    confidence, family = evidence.goal.confidence, len(evidence.primary) + len(evidence.secondary)
    found: list[str] = []
    if evidence.goal.at_least is not None:
        found.append(goal_words(evidence.goal, evidence.metric, evidence.metrics[chosen], SUBJECTS[evidence.remedies[chosen]], met))
    kinds: tuple[Remedy, ...] = ("classifier", "prompt", "few-shot", "majority")
    for kind in kinds:
        for rival in evidence.rivals(frozenset({kind}))[:1]:
            first, second = evidence.primary[rival], evidence.secondary.get(rival)
            if kind == "majority" and first.outcome == "better":
                continue  # it goes without saying
            found.append(comparison_words(first, evidence.remedies, confidence, family))
            found += (
                [comparison_words(second, evidence.remedies, confidence, family)] if second is not None and second.outcome != first.outcome else []
            )
            found += [sentence] if (sentence := trade(evidence, rival)) else []
    return (
        found
        + [sentence for sentence in (crowding(evidence), margin_words(evidence, chosen), *missing_words(evidence)) if sentence]
        + ([looks_words(looks)] if looks > 1 else [])
    )


def crowding(evidence: Evidence) -> str | None:
    """The warning that one cluster holds a large part of the rows that decide; None where none does."""
    _, rows = rows_of(evidence.metric, evidence.answers[evidence.tuned])
    clusters = Counter(clusters_of(rows) or ())
    largest = max(clusters.values(), default=0)
    return cluster_words(largest, len(rows), len(clusters)) if largest > CROWDED * len(rows) else None


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
