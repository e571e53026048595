"""Facts, the user's budget and this machine's speeds → a frozen plan: which steps, in which order, at which price, and what is left out and why.

Steps are chosen from what a sound verdict cannot do without to what refines it, each in the largest version that the time allows; they are done
from cheap to dear. A tenth of the budget stays free, because predictions are no promises. `revise` prices again with what was measured meanwhile, first of all
what is always needed at the end (the finalists on the locked rows, the suites, what was forgotten, the report), and leaves everything that was begun as it is, so
that the last revision alone replays the whole run; `shorten` ends a search earlier, where time would else be wanting for what matters more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tunesmith.decide.cost import seconds, spoken
from tunesmith.decide.prices import REPORT_S, Prices
from tunesmith.decide.reach import UNPROVEN
from tunesmith.decide.steps import PROBE_SHARES, RESTS_ON, Wish, begun, largest_base, probed_models, prompts_searched, search, wanted, written_asked
from tunesmith.spec.plan import Decide, Facts, LeftOut, Plan, PlannedStep, Speeds, StepKind, Stored

RESERVE = 0.1
"""Of the budget: predictions are not exact."""
ORDER: tuple[StepKind, ...] = (
    "control", "prompt", "prompt-search", "few-shot", "few-shot-retrieved", "rag", "remote", "pilot", "base", "ladder", "final", "fine-tune-rag", "test"
)  # fmt: skip
"""Of doing: from cheap to dear, and what others build on first."""
MATTERS: Mapping[StepKind, int] = {
    "control": 1, "prompt": 2, "final": 3, "few-shot": 4, "few-shot-retrieved": 5, "rag": 6, "remote": 7, "prompt-search": 8,
    "fine-tune-rag": 9, "pilot": 10, "ladder": 12, "base": 14,
}  # fmt: skip
"""Of choosing: what a sound verdict needs first. A second seed stands between the pilots and the search; one with passages, whose rows are long and which is
wanted only where the first one leads, stands behind the search."""
SECOND_SEED: Mapping[StepKind, int] = {"final": 11, "fine-tune-rag": 13}
FIRST: Mapping[StepKind, str] = {"final": "tuned", "fine-tune-rag": "tuned-rag"}
"""The full training whose gain other seeds confirm; the search is for that without passages."""
LONG_S = 2400.0
"""A plan that takes longer without a budget says that there are budgets."""
MOST_OF_REST: Mapping[StepKind, float] = {"prompt": 0.4, "final": 0.5, "prompt-search": 0.25, "ladder": 0.8}
"""A step that also comes in smaller versions takes at most this part of what is left, unless only its smallest version fits; what nobody else wants in the
end is its own again."""


def make_plan(facts: Facts, decide: Decide, speeds: Speeds, spent: float = 0.0, stored: Stored | None = None) -> Plan:
    """The first plan; `spent` is what preparing the data has taken, and what is `stored` costs nothing."""
    prices = Prices(speeds, stored or Stored())
    wishes, senseless = allowed(*wanted(facts, decide), prices, facts, decide)
    there = [wish[0] for wish in wishes if prices.stored.holds(wish[0])]
    wishes, rest = [longer_than(there, wish) for wish in wishes], rest_of(decide, spent)
    every = [(fit(wishes, rest, prices.asking(share), facts), ()) for share in PROBE_SHARES]
    (steps, short), _ = in_time(every, rest, wishes)
    return Plan(decide=decide, steps=steps, left_out=(*senseless, *short), speeds=speeds, spent=spent, stored=prices.stored)


def allowed(
    wishes: Sequence[Wish], senseless: Sequence[LeftOut], prices: Prices, facts: Facts, decide: Decide
) -> tuple[list[Wish], tuple[LeftOut, ...]]:
    """The wishes that leave what is in the store what it is, and the steps that are left out.

    What is there stays as it is. A search in front of a training that was made without it, or after a shorter one, would choose other settings.
    """
    fixed = {kind for step in prices.stored.steps for kind in RESTS_ON.get(step.kind, ())}
    kept: list[Wish] = []
    left = list(senseless)
    for wish in wishes:
        there = prices.stored.named(wish[0].name)
        if there is not None:
            same = sized(wish[0], there.trials, facts, decide, prices)
            kept.append((next((step for step in (same, *wish) if prices.stored.holds(step) and step.trials == there.trials), same),))
        elif wish[0].kind in fixed:
            left.append(LeftOut(name=wish[0].name, seconds=0.0, reason="what is in the store was made without it"))
        else:
            kept.append(wish)
    return kept, tuple(left)


Fitted = tuple[tuple[PlannedStep, ...], tuple[LeftOut, ...]]
"""Steps that fit, and those that do not."""


def revise(plan: Plan, facts: Facts, speeds: Speeds, spent: float, passed: int, hopeless: Sequence[str] = (), passes: float | None = None) -> Plan:
    """The plan with prices of today; the same plan where other prices change nothing. `passes`: epochs of the settings that the search has chosen.

    The first `passed` steps, those that were done, begun or passed over, stay as they are. A step that was left out comes back if it now fits and its turn is
    still to come. What was done is proven on test in any case, for a late verdict is worth more than none. Where the proof makes the verdict late, or takes the
    time of what matters more, first that of the `hopeless` steps is given up, whose finalists are behind on dev beyond doubt, then fewer probes are asked.
    """
    if any(step.kind == "test" for step in plan.steps[:passed]):
        return plan
    prices = Prices.today(plan, speeds)
    wishes, senseless = allowed(*wanted(facts, plan.decide, passes), prices, facts, plan.decide)
    done, behind = plan.steps[:passed], max((ORDER.index(step.kind) for step in plan.steps[:passed]), default=-1)
    names = {step.name for step in done}
    ahead = [longer_than(done, wish) for wish in wishes if wish[0].name not in names and ORDER.index(wish[0].kind) >= behind]
    rest, given_up = rest_of(plan.decide, spent), [plan.unproven]
    for name in (step.name for step in done if step.name in hopeless and step.name not in plan.unproven):
        given_up.append((*given_up[-1], name))
    every = [
        (fit(ahead, rest, prices.asking(share), facts, [step for step in done if step.name not in who]), who)
        for share in PROBE_SHARES
        for who in given_up
    ]
    (steps, short), unproven = in_time(every, rest, ahead)
    if [shape(step) for step in steps] == [shape(step) for step in plan.steps[passed:]] and unproven == plan.unproven:
        return plan
    again = {wish[0].name for wish in ahead} | {left.name for left in senseless}
    gone = tuple(left for left in plan.left_out if left.name not in again)
    return plan.model_copy(
        update={
            "steps": (*done, *steps),
            "left_out": (*gone, *senseless, *short),
            "speeds": speeds,
            "revision": plan.revision + 1,
            "passed": passed,
            "spent": spent,
            "unproven": unproven,
        }
    )


def longer_than(done: Sequence[PlannedStep], wish: Wish) -> Wish:
    """The versions of a full training that pass over more rows than a small one that was done: else that one would be ahead of it, and stand for it."""
    if wish[0].kind != "final" or wish[0].seed:
        return wish
    least = max((trained_rows(step) for step in done if step.kind == "pilot"), default=0)
    return (wish[0], *(step for step in wish[1:] if trained_rows(step) > least))


def in_time(every: Sequence[tuple[Fitted, tuple[str, ...]]], rest: float, ahead: Sequence[Wish]) -> tuple[Fitted, tuple[str, ...]]:
    """The first that leaves room for all that matters, else the one that ends least late."""
    found = next((one for one in every if not is_pressed(*one[0], rest, ahead)), None)
    return found or min(every, key=lambda one: (max(0.0, sum(step.seconds for step in one[0][0]) - rest), -bool(one[0][0])))


def fewer_probes(plan: Plan, facts: Facts, speeds: Speeds, spent: float, models: int) -> Plan:
    """The plan in whose proof fewer probes are asked of so many models, now that everything else is done; the same plan where the time reaches for all."""
    step, base = plan.steps[-1], largest_base(facts)
    left = rest_of(plan.decide, spent, reserve=0.0) - REPORT_S
    priced = [(share, probed_models(facts, base, share, models)) for share in PROBE_SHARES if share <= step.share]
    found, parts = next((one for one in priced if seconds(one[1], speeds) <= left), priced[-1])
    if step.kind != "test" or found == step.share:
        return plan
    rest = {"share": found, "parts": tuple(parts), "seconds": seconds(parts, speeds) + REPORT_S}  # all else is done
    steps = (*plan.steps[:-1], step.model_copy(update=rest))
    return plan.model_copy(update={"steps": steps, "speeds": speeds, "revision": plan.revision + 1, "passed": len(steps) - 1, "spent": spent})


def is_pressed(steps: Sequence[PlannedStep], short: Sequence[LeftOut], rest: float, ahead: Sequence[Wish]) -> bool:
    """True if these steps end too late, or a full training that was wished for does not fit."""
    wished = {wish[0].name for wish in ahead if wish[0].kind in ("final", "fine-tune-rag") and not wish[0].seed}
    return sum(step.seconds for step in steps) > rest or any(left.name in wished for left in short)


def shorten(plan: Plan, facts: Facts, speeds: Speeds, spent: float, passed: int, so_far: tuple[int, int]) -> Plan:
    """The plan with the search under way, the last of the first `passed` steps, ended early, where time would else be wanting for what matters more behind it.

    `so_far`: (trials that it has made, settings that it has tried), all on its first rung. Ended at any number of settings from those on it makes the same choice
    when the plan is replayed: what is proposed hangs on what was tried before and not on what would have come.
    """
    step, (made, tried) = plan.steps[passed - 1], so_far
    ahead = [one for one in plan.steps[passed:] if one.kind != "test" and matters((one,)) < matters((step,))]
    prices = Prices.today(plan, speeds).asking(plan.probes)
    proven = prices.proof(facts, [*(one for one in plan.steps[:passed] if one.name not in plan.unproven), *ahead]).seconds
    rest = rest_of(plan.decide, spent) - proven - sum(prices.of(one) for one in ahead)
    before = seconds(begun(step, made, facts), speeds)
    versions = [sized(step, count, facts, plan.decide, prices) for count in range(step.trials, min(tried, step.trials) - 1, -1)]
    found = next((one for one in versions if one.seconds - before <= rest), versions[-1])
    if found.trials == step.trials:
        return plan
    return plan.model_copy(
        update={
            "steps": (*plan.steps[: passed - 1], found, *plan.steps[passed:]),
            "speeds": speeds,
            "revision": plan.revision + 1,
            "passed": passed,
            "spent": spent + max(0.0, found.seconds - before),
        }
    )


def sized(step: PlannedStep, trials: int, facts: Facts, decide: Decide, prices: Prices) -> PlannedStep:
    """A search with so many settings or prompts on its first rung, or so many of the written prompts, and its price; another step as it is."""
    base = facts.base(step.base)
    match step.kind:
        case "prompt-search":
            return prices.on(prompts_searched(facts, base, trials))
        case "ladder":
            return prices.on(search(facts, decide, base, trials))
        case "prompt":
            return prices.on(written_asked(facts, base, trials))
        case _:
            return prices.on(step)


def covers(earlier: Plan, fresh: Plan, facts: Facts) -> bool:
    """True if the earlier plan goes as far as the fresh one in all that this one would do, and does nothing that is not wished for."""
    most = {wish[0].name: wish[0].trials for wish in wanted(facts, fresh.decide)[0]}
    kept = {step.name: step for step in earlier.steps if step.kind != "test"}
    bases = {base.id for base in facts.bases}
    is_wished = all(step.trials <= most.get(name, 0) and step.base in bases for name, step in kept.items())
    needed = [step for step in fresh.steps if step.kind != "test"]
    return (
        bool(kept)
        and is_wished
        and earlier.probes >= fresh.probes
        and all(reaches(kept.get(step.name), step) and step.name not in earlier.unproven for step in needed)
    )


def goes_as_far(plan: Plan, steps: Sequence[PlannedStep]) -> bool:
    """True if a plan does all of these steps, each in no smaller a version."""
    mine = {step.name: step for step in plan.steps}
    return all(reaches(mine.get(step.name), step) for step in steps if step.kind != "test")


def as_anywhere(plan: Plan, facts: Facts) -> Plan:
    """The plan with the prices of a place whose store is empty: for a plan that was made elsewhere."""
    prices = Prices(plan.speeds, probes=plan.probes)
    steps = [prices.on(step) for step in plan.steps if step.kind != "test"]
    proof = [prices.proof(facts, [step for step in steps if step.name not in plan.unproven])] if len(steps) < len(plan.steps) else []
    return plan.model_copy(update={"steps": (*steps, *proof), "stored": Stored()})


def reaches(step: PlannedStep | None, other: PlannedStep) -> bool:
    """True if a step is no smaller a version than the other."""
    return step is not None and step.trials >= other.trials and (step.epochs or math.inf) >= (other.epochs or math.inf)


def shape(step: PlannedStep) -> tuple[str, int, float | None, float, int]:
    """What tells one version of a step from another: how much of it is done, whatever that costs."""
    return step.name, step.trials, step.epochs, step.share, rows_of(step)


def trained_rows(step: PlannedStep) -> int:
    """Rows that a step trains on, as often as it does."""
    return sum(work.rows for work in step.parts if work.activity == "train")


def rows_of(step: PlannedStep) -> int:
    """Rows that a step passes over, the trained and the answered ones."""
    return sum(work.rows for work in step.parts if work.activity != "process")


def rest_of(decide: Decide, spent: float, reserve: float = RESERVE) -> float:
    """Seconds that may still be planned."""
    return max(0.0, decide.budget * (1 - reserve) - spent) if decide.budget is not None else math.inf


def fit(wishes: Sequence[Wish], rest: float, prices: Prices, facts: Facts, done: Sequence[PlannedStep] = ()) -> Fitted:
    """The steps that fit into `rest` seconds, in the order of doing, and those that do not. Each brings its own part of the proof on test."""
    chosen: list[PlannedStep] = []
    left: list[LeftOut] = []
    for wish in sorted(wishes, key=matters):
        beside = chosen if prices.stored.named(wish[0].name) is not None else made_longer(wish[0], wishes, chosen, prices)
        versions = [prices.on(step) for step in alike(wish, [*done, *beside])]
        if not versions:
            left.append(LeftOut(name=wish[0].name, seconds=0.0, reason="the full training that it would repeat was made shorter"))
            continue
        proven, with_this = (prices.proof(facts, steps).seconds for steps in ([*done, *beside], [*done, *beside, wish[0]]))
        room = rest - sum(step.seconds for step in beside) - proven
        found, least = largest(versions, room - (with_this - proven)), versions[-1].seconds
        missing = cannot_do_without(wish[0], [*done, *beside])
        if missing is None and found is not None:
            chosen = [*beside, found]
        else:
            needed = least + with_this - proven
            longer = f"a budget longer by {spoken((needed - room) / (1 - RESERVE))} would do"
            short = f"takes about {spoken(needed)} with its proof; {spoken(max(0.0, room))} are left after what matters more: {longer}"
            left.append(LeftOut(name=wish[0].name, seconds=least, reason=missing or short))
    if not chosen and not done:
        return (), tuple(left)
    chosen = grown(chosen, wishes, rest - prices.proof(facts, [*done, *chosen]).seconds, prices)
    steps = sorted(chosen, key=lambda step: (ORDER.index(step.kind), step.seed, step.share, step.name))
    return (*steps, prices.proof(facts, [*done, *chosen])), tuple(left)


def training_for(step: PlannedStep) -> str | None:
    """The full training that another seed confirms, or that settings are searched for; None of a step that is for none."""
    return FIRST["final"] if step.kind == "ladder" else FIRST.get(step.kind) if step.seed else None


def made_longer(step: PlannedStep, wishes: Sequence[Wish], chosen: Sequence[PlannedStep], prices: Prices) -> list[PlannedStep]:
    """The chosen steps; beside another seed, or a search for settings, with the full training that it is for without a cut, and beside a pilot with one that is longer.

    Time that a training lacks is not spent on a second one that is as short, nor on settings for it, nor on a small one that would be ahead of it.
    """
    first = FIRST["final"] if step.kind == "pilot" else training_for(step)
    versions = next((wish for wish in wishes if wish[0].name == first), None)
    if versions is None:
        return list(chosen)
    least = longer_than((step,), versions)[-1] if step.kind == "pilot" else versions[0]
    return [prices.on(least) if one.name == first and trained_rows(one) < trained_rows(least) else one for one in chosen]


def grown(chosen: Sequence[PlannedStep], wishes: Sequence[Wish], rest: float, prices: Prices) -> list[PlannedStep]:
    """The chosen steps, those that came in a smaller version in the largest one that still fits into `rest` seconds beside all others; full trainings first.

    What has no second version, or is not larger than what is chosen, stays, and so do trainings with other seeds: the first of their kind is whole.
    """
    found = {step.name: step for step in chosen}
    for wish in sorted(wishes, key=lambda wish: (wish[0].kind not in FIRST, matters(wish))):
        step = found.get(wish[0].name)
        if step is None or step.seed:
            continue
        for version in wish:
            if shape(version) == shape(step):
                break
            larger = prices.on(version)
            if sum(one.seconds for name, one in found.items() if name != step.name) + larger.seconds <= rest:
                found[step.name] = larger
                break
    return list(found.values())


def alike(wish: Wish, others: Sequence[PlannedStep]) -> Wish:
    """The versions of a step that go with the others: a training with another seed is as long as the first, or it would confirm nothing; none where it cannot be."""
    first = next((step for step in others if step.name == FIRST.get(wish[0].kind)), None)
    if not wish[0].seed or first is None:
        return wish
    return tuple(step for step in wish if step.epochs == first.epochs)


def matters(wish: Wish) -> tuple[int, int, float, str]:
    """The place of a step among those that are chosen from."""
    step = wish[0]
    return (SECOND_SEED[step.kind] if step.seed else MATTERS[step.kind]), step.seed, step.share, step.name


def largest(versions: Sequence[PlannedStep], rest: float) -> PlannedStep | None:
    """The largest version that fits and leaves room for others; the smallest that fits at all where none does; None where nothing fits."""
    most = (MOST_OF_REST.get(versions[0].kind, 1.0) if len(versions) > 1 else 1.0) * rest
    fitting = [step for step in versions if step.seconds <= rest]
    return next((step for step in fitting if step.seconds <= most), fitting[-1] if fitting else None)


def cannot_do_without(step: PlannedStep, others: Sequence[PlannedStep]) -> str | None:
    """Why a step makes no sense beside these; None where it does."""
    if step.kind == "base" and not any(other.kind == "pilot" and other.share == step.share for other in others):
        return f"there is no pilot of the project's own base on {step.share:.0%} of the rows to compare with"
    first = training_for(step)
    if first is not None and not any(other.name == first for other in others):
        return "there is no time for a full training"
    return None


def least(facts: Facts, decide: Decide, speeds: Speeds) -> float | None:
    """The shortest budget in which anything can be tried and proven; None where there is nothing to try."""
    wishes, prices = wanted(facts, decide)[0], Prices(speeds, probes=PROBE_SHARES[-1])
    smallest = [prices.on(wish[-1]) for wish in wishes if cannot_do_without(wish[-1], ()) is None]
    found = [step.seconds + prices.proof(facts, [step]).seconds for step in smallest]
    return min(found) / (1 - RESERVE) if found else None


def plan_words(plan: Plan) -> list[str]:
    """The plan as lines for people: each step with its price, then what is left out and why, then the sum."""
    width = max((len(name) for name in [*(step.name for step in plan.steps), *(left.name for left in plan.left_out)]), default=0)
    lines = [
        f"{step.name:<{width}}  {'in the store' if plan.stored.holds(step) else 'about ' + spoken(step.seconds):<16}  {step.can_change}{price_words(step)}"
        for step in plan.steps
    ]
    lines += [f"{left.name:<{width}}  {'left out':<16}  {left.reason}" for left in plan.left_out]
    budget = f" of {spoken(plan.decide.budget)}" if plan.decide.budget is not None else ""
    known = "" if plan.speeds.timed else "; this machine was not measured yet, so the times are counted"
    shorter = f"; `--budget {LONG_S / 60:g}m` would choose what matters most" if not budget and plan.will_have_spent() > LONG_S else ""
    return [*lines, f"about {spoken(plan.will_have_spent())}{budget} in all{known}{shorter}"]


def price_words(step: PlannedStep) -> str:
    """What a step's price rests on: rows and their speed, and passes where there are fewer than asked for."""
    rows = rows_of(step)
    said = [f"{step.epochs:g} epoch{'' if step.epochs == 1 else 's'}"] if step.epochs is not None else []
    said += [f"{step.share:.0%} of the probes of general ability"] if step.kind == "test" and step.share < 1 else []
    said += [f"{rows:,} rows at {rows / step.seconds:.1f}/s"] if rows and step.seconds else []
    return f" ({', '.join(said)})" if said else ""


def changes(before: Plan, after: Plan) -> list[str]:
    """What a revision has changed, as lines for people; empty where only prices are other ones."""
    old, new = ({step.name: step for step in plan.steps if step.kind != "test"} for plan in (before, after))
    probes = before.probes, after.probes
    why = {left.name: left.reason for left in after.left_out}
    lines = [f"{name} is left out now: {why.get(name, 'there is no time for it')}" for name in old if name not in new]
    lines += [f"{name} is not taken to the locked rows: {UNPROVEN}" for name in after.unproven if name not in before.unproven]
    fresh = [name for name in new if name not in old]
    lines += [f"{name} fits after all: about {spoken(new[name].seconds)}, {new[name].can_change}" for name in fresh]
    leaves = f", which leaves time for {', '.join(fresh)}" if fresh else ""
    other = [(old[name], step) for name, step in new.items() if name in old and shape(old[name]) != shape(step)]
    if probes[0] != probes[1]:
        lines.append(
            f"{probes[1]:.0%} of the probes of general ability are asked, not {probes[0]:.0%}: {'there is time again' if probes[1] > probes[0] else 'the time does not reach for more'}"
        )
    return lines + [f"{step.name} is made {f'shorter{leaves}' if rows_of(step) < rows_of(was) else 'longer'}: {extent(step)}" for was, step in other]


def extent(step: PlannedStep) -> str:
    """How much of a step is done, where it comes in several versions."""
    count = (
        f"{step.trials} tried"
        if step.trials > 1
        else f"{step.epochs:g} epoch{'' if step.epochs == 1 else 's'}"
        if step.epochs is not None
        else "as long as its settings say"
    )
    return f"{count}, about {spoken(step.seconds)}"
