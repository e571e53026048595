"""Replies that ought to be JSON: read strictly, asked for once more, kept."""

from __future__ import annotations

import doctest
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from tunesmith.answer import json_reply
from tunesmith.answer.json_reply import Bad, ask_json, read, repaired, schema_of
from tunesmith.answer.replies import InMemory, replies
from tunesmith.spec.chat import Message
from tunesmith.spec.making_teacher import Asked, Failure, Reply
from tunesmith.spec.noun import Noun


class Pair(Noun):
    """A text and a number."""

    name: str
    number: int


@dataclass
class Scripted:
    """Replies by a rule, and remembers what it was asked."""

    rule: Callable[[str], Reply | Failure]
    identity: str = "scripted"
    heard: list[str] = field(default_factory=list)

    def answer(self, asked: Sequence[Asked], take: Callable[[int, Reply | Failure], None], stop: Callable[[], bool]) -> None:
        """As in `Opened`, last one first."""
        for place in reversed(range(len(asked))):
            if stop():
                return
            text = asked[place].messages[-1].content or ""
            self.heard.append(text)
            take(place, self.rule(text))


def asked(text: str) -> Asked:
    return Asked(messages=(Message(role="user", content=text),))


def test_examples():
    assert doctest.testmod(json_reply).failed == 0


def test_replies_come_in_order_and_equal_requests_are_asked_once():
    model, told = Scripted(lambda text: Reply(text=text.upper())), []
    found = replies(model, [asked("a"), asked("b"), asked("a")], InMemory(), done=told.append, stop=lambda: False)
    assert [one.text for one in found if isinstance(one, Reply)] == ["A", "B", "A"]
    assert model.heard == ["b", "a"]
    assert told == [0, 1, 3]


def test_what_is_kept_is_not_asked():
    kept = InMemory()
    for _ in range(2):
        model = Scripted(lambda text: Reply(text="x"))
        replies(model, [asked("a")], kept, done=lambda n: None, stop=lambda: False)
    assert model.heard == []


def test_a_failure_is_not_kept():
    kept = InMemory()
    first = replies(Scripted(lambda text: Failure(reason="refused", message="no")), [asked("a")], kept, done=lambda n: None, stop=lambda: False)
    second = replies(Scripted(lambda text: Reply(text="x")), [asked("a")], kept, done=lambda n: None, stop=lambda: False)
    assert isinstance(first[0], Failure)
    assert isinstance(second[0], Reply)


def test_a_stop_leaves_gaps():
    assert replies(Scripted(lambda text: Reply(text="x")), [asked("a")], InMemory(), done=lambda n: None, stop=lambda: True) == [None]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("hello", "not one JSON value"), ('{"name": "a"}', "`number`"), ('{"name": "a", "number": "1"}', "`number`"), ('{"name": "a", "number": 1, "x": 2}', "`x`"),
        ('{"name": "a", "name": "b", "number": 1}', "not one JSON value"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(text, problem):
    found = read(Reply(text=text), Pair)
    assert isinstance(found, Bad)
    assert problem in found.problem


def test_a_bad_answer_is_shown_and_asked_for_once_more():
    model = Scripted(lambda text: Reply(text='{"name": "b", "number": 1}' if text.startswith("That is not the JSON") else "hm"))
    assert ask_json(model, [asked("a")], Pair, InMemory(), done=lambda n: None, stop=lambda: False) == [Pair(name="b", number=1)]
    stubborn = ask_json(Scripted(lambda text: Reply(text="hm")), [asked("a")], Pair, InMemory(), done=lambda n: None, stop=lambda: False)
    assert isinstance(stubborn[0], Failure)
    assert stubborn[0].reason == "bad_answer"


def test_a_cut_answer_is_asked_for_shorter():
    again = repaired(asked("a"), Bad(Reply(text="{", is_whole=False), "it was cut off"))
    assert "cut off" in (again.messages[-1].content or "")
    assert [m.role for m in again.messages] == ["user", "assistant", "user"]


def test_a_schema_without_what_only_people_read():
    assert schema_of(Pair) == {
        "type": "object", "additionalProperties": False, "required": ["name", "number"],
        "properties": {"name": {"type": "string"}, "number": {"type": "integer"}},
    }  # fmt: skip
