"""The loop: its order, what it passes over and why, and that nothing but the history, the facts and the plan decides."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decide.planning import LARGE, SMALL, Truth, learning, make_facts, measured, names, run, with_documents
from tunesmith.decide.budget import make_plan, revise
from tunesmith.decide.cost import learn
from tunesmith.decide.next import chosen_base, curve_of, next_trial
from tunesmith.decide.progress import progress
from tunesmith.decide.reach import owner
from tunesmith.spec.candidate import Prompted, Retrieval, Tuned
from tunesmith.spec.plan import Base, Decide, Done, Facts, Plan, PlannedTrial, Speeds
from tunesmith.spec.recipe import Lora
from tunesmith.spec.task import Goal
from tunesmith.spec.trial import Trial


def world(facts: Facts, *, prompt: float = 0.5, classifier: float = 0.7, tuned: float = 0.92, best_lr: float = 1e-3, rag: float = 0.5) -> Truth:
    """Scores that depend on the candidate alone."""
    trained = learning(tuned, lr=best_lr)

    def truth(step: PlannedTrial) -> float:
        candidate = step.trial.candidate
        if step.recipe is not None:
            return trained(step, facts.train_rows) + 0.0005 * step.recipe.seed
        match step.trial.remedy:
            case "majority":
                return 0.1
            case "classifier":
                return classifier
            case "rag":
                return rag
            case _:
                assert isinstance(candidate, Prompted | Retrieval)
                return prompt + 0.002 * (sum(map(ord, candidate.name)) % 10)

    return truth


def plan_for(facts: Facts, **wishes: object) -> Plan:
    return make_plan(facts, Decide.model_validate(wishes), Speeds())


def test_the_order_is_from_cheap_to_dear() -> None:
    facts = make_facts()
    history, end = run(facts, plan_for(facts), world(facts))
    steps = list(dict.fromkeys(owner(trial) for trial in history))
    assert steps == [step.name for step in plan_for(facts).steps[:-1]]
    assert names(history)[:4] == ["majority", "classifier", "prompt-plain", "prompt-role"]
    assert end.skipped == ()
    assert [trial.remedy for trial in end.trials] == ["fine-tune", "prompt", "few-shot", "few-shot-retrieved", "classifier", "majority"]
    assert len(end.replicas) == 1
    assert all(trial.report is not None and trial.pilot is None for trial in end.trials)


def test_finalists_were_measured_on_all_of_dev() -> None:
    facts = make_facts()
    history, end = run(facts, plan_for(facts), world(facts))
    assert {trial.report.rows for trial in history if trial.report} >= {50, 150, 400}
    assert all(trial.report.rows == facts.dev_rows for trial in end.trials if trial.report)


def test_the_best_prompt_carries_the_examples() -> None:
    facts = make_facts(space=None)
    truth = world(facts)
    history, _ = run(facts, plan_for(facts), lambda step: 0.66 if step.trial.candidate.name == "prompt-role" else truth(step))
    shown = {trial.candidate.name: trial.candidate for trial in history}
    fixed, looked_up = shown["few-shot"], shown["few-shot-retrieved"]
    assert isinstance(fixed, Prompted)
    assert (fixed.prompt.name, fixed.prompt.examples) == ("role-1-shot", facts.shots)
    assert isinstance(looked_up, Retrieval)
    assert looked_up.reader.prompt.name == "role"


def test_the_search_changes_the_recipe_of_the_full_trainings() -> None:
    facts = make_facts(dev_rows=4000)
    history, end = run(facts, plan_for(facts, search=8), world(facts, best_lr=2e-4))
    assert end.recipe is not None
    assert end.recipe.optimiser.lr is not None
    assert 0.5e-4 < end.recipe.optimiser.lr < 7e-4
    finals = [step for step in steps_of(facts, history, plan_for(facts, search=8)) if step.trial.remedy == "fine-tune" and step.trial.pilot is None]
    assert [step.recipe.seed for step in finals if step.recipe] == [0, 1]
    assert all(step.recipe and step.recipe.optimiser == end.recipe.optimiser for step in finals)


def steps_of(facts: Facts, history: list[Trial], plan: Plan) -> list[PlannedTrial]:
    """The planned trials of a history, replayed."""
    found = []
    for end in range(len(history)):
        step = next_trial(history[:end], facts, plan)
        assert isinstance(step, PlannedTrial)
        assert step.trial.candidate == history[end].candidate
        found.append(step)
    return found


@settings(max_examples=25, deadline=None)
@given(
    tuned=st.floats(0.3, 0.99),
    prompt=st.floats(0.1, 0.95),
    classifier=st.floats(0.1, 0.99),
    cut=st.floats(0, 1),
    shuffle=st.randoms(use_true_random=False),
)
def test_any_part_of_a_history_goes_on_like_the_whole(tuned: float, prompt: float, classifier: float, cut: float, shuffle: random.Random) -> None:
    facts = with_documents()
    plan, truth = plan_for(facts, budget=4000), world(facts, prompt=prompt, classifier=classifier, tuned=tuned)
    history, end = run(facts, plan, truth)
    part = history[: round(cut * len(history))]
    again, other = run(facts, plan, truth, part)
    assert names(again) == names(history)
    assert other == end
    shuffle.shuffle(part)  # the order of a history says nothing
    step = next_trial(part, facts, plan)
    assert (names(history)[len(part)] if len(part) < len(history) else None) == (
        step.trial.candidate.name if isinstance(step, PlannedTrial) else None
    )


def test_the_last_revision_alone_replays_the_run() -> None:
    facts = make_facts()
    truth = world(facts, tuned=0.95)
    plan = make_plan(facts, Decide(budget=make_plan(facts, Decide(), Speeds()).will_have_spent() * 1.15), Speeds())
    history: list[Trial] = []
    speeds, spent = Speeds(), 0.0
    while isinstance(step := next_trial(history, facts, plan), PlannedTrial):
        history.append(measured(step.trial, truth(step), step.dev_rows))
        spent += 1.8 * step.seconds  # this machine is slower than was thought
        done = next(one for one in plan.steps if one.name == step.step)
        speeds = learn(speeds, done.parts, 1.8 * done.seconds)
        passed, doing = progress(history, facts, plan)
        plan = plan if doing else revise(plan, facts, speeds, spent, passed)
    assert plan.revision >= 1
    assert plan.left_out
    again, end = run(facts, plan, truth)
    assert names(again) == names(history)
    assert end == next_trial(history, facts, plan)


def test_the_plan_is_kept_as_it_stands_in_a_file() -> None:
    facts = make_facts()
    plan = plan_for(facts)
    history, end = run(facts, plan, world(facts))
    stored, known = Plan.model_validate_json(plan.model_dump_json()), Facts.model_validate_json(facts.model_dump_json())
    kept = [Trial.model_validate_json(trial.model_dump_json()) for trial in history]
    assert next_trial(kept, known, stored) == end
    assert next_trial(kept[:17], known, stored) == next_trial(history[:17], facts, plan)


def skipped(end: Done) -> dict[str, str]:
    return {one.name: one.reason for one in end.skipped}


def test_hopeless_prompts_are_not_searched() -> None:
    facts = make_facts()
    bound = plan_for(facts, budget="10h")
    _, end = run(facts, bound, world(facts, prompt=0.2, classifier=0.9))
    assert "more than a better prompt brings" in skipped(end)["prompt-search"]
    for plan, prompt, classifier in (
        (bound, 0.6, 0.7),
        (plan_for(facts), 0.2, 0.9),
    ):  # the best prompt is wanted where it may win, or where there is time
        _, end = run(facts, plan, world(facts, prompt=prompt, classifier=classifier))
        assert "prompt-search" not in skipped(end)


def test_a_base_at_the_ceiling_needs_no_search() -> None:
    facts = make_facts()
    _, end = run(facts, plan_for(facts), lambda step: 1.0 if step.trial.remedy != "majority" else 0.2)
    assert set(skipped(end)) == {"prompt-search", "ladder"}
    assert "nothing to gain" in skipped(end)["ladder"]


def test_settings_that_cannot_catch_up_are_not_searched_and_no_gain_is_confirmed() -> None:
    facts = make_facts()
    _, end = run(facts, plan_for(facts), world(facts, tuned=0.4, classifier=0.95))
    assert "further ahead than better settings can bring" in skipped(end)["ladder"]
    assert "no gain that a second seed could confirm" in skipped(end)["tuned-seed-1"]
    assert end.replicas == ()


def test_with_a_budget_a_clear_winner_needs_no_better_settings() -> None:
    facts, whole = make_facts(dev_rows=2000), make_plan(make_facts(dev_rows=2000), Decide(), Speeds()).will_have_spent()
    truth = world(facts, tuned=0.97, classifier=0.4, prompt=0.3)
    _, free = run(facts, plan_for(facts), truth)
    _, bound = run(facts, plan_for(facts, budget=whole * 1.5), truth)
    assert "ladder" not in skipped(free)
    assert "ahead of everything else beyond doubt" in skipped(bound)["ladder"]
    goal = make_facts(dev_rows=2000, goal=Goal(at_least=0.99))
    assert "ladder" not in skipped(run(goal, plan_for(goal, budget=whole * 1.5), truth)[1])  # whether the goal is reached can still change


def test_a_target_ends_the_trying() -> None:
    facts = make_facts(goal=Goal(at_least=0.6))
    _, end = run(facts, plan_for(facts, stop_at_goal=True), world(facts, classifier=0.8))
    assert [trial.candidate.name for trial in end.trials] == ["classifier", "majority"]
    assert set(skipped(end).values()) == {"classifier reaches the goal beyond doubt"}
    history, _ = run(facts, plan_for(facts), world(facts, classifier=0.8))
    assert "tuned" in names(history)  # a goal alone is no reason to stop


def test_documents_bring_readers() -> None:
    facts = with_documents()
    history, end = run(facts, plan_for(facts), world(facts, rag=0.9))
    assert names(history)[-1] == "tuned-rag"
    assert {"rag", "fine-tune-rag"} <= {trial.remedy for trial in end.trials}


def test_the_better_base_is_tuned() -> None:
    facts = make_facts(bases=(Base(id="small", parameters=SMALL, lr=1e-3), Base(id="org/large", parameters=LARGE, lr=1e-3)), dev_rows=2000)
    truth = world(facts, tuned=0.8)
    better = run(facts, plan_for(facts), lambda step: min(1.0, truth(step) + 0.1 * (step.base != "small")))[0]
    assert [name.split("@")[1] for name in names(better) if "@" in name] == ["org/large", "org/large"]  # its best prompt and its pilot
    assert chosen_base(better, facts).id == "org/large"
    finals = [step for step in steps_of(facts, better, plan_for(facts)) if step.step == "tuned"]
    assert finals[0].base == "org/large"
    same = run(facts, plan_for(facts), truth)[0]
    assert chosen_base(same, facts).id == "small"  # a tie goes to the smaller one


def test_without_a_full_training_the_largest_pilot_stands_for_it() -> None:
    facts = make_facts()
    plan = plan_for(facts)
    short = plan.model_copy(update={"steps": tuple(step for step in plan.steps if step.kind not in ("final", "ladder"))})
    _, end = run(facts, short, world(facts))
    assert end.trials[0].candidate.name == "pilot-50"
    assert end.trials[0].pilot is not None


def test_a_shortened_training_keeps_the_rest_of_the_recipe() -> None:
    facts = make_facts()
    plan = plan_for(facts)
    steps = tuple(step.model_copy(update={"epochs": 1.0}) if step.name == "tuned" else step for step in plan.steps)
    cut = plan.model_copy(update={"steps": steps})
    history, _ = run(facts, cut, world(facts))
    tuned = next(step for step in steps_of(facts, history, cut) if step.step == "tuned")
    assert tuned.recipe is not None
    assert tuned.recipe.budget.epochs == 1.0
    assert isinstance(tuned.recipe.weights, Lora)
    assert isinstance(tuned.trial.candidate, Tuned)


def test_the_curve_rests_on_the_pilots() -> None:
    facts = make_facts(dev_rows=3000)
    history, _ = run(facts, plan_for(facts), world(facts, tuned=0.95))
    found = curve_of(history, facts)
    assert found is not None
    assert [point.rows for point in found.points] == [400, 1000, 2000]
    _value, low, high = found.at(4000)
    assert low <= 0.2 + 0.75 * 4000 / 4400 <= high
    assert curve_of([], facts) is None
    assert curve_of(history, make_facts(metric="perplexity")) is None


@pytest.mark.parametrize("metric", ["perplexity", "false_refusal_rate"])
def test_lower_is_better_where_the_metric_says_so(metric: str) -> None:
    facts = make_facts(metric=metric, goal=Goal(metric=metric))
    scores = {"prompt-plain": 0.4, "prompt-role": 0.3, "classifier": 0.5}
    _history, end = run(facts, plan_for(facts, search=0), lambda step: scores.get(step.trial.candidate.name, 0.45))
    assert [trial.candidate.name for trial in end.trials if trial.remedy == "prompt"] == ["prompt-role"]
    assert end.trials[0].remedy == "fine-tune"


def test_trials_of_another_plan_are_left_alone() -> None:
    facts = make_facts()
    history, _ = run(facts, plan_for(facts), world(facts))
    bare = plan_for(facts, pilots=(), search=0, prompt_search=0, seeds=1)
    found = next_trial(history, facts, bare)
    assert isinstance(found, Done)
    assert found.replicas == ()


def test_a_trial_without_a_report_is_not_done() -> None:
    facts = make_facts()
    plan = plan_for(facts)
    first = next_trial([], facts, plan)
    assert isinstance(first, PlannedTrial)
    assert next_trial([first.trial], facts, plan) == first


def test_an_empty_plan_is_done_at_once() -> None:
    facts = make_facts()
    end = next_trial([], facts, make_plan(facts, Decide(budget=1.0), Speeds()))
    assert end == Done(trials=())


def test_a_goal_that_a_control_reaches_ends_nothing() -> None:
    facts = make_facts(goal=Goal(at_least=0.05))
    history, end = run(facts, plan_for(facts, stop_at_goal=True), lambda step: 0.3 if step.trial.remedy == "majority" else 0.01)
    assert not any("reaches the goal" in reason for reason in skipped(end).values())
    assert "tuned" in names(history)


def test_a_tuned_reader_that_leads_on_dev_is_trained_with_other_seeds() -> None:
    facts = with_documents(dev_rows=2_000)
    plan, truth = plan_for(facts, seeds=3, pilots=(), search=0), world(facts, tuned=0.6)

    def reads(ahead: float) -> Truth:
        return lambda step: truth(step) + ahead * (step.trial.remedy == "fine-tune-rag")

    history, end = run(facts, plan, reads(0.3))
    assert names(history)[-3:] == ["tuned-rag", "tuned-rag-seed-1", "tuned-rag-seed-2"]
    finals = [step for step in steps_of(facts, history, plan) if step.trial.remedy == "fine-tune-rag"]
    assert [step.recipe.seed for step in finals if step.recipe] == [0, 1, 2]
    both = [trial for trial in (*end.trials, *end.replicas) if trial.remedy == "fine-tune-rag"]
    assert sorted(names(both)) == ["tuned-rag", "tuned-rag-seed-1", "tuned-rag-seed-2"]
    history, end = run(facts, plan, reads(-0.3))
    assert [name for name in names(history) if name.startswith("tuned-rag")] == ["tuned-rag"]
    assert "leads on dev, so there is no gain of fine-tuning with documents" in skipped(end)["tuned-rag-seed-1"]


def test_a_small_training_that_is_ahead_on_dev_stands_for_the_full_ones() -> None:
    facts = make_facts(dev_rows=1_000)
    plan = plan_for(facts, search=0)

    def scored(full: float) -> Truth:
        known = {"pilot-10": 0.6, "pilot-25": 0.7, "pilot-50": 0.8, "tuned": full, "tuned-seed-1": full}
        return lambda step: known.get(step.trial.candidate.name, 0.3)

    _, end = run(facts, plan, scored(0.7))
    assert [trial.candidate.name for trial in end.trials if trial.remedy == "fine-tune"] == ["pilot-50"]
    assert end.trials[0].candidate.name == "pilot-50"
    assert end.replicas == ()
    assert skipped(end)["tuned on the locked rows"] == (
        "pilot-50, trained on 50% of the rows, is ahead of it on dev (0.8 against 0.7) and stands for fine-tuning"
    )
    assert end.recipe == facts.recipe
    for full in (0.79, 0.8, 0.9):  # a tie, or behind: the full ones go on, all of them
        _, end = run(facts, plan, scored(full))
        assert [trial.candidate.name for trial in (*end.trials, *end.replicas) if trial.remedy == "fine-tune"] == ["tuned", "tuned-seed-1"]
        assert "tuned on the locked rows" not in skipped(end)
