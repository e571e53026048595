"""Trials so far, the facts and the frozen plan → what is tried next, or that nothing is left that could change the verdict. Pure.

    while isinstance(step := next_trial(history, facts, plan), PlannedTrial):
        history.append(step.trial with its candidate built and its report on step.dev_rows rows of dev)

Steps are gone through in the plan's order. Whether a step is passed over hangs on the trials of the steps before it and on nothing that came
later, so that any part of a history goes on like the whole of it. No clock is read: time has become a plan before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import assert_never

from tunesmith.decide import ladder, prompt_search
from tunesmith.decide.reach import FINAL_ORDER, UNPROVEN, Reach, best_of, going_on, in_full, instead, owner, reach, rivals_of
from tunesmith.decide.showing import is_for_readers
from tunesmith.decide.waits import too_slow
from tunesmith.measure import curve
from tunesmith.spec.candidate import Prompted, Retrieval, Tuned
from tunesmith.spec.chat import Prompt
from tunesmith.spec.plan import Base, Done, Facts, LeftOut, Plan, PlannedStep, PlannedTrial, StepKind
from tunesmith.spec.recipe import Recipe
from tunesmith.spec.task import UNBOUNDED
from tunesmith.spec.trial import Failure, Pilot, Remedy, Trial

PROMPT_GAIN = 0.25
"""No search over prompts is expected to gain so much."""
SEARCH_GAIN = 0.1
"""No search over training settings is expected to gain so much over the recipe as written."""
CEILING = 0.5
"""Of a standard error: what is missing to the best possible score is less than that."""
MOST_SETTINGS = 3
"""With so many settings a full training is tried at most, where it fails."""
WITHOUT_PASSAGES: frozenset[StepKind] = frozenset({"prompt-search", "few-shot", "few-shot-retrieved", "remote", "pilot", "base", "ladder", "final"})
"""Steps whose candidates are shown no passages of documents."""


def next_trial(history: Sequence[Trial], facts: Facts, plan: Plan) -> PlannedTrial | Done:
    """The next trial of the plan, or Done."""
    places = {step.name: index for index, step in enumerate(plan.steps)}
    measured = [(places[owner(trial)], trial) for trial in history if trial.is_over and owner(trial) in places]
    skipped: list[LeftOut] = []
    for index, step in enumerate(plan.steps):
        before = [trial for place, trial in measured if place < index]
        reason = why_not(step, before, facts, plan)
        if reason is not None:
            skipped.append(LeftOut(name=step.name, seconds=step.seconds, reason=reason))
            continue
        found = upcoming(step, before, [trial for place, trial in measured if place == index], facts, plan)
        if found is not None:
            return found
    return done([trial for _, trial in measured], facts, plan, skipped)


def why_not(step: PlannedStep, before: Sequence[Trial], facts: Facts, plan: Plan) -> str | None:
    """Why a step can no longer change the verdict, from what was measured before it; None where it can."""
    if step.kind not in ("control", "test") and plan.decide.stop_at_goal and (name := goal_reached(before, facts, plan)) is not None:
        return f"{name} reaches the goal beyond doubt"
    if step.kind in WITHOUT_PASSAGES and is_for_readers(before, facts):
        return f"{facts.metric} rests on passages that were shown, and here none are"
    prompts = best_of(in_full(before, ("prompt",), facts), facts.metric)
    classifier = best_of(in_full(before, ("classifier",), facts), facts.metric)
    match step.kind:
        case "prompt-search":
            if prompts is not None and at_ceiling(prompts[1]):
                return "the best written prompt leaves nothing to gain"
            hurried = plan.decide.budget is not None  # who has time wants the best prompt beside the winner, however far behind
            if hurried and prompts is not None and classifier is not None and prompts[1].high + PROMPT_GAIN < classifier[1].low:
                return f"the classifier is ahead by {100 * (classifier[1].score - prompts[1].score):.0f} points: more than a better prompt brings"
        case "base" if (slow := too_slow(facts.base(step.base), before, facts, plan.decide)) is not None:
            return slow
        case "base" | "ladder":
            return settled(step, before, facts, plan)
        case "final" | "fine-tune-rag" if (failed := fruitless(step, before, facts, plan)) is not None:
            return failed
        case "final" if step.seed:
            tuned = best_of(in_full(before, ("fine-tune",), facts), facts.metric)
            rival = best_of(rivals_of(before, facts), facts.metric)
            if tuned is not None and rival is not None and tuned[1].high < rival[1].low:
                return f"the tuned model is behind {rival[0].candidate.name} beyond doubt, so there is no gain that a second seed could confirm"
        case "fine-tune-rag" if step.seed:
            mine = best_of(in_full(before, ("fine-tune-rag",), facts), facts.metric)
            other = best_of(in_full(before, [remedy for remedy in FINAL_ORDER if remedy not in ("fine-tune-rag", "remote")], facts), facts.metric)
            if mine is not None and other is not None and mine[1].score <= other[1].score:
                return f"{other[0].candidate.name} leads on dev, so there is no gain of fine-tuning with documents that a second seed could confirm"
        case _:
            pass
    return None


def settled(step: PlannedStep, before: Sequence[Trial], facts: Facts, plan: Plan) -> str | None:
    """Why other training settings, or another base, cannot change the verdict; None where they can, or where no pilot tells."""
    expected, rival = expectation(before, facts), best_of(rivals_of(before, facts), facts.metric)
    if expected is None:
        return None
    if at_ceiling(expected):
        return "the recipe as written leaves nothing to gain"
    if rival is None or step.kind == "base":
        return None
    if expected.high + SEARCH_GAIN < rival[1].low:
        return f"{rival[0].candidate.name} is further ahead than better settings can bring"
    wanted = facts.goal.at_least
    reaches = wanted is None or expected.low >= bar(wanted, facts)
    if plan.decide.budget is not None and reaches and expected.low > rival[1].high:
        return "the recipe as written is ahead of everything else beyond doubt"
    return None


def expectation(before: Sequence[Trial], facts: Facts) -> Reach | None:
    """What the recipe as written is expected to reach on all rows, from its pilots; None without them."""
    fitted = curve_of(before, facts)
    if fitted is not None:
        value, low, high = fitted.at(facts.train_rows)
        return Reach(value, low, high)
    pilots = [(trial.pilot.rows, found) for trial in before if is_pilot(trial) and trial.pilot and (found := reach(trial, facts.metric))]
    return max(pilots, key=lambda pair: pair[0])[1] if pilots else None


def curve_of(history: Sequence[Trial], facts: Facts) -> curve.Curve | None:
    """The learning curve through the pilots of the project's own base; None with fewer than two, where their scores clearly fall, or for a metric
    without bounds."""
    return fitted(points_of(history, facts), facts.train_rows, facts.goal.confidence, facts.seed)


def points_of(history: Sequence[Trial], facts: Facts) -> tuple[curve.Point, ...]:
    """The pilots of the project's own base as points of a learning curve; none for a metric without bounds."""
    if facts.metric in UNBOUNDED:
        return ()
    points = []
    for trial in history:
        found = reach(trial, facts.metric)
        if is_pilot(trial) and trial.pilot is not None and found is not None:
            points.append(curve.Point(trial.pilot.rows, found.score, found.low, found.high, trial.pilot.recipe.seed))
    return tuple(points)


@lru_cache(maxsize=64)
def fitted(points: tuple[curve.Point, ...], now: int, confidence: float, seed: int) -> curve.Curve | None:
    """The curve through these points, fitted once: a history is walked through again and again."""
    return curve.fit(points, now, confidence=confidence, seed=seed)


def is_pilot(trial: Trial) -> bool:
    """True for a training of the recipe as written on the project's own base."""
    return trial.pilot is not None and trial.candidate.name.startswith("pilot-") and "@" not in trial.candidate.name


def at_ceiling(found: Reach) -> bool:
    """True if nothing that could be seen is left to gain."""
    return 1 - found.score <= CEILING * (found.high - found.low) / 3.92


def bar(at_least: float, facts: Facts) -> float:
    """The goal's value on the scale where higher is better."""
    return Reach.flipped(at_least, facts.metric)


def goal_reached(before: Sequence[Trial], facts: Facts, plan: Plan) -> str | None:
    """The name of a candidate that reaches the goal beyond doubt on dev, and in time where that is limited; None where there is no goal or none does."""
    if facts.goal.at_least is None:
        return None
    serious = [remedy for remedy in FINAL_ORDER if remedy not in ("majority", "remote")]  # what is never recommended ends no search
    timely = [
        trial for trial in in_full(before, serious, facts) if plan.decide.at_most_ms is None or (trial.wait is not None and trial.wait.is_in_time)
    ]
    every = [(trial, found) for trial in timely if (found := reach(trial, facts.metric))]
    return next((trial.candidate.name for trial, found in every if found.low >= bar(facts.goal.at_least, facts)), None)


def upcoming(step: PlannedStep, before: Sequence[Trial], mine: Sequence[Trial], facts: Facts, plan: Plan) -> PlannedTrial | None:
    """The step's next trial after those of its own, `mine`; None where it is done."""
    match step.kind:
        case "control" | "prompt" | "few-shot" | "few-shot-retrieved" | "rag" | "remote":
            named = {trial.candidate.name for trial in mine}
            missing = next((trial for trial in untrained(step, before, facts) if trial.candidate.name not in named), None)
            return None if missing is None else planned(step, missing, facts, facts.bases[0])
        case "prompt-search":
            return searched_prompt(step, mine, facts)
        case "pilot":
            return None if mine else pilot(step, facts, facts.bases[0], step.name)
        case "base":
            return rival_base(step, before, mine, facts)
        case "ladder":
            return rung(step, before, mine, facts, plan)
        case "final" | "fine-tune-rag":
            return final(step, before, mine, facts, plan)
        case "test":
            return None
        case _:
            assert_never(step.kind)


def untrained(step: PlannedStep, before: Sequence[Trial], facts: Facts) -> list[Trial]:
    """The trials of a step in which nothing is trained but the controls."""
    model = facts.bases[0].id
    match step.kind:
        case "control":
            controls = [Trial(remedy="majority", candidate=facts.majority)] if facts.majority is not None else []
            return controls + ([Trial(remedy="classifier", candidate=facts.classifier)] if facts.classifier is not None else [])
        case "prompt":
            chosen = sorted(facts.written, key=lambda prompt: not prompt.name.startswith("own-"))[: step.trials]
            named = [prompt for prompt in facts.written if prompt in chosen]
            return [Trial(remedy="prompt", candidate=Prompted(name=f"prompt-{prompt.name}", model=model, prompt=prompt)) for prompt in named]
        case "few-shot":
            best = best_prompt(before, facts)
            shown = best.model_copy(update={"name": f"{best.name}-{len(facts.shots)}-shot", "examples": facts.shots})
            return [Trial(remedy="few-shot", candidate=Prompted(name="few-shot", model=model, prompt=shown))]
        case "few-shot-retrieved":
            assert facts.retrieved is not None
            reader = facts.retrieved.reader.model_copy(update={"prompt": best_prompt(before, facts)})
            return [Trial(remedy="few-shot-retrieved", candidate=facts.retrieved.model_copy(update={"reader": reader}))]
        case "rag":
            return [Trial(remedy="rag", candidate=reader) for reader in facts.rag]
        case _:
            return [Trial(remedy="remote", candidate=facts.remote)] if facts.remote is not None else []


def best_prompt(before: Sequence[Trial], facts: Facts) -> Prompt:
    """The prompt without examples that is best on the whole dev split; the first written one, or the tuned one's, where none was measured."""
    plain = [t for t in in_full(before, ("prompt",), facts) if isinstance(t.candidate, Prompted) and t.candidate.model == facts.bases[0].id]
    best = best_of(plain, facts.metric)
    if best is not None and isinstance(best[0].candidate, Prompted):
        return best[0].candidate.prompt
    return facts.written[0] if facts.written else facts.prompt


def searched_prompt(step: PlannedStep, mine: Sequence[Trial], facts: Facts) -> PlannedTrial | None:
    """The next prompt that was put together."""
    assert facts.space is not None
    found = prompt_search.propose(mine, facts.space, facts.metric, step.trials, facts.dev_rows, facts.seed)
    if found is None:
        return None
    candidate = Prompted(name=f"prompt-{found.prompt.name}", model=facts.bases[0].id, prompt=found.prompt)
    trial = Trial(remedy="few-shot" if found.prompt.examples else "prompt", candidate=candidate)
    return planned(step, trial, facts, facts.bases[0]).model_copy(update={"dev_rows": found.rows, "reason": found.reason})


def pilot(step: PlannedStep, facts: Facts, base: Base, name: str) -> PlannedTrial:
    """A training of the recipe as written on the step's share of the rows."""
    return training(step, facts, base, name, facts.recipe, step.share)


def training(step: PlannedStep, facts: Facts, base: Base, name: str, recipe: Recipe, share: float) -> PlannedTrial:
    """A small training."""
    made = Pilot(share=share, rows=max(1, round(share * facts.train_rows)), recipe=recipe)
    trial = Trial(remedy="fine-tune", candidate=Tuned(name=name, checkpoint="", prompt=facts.prompt), pilot=made)
    return planned(step, trial, facts, base).model_copy(update={"recipe": recipe, "share": share})


def rival_base(step: PlannedStep, before: Sequence[Trial], mine: Sequence[Trial], facts: Facts) -> PlannedTrial | None:
    """Another base's prompt, then its pilot."""
    base, named = facts.base(step.base), {trial.candidate.name for trial in mine}
    if any(trial.failure is not None for trial in mine):
        return None
    prompt = best_prompt(before, facts)
    name = f"prompt-{prompt.name}@{base.id}"
    if name not in named and not any(trial.remedy == "prompt" for trial in mine):
        return planned(step, Trial(remedy="prompt", candidate=Prompted(name=name, model=base.id, prompt=prompt)), facts, base)
    name = f"pilot-{100 * step.share:g}@{base.id}"
    return None if name in named else pilot(step, facts, base, name)


def chosen_base(before: Sequence[Trial], facts: Facts) -> Base:
    """The base whose pilot is best, of those that tie the smallest; the project's own where no other was tried."""
    rivals = [t for t in before if t.pilot is not None and "@" in t.candidate.name and reach(t, facts.metric)]
    if not rivals:
        return facts.bases[0]
    own = [t for t in before if is_pilot(t) and t.pilot and rivals[0].pilot and t.pilot.share == rivals[0].pilot.share]
    found = [(facts.base(t.candidate.name.split("@", 1)[1]), reach(t, facts.metric)) for t in rivals]
    found += [(facts.bases[0], reach(t, facts.metric)) for t in own]
    known = [(base, one) for base, one in found if one is not None]
    best = max(one.score for _, one in known)
    tied = [base for base, one in known if best - one.score <= CEILING * (one.high - one.low) / 3.92]
    return min(tied, key=lambda base: (base.parameters, facts.bases.index(base)))


def search_of(step: PlannedStep, base: Base, facts: Facts, plan: Plan) -> ladder.Search:
    """The search that a step of the plan stands for."""
    over = plan.decide.search_over
    return ladder.Search(facts.recipe, base.lr, facts.train_rows, step.rungs, step.trials, over=over, seed=facts.seed)


def runs_of(trials: Sequence[Trial], base: Base, facts: Facts) -> list[ladder.Run]:
    """The small trainings of one base as the search sees them: one that failed, or does not show the metric, has been tried all the same."""
    is_own = base.id == facts.bases[0].id
    found = []
    for trial in trials:
        mine = owner(trial) == "ladder" or (is_pilot(trial) if is_own else trial.candidate.name.endswith(f"@{base.id}"))
        got = reach(trial, facts.metric) or (ladder.FAILED,) * 3
        if mine and trial.pilot is not None:
            found.append(ladder.Run(trial.pilot.recipe, trial.pilot.share, *got))
    return found


def rung(step: PlannedStep, before: Sequence[Trial], mine: Sequence[Trial], facts: Facts, plan: Plan) -> PlannedTrial | None:
    """The next run of the search over settings."""
    base = chosen_base(before, facts)
    found = ladder.propose(runs_of([*before, *mine], base, facts), search_of(step, base, facts, plan))
    if not isinstance(found, ladder.Proposal):
        return None
    numbers = {t.pilot.recipe.content_digest(): int(t.candidate.name.split("-")[1]) for t in mine if t.pilot is not None}
    digest = found.recipe.content_digest()
    number = 0 if found.recipe == facts.recipe else numbers.get(digest, max(numbers.values(), default=0) + 1)
    named = f"ladder-{number}-{100 * found.share:g}"
    return training(step, facts, base, named, found.recipe, found.share).model_copy(update={"reason": found.reason})


def ruined_by(trials: Sequence[Trial], facts: Facts) -> list[Recipe]:
    """The settings whose full training failed with the recipe's own seed: of what failed small the search takes care, and another seed may be unlucky."""
    full = [failure.recipe for failure in failures(trials)]
    return [recipe for recipe in full if recipe is not None and recipe.seed == facts.recipe.seed]


def failures(trials: Sequence[Trial]) -> list[Failure]:
    """Of whatever was no small training."""
    return [trial.failure for trial in trials if trial.failure is not None and trial.pilot is None]


def fruitless(step: PlannedStep, before: Sequence[Trial], facts: Facts, plan: Plan) -> str | None:
    """Why a full training would fail like those before it; None where settings are left, or none failed."""
    if not ruined_by(before, facts):
        return None
    remedy: Remedy = "fine-tune" if step.kind == "final" else "fine-tune-rag"
    is_first_done = any(trial.report is not None and trial.pilot is None and trial.remedy == remedy for trial in before)
    if recipe_for(before, facts, plan) is not None and (is_first_done or not step.seed):
        return None
    reasons = sorted({failure.reason for failure in failures(before)})
    return f"full trainings failed before it ({'; '.join(reasons)}), and no other settings are left to try"


def recipe_for(before: Sequence[Trial], facts: Facts, plan: Plan) -> tuple[Recipe, str] | None:
    """The settings of full trainings, and why: what the search chose, or the recipe as written; None where no setting is left that has not failed."""
    ruined = tuple(ruined_by(before, facts))
    written = None if any(ladder.is_alike(facts.recipe, other) for other in ruined) else (facts.recipe, "the recipe as written")
    step = next((step for step in plan.steps if step.kind == "ladder"), None)
    if step is None or not any(owner(trial) == "ladder" for trial in before):
        return written
    base = chosen_base(before, facts)
    found = ladder.propose(runs_of(before, base, facts), replace(search_of(step, base, facts, plan), ruined=ruined))
    if not isinstance(found, ladder.Chosen) or any(ladder.is_alike(found.recipe, other) for other in ruined):
        return written
    again = f"training failed with what was chosen first; now {found.reason}" if ruined else found.reason
    return found.recipe, again


def passes_of(history: Sequence[Trial], facts: Facts, plan: Plan) -> float:
    """Passes over the rows of the settings that full trainings have, as far as is known yet."""
    found = recipe_for(history, facts, plan)
    return (facts.recipe if found is None else found[0]).budget.passes


def settings_left(step: PlannedStep, before: Sequence[Trial], mine: Sequence[Trial], facts: Facts, plan: Plan) -> tuple[Recipe, str] | None:
    """What a full training is done with next, and why; None where it was done, or came to nothing with as many settings as are tried."""
    if len(mine) >= (1 if step.seed else MOST_SETTINGS) or any(trial.failure is None for trial in mine):
        return None  # a further seed stands beside the first training, and so has its settings
    return recipe_for([*before, *mine], facts, plan)


def final(step: PlannedStep, before: Sequence[Trial], mine: Sequence[Trial], facts: Facts, plan: Plan) -> PlannedTrial | None:
    """A full training, with passages where the step says so; where it failed, one with other settings."""
    found = settings_left(step, before, mine, facts, plan)
    if found is None:
        return None
    recipe, reason = found
    if step.kind == "fine-tune-rag":
        assert isinstance(facts.rag_tuned, Retrieval)
        trial = Trial(remedy="fine-tune-rag", candidate=facts.rag_tuned.model_copy(update={"name": step.name}))
    else:
        trial = Trial(remedy="fine-tune", candidate=Tuned(name=step.name, checkpoint="", prompt=facts.prompt))
    return planned(step, trial, facts, chosen_base(before, facts)).model_copy(update={"recipe": cut(recipe, step), "reason": reason})


def cut(recipe: Recipe, step: PlannedStep) -> Recipe:
    """The recipe with the step's seed, and as many epochs as the plan has time for."""
    budget = recipe.budget
    if step.epochs is not None and step.epochs < budget.passes:
        budget = budget.model_copy(update={"epochs": step.epochs})
    return recipe.model_copy(update={"seed": recipe.seed + step.seed, "budget": budget})


def planned(step: PlannedStep, trial: Trial, facts: Facts, base: Base) -> PlannedTrial:
    """A trial of a step in which nothing is trained, on all dev rows, with its part of the step's price."""
    price = step.seconds / max(1, step.trials)
    return PlannedTrial(step=step.name, trial=trial, base=base.id, dev_rows=facts.dev_rows, seconds=price, reason=step.can_change)


def done(measured: Sequence[Trial], facts: Facts, plan: Plan, skipped: Sequence[LeftOut]) -> Done:
    """Who goes on to the test split."""
    trials, replicas = going_on([trial for trial in measured if owner(trial) not in plan.unproven], facts)
    dropped = [LeftOut(name=f"{name} on the locked rows", seconds=0.0, reason=UNPROVEN) for name in plan.unproven]
    trained = [
        trial for trial in measured if trial.report is not None and (trial.pilot is not None or trial.remedy in ("fine-tune", "fine-tune-rag"))
    ]
    chosen = recipe_for(measured, facts, plan) if trained else None
    recipe = chosen[0] if chosen is not None else None
    better = instead(measured, facts)
    if better is not None and better[0].pilot is not None:
        recipe = better[0].pilot.recipe
        dropped.append(LeftOut(name="tuned on the locked rows", seconds=0.0, reason=better[1]))
    return Done(trials=tuple(trials), replicas=tuple(replicas), recipe=recipe, skipped=(*skipped, *dropped))
