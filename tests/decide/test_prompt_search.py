"""Prompts that are put together: their parts, their climb over more and more dev rows, and that only the history decides."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decide.planning import make_space, measured
from tunesmith.decide.prompt_search import (
    assemble,
    combinations,
    dev_sample,
    genome_of,
    own_words,
    propose,
    rungs,
    sizes,
    space,
)
from tunesmith.spec.candidate import Constant, Prompted
from tunesmith.spec.dataset import Dataset, Record
from tunesmith.spec.task import Task
from tunesmith.spec.trial import Trial

SPACE = make_space()
Genome = tuple[int, ...]
Truth = Callable[[Genome], float]


def additive(genome: Genome) -> float:
    """The second instruction, the described labels and two examples are worth something."""
    return 0.4 + 0.1 * (genome[0] == 1) + 0.1 * (genome[2] == 1) + 0.15 * (genome[4] == 2) - 0.05 * (genome[1] == 1)


def search(truth: Truth = additive, trials: int = 20, dev: int = 400, history: list[Trial] | None = None) -> list[Trial]:
    found = list(history or [])
    for _ in range(200):
        attempt = propose(found, SPACE, "exact_match", trials, dev, 0)
        if attempt is None:
            return found
        trial = Trial(remedy="prompt", candidate=Prompted(name=f"prompt-{attempt.prompt.name}", model="small", prompt=attempt.prompt))
        genome = genome_of(trial)
        assert genome is not None
        found.append(measured(trial, truth(genome), attempt.rows))
    raise AssertionError("the search does not end")


def genomes(history: list[Trial], rows: int) -> list[Genome]:
    return [genome for trial in history if trial.report and trial.report.rows == rows and (genome := genome_of(trial))]


def test_it_begins_plain_and_varies_one_part_at_a_time() -> None:
    first = genomes(search(), 50)
    assert first[0] == (0, 0, 0, 0, 0)
    assert all(sum(choice != 0 for choice in genome) == 1 for genome in first[1:4])
    assert len(set(first)) == 20


def test_the_best_parts_come_together_and_the_winner_is_measured_on_all_of_dev() -> None:
    history = search()
    winner = genomes(history, 400)
    assert len(winner) == 2
    assert additive(winner[0]) == max(additive(genome) for genome in genomes(history, 50))
    assert additive(winner[0]) >= 0.75 - 1e-9  # of 72 prompts, 20 were tried


def test_a_third_climbs() -> None:
    history = search(trials=12)
    assert [len(genomes(history, rows)) for rows in rungs(400)] == [12, 4, 1]
    assert rungs(400) == (50, 150, 400)
    assert sizes(1, 3) == (1, 1, 1)


def test_small_dev_splits_have_one_rung() -> None:
    history = search(trials=5, dev=40)
    assert {trial.report.rows for trial in history if trial.report} == {40}
    assert len(history) == 5


def test_no_prompt_is_tried_twice_and_all_can_be() -> None:
    history = search(trials=1000)
    tried = genomes(history, 50)
    assert len(tried) == len(set(tried)) == combinations(SPACE) == 72


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 30), st.randoms(use_true_random=False))
def test_any_part_of_a_history_in_any_order_goes_on_alike(cut: int, shuffle: random.Random) -> None:
    whole = search()
    part = whole[:cut]
    shuffle.shuffle(part)
    again = search(history=part)
    assert {trial.candidate.name for trial in again} == {trial.candidate.name for trial in whole}
    assert len(again) == len(whole)


def test_a_report_without_the_metric_is_the_worst() -> None:
    history = search(trials=4)
    first = history[0]
    assert first.report is not None
    silent = first.model_copy(update={"report": first.report.model_copy(update={"metrics": {}})})
    on_second_rung = propose([silent, *history[1:4]], SPACE, "exact_match", 4, 400, 0)
    assert on_second_rung is not None
    assert on_second_rung.prompt.name != "search-0.0.0.0.0"


def test_other_candidates_have_no_genome() -> None:
    assert genome_of(Trial(remedy="majority", candidate=Constant(name="majority", answer="x"))) is None


def test_empty_parts_leave_no_empty_lines() -> None:
    prompt = assemble((1, 1, 0, 1, 2), SPACE)
    assert prompt.system == "Labels: card, pin\nName it."
    assert prompt.examples == SPACE.examples[2]
    assert prompt.name == "search-1.1.0.1.2"


@pytest.fixture
def rows(record: Callable[..., Record]) -> list[Record]:
    texts = [
        ("my card is lost", "card_lost"),
        ("lost the card today", "card_lost"),
        ("give me my money back", "refund"),
        ("money back please", "refund"),
    ]
    texts += [("who won the cup", "other"), ("what is the weather", "other")]
    return [record(k, text, label, label) for k, (text, label) in enumerate(texts)]


def test_parts_come_from_the_task_and_its_training_rows(dataset: Callable[..., Dataset], rows: list[Record]) -> None:
    parts = space(Task(), dataset(), rows, 0)
    assert len(parts.instructions) >= 3
    assert parts.labels[0] == "Labels: card_lost, refund, other"
    assert "- card_lost (" in parts.labels[1]
    assert "lost" in parts.labels[1].split("\n")[1]
    assert parts.labels[1].endswith("- other")  # what is out of scope has no words of its own
    assert any("answer other" in rule for rule in parts.rules)
    assert parts.examples[0] == ()
    assert len(parts.examples) > 1
    assert space(Task(), dataset(), list(reversed(rows)), 0) == parts


def test_an_instruction_of_the_user_stays_in_every_wording(dataset: Callable[..., Dataset], rows: list[Record]) -> None:
    parts = space(Task(instruction="Name the {intent} of the message."), dataset(), rows, 0)
    assert all("Name the {intent} of the message." in text for text in parts.instructions)


def test_tasks_without_labels_have_no_label_list(dataset: Callable[..., Dataset], rows: list[Record]) -> None:
    parts = space(Task(), dataset(task="generate", labels=(), out_of_scope=None), rows, 0)
    assert parts.labels == ("",)
    assert "{labels}" not in (assemble((0, 0, 0, 0, 0), parts).system or "")


def test_many_labels_get_no_words(dataset: Callable[..., Dataset], rows: list[Record]) -> None:
    assert len(space(Task(), dataset(labels=[f"label{k:03}" for k in range(80)], out_of_scope=None), rows, 0).labels) == 1


def test_own_words_tell_labels_apart() -> None:
    found = own_words({"a": ["red apple", "red cherry", "the red one"], "b": ["blue sky", "the blue sea", "blue"]})
    assert found["a"][0] == "red"
    assert found["b"][0] == "blue"
    assert "the" not in found["a"]
    assert own_words({"a": ["red apple"]}) == {"a": ()}


def test_a_part_of_dev_is_the_same_every_time_and_part_of_a_larger_one(record: Callable[..., Record]) -> None:
    rows = [record(k, f"q {k}", "x", label=f"l{k % 5}") for k in range(100)]
    small, large = dev_sample(rows, 20, 1), dev_sample(rows, 60, 1)
    assert {row.id for row in small} < {row.id for row in large}
    assert [sum(row.label == f"l{k}" for row in small) for k in range(5)] == [4] * 5
    assert small == [row for row in rows if row in small]
    assert dev_sample(rows, 20, 2) != small
    assert dev_sample(rows, 200, 1) == rows
    assert {row.id for row in dev_sample(list(reversed(rows)), 20, 1)} == {row.id for row in small}
