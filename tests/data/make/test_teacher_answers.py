"""Answers on disk survive kills: whole lines are found again, half lines cost one answer at most."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.make.teacher_answers import Answers
from tunesmith.errors import StoreUnusable
from tunesmith.spec.making_teacher import Reply

TEXTS = st.lists(st.text(max_size=30), max_size=6)


def reply(text: str) -> Reply:
    return Reply(text=text, prompt_tokens=len(text), answer_tokens=2)


def test_answers_are_found_again(tmp_path: Path):
    path = tmp_path / "work" / "answers.jsonl"
    first = Answers(path)
    first.add("a", reply("one\nline  and more"))
    first.add("b", reply("zwei 💡"))
    first.add("a", reply("another answer to the same is not kept"))
    again = Answers(path)
    assert [again.get("a"), again.get("b"), again.get("c")] == [reply("one\nline  and more"), reply("zwei 💡"), None]
    assert (len(again), again.prompt_tokens, again.answer_tokens, again.unreadable) == (2, first.prompt_tokens, 4, 0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_kill_at_any_byte_loses_one_answer_at_most(tmp_path: Path):
    whole = Answers(tmp_path / "whole.jsonl")
    for i in range(3):
        whole.add(f"k{i}", reply(f"answer {i}"))
    text = (tmp_path / "whole.jsonl").read_bytes()
    ends = [i + 1 for i, byte in enumerate(text) if byte == 10]
    for size in range(len(text) + 1):
        path = tmp_path / "cut.jsonl"
        path.write_bytes(text[:size])
        cut = Answers(path)
        whole_lines = sum(end <= size or end - 1 == size for end in ends)  # a line that lacks its end alone is whole
        assert whole_lines == len(cut)
        cut.add("new", reply("written behind it"))
        again = Answers(path)
        assert again.get("new") == reply("written behind it")
        assert whole_lines + 1 == len(again)


@given(TEXTS, st.binary(max_size=40))
def test_whatever_else_stands_in_the_file(tmp_path_factory, texts, rubbish):
    path = tmp_path_factory.mktemp("answers") / "answers.jsonl"
    path.write_bytes(rubbish)
    answers = Answers(path)
    for i, text in enumerate(texts):
        answers.add(f"k{i}", reply(text))
    again = Answers(path)
    assert [reply(text) for text in texts] == [again.get(f"k{i}") for i in range(len(texts))]


def test_a_folder_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnusable):
        Answers(tmp_path / "file" / "answers.jsonl")
