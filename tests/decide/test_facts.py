"""From a project and its rows to the facts: everything that may be tried, nothing that was switched off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tunesmith.decide.budget import make_plan
from tunesmith.decide.facts import READ_SHOTS, Given, facts_of
from tunesmith.decide.next import next_trial
from tunesmith.decide.steps import leaves_a_choice
from tunesmith.errors import BadProject
from tunesmith.spec.chat import Prompt
from tunesmith.spec.dataset import Dataset, Record
from tunesmith.spec.index import Document
from tunesmith.spec.plan import Base, Decide, Facts, PlannedTrial, Speeds
from tunesmith.spec.project import Project, Rivals, Yardstick
from tunesmith.spec.recipe import Budget, Lora, Recipe
from tunesmith.spec.suite import Examine
from tunesmith.spec.task import MetricName, Task

Build = Callable[..., Facts]
USUAL = Recipe(budget=Budget(epochs=3, rows_per_step=32))


@pytest.fixture
def build(dataset: Callable[..., Dataset], project: Callable[..., Project], record: Callable[..., Record]) -> Build:
    rows = [record(k, f"question {k}", label, label) for k, label in enumerate(["card_lost", "refund", "other", "other"] * 5)]

    def made(
        data: Dataset | None = None,
        inherited: Prompt | None = None,
        metric: MetricName = "exact_match",
        recipe: Recipe | None = None,
        **fields: Any,
    ) -> Facts:
        bases = (Base(id="small", parameters=135_000_000, lr=1e-3),)
        return facts_of(Given(project(**fields), data or dataset(), rows, rows[:8], metric, bases, recipe or USUAL, 22_000_000, inherited))

    return made


def test_everything_that_may_be_tried(build: Build, dataset: Callable[..., Dataset]) -> None:
    facts = build()
    assert (facts.train_rows, facts.dev_rows, facts.test_rows, facts.answering) == (20, 8, dataset().rows["test"], "choose")
    assert [prompt.name for prompt in facts.written] == ["plain", "role", "careful", "short", "strict"]
    assert facts.majority is not None
    assert facts.majority.answer == "card_lost"  # `other` is more frequent, but exact_match looks at rows in scope
    assert facts.classifier is not None
    assert facts.retrieved is not None
    assert facts.space is not None
    assert len(facts.shots) == 8
    assert (facts.rag, facts.rag_tuned, facts.remote) == ((), None, None)
    assert Facts.model_validate_json(facts.model_dump_json()) == facts


def test_what_is_switched_off_is_not_there(build: Build) -> None:
    facts = build(rivals=Rivals(prompts=False, few_shot=0, few_shot_retrieved=0, majority=False, classifier=False))
    assert (facts.written, facts.shots, facts.retrieved, facts.majority, facts.classifier, facts.space) == ((), (), None, None, None, None)
    first = next_trial([], facts, make_plan(facts, Decide(pilots=(), search=0), Speeds()))
    assert isinstance(first, PlannedTrial)
    assert first.step == "tuned"


def test_fine_tuning_can_be_switched_off(build: Build) -> None:
    assert build().fine_tune
    facts = build(rivals=Rivals(fine_tune=False))
    assert not facts.fine_tune
    assert leaves_a_choice(facts)
    assert not leaves_a_choice(build(rivals=Rivals(prompts=False, few_shot=0, few_shot_retrieved=0, classifier=False, fine_tune=False)))


def test_documents_bring_readers(build: Build) -> None:
    facts = build(documents=(Document(file="docs"),))
    assert [reader.name for reader in facts.rag] == ["rag-passages", "rag-careful", "rag-few-shot"]
    assert [len(reader.reader.prompt.examples) for reader in facts.rag] == [0, 0, READ_SHOTS]
    assert len(facts.shots) > READ_SHOTS
    assert len(build(documents=(Document(file="docs"),), rivals=Rivals(few_shot=0)).rag) == 2
    assert facts.rag_tuned is not None
    assert facts.rag_tuned.count == 3
    assert build(documents=(Document(file="docs"),), rivals=Rivals(fine_tune_rag=False)).rag_tuned is None


def test_free_text_has_no_controls_and_is_written(build: Build, dataset: Callable[..., Dataset]) -> None:
    facts = build(dataset(task="generate", labels=(), out_of_scope=None))
    assert facts.answering == "write"
    assert facts.majority is None
    assert facts.classifier is None


def test_questions_are_asked_again_where_answers_are_drawn(build: Build, dataset: Callable[..., Dataset]) -> None:
    free = dataset(task="generate", labels=(), out_of_scope=None)
    drawn = Examine(temperature=0.7, repeats=4)
    assert [build(free).asked_again, build(free, examine=drawn).asked_again, build(examine=drawn).asked_again] == [0, 4, 0]


def test_a_continued_model_keeps_its_prompt(build: Build) -> None:
    assert build(inherited=Prompt(name="old", system="Old.")).prompt.name == "old"


def test_a_bad_placeholder_is_found_before_anything_is_tried(build: Build) -> None:
    with pytest.raises(BadProject, match="unknown placeholder"):
        build(task=Task(prompts=("{oops}",)), rivals=Rivals(prompts=False))


def test_where_all_rows_decide_the_majority_is_over_all_rows(build: Build) -> None:
    facts = build()
    everywhere = build(metric="accuracy")
    assert facts.majority is not None
    assert everywhere.majority is not None
    assert (facts.majority.answer, everywhere.majority.answer) == ("card_lost", "other")


def test_how_many_examples_are_looked_up(build: Build, dataset: Callable[..., Dataset]) -> None:
    def count(data: Dataset | None = None, **fields: Any) -> int | None:
        found = build(data, **fields).retrieved
        return found.count if found is not None else None

    assert count() == 8
    assert count(dataset(task="generate", labels=(), out_of_scope=None)) == 3
    assert count(rivals=Rivals(few_shot_retrieved=5)) == 5
    assert count(rivals=Rivals(few_shot_retrieved=0)) is None


def test_tuned_readers_show_passages_where_untuned_ones_are_switched_off(build: Build) -> None:
    facts = build(documents=(Document(file="docs"),), rivals=Rivals(rag=0))
    assert facts.rag == ()
    assert facts.rag_tuned is not None
    assert facts.rag_tuned.count == 3
    continued = build(documents=(Document(file="docs"),), inherited=Prompt(name="old", system="Old.")).rag_tuned
    assert continued is not None
    assert continued.reader.prompt.name == "old"


def test_a_continued_model_brings_its_recipe(build: Build) -> None:
    recipe = Recipe(weights=Lora(r=4), budget=USUAL.budget)
    assert build(recipe=recipe).recipe == recipe


def test_the_model_elsewhere_is_asked_as_it_is_written(build: Build) -> None:
    there = Yardstick(url="https://example.org/v1", model="large", key_variable="LARGE_KEY")
    found = build(rivals=Rivals(remote=there)).remote
    assert found is not None
    assert (found.name, found.url, found.model, found.key_variable) == ("remote", there.url, "large", "LARGE_KEY")


def test_the_model_elsewhere_has_the_user_s_prompt_or_one_that_lets_it_decline(build: Build) -> None:
    there = Rivals(remote=Yardstick(url="https://example.org/v1", model="large"))
    asked = [build(rivals=there), build(rivals=there, task=Task(prompts=("Sort this: {labels}",)))]
    assert [found.remote.prompt.name for found in asked if found.remote is not None] == ["careful", "own-1"]
