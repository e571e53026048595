"""What a made row shares with its parent."""

from __future__ import annotations

import doctest

from tests.data.make.rows_of import answered, labelled
from tunesmith.data.make import parentage
from tunesmith.data.make.parentage import answered_like, group_of, single_question
from tunesmith.spec.chat import Conversation, Message


def test_examples():
    assert doctest.testmod(parentage).failed == 0


def test_the_group_is_the_rows_own_or_its_clusters_or_its_id():
    (row,) = labelled([("where is my card", "arrival")])
    assert group_of(row) == f"row-{row.id}"
    assert group_of(row.model_copy(update={"cluster": "abc"})) == "row-abc"
    assert group_of(row.model_copy(update={"cluster": "abc", "group": "mine"})) == "mine"


def test_only_one_question_with_one_answer_counts():
    (row,) = answered([("Why?", "So.")], system="Be kind.")
    assert single_question(row) == "Why?"
    assert row.conversation is not None
    more = Conversation(messages=(*row.conversation.messages, Message(role="user", content="And?"), Message(role="assistant", content="So too.")))
    assert single_question(row.model_copy(update={"conversation": more})) is None
    tools = row.conversation.model_copy(update={"tools": ({"type": "function", "function": {"name": "f"}},)})
    assert single_question(row.model_copy(update={"conversation": tools})) is None
    assert single_question(row.model_copy(update={"desirable": True})) is None
    assert [turn.content for turn in answered_like(row, "Where?", "No.")] == ["Be kind.", "Where?", "No."]
