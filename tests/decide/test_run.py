"""The door: what the small trainings say about more rows, in the words of the verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.decide.planning import learning, make_facts, measured, run
from tunesmith.decide.budget import make_plan
from tunesmith.decide.run import outlook_of
from tunesmith.spec.candidate import Tuned
from tunesmith.spec.chat import Prompt
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.plan import Decide, Done, Facts, PlannedTrial, Speeds
from tunesmith.spec.report import Metric
from tunesmith.spec.task import Goal
from tunesmith.spec.trial import Trial

FULL = Trial(remedy="fine-tune", candidate=Tuned(name="tuned", checkpoint="", prompt=Prompt(name="tuned")))
Data = Callable[..., Dataset]


def walked(facts: Facts, **wishes: Any) -> tuple[list[Trial], Done]:
    trained = learning(0.9)

    def truth(step: PlannedTrial) -> float:
        return trained(step, facts.train_rows) if step.recipe is not None else 0.3

    return run(facts, make_plan(facts, Decide.model_validate({"search": 0, "prompt_search": 0, "seeds": 1} | wishes), Speeds()), truth)


def test_more_rows_help_while_the_curve_rises(dataset: Data) -> None:
    facts = make_facts(train_rows=1_000, dev_rows=2_000)
    history, end = walked(facts)
    found = outlook_of(history, end, dataset(), facts)
    assert found is not None
    assert found.rows == 1_000
    assert found.more is not None
    assert found.expected is not None
    assert found.low is not None
    assert 0.5 < found.low < found.expected < 0.9
    assert found.sentence.startswith("More data would help")


def test_a_goal_says_how_many(dataset: Data) -> None:
    facts = make_facts(train_rows=1_000, dev_rows=2_000, goal=Goal(at_least=0.75))
    history, end = walked(facts)
    found = outlook_of(history, end, dataset(), facts)
    assert found is not None
    assert "The goal is expected with about" in found.sentence


def test_the_weakest_labels_are_named(dataset: Data) -> None:
    facts = make_facts(train_rows=1_000, dev_rows=2_000)
    history, end = walked(facts)
    data = dataset()
    data = data.model_copy(update={"profile": data.profile.model_copy(update={"labels": {"train": {"card_lost": 60, "refund": 400}}})})
    recalls = {name: Metric(value=value, low=value, high=value, n=100, method="wilson") for name, value in (("card_lost", 0.3), ("refund", 0.95))}
    tuned = measured(FULL, 0.6, 2_000)
    assert tuned.report is not None
    tuned = tuned.model_copy(update={"report": tuned.report.model_copy(update={"per_label": recalls})})
    found = outlook_of(history, end.model_copy(update={"trials": (tuned, *end.trials[1:])}), data, facts)
    assert found is not None
    assert found.labels == ("card_lost",)
    assert "The weakest label is card_lost" in found.sentence


def test_without_pilots_nothing_is_foretold(dataset: Data) -> None:
    facts = make_facts()
    history, end = walked(facts, pilots=())
    assert outlook_of(history, end, dataset(), facts) is None
    history, end = walked(facts, pilots=(0.5,))
    assert outlook_of(history, end, dataset(), facts) is None


def test_scores_that_fall_with_more_rows_are_said_to_fall_and_stop_nothing(dataset: Data) -> None:
    facts = make_facts(train_rows=1_000, dev_rows=150)
    scores = {"pilot-10": 0.8, "pilot-25": 0.6, "pilot-50": 0.4}
    plan = make_plan(facts, Decide(prompt_search=0), Speeds())
    history, end = run(facts, plan, lambda step: scores.get(step.trial.candidate.name, 0.4))
    assert "tuned" in [trial.candidate.name for trial in history]
    found = outlook_of(history, end, dataset(), facts)
    assert found is not None
    assert (found.rows, found.more, found.expected) == (1_000, None, None)
    assert found.sentence.startswith("Scores fall with more rows: 80.0 % with 100, 60.0 % with 250, 40.0 % with 500. That hints at ")
