"""Rows with passages: four in five with the best one, always with others, cut to fit, and the same again from the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from tests import tiny
from tunesmith.answer.candidate import last_question
from tunesmith.answer.grounding import PASSAGES, with_passages
from tunesmith.answer.lessons import BEST_SHARE, Lessons, demonstrated, drawn, query_of
from tunesmith.answer.retrieve import Hit, Query, Retriever
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.dataset import Origin, Record
from tunesmith.spec.index import Excerpt, kin_of
from tunesmith.spec.passage import Spot

ROWS = [tiny.record(i, f"what is t{i}", f"t{i} is answer{i}") for i in range(200)]
EXCERPTS = [Excerpt(id=f"e{i:03}", text=f"t{i} is answer{i}", spot=Spot(file="a.md", line=i + 1)) for i in range(200)]


class Found(Retriever):
    """A retriever whose finds are known: the passage that a row's answer stands in, at a place that depends on the row; behind it the next ones."""

    def __init__(self) -> None:
        self.asked: list[Query] = []

    def search(self, queries: Sequence[Query], count: int, done: Callable[[int], None] = lambda n: None) -> list[list[Hit]]:
        self.asked += queries
        return [self.hits(query.text, count) for query in queries]

    def hits(self, text: str, count: int) -> list[Hit]:
        number = int(text.split()[2][1:])
        others = [EXCERPTS[(number + k) % 200] for k in range(1, 12)]
        place = 0 if "\n" in text else number % 6  # by the question alone it may stand far behind
        order = [*others[:place], EXCERPTS[number], *others[place:]]
        return [Hit(entry, 1 / (k + 1)) for k, entry in enumerate(order[:count])]


def lessons(count: int = 3, seed: int = 0, fits=lambda row: True) -> Lessons:
    return Lessons(Found(), count, seed, fits)


def test_four_in_five_have_the_best_passage_and_the_others_do_not() -> None:
    made = lessons().to_train(ROWS)
    having = [lesson for lesson in made if lesson.best in lesson.shown]
    assert {lesson.row.id for lesson in having} == {row.id for row in ROWS if drawn(0, row.id) < BEST_SHARE}
    assert 0.7 < len(having) / len(made) < 0.9
    for lesson in made:
        assert (f"[{len(lesson.shown)}]" in last_question(lesson.row.conversation)) == bool(lesson.shown)


def test_there_are_always_passages_beside_the_best_one() -> None:
    for count in (2, 3, 5):
        for lesson in lessons(count).to_train(ROWS):
            assert len(lesson.shown) == len(set(lesson.shown)) == count
            assert any(ident != lesson.best for ident in lesson.shown)


def test_what_the_question_finds_keeps_its_place_and_what_it_does_not_find_takes_the_nearest() -> None:
    for lesson in lessons().to_train(ROWS):
        number = int(lesson.row.id, 16)
        if lesson.best in lesson.shown:
            assert lesson.shown.index(lesson.best) == (number % 6 if number % 6 < 3 else 0)


def test_the_seed_and_the_row_decide_and_nothing_else() -> None:
    first = lessons().to_train(ROWS)
    again = ROWS[:]
    random.Random(0).shuffle(again)
    assert {lesson.row.id: lesson for lesson in lessons().to_train(again)} == {lesson.row.id: lesson for lesson in first}
    other = lessons(seed=1).to_train(ROWS)
    assert [lesson.shown for lesson in other] != [lesson.shown for lesson in first]


def test_dev_rows_are_asked_as_they_are_served() -> None:
    made = lessons()
    for row, lesson in zip(ROWS, made.to_look_at(ROWS), strict=True):
        served = [hit.entry for hit in made.retriever.search([Query(last_question(row.conversation.question()))], 3)[0]]
        assert lesson.shown == tuple(entry.id for entry in served)
        assert lesson.best is None
        assert lesson.row.conversation.question() == with_passages(row.conversation.question(), served)


def test_the_answer_and_all_else_of_a_row_stay() -> None:
    turns = (
        Message(role="system", content="s"),
        Message(role="user", content="what is t7"),
        Message(role="assistant", content="t8"),
        Message(role="user", content="what is t9"),
        Message(role="assistant", content="t9 is answer9"),
    )
    row = Record(id="9", conversation=Conversation(messages=turns), rejected=turns[2:3], group="g", origin=Origin(file="a", line=1))
    made = lessons().to_train([row])[0].row
    assert made.model_copy(update={"conversation": row.conversation}) == row
    assert made.conversation.messages[:3] == turns[:3]
    assert made.conversation.messages[3].content.startswith(PASSAGES)
    assert made.conversation.messages[4] == turns[4]


def test_rows_are_cut_to_fit_the_farthest_passage_first() -> None:
    def short(row: Conversation) -> bool:
        return "[2]" not in last_question(row)

    assert {len(lesson.shown) for lesson in lessons(fits=short).to_train(ROWS)} == {1}
    whole = {lesson.row.id: lesson for lesson in lessons().to_train(ROWS)}
    for lesson in lessons(fits=short).to_train(ROWS):
        assert lesson.shown == whole[lesson.row.id].shown[:1]
    assert all(lesson.shown == () and lesson.row == row for lesson, row in zip(lessons(fits=lambda row: False).to_train(ROWS), ROWS, strict=True))


def test_the_limit_is_of_the_whole_row() -> None:
    asked = []
    lessons(fits=lambda row: not asked.append(row)).to_train(ROWS[:1])
    assert [message.role for message in asked[0].messages] == ["user", "assistant"]


@pytest.mark.parametrize("with_answer", [False, True])
def test_a_row_is_kept_apart_from_itself_and_its_kin(with_answer: bool) -> None:
    row = ROWS[3].model_copy(update={"cluster": "c", "group": "g"})
    query = query_of(row, with_answer=with_answer)
    assert query.apart == {row.id, *kin_of(row)} == {row.id, "c", "group g"}
    assert query.text == ("what is t3\nt3 is answer3" if with_answer else "what is t3")
    made = lessons()
    made.to_train([row])
    assert all(query.apart for query in made.retriever.asked)


def test_rows_without_a_conversation_are_left_out() -> None:
    text = Record(id="x", text="a document", origin=Origin(file="a", line=1))
    assert lessons().to_train([text]) == lessons().to_look_at([text]) == []


@pytest.mark.parametrize(("room", "kept"), [(3, 3), (2, 2), (1, 1)])
def test_examples_read_the_passage_that_question_and_answer_find_as_far_as_there_is_room(room: int, kept: int) -> None:
    examples = tuple(row.conversation for row in ROWS[4:7] if row.conversation is not None)
    prompt = Prompt(name="p", system="Read.", examples=examples)
    made = demonstrated(prompt, Found(), lambda one: len(one.examples) <= room)
    assert made == prompt.model_copy(update={"examples": tuple(with_passages(one, [EXCERPTS[4 + k]]) for k, one in enumerate(examples[:kept]))})
    assert demonstrated(prompt, Found(), lambda one: False) == prompt


def test_an_example_that_declines_reads_what_its_question_finds() -> None:
    examples = tuple(row.conversation for row in ROWS[4:6] if row.conversation is not None)
    finder = Found()
    demonstrated(Prompt(name="p", examples=examples), finder, lambda one: True, "t5 is answer5")
    assert [query.text for query in finder.asked] == ["what is t4\nt4 is answer4", "what is t5"]


def test_chances_are_spread_evenly() -> None:
    found = sorted(drawn(0, str(i)) for i in range(2_000))
    assert max(abs(value - i / 2_000) for i, value in enumerate(found)) < 0.04
