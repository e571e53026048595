"""A model of the store as teacher: the same answers as the engine gives, held to their schema, and failures that stay alone."""

from __future__ import annotations

import json

import pytest

from tests import tiny
from tests.answer import living
from tunesmith.answer.residents import Residents
from tunesmith.data.make.teacher_local import Local
from tunesmith.data.make.teacher_open import open_teacher
from tunesmith.errors import NotFound
from tunesmith.spec.chat import Message
from tunesmith.spec.making_teacher import Asked, Failure, LocalTeacher, Reply

SCHEMA = {"type": "object", "properties": {"yes": {"type": "boolean"}}, "required": ["yes"], "additionalProperties": False}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return living.Home(tmp_path_factory.mktemp("teacher"))


@pytest.fixture
def residents(home):
    opened = Residents(home.store, tiny.CPU, living.PLENTY)
    yield opened
    opened.close()


def asked(text, **changes):
    return Asked(messages=(Message(role="user", content=text),), **{"max_tokens": 12, **changes})


def answers(local, requests, stop=lambda: False):
    found = {}
    local.answer(requests, found.__setitem__, stop)
    return found


def test_answers_are_the_engines(home, residents):
    local = open_teacher(LocalTeacher(model=home.base), key=None, residents=lambda: residents)
    assert isinstance(local, Local)
    texts = [f"hello {'there ' * i}" for i in range(5)]
    found = answers(local, [asked(text) for text in texts])
    client = living.Client(home)
    for place, text in enumerate(texts):
        told = client.ask(living.chat(home.target, text))
        assert isinstance(found[place], Reply)
        assert told.text() == found[place].text
        assert told.usage["prompt_tokens"] == found[place].prompt_tokens
        assert found[place].is_whole == (told.reasons()[0] != "length")


def test_json_is_held_to_its_schema(home, residents):
    found = answers(Local(LocalTeacher(model=home.base), residents), [asked(f"is it {i}", answer_schema=SCHEMA, max_tokens=60) for i in range(4)])
    for one in found.values():
        assert isinstance(one, Reply)
        assert json.loads(one.text).keys() == {"yes"}


def test_a_request_that_does_not_fit_fails_alone(home, residents):
    found = answers(Local(LocalTeacher(model=home.base), residents), [asked("hello"), asked("long " * 400), asked("hello again")])
    assert [type(found[i]) for i in range(3)] == [Reply, Failure, Reply]
    assert found[1].reason == "too_long"


def test_a_model_that_is_not_there_ends_the_work(residents):
    with pytest.raises(NotFound):
        answers(Local(LocalTeacher(model="no-such-model"), residents), [asked("hello")])


def test_a_stop_ends_it(home, residents):
    assert answers(Local(LocalTeacher(model=home.base), residents), [asked("hello")] * 3, stop=lambda: True) == {}
    identity = Local(LocalTeacher(model=home.base, checkpoint="checkpoint-1"), residents).identity
    assert identity == "local checkpoint-1"
