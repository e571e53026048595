"""Rows that the base model cannot read are rejected with their lines, and nothing else is."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import BPE

from tunesmith.data.room import Room
from tunesmith.data.run import prepare, read_rows
from tunesmith.data.sources.fault import RowFault
from tunesmith.errors import BadData, NotEnoughData
from tunesmith.spec.chat import Conversation, Message
from tunesmith.spec.dataset import SPLITS, Cleaning, Origin, Record, Source
from tunesmith.spec.job import Silent
from tunesmith.spec.project import Project


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    """Letters are tokens; it would cut at 5 tokens if it were let."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.enable_truncation(5)
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def row(question: str, answer: str) -> Record:
    turns = (Message(role="user", content=question), Message(role="assistant", content=answer))
    return Record(id="0" * 16, conversation=Conversation(messages=turns), origin=Origin(file="a.csv", line=2))


def test_the_context_is_the_limit_of_question_and_answer_together(tokenizer):
    room = Room.of(tokenizer, 20)
    room.check(row("x" * 15, "y" * 5))
    with pytest.raises(RowFault, match="has 21 tokens; expected at most 20, the model's context; fix: shorten or split it"):
        room.check(row("x" * 15, "y" * 6))
    for unknown in (Room.of(None, 20), Room.of(tokenizer, None)):
        unknown.check(row("x" * 99, "y"))


def test_long_rows_are_listed_and_the_rest_is_used(tmp_path, tokenizer):
    lines = [f"{random.Random(i).randbytes(8).hex()},{'ab'[i % 2]}" for i in range(40)]
    lines[7] = f"{'word ' * 99},a"
    (tmp_path / "a.csv").write_text("text,label\n" + "\n".join(lines))
    project = Project(name="p", sources=(Source(file="a.csv"),))
    with pytest.raises(BadData, match=r"a.csv line 9: has 495 tokens\n  expected at most 100, the model's context\n  fix: shorten"):
        prepare(project, tmp_path, tmp_path, Silent(), tokenizer, 100)
    project = project.model_copy(update={"cleaning": Cleaning(skip_faulty=True)})
    found = prepare(project, tmp_path, tmp_path, Silent(), tokenizer, 100)
    assert (found.profile.removed, sum(found.rows.values())) == ({"too_long": 1}, 39)
    (listed,) = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    assert (listed["origin"], listed["reason"]) == ({"file": "a.csv", "line": 9}, "too_long")
    assert "has 495 tokens" in listed["message"]
    assert max(len(r.conversation.messages[0].content) for split in SPLITS for r in read_rows(tmp_path, split)) < 100
    with pytest.raises(NotEnoughData, match=r"none of the 40 rows can be used[\s\S]*a.csv line 2: 40 rows: too_long"):
        prepare(project, tmp_path, tmp_path, Silent(), tokenizer, 8)
