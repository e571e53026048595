"""Each request is asked once, answers are kept, JSON is read strictly and asked for a second time, budgets and stops hold."""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.make.little_teacher import LittleTeacher, Told, fail, say
from tests.ears import Ears
from tunesmith.answer.json_reply import bare
from tunesmith.answer.remote import Remote
from tunesmith.data.make import teacher as module
from tunesmith.data.make.teacher import Teaching
from tunesmith.data.make.teacher_answers import Answers
from tunesmith.errors import Interrupted
from tunesmith.spec.chat import Message
from tunesmith.spec.job import Progress
from tunesmith.spec.making_teacher import Asked, Failure, RemoteTeacher, Reply
from tunesmith.spec.noun import Noun


class Fruit(Noun):
    """What the teacher is asked for."""

    name: str
    count: int


def asked(text: str) -> Asked:
    return Asked(messages=(Message(role="user", content=text),))


def teaching(teacher: LittleTeacher, folder: Path, ears: Ears | None = None, **config: Any) -> Teaching:
    given = RemoteTeacher.model_validate({"base_url": teacher.url, "model": "m", **config})
    return Teaching(given, Remote(given), Answers(folder / "answers.jsonl"), ears or Ears())


def fruit(body: dict[str, Any], number: int) -> Told:
    return say(json.dumps({"name": body["messages"][0]["content"], "count": 3}))


def test_examples():
    assert doctest.testmod(module).failed == 0


def test_answers_are_kept_and_not_asked_for_again(tmp_path):
    with LittleTeacher(fruit) as teacher:
        first = teaching(teacher, tmp_path).ask_json([asked("plum"), asked("pear"), asked("plum")], Fruit, "asking")
        assert first == [Fruit(name="plum", count=3), Fruit(name="pear", count=3), Fruit(name="plum", count=3)]
        assert len(teacher.heard) == 2, "equal requests are asked once"
        again = teaching(teacher, tmp_path)
        assert again.ask_json([asked("plum"), asked("fig")], Fruit, "asking")[1] == Fruit(name="fig", count=3)
        assert len(teacher.heard) == 3
        assert again.known(asked("fig")) is not None
        assert again.known(asked("kiwi")) is None


def test_another_model_is_asked_anew(tmp_path):
    with LittleTeacher(fruit) as teacher:
        teaching(teacher, tmp_path).ask([asked("plum")], "asking")
        teaching(teacher, tmp_path, model="larger").ask([asked("plum")], "asking")
        assert [body["model"] for body in teacher.heard] == ["m", "larger"]


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "plum", "count": 3}',
        ' \n{"name": "plum", "count": 3}\n',
        '```json\n{"name": "plum", "count": 3}\n```',
        '<think>hm {</think>\n{"name": "plum", "count": 3}',
    ],
)
def test_json_that_is_taken(tmp_path, text):
    with LittleTeacher(lambda body, number: say(text)) as teacher:
        assert teaching(teacher, tmp_path).ask_json([asked("x")], Fruit, "asking") == [Fruit(name="plum", count=3)]
        assert len(teacher.heard) == 1


BAD = {
    "I would say plum.": "is not one JSON value",
    'Here: {"name": "plum", "count": 3}': "is not one JSON value",
    '{"name": "plum", "count": 3} {"name": "plum", "count": 3}': "is not one JSON value",
    '{"name": "plum", "name": "pear", "count": 3}': "is not one JSON value",
    '{"name": "plum", "count": NaN}': "is not one JSON value",
    '{"name": "plum", "count": "3"}': "`count`",
    '{"name": "plum"}': "`count`: Field required",
    '{"name": "plum", "count": 3, "why": "so"}': "`why`",
    "[1]": "`answer`",
    "null": "`answer`",
}


@pytest.mark.parametrize("text", BAD)
def test_json_that_is_not_taken_is_asked_for_once_more(tmp_path, text):
    with LittleTeacher(lambda body, number: say(text) if number == 0 else say('{"name": "plum", "count": 3}')) as teacher:
        assert teaching(teacher, tmp_path).ask_json([asked("x")], Fruit, "asking") == [Fruit(name="plum", count=3)]
        again = teacher.heard[1]["messages"]
        assert [m["role"] for m in again] == ["user", "assistant", "user"]
        assert again[1]["content"] == text
        assert BAD[text] in again[2]["content"]


def test_what_is_bad_twice_fails_and_is_not_asked_a_third_time(tmp_path):
    with LittleTeacher(lambda body, number: say("still no JSON")) as teacher:
        for _ in range(2):
            (found,) = teaching(teacher, tmp_path).ask_json([asked("x")], Fruit, "asking")
            assert isinstance(found, Failure)
            assert found.reason == "bad_answer"
        assert len(teacher.heard) == 2


def test_a_cut_answer_is_asked_for_in_a_shorter_form(tmp_path):
    with LittleTeacher(lambda body, number: say('{"name": "pl', finish="length") if number == 0 else say('{"name": "plum", "count": 1}')) as teacher:
        assert teaching(teacher, tmp_path).ask_json([asked("x")], Fruit, "asking") == [Fruit(name="plum", count=1)]
        assert "at most half as many" in teacher.heard[1]["messages"][-1]["content"]


def test_failures_are_asked_again_by_the_next_run(tmp_path):
    with LittleTeacher(lambda body, number: fail(413) if number == 1 else say("ok")) as teacher:
        first = teaching(teacher, tmp_path, at_once=1).ask([asked("a"), asked("b")], "asking")
        assert [type(one) for one in first] == [Reply, Failure]
        assert [type(one) for one in teaching(teacher, tmp_path).ask([asked("a"), asked("b")], "asking")] == [Reply, Reply]
        assert len(teacher.heard) == 3


def test_a_budget_holds_and_the_next_run_goes_on(tmp_path):
    price = {"prompt_price": 100_000.0, "answer_price": 0.0, "at_once": 1}  # ten prompt tokens: one euro
    with LittleTeacher(lambda body, number: say("ok")) as teacher:
        poor = teaching(teacher, tmp_path, budget=2.5, **price)
        found = poor.ask([asked(f"{i}") for i in range(6)], "asking")
        assert [isinstance(one, Reply) for one in found] == [True] * 3 + [False] * 3
        assert {one.reason for one in found if isinstance(one, Failure)} == {"budget"}
        assert poor.spent().cost == 3.0
        assert all(isinstance(one, Reply) for one in teaching(teacher, tmp_path, budget=10, **price).ask([asked(f"{i}") for i in range(6)], "asking"))
        assert len(teacher.heard) == 6
        before = len(teacher.heard)
        assert isinstance(teaching(teacher, tmp_path, budget=1, **price).ask([asked("new")], "asking")[0], Failure)
        assert before == len(teacher.heard)


def test_progress_is_told_and_counts_what_was_there(tmp_path):
    with LittleTeacher(lambda body, number: say("ok")) as teacher:
        teaching(teacher, tmp_path).ask([asked("0"), asked("1")], "asking")
        ears = Ears()
        teaching(teacher, tmp_path, ears, at_once=1).ask([asked(f"{i}") for i in range(5)], "asking")
        assert [(one.done, one.total) for one in ears.heard if isinstance(one, Progress)] == [(2, 5), (3, 5), (4, 5), (5, 5)]


def test_a_stop_keeps_what_was_answered(tmp_path):
    ears = Ears()

    def rule(body: dict[str, Any], number: int) -> Told:
        ears.stops = number >= 2
        return say("ok")

    with LittleTeacher(rule) as teacher:
        with pytest.raises(Interrupted, match="what was answered is kept"):
            teaching(teacher, tmp_path, ears, at_once=1).ask([asked(f"{i}") for i in range(9)], "asking")
        answered = len(teacher.heard)
        assert 3 <= answered < 9
        with pytest.raises(Interrupted):
            teaching(teacher, tmp_path, ears).ask([asked("x")], "asking")
        assert answered == len(teacher.heard)
        assert len(Answers(tmp_path / "answers.jsonl")) == answered


def test_thoughts_and_fences_around_an_answer():
    assert bare("<think>\na\n</think>\n\n```\n[1]\n```") == "[1]"
    assert bare("no ```fence``` here") == "no ```fence``` here"
    assert bare("<think>without end") == "<think>without end"
