"""lint(): the cookbook's names."""

from __future__ import annotations

import json

import pytest

from tests.data.given_examples import A, U
from tunesmith.data.given_lint import ERRORS, lint

CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def of(folder, *rows):
    path = folder / "a.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return lint(path)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([1], {"data_type": 1}),
        ("not json", {"data_type": 1}),
        ({"prompt": "x"}, {"missing_messages_list": 1}),
        ({"messages": []}, {"missing_messages_list": 1}),
        ({"messages": [{"role": "user"}, A]}, {"message_missing_key": 1, "missing_content": 1}),
        ({"messages": [{"content": "x"}, A]}, {"message_missing_key": 1, "unrecognized_role": 1}),
        ({"messages": [{**U, "mood": 1}, A]}, {"message_unrecognized_key": 1}),
        ({"messages": [{**U, "role": "bot"}, {**U, "role": "human"}, A]}, {"unrecognized_role": 2}),
        ({"messages": [{**U, "content": ""}, A]}, {"missing_content": 1}),
        ({"messages": [{**U, "content": 5}, A]}, {"missing_content": 1}),
        ({"messages": [U]}, {"example_missing_assistant_message": 1}),
        ({"messages": [1]}, {"message_missing_key": 1, "example_missing_assistant_message": 1}),
        ({"messages": [{"role": ["x"], "content": "x"}, A]}, {"unrecognized_role": 1}),
        ({"messages": [U, {"role": "assistant", "content": None, "tool_calls": [CALL]}]}, {}),
        ({"messages": [U, {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "c", "content": "1"}, A]}, {}),
        ({"messages": [{"role": "developer", "content": "x"}, {"role": "user", "content": [{"type": "text", "text": "x"}]}, {**A, "weight": 0}]}, {}),
    ],
)
def test_each_mistake(tmp_path, row, expected):
    assert expected == of(tmp_path, row)


def test_mistakes_are_counted_over_the_file(tmp_path):
    assert of(tmp_path, {"messages": [U, A]}, *[{"messages": [U]}] * 3, "x", "[]") == {"data_type": 2, "example_missing_assistant_message": 3}
    assert of(tmp_path, {"messages": [U, A]}, "", "  ") == {}


def test_the_names_are_those_of_the_cookbook():
    names = "data_type, missing_messages_list, message_missing_key, message_unrecognized_key, unrecognized_role, missing_content, example_missing_assistant_message"
    assert names == ", ".join(ERRORS)
