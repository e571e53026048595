"""A decision and its evidence → what it rests on, as sentences with numbers: for people who want to know, and who know no statistics."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from tunesmith.decide.evidence import FEWEST_OUTSIDE, PROMPTING, TRAINED, Evidence, worst_loss
from tunesmith.decide.headline import as_compared, most_needed, subject, trade, weights
from tunesmith.decide.outcome import Outcome
from tunesmith.decide.wording import capital, cluster_words, comparison_words, gap, goal_words, looks_words, settles, shown, takes
from tunesmith.measure.quantities import clusters_of, rows_of
from tunesmith.measure.rates import roughness
from tunesmith.measure.seeds import metric_over
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.report import Comparison
from tunesmith.spec.trial import Remedy
from tunesmith.spec.verdict import Known

CROWDED = 0.2
"""A cluster with a larger share of the test rows is warned of."""
ORDER: tuple[Remedy, ...] = (
    "classifier",
    "prompt",
    "few-shot",
    "few-shot-retrieved",
    "rag",
    "fine-tune",
    "fine-tune-rag",
    "remote",
    "majority",
)
"""In which the arms that something is compared with are told."""


def reasons(evidence: Evidence, outcome: Outcome, known: Known, looks: int) -> list[str]:
    """What the decision rests on, as sentences with numbers; the verdict's comparisons hold all of them."""
    found: list[str] = []
    if evidence.goal.at_least is not None and outcome.decision != "nothing is fast enough":
        best = evidence.served[outcome.chosen]
        found.append(goal_words(evidence.goal, evidence.metric, best, weights(evidence, outcome.chosen), outcome.goal_met))
    found += wait_words(evidence, outcome)
    found += told(evidence, outcome)
    found += [sentence for sentence in (crowding(evidence), rough(evidence), margin_words(evidence, outcome)) if sentence]
    found += seed_words(evidence)
    found += [known.outlook.sentence] if known.outlook is not None else []
    found += side_words(evidence, known)
    found += known.failed
    return found + missing_words(evidence) + ([looks_words(looks)] if looks > 1 else [])


def wait_words(evidence: Evidence, outcome: Outcome) -> list[str]:
    """Who takes too long to be chosen, or may do, and that what is chosen does not; empty where the project limits no latency."""
    found: list[str] = []
    for arm in sorted(evidence.arms.values(), key=lambda arm: arm.name != outcome.chosen):
        if arm.wait is None or not (arm.is_open_to_choice or arm.is_too_slow):
            continue
        who, it = capital(subject(evidence, arm.name)), takes(arm.wait)
        if arm.is_too_slow:
            found.append(f"{who} is too slow: it {it}.")
        elif not arm.wait.is_in_time:
            found.append(f"{who} may be too slow: it {it}; so few questions cannot say that it is, and it is left in.")
        elif arm.name == outcome.chosen:
            found.append(f"{who} is fast enough: it {it}.")
    return found


def side_words(evidence: Evidence, known: Known) -> list[str]:
    """What got worse beside the metric, and what could not be told about a limit; and, in one sentence, what else was looked at without a clear answer."""
    of = {candidate: name for name, arm in evidence.arms.items() for candidate in arm.candidates}
    about = [(capital(subject(evidence, of[side.candidate])), side) for side in known.sides if side.candidate in of]
    said = [(who, side) for who, side in about if side.is_loss or (side.is_limited and side.standing == "cannot tell")]
    left = [f"{side.topic} ({who[:1].lower()}{who[1:]})" for who, side in about if side.standing == "cannot tell" and (who, side) not in said]
    found = [f"{who}, {side.topic}: {side.sentence}" for who, side in said]
    return found + ([f"Looked at as well, without a clear answer: {', '.join(left)}."] if left else [])


def told(evidence: Evidence, outcome: Outcome) -> list[str]:
    """Every comparison of the leader, then of what is decided for, then the others; a win over the majority answer goes without saying."""
    found: list[str] = []
    names = {name: subject(evidence, name) for name in evidence.arms}
    for first in in_order(evidence, outcome):
        if first.outcome == "better" and evidence.control == first.rival:
            continue
        second = next(
            (one for one in evidence.found.values() if one.metric == evidence.second and (one.better, one.rival) == (first.better, first.rival)), None
        )
        found.append(comparison_words(first, names, evidence.goal.confidence, len(evidence.found)))
        if second is not None and second.outcome != first.outcome:
            found.append(comparison_words(second, names, evidence.goal.confidence, len(evidence.found)))
        found += [sentence] if (sentence := trade(evidence, first.better, first.rival)) else []
    return found


def in_order(evidence: Evidence, outcome: Outcome) -> list[Comparison]:
    """The comparisons on the deciding metric, in the order in which they are told."""

    def place(found: Comparison) -> tuple[int, int]:
        both = (found.better, found.rival)
        owner = next((k for k, name in enumerate((evidence.leader, outcome.chosen)) if name in both), 2)
        other = next((name for name in both if name not in (evidence.leader, outcome.chosen)), found.rival)
        if owner == 0:
            other = next(name for name in both if name != evidence.leader)
        return owner, ORDER.index(evidence.arms[other].remedy)

    return sorted((one for one in evidence.found.values() if one.metric == evidence.metric), key=place)


def crowding(evidence: Evidence) -> str | None:
    """The warning that one cluster holds a large part of the rows that decide; None where none does."""
    _, rows = rows_of(evidence.metric, evidence.arms[evidence.leader].runs[0])
    clusters = Counter(clusters_of(rows) or ())
    largest = max(clusters.values(), default=0)
    return cluster_words(largest, len(rows), len(clusters)) if largest > CROWDED * len(rows) else None


def rough(evidence: Evidence) -> str | None:
    """That the intervals are rough, where there are too few independent clusters for them; None where there are enough."""
    said = roughness(evidence.metrics[evidence.leader])
    return (
        f"{capital(said)}, and so is every other one here: a nominal {100 * evidence.goal.confidence:g} % holds the truth less often."
        if said
        else None
    )


def margin_words(evidence: Evidence, outcome: Outcome) -> str | None:
    """How little the arm that was chosen can lose at most against the one that leads; None where they are the same, or it was not asked."""
    chosen, leader = outcome.chosen, evidence.leader
    found = evidence.between(chosen, leader, evidence.metric) if chosen != leader else None
    if found is None or outcome.decision == "cannot tell":
        return None
    if worst_loss(found) > evidence.margin(leader) and not (evidence.arms[chosen].remedy == "classifier" and evidence.is_as_good(chosen, leader)):
        return None
    loss = gap(evidence.metric, max(0.0, worst_loss(found))).removeprefix("+")
    margin = gap(evidence.metric, evidence.margin(leader)).removeprefix("+")
    if worst_loss(found) > evidence.margin(leader):
        return (
            f"That {subject(evidence, chosen)} loses no more than {margin} against {subject(evidence, leader)} is not shown: it may be {loss}. It is not behind beyond "
            "doubt, costs a thousandth, and the burden of proof lies with what is dearer."
        )
    as_trained = ", as they were trained here" if found.as_trained is not None else ""
    return f"{capital(subject(evidence, chosen))} loses at most {loss} against {subject(evidence, leader)}{as_trained}; up to {margin} counts as no loss."


def seed_words(evidence: Evidence) -> list[str]:
    """With which seeds what was trained was trained, and what each reached."""
    return [
        words
        for arm in evidence.arms.values()
        if arm.remedy in TRAINED and any(seed is not None for seed in arm.seeds)
        for words in of_seeds(evidence, arm.name)
    ]


def of_seeds(evidence: Evidence, name: str) -> Iterator[str]:
    """One sentence about an arm's seeds."""
    arm = evidence.arms[name]
    if len(arm.runs) == 1:
        yield f"{capital(subject(evidence, name))} was trained once, with seed {arm.seeds[0]}: its number is that of these weights, and a gain is claimed only beyond what other seeds usually bring."
        return
    values = [metric_over(evidence.metric, (run,), confidence=evidence.goal.confidence) for run in arm.runs]
    each = ", ".join(f"{shown(evidence.metric, one.value)} (seed {seed})" for one, seed in zip(values, arm.seeds, strict=True) if one is not None)
    yield f"{capital(subject(evidence, name))} was trained {len(arm.runs)} times: {each}; numbers are their mean, and a gain is claimed only where it holds for each."


def missing_words(evidence: Evidence) -> list[str]:
    """What could not be compared, and why that matters."""
    found = [f"{name} was left out of the comparison: {evidence.metric} cannot be measured on its answers." for name in evidence.unmeasured]
    _, outside = rows_of("out_of_scope_recall", evidence.arms[evidence.leader].runs[0])
    if 0 < len(outside) < FEWEST_OUTSIDE and evidence.metric != "out_of_scope_recall":
        rows = f"{len(outside)} test row{'s are' if len(outside) > 1 else ' is'} out of scope"
        found.append(
            f"Only {rows}: who declines more of such questions is not compared with fewer than {FEWEST_OUTSIDE}, and each one's share stands in the tables."
        )
    if not evidence.named(PROMPTING):
        found.append("No prompt of the untuned model was measured, so nothing is said about fine-tuning against prompting.")
    if not evidence.named(TRAINED):
        found.append("Nothing was fine-tuned, so nothing is said about what training would add.")
    return found


MOST_HELD_OUT = 0.4
"""Nobody is advised to hold back more of the rows for the test."""


def settling(evidence: Evidence, outcome: Outcome, dataset: Dataset) -> str:
    """What would settle what is open; empty where nothing is."""
    match outcome.decision:
        case "get more rows":
            return f"About {outcome.more:,} more training rows{most_needed(outcome)}; then run the project again."
        case "the goal cannot be judged":
            if outcome.more is None:
                return "The value lies on the goal: no realistic number of test rows would settle it."
            return f"About {outcome.more:,} more test rows, if the value stays what it is.{held_out(outcome.more, dataset)}"
        case "cannot tell":
            return settles_pair(evidence, outcome, dataset)
        case _:
            return ""


def settles_pair(evidence: Evidence, outcome: Outcome, dataset: Dataset) -> str:
    """What would settle the pair that is open."""
    if outcome.alone:
        return "What needs more than a prompt, measured on the same rows: training (`rivals.fine_tune`), and passages where documents hold the answers (`[[documents]]`). Where a budget left them out, the plan says how much longer it would have to be."
    if outcome.pair is None:
        return "Another candidate to compare with, or more test rows."
    first, second = outcome.pair
    found = as_compared(evidence, first, second, evidence.metric)
    what = f"whether {subject(evidence, first)} is better than {subject(evidence, second)}"
    if found is not None and found.is_split:
        return f"{capital(settles(found))}: {what} hangs on the seed. More of them would show how often (`decide.seeds`)."
    if found is None or (found.rows_to_settle is None and found.seeds_to_settle is None):
        return f"No realistic number of test rows would show {what}: where they cost differently, take the cheaper one."
    if found.rows_to_settle is None:
        return f"{capital(settles(found))} (`decide.seeds = {found.seeds_to_settle}`, and time for so many full trainings): {what}."
    return f"{capital(settles(found))}: {what}.{held_out(found.rows_to_settle, dataset)}"


def held_out(more: int, dataset: Dataset) -> str:
    """Where so many more test rows come from: more rows in the files, or a larger part of those that are there."""
    test, every = dataset.rows["test"], sum(dataset.rows.values())
    if not test:
        return ""
    share = math.ceil(100 * (test + more) / every) / 100
    larger = f", or with `split.test = {share:g}` out of those that are there, which leaves fewer to learn from" if share <= MOST_HELD_OUT else ""
    return f" As the rows are split now, that takes about {math.ceil(more * every / test):,} more rows in the files{larger}."
