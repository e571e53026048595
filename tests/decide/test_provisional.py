"""What is said of dev before the locked rows are opened: when, in which words, and by whose numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.decide.planning import make_facts, run
from tests.decide.test_conclude import mix
from tests.decide.test_next import plan_for, steps_of, world
from tunesmith.decide.conclude import conclude
from tunesmith.decide.next import next_trial
from tunesmith.decide.provisional import is_telling, provisional
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.plan import Facts
from tunesmith.spec.project import Project
from tunesmith.spec.report import Scored
from tunesmith.spec.task import Goal
from tunesmith.spec.verdict import Finalist

Say = Callable[..., str]


@pytest.fixture
def say(dataset: Callable[..., Dataset], answers: Callable[..., list[Scored]], finalist: Callable[..., Finalist]) -> Say:
    def told(patterns: Mapping[str, str], arm: Mapping[str, str] | None = None, **goal: Any) -> str:
        rows = {name: answers(pattern) for name, pattern in patterns.items()}
        entered = [finalist(name, found, on_dev=found_share(patterns[name]), arm=(arm or {}).get(name, "")) for name, found in rows.items()]
        return provisional(entered, rows, Goal(**goal), dataset(out_of_scope=None))

    return told


def found_share(pattern: str) -> float:
    return pattern.count("+") / len(pattern)


def told_after(facts: Facts, **wishes: object) -> list[str]:
    """The trials of a whole walk after which something is said."""
    plan = plan_for(facts, **wishes)
    history, _ = run(facts, plan, world(facts))
    steps = steps_of(facts, history, plan)
    telling = [is_telling(step, next_trial(history[: k + 1], facts, plan), plan) for k, step in enumerate(steps)]
    return [trial.candidate.name for trial, is_said in zip(history, telling, strict=True) if is_said]


def test_it_is_said_behind_the_untrained_rivals_and_behind_every_training_of_the_recipe() -> None:
    facts = make_facts()
    assert told_after(facts) == ["few-shot-retrieved", "pilot-10", "pilot-25", "pilot-50", "tuned", "tuned-seed-1"]
    assert told_after(facts, pilots=(), search=0, prompt_search=0, seeds=1) == ["few-shot-retrieved", "tuned"]


def test_without_a_training_it_is_said_at_the_end() -> None:
    facts = make_facts(shots=(), retrieved=None, space=None)
    plan = plan_for(facts)
    bare = plan.model_copy(update={"steps": plan.steps[:2]})
    history, _ = run(facts, bare, world(facts))
    last = steps_of(facts, history, bare)[-1]
    assert is_telling(last, next_trial(history, facts, bare), bare)


def test_a_clear_lead(say: Say) -> None:
    said = say({"tuned": mix(164, 200), "prompt-plain": mix(60, 200), "majority": mix(7, 200)})
    assert re.fullmatch(
        r"so far on dev \(200 rows, 95 % intervals\): the tuned model 82\.0 % \[76\.\d, 86\.\d\], the best written prompt 30\.0 % \[\d+\.\d, \d+\.\d\]; "
        r"\+52\.0 points, more than chance explains \(p < 0\.001, corrected for 2 comparisons\)\. These rows say “fine-tune”; only the locked rows prove it",
        said,
    )


def test_a_lead_that_may_be_chance(say: Say) -> None:
    said = say({"classifier": mix(94, 100), "tuned": mix(91, 100, shift=3)}, arm={"tuned": "tuned"})
    assert "the classifier 94.0 %" in said
    assert "the small training tuned 91.0 %" in said
    assert "+3.0 points, which may be chance (p = " in said
    assert "corrected" not in said  # one comparison alone
    assert said.endswith("only the locked rows prove it")


def test_one_rival_alone_is_compared_with_nothing(say: Say) -> None:
    said = say({"prompt-plain": mix(60, 100)}, confidence=0.9)
    assert said.startswith("so far on dev (100 rows, 90 % intervals): the best written prompt 60.0 % [")
    assert "These rows say “cannot tell”" in said


def test_the_words_are_those_of_the_verdict_on_the_same_rows(
    dataset: Callable[..., Dataset], project: Callable[..., Project], answers: Callable[..., list[Scored]], finalist: Callable[..., Finalist]
) -> None:
    for right in (20, 60, 130, 190):
        rows = {"tuned": answers(mix(140, 200)), "classifier": answers(mix(right, 200, shift=1)), "majority": answers(mix(9, 200))}
        entered = [finalist(name, found, on_dev=0.5) for name, found in rows.items()]
        verdict = conclude(entered, rows, project(), dataset(), looks=1)
        assert f"These rows say “{verdict.decision}”" in provisional(entered, rows, Goal(), dataset())
