"""Trials that come to nothing: the run goes on with the others, and what failed is never chosen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from tests.decide.planning import LARGE, SMALL, learning, make_facts, measured, names, with_documents
from tunesmith.decide.budget import make_plan
from tunesmith.decide.failing import failed_words
from tunesmith.decide.next import next_trial
from tunesmith.errors import Alarm
from tunesmith.spec.plan import Base, Decide, Done, Facts, Plan, PlannedTrial, Speeds
from tunesmith.spec.trial import Failure, Trial

DIVERGED = Alarm("diverged: the training loss rose from 1.00 to 9.00", where="step 30", fix="train.optimiser.lr = 0.001")
Fails = Callable[[PlannedTrial], bool]


def rate(step: PlannedTrial) -> float:
    assert step.recipe is not None
    return step.recipe.optimiser.lr or 1e-3


def go(facts: Facts, plan: Plan, fails: Fails, history: Sequence[Trial] = (), best: float = 1e-3) -> tuple[list[Trial], Done]:
    """What the pipeline does where some trainings fail; `best` is the right learning rate."""
    found, score = list(history), learning(0.92, lr=best)
    for _ in range(200):
        step = next_trial(found, facts, plan)
        if isinstance(step, Done):
            return found, step
        if step.recipe is not None and fails(step):
            failure = Failure(error=DIVERGED.to_json(), recipe=step.recipe)
            found.append(step.trial.model_copy(update={"failure": failure, "artifact": "failure-0"}))
        else:
            found.append(measured(step.trial, 0.5 if step.recipe is None else score(step, facts.train_rows), step.dev_rows))
    raise AssertionError("the line does not end")


def plan_for(facts: Facts, **wishes: object) -> Plan:
    return make_plan(facts, Decide.model_validate(wishes), Speeds())


def full(history: Sequence[Trial]) -> list[tuple[str, bool]]:
    """(name, whether it failed) of the full trainings."""
    return [
        (trial.candidate.name, trial.failure is not None)
        for trial in history
        if trial.remedy in ("fine-tune", "fine-tune-rag") and trial.pilot is None
    ]


def test_settings_that_fail_are_left_behind_and_the_rest_goes_on() -> None:
    facts = make_facts(dev_rows=4000)
    history, end = go(facts, plan_for(facts, search=8), lambda step: rate(step) > 5e-4)
    failed = [trial for trial in history if trial.failure is not None]
    assert len(failed) > 1
    assert all(trial.pilot is not None for trial in failed)
    assert end.recipe is not None
    assert end.recipe.optimiser.lr is not None
    assert end.recipe.optimiser.lr <= 5e-4
    assert full(history) == [("tuned", False), ("tuned-seed-1", False)]
    assert {trial.candidate.name for trial in end.trials} & {trial.candidate.name for trial in failed} == set()


def test_a_failed_trial_is_tried_once() -> None:
    facts = make_facts(dev_rows=4000)
    history, _ = go(facts, plan_for(facts, search=8), lambda step: rate(step) > 5e-4)
    tried = [(trial.candidate.name, trial.report.rows if trial.report else 0) for trial in history]
    assert len(set(tried)) == len(tried)


def test_any_part_of_such_a_history_goes_on_like_the_whole() -> None:
    facts = make_facts(dev_rows=4000)
    plan = plan_for(facts, search=6)
    fails: Fails = lambda step: rate(step) > 5e-4 or (step.trial.pilot is None and step.recipe is not None and step.recipe.seed == 0)  # noqa: E731
    history, end = go(facts, plan, fails)
    for cut in range(0, len(history), 3):
        again, other = go(facts, plan, fails, list(reversed(history[:cut])))
        assert names(again[cut:]) == names(history[cut:])
        assert other == end


def test_where_every_small_training_fails_the_full_one_is_tried_as_written() -> None:
    facts = make_facts()
    history, end = go(facts, plan_for(facts), lambda step: step.share < 1)
    assert full(history) == [("tuned", False), ("tuned-seed-1", False)]
    assert end.recipe == facts.recipe


def test_a_full_training_that_fails_is_done_with_other_settings() -> None:
    facts = make_facts(dev_rows=4000)
    history, end = go(facts, plan_for(facts, search=6), lambda step: step.share == 1 and rate(step) > 5e-4, best=7e-4)
    names_of = full(history)
    assert names_of[0] == ("tuned", True)
    assert ("tuned", False) in names_of
    assert names_of[-1] == ("tuned-seed-1", False)  # with the settings of the one that did not fail
    assert end.recipe is not None
    assert (end.recipe.optimiser.lr or 1e-3) <= 5e-4
    assert failed_words(history, end) == (
        f"A full training for fine-tuning failed ({DIVERGED.message}); what is said of tuned is said of one that did not.",
    )


def test_where_no_full_training_ends_a_small_one_stands_for_it() -> None:
    facts = make_facts(dev_rows=4000)
    history, end = go(facts, plan_for(facts, search=6), lambda step: step.share == 1)
    assert all(failed for _, failed in full(history))
    assert 1 < len(full(history)) <= 3
    assert end.trials[0].pilot is not None
    assert end.replicas == ()
    assert "tuned-seed-1" in {left.name for left in end.skipped}
    assert "a small training, stands for it" in failed_words(history, end)[0]


def test_where_nothing_can_be_trained_the_others_are_compared() -> None:
    facts = make_facts()
    history, end = go(facts, plan_for(facts), lambda step: True)
    assert [trial.remedy for trial in end.trials] == ["prompt", "few-shot", "few-shot-retrieved", "classifier", "majority"]
    assert end.recipe is None
    assert full(history) == [("tuned", True)]  # there is one setting as written, and it failed
    assert failed_words(history, end) == (
        f"The full training for fine-tuning failed ({DIVERGED.message}), so nothing is said about what it would reach.",
    )
    reasons = {left.name: left.reason for left in end.skipped}
    assert "no other settings are left" in reasons["tuned-seed-1"]


def test_an_unlucky_seed_costs_no_more_than_itself() -> None:
    facts = with_documents()
    history, end = go(facts, plan_for(facts), lambda step: step.trial.candidate.name == "tuned-seed-1")
    assert [name for name, failed in full(history) if failed] == ["tuned-seed-1"]
    assert "tuned" in names(end.trials)
    assert "tuned-seed-1" not in names(end.replicas)
    assert ("tuned-rag", False) in full(history)


def test_a_base_that_fails_is_not_chosen() -> None:
    facts = make_facts(bases=(Base(id="small", parameters=SMALL, lr=1e-3), Base(id="org/large", parameters=LARGE, lr=1e-3)))
    history, end = go(facts, plan_for(facts), lambda step: step.base == "org/large")
    assert [name for name in names(history) if "@" in name] == ["prompt-plain@org/large", "pilot-25@org/large"]
    assert full(history)[0] == ("tuned", False)
    assert not any("@" in name for name in names(end.trials))


def test_a_base_whose_prompt_failed_is_not_tuned() -> None:
    facts = make_facts(bases=(Base(id="small", parameters=SMALL, lr=1e-3), Base(id="org/large", parameters=LARGE, lr=1e-3)))
    plan = plan_for(facts)
    history, _ = go(facts, plan, lambda step: False)
    place = names(history).index("prompt-plain@org/large")
    failed = history[place].model_copy(update={"report": None, "failure": Failure(error=DIVERGED.to_json())})
    again, _ = go(facts, plan, lambda step: False, [*history[:place], failed])
    assert not any(name.startswith("pilot-") and "@" in name for name in names(again))


def test_the_worst_there_is_lies_below_every_score() -> None:
    from tunesmith.decide.ladder import FAILED

    assert math.isinf(FAILED)
    assert FAILED < 0
