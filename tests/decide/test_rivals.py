"""The written prompts, the worked examples, and the majority answer."""

from __future__ import annotations

import doctest
import json
import random
from collections.abc import Callable

import pytest

from tests.decide.conftest import make_dataset, make_record
from tunesmith.decide import rivals
from tunesmith.decide.prompt_search import space
from tunesmith.decide.rivals import few_shot, label_list, majority, reading_prompts, tuned_prompt, tuned_to_read, written_prompts
from tunesmith.errors import BadProject
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.dataset import Dataset, Origin, Record
from tunesmith.spec.task import Task

Data = Callable[..., Dataset]
Row = Callable[..., Record]
PLAIN = Prompt(name="plain", system="Answer.")


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(rivals).failed == 0


def test_five_different_prompts_show_the_same_labels_as_the_tuned_one(dataset: Data) -> None:
    task = Task(instruction="Route the message of a bank's customer.")
    prompts = written_prompts(task, dataset())
    assert [prompt.name for prompt in prompts] == ["plain", "role", "careful", "short", "strict"]
    assert len({prompt.system for prompt in prompts}) == 5
    for prompt in (*prompts, tuned_prompt(task, dataset())):
        assert prompt.system is not None
        assert "card_lost, refund, other" in prompt.system, prompt.name
        assert "Route the message of a bank's customer." in prompt.system, prompt.name
        assert "{" not in prompt.system
        assert len(prompt.system) < 350, prompt.name


def test_the_careful_prompt_defines_what_is_out_of_scope(dataset: Data) -> None:
    careful = {prompt.name: prompt.system or "" for prompt in written_prompts(Task(), dataset())}["careful"]
    assert "The label other means: the message is about something that no other label covers." in careful
    without = {p.name: p.system or "" for p in written_prompts(Task(), dataset(labels=("a", "b"), out_of_scope=None))}["careful"]
    assert "no other label" not in without
    assert "a, b" in without


@pytest.mark.parametrize("kind", ["extract", "generate"])
def test_other_kinds_have_at_least_three_prompts_and_one_about_declining(dataset: Data, kind: str) -> None:
    plain = written_prompts(Task(), dataset(task=kind, labels=(), out_of_scope=None))
    assert len(plain) >= 3
    assert len({prompt.system for prompt in plain}) == len(plain)
    with_refusal = written_prompts(Task(), dataset(task=kind, labels=(), out_of_scope="I cannot help with that."))
    assert {prompt.name: prompt.system or "" for prompt in with_refusal}["careful"].endswith("exactly: I cannot help with that.")
    assert all("{" not in (prompt.system or "") for prompt in with_refusal)


@pytest.mark.parametrize("kind", ["classify", "route", "extract", "generate", "answer"])
@pytest.mark.parametrize("outside", [None, "Not my business."])
def test_readers_have_two_prompts_that_name_the_passages(dataset: Data, kind: str, outside: str | None) -> None:
    labels = ("card_lost", "refund") if kind in ("classify", "route") else ()
    task, data = Task(instruction="Do the task."), dataset(task=kind, labels=labels, out_of_scope=outside)
    prompts = reading_prompts(task, data)
    assert [prompt.name for prompt in prompts] == ["rag-passages", "rag-careful"]
    for prompt in (*prompts, tuned_to_read(task, data)):
        assert prompt.system is not None
        assert "Do the task." in prompt.system
        assert "passages" in prompt.system
        assert "{" not in prompt.system
        assert all(label in prompt.system for label in labels)
    assert (outside is not None) == ("Not my business." in (prompts[1].system or ""))


def test_a_prompt_for_free_text_says_what_to_do_without_an_answer(dataset: Data) -> None:
    _, careful = reading_prompts(Task(), dataset(task="generate", labels=(), out_of_scope=None))
    assert (careful.system or "").endswith("3. If no passage holds the answer, say that the documents do not answer it.")
    _, careful = reading_prompts(Task(), dataset(task="generate", labels=(), out_of_scope="No."))
    assert (careful.system or "").endswith("3. If no passage holds the answer, write exactly: No.")


def test_own_prompts_are_added_and_filled_in_once(dataset: Data) -> None:
    task = Task(instruction="Say {labels}.", prompts=("{instruction} Pick from: {labels}", 'Like {"a": 1} or {{labels}}'))
    own = [prompt for prompt in written_prompts(task, dataset()) if prompt.name.startswith("own-")]
    assert [prompt.name for prompt in own] == ["own-1", "own-2"]
    assert own[0].system == "Say {labels}. Pick from: card_lost, refund, other"  # what is filled in is not filled in again
    assert own[1].system == 'Like {"a": 1} or {labels}'


def test_all_unknown_placeholders_are_named_at_once(dataset: Data) -> None:
    task = Task(prompts=("{instruction} {lables}", "{labels}", "{question} {question}"))
    with pytest.raises(BadProject) as caught:
        written_prompts(task, dataset())
    assert str(caught.value).splitlines() == [
        "bad_project · task.prompts[0]: unknown placeholder",
        "  got {lables}",
        "  expected {instruction} or {labels}",
        "  fix: correct or remove it; write {{lables}} to show {lables} as it stands",
        "task.prompts[2]: unknown placeholder",
        "  got {question}",
        "  expected {instruction} or {labels}",
        "  fix: correct or remove it; write {{question}} to show {question} as it stands",
    ]


def test_labels_cannot_be_filled_in_where_there_are_none(dataset: Data) -> None:
    with pytest.raises(BadProject, match="the data has no labels to fill in"):
        written_prompts(Task(prompts=("{labels}",)), dataset(task="generate", labels=(), out_of_scope=None))


def test_labels_with_commas_stand_on_lines_of_their_own() -> None:
    assert label_list(["cards, lost", "refund"]) == "\ncards, lost\nrefund"


def rows_by_label(record: Row, labels: int, each: int) -> list[Record]:
    generator = random.Random(0)
    return [
        record(number, f"question {number} " + "please " * generator.randrange(12), f"label_{number % labels}", f"label_{number % labels}")
        for number in range(labels * each)
    ]


def shown_answers(prompt: Prompt) -> list[str | None]:
    return [example.answer() for example in prompt.examples]


def test_few_shot_shows_different_labels_and_one_out_of_scope(record: Row) -> None:
    rows = rows_by_label(record, labels=30, each=12)
    for seed in range(5):
        shown = few_shot(PLAIN, rows, 8, seed, out_of_scope="label_29")
        found = shown_answers(shown)
        assert len(set(found)) == 8
        assert found.count("label_29") == 1
        assert (shown.name, shown.system) == ("plain-8-shot", "Answer.")


def test_few_shot_prefers_short_rows(record: Row) -> None:
    rows = rows_by_label(record, labels=4, each=30)
    for example in few_shot(PLAIN, rows, 4, 0).examples:
        own = [r for r in rows if r.conversation is not None and r.label == example.answer()]
        shorter = [r for r in own if r.conversation and len(r.conversation.messages[0].content or "") < len(example.messages[0].content or "")]
        assert len(shorter) < len(own) / 3


def test_few_shot_depends_on_the_seed_and_not_on_the_order_of_rows(record: Row) -> None:
    rows = rows_by_label(record, labels=10, each=9)
    assert few_shot(PLAIN, rows, 6, 1) == few_shot(PLAIN, list(reversed(rows)), 6, 1)
    assert few_shot(PLAIN, rows, 6, 1) != few_shot(PLAIN, rows, 6, 2)


def test_few_shot_comes_round_again_when_labels_run_out(record: Row) -> None:
    shown = few_shot(PLAIN, rows_by_label(record, labels=3, each=5), 8, 0, out_of_scope="label_2")
    assert sorted(map(str, shown_answers(shown))).count("label_2") == 1
    assert len(shown.examples) == 8
    few = few_shot(PLAIN, rows_by_label(record, labels=2, each=1), 8, 0)
    assert (few.name, len(few.examples)) == ("plain-2-shot", 2)


def test_few_shot_finds_the_refusal_of_a_task_without_labels(record: Row) -> None:
    rows = [record(k, f"question {k}", f"answer {k}") for k in range(20)] + [record(99, "weather?", "Not my business.")]
    assert shown_answers(few_shot(PLAIN, rows, 4, 0, out_of_scope="Not my business.")).count("Not my business.") == 1


def test_rows_that_are_not_one_question_and_one_answer_make_no_examples(record: Row) -> None:
    origin = Origin(file="chat.jsonl", line=1)
    turns = (Message(role="user", content="q"), Message(role="assistant", content="a"))
    longer = Record(id="1", conversation=Conversation(messages=turns * 2), origin=origin)
    tools = Record(id="2", conversation=Conversation(messages=turns, tools=({"type": "function"},)), origin=origin)
    document = Record(id="3", text="text", origin=origin)
    own_system = Record(id="4", conversation=Conversation(messages=(Message(role="system", content="s"), *turns)), origin=origin)
    assert few_shot(PLAIN, [longer, tools, document], 4, 0).examples == ()
    assert few_shot(PLAIN, [own_system], 4, 0).examples == (Conversation(messages=turns),)


def test_majority_takes_the_most_frequent_answer_and_breaks_ties_by_name(record: Row) -> None:
    rows = [record(k, "q", answer, answer) for k, answer in enumerate(["b", "a", "other", "other", "other", "b", "a"])]
    assert majority(rows).answer == "other"
    assert majority(rows, leave_out="other").answer == "a"
    with pytest.raises(ValueError, match="no rows"):
        majority([])


def test_prompts_for_extraction_tell_the_form_that_training_teaches() -> None:
    data, task = make_dataset("extract", labels=(), out_of_scope=None), Task()
    rows = [make_record(k, f"text {k}", json.dumps({"order": f"A{k}", "count": k})) for k in range(4)]
    told = 'The JSON has this form: {"order": text, "count": number}'
    every = (*written_prompts(task, data, rows), *reading_prompts(task, data, rows))
    assert every
    assert all(prompt.system is not None and told in prompt.system for prompt in every)
    assert space(task, data, rows, 0).labels == (told,)
    assert not any("this form" in (prompt.system or "") for prompt in written_prompts(task, data))
    classify = make_dataset()
    assert written_prompts(task, classify, rows) == written_prompts(task, classify)
