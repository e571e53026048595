"""A budget is kept: a whole walk by a clock that is made up, on machines that are slow, that start processes slowly, and that get slower on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.decide.planning import Truth, make_facts, measured, names, run
from tests.decide.test_next import world
from tunesmith.decide.budget import REPORT_S, changes, covers, make_plan, revise, shorten
from tunesmith.decide.cost import counted, learn
from tunesmith.decide.next import next_trial, passes_of
from tunesmith.decide.progress import hopeless, progress, under_way
from tunesmith.decide.steps import answering, asked, starting, trained, training
from tunesmith.spec.plan import Decide, Done, Facts, Plan, PlannedStep, PlannedTrial, Speeds, Work
from tunesmith.spec.recipe import Budget, Recipe
from tunesmith.spec.trial import Trial

FACTS = make_facts(train_rows=1_500, dev_rows=300, test_rows=450)
PREPARED_S = 20.0


@dataclass
class Clock:
    """A machine: how many times the counted seconds it takes, which hangs on the time of the day."""

    slow: Callable[[float], float]
    start_s: float
    """To start a process."""
    at: float = PREPARED_S

    def take(self, work: Work) -> float:
        """Do the work; its seconds."""
        taken = self.start_s * work.rows if work.activity == "process" else counted(work) * self.slow(self.at)
        self.at += taken
        return taken


def on_time(facts: Facts, decide: Decide, truth: Truth, clock: Clock) -> tuple[list[Trial], list[Plan], Done]:
    """What the pipeline does with a budget: (history, every revision of the plan, who went on)."""
    speeds, history = Speeds(), list[Trial]()
    for work in (asked(facts, facts.bases[0], 48), trained(facts, facts.bases[0], 0.1)):
        speeds = learn(speeds, [work], clock.take(work))
    plans = [make_plan(facts, decide, speeds, clock.at)]
    while isinstance(step := next_trial(history, facts, plans[-1]), PlannedTrial):
        speeds = carried_out(step, facts, clock, speeds)
        history.append(measured(step.trial, truth(step), step.dev_rows))
        passed, doing = progress(history, facts, plans[-1])
        searching = under_way(history, facts, plans[-1]) if doing else None
        if searching is not None:
            plans.append(shorten(plans[-1], facts, speeds, clock.at, passed, searching))
        elif not doing:
            passes = passes_of(history, facts, plans[-1])
            plans.append(revise(plans[-1], facts, speeds, clock.at, passed, hopeless(history, facts), passes))
    for work in plans[-1].steps[-1].parts:
        clock.take(work)
    clock.at += REPORT_S
    return history, plans, step


def carried_out(step: PlannedTrial, facts: Facts, clock: Clock, speeds: Speeds) -> Speeds:
    """The speeds with what a trial took, as `planning.learn` keeps them."""
    if step.recipe is not None:
        work = training(step, facts, round(facts.train_rows * step.share * step.recipe.budget.epochs))
        speeds = learn(speeds, [work], clock.take(work))
        clock.take(starting(1))
        speeds = learn(speeds, [starting(1)], clock.take(starting(1)))
    answered = answering(step, facts)
    if answered is None:
        return speeds
    taken = clock.take(answered)
    return learn(speeds, [answered], taken) if step.dev_rows >= facts.dev_rows else speeds


def ladder(plan: Plan) -> PlannedStep | None:
    return next((step for step in plan.steps if step.kind == "ladder"), None)


@pytest.mark.parametrize("budget", [840.0, 1200.0, 2400.0, 4800.0])
@pytest.mark.parametrize("slowness", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("start_s", [0.0, 4.0, 12.0])
def test_a_machine_that_stays_what_it_is_keeps_the_budget(budget: float, slowness: float, start_s: float) -> None:
    clock = Clock(lambda at: slowness, start_s)
    _, plans, _ = on_time(FACTS, Decide(budget=budget), world(FACTS), clock)
    assert clock.at <= budget
    assert plans[-1].steps[-1].kind == "test"


def test_a_search_that_chooses_longer_trainings_keeps_the_budget() -> None:
    """The recipe makes 2 passes, the search finds that 5 are best, and the machine has become slower: there is time for 4."""
    recipe = Recipe(budget=Budget(epochs=2, rows_per_step=8))
    facts = make_facts(train_rows=450, dev_rows=300, test_rows=300, recipe=recipe, classifier=None, shots=(), retrieved=None, space=None)

    def truth(step: PlannedTrial) -> float:
        return 0.65 if step.recipe is None else 0.5 + 0.08 * step.recipe.budget.passes + 0.1 * step.share

    clock = Clock(lambda at: 1.0 if at < 350 else 1.6, 4.0)
    history, plans, end = on_time(facts, Decide(budget=1360.0, pilots=(0.5,), search_over=("epochs",), seeds=1), truth, clock)
    assert clock.at <= 1360
    tuned = next(step for step in plans[-1].steps if step.name == "tuned")
    assert end.recipe is not None
    assert (end.recipe.budget.passes, tuned.epochs, tuned.parts[0].rows) == (5.0, 4.0, 4 * 450)
    assert passes_of(history, facts, plans[-1]) == 5.0


def test_processes_have_a_price_that_is_learnt() -> None:
    plan = make_plan(FACTS, Decide(), Speeds())
    counts = {step.name: sum(work.rows for work in step.parts if work.activity == "process") for step in plan.steps}
    assert (counts["prompts"], counts["pilot-10"], counts["tuned"], counts["test"]) == (0, 2, 2, 1)
    step = ladder(plan)
    assert step is not None
    assert counts["ladder"] == 2 * len(step.parts) / 3
    slow = make_plan(FACTS, Decide(), learn(Speeds(), [starting(1)], 20.0))
    assert slow.will_have_spent() > plan.will_have_spent() + 10 * sum(counts.values())


def test_a_search_ends_early_where_the_full_training_would_not_fit_behind_it() -> None:
    clock = Clock(lambda at: 1.0 if at < 900 else 3.0, 4.0)  # another job comes when the search has begun
    history, plans, end = on_time(FACTS, Decide(budget=4_200.0), world(FACTS), clock)
    sizes = [step.trials for plan in plans if (step := ladder(plan)) is not None]
    assert (sizes[0], sizes[-1]) == (6, 3)
    assert clock.at <= 4_200
    assert next(step for step in plans[-1].steps if step.name == "tuned").epochs is None  # as long as its settings say
    again, other = run(FACTS, plans[-1], world(FACTS))
    assert (names(again), other) == (names(history), end)


def begun_search(tried: int) -> tuple[Plan, list[Trial]]:
    """A plan, and its trials as far as so many settings of the search over training settings, pilots included."""
    plan = make_plan(FACTS, Decide(budget=make_plan(FACTS, Decide(), Speeds()).will_have_spent() * 3), Speeds())
    history, _ = run(FACTS, plan, world(FACTS))
    first = names(history).index("ladder-1-25")
    return plan, history[: first + tried - 1]


def test_a_search_is_ended_at_what_it_has_tried_and_the_replay_is_the_same() -> None:
    plan, history = begun_search(3)
    passed, doing = progress(history, FACTS, plan)
    assert doing
    assert under_way(history, FACTS, plan) == (2, 3)  # the pilot is the first setting's run
    cut = shorten(plan, FACTS, plan.speeds, plan.decide.budget or 0.0, passed, (2, 3))
    step = ladder(cut)
    assert step is not None
    assert step.trials == 3
    assert cut.revision == plan.revision + 1
    assert [one.name for one in cut.steps] == [one.name for one in plan.steps]
    assert any(line.startswith("ladder is made shorter: 3 tried") for line in changes(plan, cut))
    truth = world(FACTS)
    gone_on, end = run(FACTS, cut, truth, history)
    again, other = run(FACTS, cut, truth)
    assert names(again) == names(gone_on)
    assert other == end


def test_a_search_goes_on_while_there_is_time() -> None:
    plan, history = begun_search(2)
    passed, _ = progress(history, FACTS, plan)
    assert shorten(plan, FACTS, plan.speeds, 0.0, passed, (1, 2)) is plan


def test_beyond_its_first_rung_a_search_is_left_alone() -> None:
    plan, history = begun_search(6)
    assert under_way(history, FACTS, plan) is not None
    everything, _ = run(FACTS, plan, world(FACTS))
    climbed = next(
        (k for k, trial in enumerate(everything) if trial.candidate.name.startswith("ladder-") and not trial.candidate.name.endswith("-25")), None
    )
    assert climbed is None or under_way(everything[: climbed + 1], FACTS, plan) is None
    pilots = names(history).index("pilot-25")
    assert under_way(history[: pilots + 1], FACTS, plan) is None


def test_a_search_over_prompts_can_end_early_too() -> None:
    plan = make_plan(FACTS, Decide(budget=make_plan(FACTS, Decide(), Speeds()).will_have_spent() * 3), Speeds())
    history, _ = run(FACTS, plan, world(FACTS))
    first = next(k for k, name in enumerate(names(history)) if name.startswith("prompt-search"))
    part = history[: first + 4]
    assert under_way(part, FACTS, plan) == (4, 4)
    cut = shorten(plan, FACTS, plan.speeds, plan.decide.budget or 0.0, progress(part, FACTS, plan)[0], (4, 4))
    assert next(step for step in cut.steps if step.name == "prompt-search").trials == 4
    truth = world(FACTS)
    assert names(run(FACTS, cut, truth)[0]) == names(run(FACTS, cut, truth, part)[0])


def test_a_plan_covers_what_it_goes_as_far_as() -> None:
    plan = make_plan(FACTS, Decide(), Speeds())
    shorter = tuple(step.model_copy(update={"epochs": 1.0}) if step.name == "tuned" else step for step in plan.steps)
    fewer = plan.model_copy(update={"steps": shorter})
    assert covers(plan, plan, FACTS)
    assert covers(plan, fewer, FACTS)
    assert not covers(fewer, plan, FACTS)
    nothing = plan.model_copy(update={"steps": ()})
    assert covers(plan, nothing, FACTS)
    assert not covers(nothing, nothing, FACTS)
    frugal = nothing.model_copy(update={"decide": Decide(seeds=1)})
    assert not covers(plan, frugal, FACTS)  # a second seed is not wished for


def far_behind(facts: Facts) -> Truth:
    """A world in which examples that are looked up are much worse than the classifier."""
    truth = world(facts)
    return lambda step: 0.2 if step.trial.remedy == "few-shot-retrieved" else truth(step)


def after_rivals(truth: Truth) -> tuple[Plan, list[Trial], int]:
    """A plan with time enough, its trials without any training, and how many of its steps those are."""
    plan = make_plan(FACTS, Decide(budget=make_plan(FACTS, Decide(), Speeds()).will_have_spent() * 1.2), Speeds())
    history, _ = run(FACTS, plan, truth)
    part = [trial for trial in history if trial.remedy != "fine-tune"]
    return plan, part, progress(part, FACTS, plan)[0]


def test_a_rival_that_is_behind_is_not_proven_where_the_full_training_would_not_fit_beside_it() -> None:
    truth = far_behind(FACTS)
    plan, part, passed = after_rivals(truth)
    assert hopeless(part, FACTS) == ("few-shot-retrieved",)
    needed, later = 0, plan
    for at in range(0, int(plan.decide.budget or 0), 20):
        later = revise(plan, FACTS, plan.speeds, at, passed, ("few-shot-retrieved",))
        if later.unproven:
            needed = at
            break
    assert needed
    proven = revise(plan, FACTS, plan.speeds, needed, passed)
    assert "tuned" in [step.name for step in later.steps]
    assert "tuned" not in [step.name for step in proven.steps] or proven.probes < later.probes == 1  # else fewer probes would have to make room
    assert any(line.startswith("few-shot-retrieved is not taken to the locked rows: ") for line in changes(plan, later))
    history, end = run(FACTS, later, truth, part)
    assert "few-shot-retrieved" in names(history)
    assert "few-shot-retrieved" not in names(end.trials)
    assert "few-shot-retrieved on the locked rows" in [left.name for left in end.skipped]
    again, other = run(FACTS, later, truth)
    assert (names(again), other) == (names(history), end)


def test_a_rival_that_may_be_the_best_is_always_proven() -> None:
    _, part, _ = after_rivals(lambda step: 0.7)
    assert hopeless(part, FACTS) == ()


def test_when_the_machine_gets_slow_behind_the_last_training_a_proof_can_still_be_given_up() -> None:
    plan = make_plan(FACTS, Decide(budget=3_000.0), Speeds())
    truth = far_behind(FACTS)
    history, _ = run(FACTS, plan, truth)
    passed, doing = progress(history, FACTS, plan)
    assert (passed, doing) == (len(plan.steps) - 1, False)
    proof = plan.steps[-1].seconds
    late = revise(plan, FACTS, plan.speeds, 2_700 - 0.7 * proof, passed, hopeless(history, FACTS))
    assert late.unproven == ("few-shot-retrieved",)
    assert late.steps[-1].seconds < proof
    assert late.steps[:passed] == plan.steps[:passed]
