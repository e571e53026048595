"""A decision and its evidence → one sentence for a person in a hurry (two or three where a win here is a loss there), without statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunesmith.decide.evidence import PROMPTING, TRAINED, Evidence
from tunesmith.decide.outcome import Outcome
from tunesmith.decide.wording import SUBJECTS, achieves, capital, counted, gap, goal_in_words, settles, shown, standing_words, takes
from tunesmith.spec.report import Comparison
from tunesmith.spec.verdict import Decision

PROVEN: Mapping[Decision, str] = {
    "use RAG": "Use RAG",
    "fine-tune": "Fine-tune",
    "fine-tune with RAG": "Fine-tune with RAG",
    "use the remote model": "Use the remote model",
}
"""Decisions for something that has to be ahead of everything cheaper."""
RESTS_ON: Mapping[str, str] = {
    "curve": "",
    "flat curve": " (a rule of thumb: the small trainings name no number)",
    "rule": " (a rule of thumb: too few small trainings were made to show it)",
}
"""Behind a number of training rows: what it rests on."""
LOST = "lost more elsewhere than is allowed"
MOST_LABELS = 5
"""Named in a sentence."""


def headline(evidence: Evidence, outcome: Outcome) -> str:
    """The headline: what is decided, the numbers that decide it, whether the goal is missed by it, and what is lost by it."""
    first = sentence(evidence, outcome.beneath or outcome.decision, outcome)
    missed = [goal_missed(evidence, outcome)] if outcome.goal_met is False and outcome.decision != "nothing is fast enough" else []
    more = [*barred(evidence, outcome), *missed, *trades(evidence, outcome)]
    if outcome.decision == "get more rows":
        return " ".join([more_rows(outcome), f"For now: {first}", *more])
    if outcome.decision == "the goal cannot be judged":
        return " ".join([goal_open(evidence, outcome), first, *barred(evidence, outcome)])
    return " ".join([first, *more])


def sentence(evidence: Evidence, decision: Decision, outcome: Outcome) -> str:
    """What the comparisons say, in one sentence."""
    chosen = outcome.chosen
    if outcome.by_goal:
        return reaches_goal(evidence, decision, outcome)
    match decision:
        case "a classifier does it":
            return classifier_does(evidence, chosen)
        case "prompting is enough":
            rest = f"; {adds_nothing(evidence, chosen)}" if adds_nothing(evidence, chosen) else nothing_dearer(evidence)
            return f"Prompting is enough: {subject(evidence, chosen)} {does(evidence, chosen)}{rest}."
        case "nothing helps":
            best = next(iter(evidence.named(TRAINED)), chosen)
            nothing = (
                f"{SUBJECTS['majority']} ({value(evidence, evidence.control)})"
                if evidence.control
                else f"no answer at all ({shown(evidence.metric, 0)})"
            )
            said = f"Nothing helps: {subject(evidence, best)} {does(evidence, best)}, and nothing tried is clearly better than {nothing}"
            return f"{said}{ruled_out(evidence)}."
        case "nothing is fast enough":
            fastest = min((arm for arm in evidence.arms.values() if arm.is_too_slow), key=lambda arm: arm.wait.p90_s if arm.wait else 0.0)
            assert fastest.wait is not None
            return f"Nothing is fast enough: the fastest, {subject(evidence, fastest.name)}, {takes(fastest.wait)}."
        case "use RAG" | "fine-tune" | "fine-tune with RAG" | "use the remote model":
            rest = f" {capital(adds_nothing(evidence, chosen))}." if adds_nothing(evidence, chosen) else ""
            return f"{PROVEN[decision]}: {subject(evidence, chosen)} {does(evidence, chosen)}{against(evidence, chosen)}.{rest}"
        case _:
            return open_question(evidence, outcome)


def ruled_out(evidence: Evidence) -> str:
    """How large a gain over doing nothing these rows rule out, as a clause."""
    control, metric = evidence.control, evidence.metric
    if control is None:
        most = max(found.high for found in evidence.metrics.values())
        return f"; more than {shown(metric, most)} is out of the question"
    return f"; a gain of more than {gap(metric, evidence.may_gain).removeprefix('+')} is out of the question"


def barred(evidence: Evidence, outcome: Outcome) -> list[str]:
    """That something is ahead, beyond doubt, of what is decided for or would be, and may not be: with what bars it. Not what the sentence before has told."""
    said = outcome.decision in (*PROVEN, "prompting is enough") and not outcome.by_goal
    told = adds_nothing(evidence, outcome.chosen) if said else ""
    found: list[str] = []
    for name in sorted((name for name, arm in evidence.arms.items() if arm.is_barred), key=evidence.badness):
        ahead = any(other != name and evidence.standing(name, other) == "ahead" for other in (outcome.chosen, evidence.leader))
        who = f"{subject(evidence, name)} ({value(evidence, name)})"
        if ahead and who not in told:
            found.append(f"{capital(who)} is ahead beyond doubt and is not recommended: it {LOST} (goal.must_not_worsen).")
    return found


def against(evidence: Evidence, chosen: str) -> str:
    """The best thing that needs less, beside what is decided for."""
    tier = evidence.arms[chosen].tier
    cheaper = [name for name in evidence.named(PROMPTING | {"rag"}) if evidence.arms[name].tier < tier and evidence.arms[name].is_open_to_choice]
    others = cheaper or [name for name in evidence.arms if name != chosen and evidence.between(chosen, name, evidence.metric) is not None]
    if not others:
        return ""
    found = evidence.between(chosen, others[0], evidence.metric)
    chance = ", and chance does not explain that" if found is not None and found.outcome == "better" else ""
    return f"; {subject(evidence, others[0])} {does(evidence, others[0])}{chance}"


def adds_nothing(evidence: Evidence, chosen: str) -> str:
    """That a dearer remedy adds nothing, or is out of the question; empty where none was compared."""
    tier = evidence.arms[chosen].tier
    dearer = [name for name in (*evidence.named(TRAINED), *evidence.choices) if evidence.arms[name].tier > tier and evidence.both(chosen, name)]
    if not dearer:
        return ""
    arm = evidence.arms[dearer[0]]
    rest = "is too slow" if arm.is_too_slow else LOST if arm.is_barred else "adds nothing that matters"
    return f"{subject(evidence, dearer[0])} ({value(evidence, dearer[0])}) {rest}"


def nothing_dearer(evidence: Evidence) -> str:
    """That nothing else that may be recommended was measured, with what the yardstick elsewhere achieves, as a clause."""
    elsewhere = next((name for name, arm in evidence.arms.items() if arm.is_yardstick), None)
    if elsewhere is None:
        return ", and nothing dearer was measured"
    return f"; nothing dearer was measured but {subject(evidence, elsewhere)} ({value(evidence, elsewhere)}), which is a yardstick and may not be recommended"


def classifier_does(evidence: Evidence, chosen: str) -> str:
    """The headline for a classifier: how it stands to the best that is dearer, as far as that is known."""
    head = f"A classifier does it: it {does(evidence, chosen)}"
    ranked = (*evidence.named(TRAINED), *evidence.choices)
    dearer = [name for name in ranked if evidence.arms[name].is_open_to_choice and evidence.arms[name].tier > evidence.arms[chosen].tier]
    other = next((name for name in dearer if evidence.between(chosen, name, evidence.metric) is not None), None)
    if other is None:
        return f"{head}, and costs far less to run than a language model."
    found = evidence.between(chosen, other, evidence.metric)
    assert found is not None
    if found.outcome == "better":
        return f"{head}, better than {subject(evidence, other)} ({value(evidence, other)}), and costs far less to run.{nearest(evidence, chosen, other, dearer)}"
    if found.outcome == "worse":
        return f"{head}, hardly less than {subject(evidence, other)} ({value(evidence, other)}), and costs far less to run."
    return f"{head} and costs far less to run; {standing_words(found, subject(evidence, other), value(evidence, other))}."


def nearest(evidence: Evidence, chosen: str, told: str, dearer: Sequence[str]) -> str:
    """How the classifier stands to the best of all that is dearer, as a sentence, where that is not the one that was told of and is not surely behind."""
    first = min(dearer, key=evidence.badness)
    found = evidence.between(chosen, first, evidence.metric)
    if first == told or found is None or found.outcome == "better":
        return ""
    who, reached = subject(evidence, first), value(evidence, first)
    said = f"it is hardly less than {who} ({reached})" if found.outcome == "worse" else standing_words(found, who, reached)
    return f" {capital(said)}."


def reaches_goal(evidence: Evidence, decision: Decision, outcome: Outcome) -> str:
    """The headline where the comparisons leave it open, and the cheapest arm that surely reaches the goal is taken."""
    assert outcome.pair is not None
    first, second = outcome.pair
    found = as_compared(evidence, first, second, evidence.metric)
    rows = counted(found.difference if found is not None else evidence.metrics[first])
    said, chosen = PROVEN.get(decision) or capital(decision), outcome.chosen
    return (
        f"{said}: {weights(evidence, chosen)} {does_served(evidence, chosen)}, the cheapest that reaches the goal ({goal_in_words(evidence.goal, evidence.metric)}) beyond "
        f"doubt and that nothing is shown to beat; whether {subject(evidence, first)} ({value(evidence, first)}) is better than {subject(evidence, second)} ({value(evidence, second)}), "
        f"{rows} cannot tell."
    )


def goal_missed(evidence: Evidence, outcome: Outcome) -> str:
    """That the goal is not reached by what the decision speaks for, where its whole interval lies on the wrong side."""
    chosen, wanted = outcome.chosen, goal_in_words(evidence.goal, evidence.metric)
    return f"The goal is missed: {weights(evidence, chosen)} {does_served(evidence, chosen)}, and {wanted} is asked for."


def open_question(evidence: Evidence, outcome: Outcome) -> str:
    """The headline where the rows do not decide."""
    first, second = outcome.pair or (evidence.leader, None)
    best = f"{subject(evidence, first)} {does(evidence, first)}"
    if outcome.alone:
        who = outcome.chosen
        return f"Cannot tell whether prompting is enough: {subject(evidence, who)} {does(evidence, who)}{nothing_dearer(evidence)}."
    if not evidence.found:
        return f"Cannot tell: {best}, but nothing else was measured that it could be compared with."
    found = evidence.between(first, second, evidence.metric) if second is not None else None
    if second is None or found is None:
        open_ones = [name for name in sorted(evidence.choices, key=evidence.badness) if name != first]
        other = evidence.control or next(iter(open_ones), None) or next(name for name in evidence.arms if name != first)
        rows = counted(evidence.metrics[first])
        return f"Cannot tell: {best}, {subject(evidence, other)} {value(evidence, other)}, and {rows} are too few to say what helps."
    rival = f"{subject(evidence, second)} {value(evidence, second)}"
    if found.is_split:
        return f"Cannot tell: {best}, {rival}, and {settles(found)}."
    few = "is" if found.difference.n == 1 else "are"
    trainings = f"{found.seeds} training{'s' if found.seeds > 1 else ''}"
    what = trainings if found.rows_to_settle is None and found.seeds_to_settle is not None else counted(found.difference)
    few = few if what != trainings else "are" if found.seeds > 1 else "is"
    return f"Cannot tell: {best}, {rival}, and {what} {few} too few to say whether that is more than chance; {settles(found)}."


def more_rows(outcome: Outcome) -> str:
    """How many rows to get, and of which classes."""
    assert outcome.more is not None
    rows = f"{outcome.rows:,} {'is' if outcome.rows == 1 else 'are'}"
    rule = RESTS_ON[outcome.more_rests_on]
    return f"Get about {outcome.more:,} more training rows{most_needed(outcome)}: {rows} too few for what can be learnt{rule}."


def most_needed(outcome: Outcome) -> str:
    """The classes that need rows most, as a clause; empty where all need them alike."""
    named = ", ".join(outcome.labels[:MOST_LABELS]) + (" …" if len(outcome.labels) > MOST_LABELS else "")
    return f", above all of {named}" if named else ""


def goal_open(evidence: Evidence, outcome: Outcome) -> str:
    """That the test rows are too few to judge any goal."""
    assert evidence.goal.at_least is not None
    found = evidence.served[outcome.chosen]
    low, high = shown(evidence.metric, found.low).removesuffix(" %"), shown(evidence.metric, found.high)
    return (
        f"The goal cannot be judged with this test set: on {counted(found)} {weights(evidence, outcome.chosen)} reaches anything between {low} and {high}, "
        f"and the goal, {goal_in_words(evidence.goal, evidence.metric)}, lies in between."
    )


def subject(evidence: Evidence, name: str) -> str:
    """What an arm is called in a sentence; with its name where several arms are of one remedy."""
    remedy = evidence.arms[name].remedy
    alone = sum(arm.remedy == remedy for arm in evidence.arms.values()) == 1
    return SUBJECTS[remedy] if alone else f"{SUBJECTS[remedy]} {name}"


def does(evidence: Evidence, name: str) -> str:
    """What an arm achieves on test."""
    return achieves(evidence.metric, evidence.metrics[name].value, evidence.second is not None)


def weights(evidence: Evidence, name: str) -> str:
    """What an arm is called where the weights that would be served are meant, and not the mean of several trainings."""
    return subject(evidence, name) if len(evidence.arms[name].runs) == 1 else f"{subject(evidence, name)}, with the weights that would be served,"


def does_served(evidence: Evidence, name: str) -> str:
    """What those achieve on test."""
    return achieves(evidence.metric, evidence.served[name].value, evidence.second is not None)


def value(evidence: Evidence, name: str) -> str:
    """The deciding metric of an arm, as people read it."""
    return shown(evidence.metric, evidence.metrics[name].value)


def trades(evidence: Evidence, outcome: Outcome) -> list[str]:
    """The wins that are losses elsewhere, of the arm that the decision speaks for."""
    chosen = outcome.chosen
    told = [name for name in evidence.arms if name not in (chosen, evidence.control)]
    if chosen != evidence.leader:
        told = [name for name in told if name == evidence.leader or evidence.arms[name].remedy in TRAINED]
    found = (trade(evidence, chosen, name) for name in told)
    return [one for one in found if one]


def trade(evidence: Evidence, one: str, other: str) -> str | None:
    """The sentence that names a win on one metric and a loss on the other, or a choice that the second metric made; None for neither."""
    first, second = (as_compared(evidence, one, other, metric) for metric in (evidence.metric, evidence.second))
    if first is None or second is None or second.outcome in ("cannot tell", first.outcome):
        return None
    mine, theirs = (shown(second.metric, evidence.seconds[name].value) for name in (second.better, second.rival))
    leading, rival = subject(evidence, second.better), subject(evidence, second.rival)
    if first.outcome == "cannot tell" and evidence.standing(one, other) != "open":
        ahead, count = ("ahead of", "more") if second.outcome == "better" else ("behind", "fewer")
        return (
            f"{capital(leading)} is {ahead} {rival} because it declines {count} of the questions that are out of scope: "
            f"{mine} against {theirs}; on the others ({value(evidence, second.better)} against {value(evidence, second.rival)}) there is no clear difference."
        )
    less = "fewer" if second.outcome == "worse" else "more"
    return f"But {leading} declines {less} of the questions that are out of scope: {mine} against {theirs} for {rival}."


def as_compared(evidence: Evidence, one: str, other: str, metric: str | None) -> Comparison | None:
    """The comparison of the two as it was made, whichever stands first."""
    return next((found for found in evidence.found.values() if found.metric == metric and {found.better, found.rival} == {one, other}), None)
