"""A model behind a URL answers like any other candidate: on loopback, over real HTTP."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from tests.data.make.little_teacher import LittleTeacher, Told, fail, say
from tunesmith.answer import remote, remote_answerer
from tunesmith.answer.remote import Remote, open_remote
from tunesmith.answer.remote_answerer import RemoteAnswerer, chosen, constrained
from tunesmith.answer.replies import InMemory
from tunesmith.errors import BadProject, Overloaded, Unsupported
from tunesmith.spec.candidate import Decoding
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.making_teacher import RemoteTeacher

LABELS = ("card_lost", "refund", "other")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off that a test can wait for."""
    monkeypatch.setattr(remote, "FIRST_WAIT_S", 0.02)
    monkeypatch.setattr(remote, "LOOK_S", 0.01)


def asks(*texts: str) -> list[Conversation]:
    return [Conversation(messages=(Message(role="user", content=text),)) for text in texts]


def answerer(teacher: LittleTeacher, prompt: Prompt | None = None, **config: Any) -> RemoteAnswerer:
    config = {"base_url": teacher.url, "model": "m", "attempts": 2, **config}
    return RemoteAnswerer(Remote(RemoteTeacher.model_validate(config)), prompt or Prompt(name="plain", system="Be brief."))


def answer(one: RemoteAnswerer, questions: list[Conversation], decoding: Decoding | None = None, stop: Any = lambda: False) -> list[Any]:
    return one.answer(questions, decoding or Decoding(max_new_tokens=9), done=lambda n: None, stop=stop)


def test_examples():
    assert doctest.testmod(remote_answerer).failed == 0


def test_every_question_gets_its_answer_with_the_prompt_in_front():
    with LittleTeacher(lambda body, number: say(body["messages"][-1]["content"].upper(), wait_s=0.02 * (number % 3))) as teacher:
        one = answerer(teacher)
        heard: list[int] = []
        found = one.answer(asks("a", "b", "c", "d"), Decoding(max_new_tokens=9, seed=3), done=heard.append, stop=lambda: False)
    assert [a.text for a in found] == ["A", "B", "C", "D"]
    assert {a.finish for a in found} == {"stop"}
    assert all(a.confidence is None for a in found)
    assert heard[-1] == 4
    body = teacher.heard[0]
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "a"}]
    assert (body["model"], body["max_tokens"], body["temperature"], body["seed"]) == ("m", 9, 0.0, 3)


def test_usage_is_what_the_endpoint_says():
    with LittleTeacher(lambda body, number: say("ok", tokens=(11, 3))) as teacher:
        one = answerer(teacher)
        found = answer(one, asks("a", "b"))
    assert (one.usage.prompt_tokens, one.usage.completion_tokens, one.usage.computed_tokens) == (22, 6, 28)
    assert (found[0].prompt_tokens, found[0].completion_tokens) == (11, 3)


def test_it_has_no_likelihood_and_says_where_it_asks():
    with LittleTeacher(lambda body, number: say("ok")) as teacher:
        one = answerer(teacher)
        assert one.likelihood(asks("a")) is None
        assert f"127.0.0.1:{teacher.port}" in one.remark
        assert teacher.heard == []


def test_choices_are_asked_for_and_matched_verbatim():
    said = {"a": "card_lost", "b": ' "refund".\n', "c": "Refund", "d": "I think it is other", "e": "`other`"}
    with LittleTeacher(lambda body, number: say(said[body["messages"][-1]["content"]])) as teacher:
        found = answer(answerer(teacher), asks(*said), Decoding(choices=LABELS))
    assert [(a.text, a.finish) for a in found] == [
        ("card_lost", "choice"), ("refund", "choice"), ("Refund", "stop"), ("I think it is other", "stop"), ("other", "choice")
    ]  # fmt: skip
    system = teacher.heard[0]["messages"][0]
    assert system["role"] == "system"
    assert system["content"].startswith("Be brief.\n\nAnswer with exactly one of these")
    assert system["content"].endswith("card_lost\nrefund\nother")


def test_choices_without_a_system_message():
    found = constrained((Message(role="user", content="x"),), ("a", "b"))
    assert [m.role for m in found] == ["system", "user"]
    assert constrained((Message(role="system", content=None),), ("a",))[0].content == remote_answerer.CHOICE.format(choices="a")


@pytest.mark.parametrize(
    ("text", "expected"), [("a", "a"), (" a ", "a"), ("«a»", "a"), ("a.", "a"), ('"a."', "a"), ("A", None), ("a b", None), ("", None)]
)
def test_what_is_a_choice(text, expected):
    assert chosen(text, ["a", "b"]) == expected


def test_a_choice_with_quotes_of_its_own():
    assert chosen('"quoted"', ['"quoted"']) == '"quoted"'


def test_a_cut_answer_and_a_stop_string():
    with LittleTeacher(lambda body, number: say("one. two", finish="length")) as teacher:
        one = answerer(teacher)
        assert [(a.text, a.finish) for a in answer(one, asks("a"))] == [("one. two", "length")]
        assert [(a.text, a.finish) for a in answer(one, asks("b"), Decoding(stop=(".",), max_new_tokens=9))] == [("one", "stop")]


def test_a_question_that_is_refused_or_too_long_is_answered_emptily():
    def rule(body: dict[str, Any], number: int) -> Told:
        text = body["messages"][-1]["content"]
        return {"long": fail(400, "maximum context length is 10"), "bad": say(None, refusal="no")}.get(text, say("ok"))

    with LittleTeacher(rule) as teacher:
        found = answer(answerer(teacher), asks("a", "long", "bad"))
    assert [(a.text, a.finish) for a in found] == [("ok", "stop"), ("", "too_long"), ("", "stop")]


def test_what_was_not_answered_is_no_wrong_answer():
    with LittleTeacher(lambda body, number: fail(503) if body["messages"][-1]["content"] == "bad" else say("ok")) as teacher:
        one = answerer(teacher, at_once=1)
        with pytest.raises(Overloaded, match="1 of 4 questions were not answered") as error:
            answer(one, asks("a", "bad", "b", "c"))
        assert "fix:" in str(error.value)
        before = len(teacher.heard)
        teacher.rule = lambda body, number: say("ok")
        assert [a.text for a in answer(one, asks("a", "bad", "b", "c"))] == ["ok"] * 4
        assert len(teacher.heard) == before + 1, "what was answered is not asked, or paid for, again"


def test_answers_are_kept_where_the_caller_wants_them():
    kept = InMemory()
    with LittleTeacher(lambda body, number: say("ok")) as teacher:
        config = RemoteTeacher(base_url=teacher.url, model="m")
        for _ in range(2):
            answer(RemoteAnswerer(Remote(config), Prompt(name="plain"), kept), asks("a", "b", "a"))
        assert len(teacher.heard) == 2, "equal questions are asked once"
    assert len(kept) == 2


def test_a_stop_gives_the_first_answers_only():
    with LittleTeacher(lambda body, number: say("ok")) as teacher:
        one = answerer(teacher, at_once=1)
        found = answer(one, asks(*map(str, range(20))), stop=lambda: len(teacher.heard) >= 3)
        assert len(found) < 20
        assert all(a.text == "ok" for a in found)


@pytest.mark.parametrize(
    ("decoding", "tools", "words"), [(Decoding(top_p=0.5), None, "top_p"), (Decoding(), ({"type": "function"},), "not given tools")]
)
def test_what_it_is_not_asked_for_is_refused(decoding, tools, words):
    question = Conversation(messages=(Message(role="user", content="a"),), tools=tools)
    with LittleTeacher(lambda body, number: say("ok")) as teacher, pytest.raises(Unsupported, match=words):
        answer(answerer(teacher), [question], decoding)
    assert teacher.heard == []


def test_a_wrong_key_ends_it_with_the_reason():
    with LittleTeacher(lambda body, number: fail(401)) as teacher, pytest.raises(BadProject, match="does not accept the key"):
        answer(answerer(teacher), asks("a", "b"))


def test_a_private_address_is_refused_unless_configured():
    with pytest.raises(BadProject, match="not encrypted"):
        open_remote(RemoteTeacher(base_url="http://10.0.0.1/v1", model="m"), None)
    inside = RemoteAnswerer(Remote(RemoteTeacher(base_url="https://10.0.0.1/v1", model="m", attempts=1)), Prompt(name="plain"))
    with pytest.raises(Unsupported, match="private network"):
        answer(inside, asks("a"))


def test_a_key_that_is_named_and_not_set():
    with pytest.raises(BadProject, match="environment variable MY_KEY: is not set"):
        open_remote(RemoteTeacher(base_url="https://x.org/v1", model="m", key_variable="MY_KEY"), None)
