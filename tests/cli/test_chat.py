"""Chat with a stub that repeats the question, in a real child."""

from __future__ import annotations

import io
import sys

import pytest

from tunesmith.cli import chat
from tunesmith.cli.screen import open_screen

SHOWN = "\\x1b[2J[red]x[/red]"


def test_one_question_a_line(stub):
    done = stub("chat", "echo", stdin="where is it\n\n  and now \n")
    assert (done.status, done.err) == (0, "")
    assert f"1: where is it {SHOWN}\n1: and now {SHOWN}\n" == done.out


def test_one_object_with_every_answer(stub):
    done = stub("chat", "echo", "--question", "a", "-q", "b", "--temperature", "0.5", "--json")
    answers = done.json()["answers"]
    assert [answer["question"] for answer in answers] == ["a", "b"]
    assert answers[0]["text"] == "1: a! \x1b[2J[red]x[/red]", "a machine gets the text as it is, escaped by JSON"
    assert "\x1b" not in done.out


def test_no_question_is_an_error(stub):
    done = stub("chat", "echo", "--json", stdin="")
    assert (done.status, done.json()["error"]["code"]) == (2, "bad_project")


def test_without_a_name_it_is_the_model_registered_last(line, cli, stub, store):
    assert stub("chat", "-q", "x", "--json").json()["model"] == "router"
    store.register("second", store.get("latest", "dataset").name)
    assert stub("chat", "-q", "x", "--json").json()["model"] == "second"


def test_without_any_model_it_is_the_embedded_base(stub):
    assert stub("chat", "-q", "x", "--json").json()["model"] == "smollm2-135m-instruct"


class Echo:
    """A conversation whose other side counts the messages."""

    def __init__(self) -> None:
        self.sent: list[list[str]] = []

    def send(self, line):
        self.sent.append([message["content"] for message in line["messages"]])

    def __iter__(self):
        yield {"answer": {"text": f"answer {len(self.sent)}", "confidence": 0.9}}


@pytest.mark.parametrize(("choices", "last"), [(0, ["one", "answer 1", "two"]), (31, ["two"])])
def test_a_conversation_goes_on_unless_every_question_stands_alone(choices, last, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\n\ntwo\n/new\nthree\n/bye\nfour\n"))
    echo = Echo()
    session = chat.Session(open_screen(False), echo, {"choices": choices})
    session.greet("echo")
    session.converse()
    assert [["one"], last, ["three"]] == echo.sent
    out = capsys.readouterr().out
    assert "answer 3" in out
    assert (choices > 0) == ("90 % sure" in out)


def test_end_of_input_leaves(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    chat.Session(open_screen(False), Echo(), {}).converse()


class Unsure:
    """A candidate that declines every second question."""

    def __init__(self) -> None:
        self.asked = 0

    def send(self, line):
        self.asked += 1

    def __iter__(self):
        yield {"answer": {"text": "not ours", "confidence": 0.2, "finish": "length"}, "declined": self.asked % 2 == 1}


def test_what_is_declined_is_said(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\ntwo\n/bye\n"))
    session = chat.Session(open_screen(False), Unsure(), {"choices": 2})
    session.converse()
    first, second = (line for line in capsys.readouterr().out.splitlines() if "sure" in line)
    assert ("20 % sure  (declined: not sure enough)" in first, "cut" in first) == (True, False)
    assert ("declined" in second, "cut" in second) == (False, True)


def test_the_options_reach_the_model(stub):
    answers = stub("chat", "echo", "-q", "a", "--decline", "--json").json()["answers"]
    assert answers[0]["declined"] is False
    assert "declined" not in stub("chat", "echo", "-q", "a", "--json").json()["answers"][0]


class Reader:
    """Answers with what it has read."""

    def send(self, line):
        pass

    def __iter__(self):
        passages = [
            {"id": "a", "kind": "passage", "place": "guide.md, Cards", "text": "t"},
            {"id": "b", "kind": "passage", "place": "guide.md, Cards", "text": "u"},
        ]
        yield {"answer": {"text": "in the drawer"}, "sources": [*passages, {"id": "c", "kind": "example"}]}


def test_what_was_read_is_named_once_below_the_answer(capsys):
    session = chat.Session(open_screen(False), Reader(), {})
    session.alone("where?")
    assert capsys.readouterr().out.splitlines()[-1] == "  read: guide.md, Cards"
    assert len(session.sources) == 3
