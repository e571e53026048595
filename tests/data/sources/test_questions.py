"""A file of the user's own questions: a text, rows of every kind, and what cannot be read."""

from __future__ import annotations

import pytest

from tunesmith.data.sources.questions import read_questions
from tunesmith.errors import BadData


def read(tmp_path, text: str, name: str = "unknown.txt") -> list[tuple[int, str | None]]:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return [(origin.line, asked.messages[-1].content) for origin, asked in read_questions(tmp_path / name, name)]


def test_a_question_on_each_line_and_each_question_once(tmp_path):
    assert read(tmp_path, "Who founded it?\n\n  Why, and when? \nWHO founded  it?\n") == [(1, "Who founded it?"), (3, "Why, and when?")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "region,question\nnorth,Why?\nsouth,When?\n"),
        ("a.csv", "question\nWhy?\nWhen?\n"),
        ("a.jsonl", '{"region": 1, "question": "Why?"}\n{"question": "When?"}\n'),
        ("a.json", '[{"prompt": "Why?"}, {"prompt": "When?"}]'),
        ("a.jsonl", '{"text": "Why?"}\n{"text": "When?"}\n'),
    ],
)
def test_rows_as_a_source_has_them(tmp_path, name, text):
    assert [asked for _, asked in read(tmp_path, text, name)] == ["Why?", "When?"]


def test_a_conversation_ends_with_the_question(tmp_path):
    turns = '{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}'
    asked = f'{{"messages": [{turns}, {{"role": "user", "content": "Why?"}}]}}\n'
    (tmp_path / "a.jsonl").write_text(asked)
    [(origin, found)] = read_questions(tmp_path / "a.jsonl", "a.jsonl")
    assert (origin.file, origin.line, [message.content for message in found.messages]) == ("a.jsonl", 1, ["Hi", "Hello", "Why?"])
    (tmp_path / "a.jsonl").write_text(asked + f'{{"messages": [{turns}]}}\n')
    with pytest.raises(BadData, match=r"a\.jsonl line 2: `messages` ends with the assistant's turn"):
        read_questions(tmp_path / "a.jsonl", "a.jsonl")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.csv", "colour,size\nred,3\n", 'no column can be taken for the question\n  got "colour", "size"'),
        ("a.jsonl", '{"question": "Why?"}\n{"question": " "}\n{oops\n', "a.jsonl line 2: `question` (the question) is empty"),
        ("a.txt", " \n\n", "holds nothing but white space"),
        ("b.txt", "", "is empty"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line(tmp_path, name, text, told):
    with pytest.raises(BadData) as error:
        read(tmp_path, text, name)
    assert told in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BadData, match=r"unknown\.txt: there is no such file"):
        read_questions(tmp_path / "unknown.txt", "unknown.txt")
