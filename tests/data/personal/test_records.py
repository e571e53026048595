"""Rows with personal data, by the name of the kind; and names, where the package for them is there."""

from __future__ import annotations

import importlib.util

import pytest

from tunesmith.data.personal.presidio import Names
from tunesmith.data.personal.records import personal_data, texts_of
from tunesmith.errors import MissingDependency
from tunesmith.spec.chat import Conversation, FunctionCall, Message, ToolCall
from tunesmith.spec.dataset import Origin, Record


def row(answer: Message, rejected: str | None = None) -> Record:
    turns = (Message(role="user", content="x"), answer)
    bad = None if rejected is None else (Message(role="assistant", content=rejected),)
    return Record(id="0" * 16, conversation=Conversation(messages=turns), rejected=bad, origin=Origin(file="f", line=1))


def test_rows_are_numbered_by_kind():
    call = ToolCall(id="c", function=FunctionCall(name="f", arguments='{"to": "a@b.de"}'))
    rows = [
        row(Message(role="assistant", content="nothing")),
        row(Message(role="assistant", tool_calls=(call,))),
        row(Message(role="assistant", content="93.184.215.14 and a@b.de"), "DE89370400440532013000"),
    ]
    found = personal_data(rows)
    assert found == {"e-mail address": [2, 3], "IBAN": [3], "IP address": [3]}
    assert list(found) == ["e-mail address", "IBAN", "IP address"]
    assert personal_data([]) == {}


def test_documents_have_one_text():
    assert list(texts_of(Record(id="0" * 16, text="all of it", origin=Origin(file="f", line=1)))) == ["all of it"]


@pytest.mark.skipif(importlib.util.find_spec("presidio_analyzer") is not None, reason="presidio-analyzer is installed here")
def test_names_need_a_package():
    with pytest.raises(MissingDependency, match="presidio-analyzer") as error:
        Names()
    assert "pip install 'tunesmith[presidio]'" in str(error.value)
