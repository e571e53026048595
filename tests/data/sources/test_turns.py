"""Every rule a chat row must keep, by the message that names it."""

from __future__ import annotations

import pytest

from tunesmith.data.sources.fault import RowFault
from tunesmith.data.sources.turns import conversation

ASK = {"role": "user", "content": "hi"}
SAY = {"role": "assistant", "content": "yes"}
CALL = {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"x": 1}'}}]}
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {}}}]


def turn(**keys):
    return {**SAY, **keys}


@pytest.mark.parametrize(
    ("messages", "reason", "message"),
    [
        ("hi", "bad_messages", '`messages` is "hi"; expected a list of messages'),
        ([], "empty", "`messages` is an empty list"),
        ([ASK, "yes"], "bad_messages", '`messages[1]` is "yes"; expected an object'),
        (
            [{"role": "bot", "content": "x"}, SAY],
            "unknown_role",
            '`messages[0].role` is "bot"; expected one of system, developer, user, assistant, tool; fix: rename_roles = { "bot" = "assistant" }',
        ),
        ([{"content": "x"}, SAY], "unknown_role", "`messages[0].role` is missing"),
        ([{"role": "x\x1b[2J", "content": "x"}, SAY], "unknown_role", "\\x1b[2J"),
        ([ASK], "no_answer", "`messages` has no assistant's turn"),
        ([SAY], "no_question", "`messages` has no user's turn"),
        ([ASK, SAY, ASK], "unanswered", "the last of `messages` is of role user"),
        ([ASK, turn(content=" \n")], "empty", "`messages[1].content` is empty"),
        ([ASK, turn(content=None)], "empty", "`messages[1].content` is empty"),
        ([ASK, turn(content=5)], "not_text", '`messages[1].content` is "5"; expected text'),
        ([ASK, turn(content=[{"type": "image_url", "image_url": {}}])], "not_text", '`messages[1].content[0]` is "image_url"; only text'),
        ([ASK, turn(weight=2)], "bad_weight", '`messages[1].weight` is "2"; expected 0 or 1'),
        ([ASK, turn(weight=True)], "bad_weight", "expected 0 or 1"),
        ([ASK, turn(weight=0)], "no_answer", "every assistant's turn of `messages` has weight 0"),
        ([{**ASK, "weight": 1}, SAY], "bad_weight", "only an assistant's turn is trained on"),
        ([ASK, turn(name=3)], "bad_messages", "`messages[1].name`"),
        ([ASK, CALL, {"role": "tool", "content": "1"}, SAY], "bad_tool", "`messages[2].tool_call_id` is missing"),
        (
            [ASK, CALL, {"role": "tool", "content": "1", "tool_call_id": "c2"}, SAY],
            "bad_tool",
            '`messages[2].tool_call_id` is "c2", which no call before it bears',
        ),
        ([{**ASK, "tool_calls": CALL["tool_calls"]}, SAY], "bad_tool", "only an assistant calls tools"),
        ([ASK, turn(function_call={"name": "x"})], "bad_tool", "is the old form"),
        ([ASK, turn(tool_calls="x")], "bad_tool", "expected a list of calls"),
        ([ASK, turn(tool_calls=[{"id": "c"}])], "bad_tool", "has no function name"),
        ([ASK, turn(tool_calls=[{"function": {"name": "f", "arguments": "{}"}}])], "bad_tool", "`messages[1].tool_calls[0].id` is missing"),
        ([ASK, turn(tool_calls=[{"id": "c", "function": {"name": "f", "arguments": "{"}}])], "bad_tool", "expected the JSON text of an object"),
        ([ASK, turn(tool_calls=[{"id": "c", "type": "code", "function": {"name": "f", "arguments": "{}"}}])], "bad_tool", 'expected "function"'),
    ],
)
def test_rules(messages, reason, message):
    with pytest.raises(RowFault) as caught:
        conversation(messages, None, {})
    assert caught.value.reason == reason
    assert message in caught.value.message


@pytest.mark.parametrize("tools", ["[", {"a": 1}, ["x"], [{"type": "function"}]])
def test_bad_tools(tools):
    with pytest.raises(RowFault, match="tools"):
        conversation([ASK, SAY], tools, {})


def test_a_full_tool_conversation():
    result = {"role": "tool", "content": "sunny", "tool_call_id": "c1"}
    found = conversation([{"role": "system", "content": "s"}, {**ASK, "name": "ann"}, CALL, result, turn(weight=1)], TOOLS, {})
    assert found.messages[2].tool_calls[0].function.arguments == '{"x": 1}'
    assert found.messages[2].content is None
    assert (found.messages[1].name, found.messages[4].weight) == ("ann", 1)
    assert found.tools == tuple(TOOLS)


def test_kindnesses():
    found = conversation(
        [{"role": "human", "content": [{"type": "text", "text": "a"}, {"text": "b"}]}, {"role": "assistant", "content": "x", "tool_calls": []}],
        None,
        {"human": "user"},
    )
    assert found.messages[0].content == "ab"
    assert found.messages[1].tool_calls is None
    called = conversation(
        [ASK, {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {"a": 1, "b": None}}}]}], "[]", {}
    )
    assert called.messages[1].tool_calls[0].function.arguments == '{"a": 1}'  # null keys are what Parquet puts where a key is absent
