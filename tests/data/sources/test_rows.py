"""One row of each format → its parts."""

from __future__ import annotations

import datetime
import json

import pytest

from tunesmith.data.sources.fault import RowFault
from tunesmith.data.sources.rows import parse_row, scalar
from tunesmith.errors import excerpt
from tunesmith.spec.dataset import Source


def parts(row, **source):
    return parse_row(row, Source(file="f", **source))


def said(found):
    return [(m.role, m.content) for m in found.conversation.messages]


def fault(row, **source):
    with pytest.raises(RowFault) as caught:
        parts(row, **source)
    return caught.value.reason, caught.value.message


def test_chat():
    row = {"messages": [{"role": "bot", "content": "a"}, {"role": "assistant", "content": "b"}], "tools": [], "who": 7, "lab": " x "}
    found = parts(row, format="chat", rename_roles={"bot": "user"}, group="who", label="lab")
    assert (said(found), found.group, found.label) == ([("user", "a"), ("assistant", "b")], "7", "x")
    assert fault({"message": []}, format="chat") == ("missing_key", 'has no `messages`; its keys are "message"')
    assert fault({"messages": row["messages"], "functions": [1]}, format="chat")[0] == "bad_tool"
    assert fault({**row, "who": None}, format="chat", rename_roles={"bot": "user"}, group="who")[0] == "no_group"


def test_completion():
    assert said(parts({"prompt": "a ->", "completion": " b\n"}, format="completion")) == [("user", "a ->"), ("assistant", "b")]
    assert said(
        parts({"prompt": [{"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}]}, format="completion")
    ) == [("user", "a"), ("assistant", "b")]
    assert fault({"prompt": "", "completion": "b"}, format="completion") == ("empty", "`prompt` (the question) is empty")
    assert fault({"prompt": "a", "completion": None}, format="completion")[0] == "no_answer"
    assert fault({"prompt": "a"}, format="completion")[0] == "missing_key"


def test_alpaca():
    row = {"instruction": "Add.", "input": "1 2", "output": "3", "system": "s", "history": [["a", "b"]]}
    assert said(parts(row, format="alpaca")) == [("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "Add.\n\n1 2"), ("assistant", "3")]
    assert said(parts({"instruction": "Add.", "input": "", "output": "3"}, format="alpaca"))[0] == ("user", "Add.")
    assert fault({**row, "history": [["a"]]}, format="alpaca") == ("bad_messages", "`history[0]` is \"['a']\"; expected [question, answer]")


def test_sharegpt():
    turns = [{"from": "system", "value": "s"}, {"from": "human", "value": "a"}, {"from": "gpt", "value": "b", "weight": 1}]
    assert said(parts({"conversations": turns}, format="sharegpt")) == [("system", "s"), ("user", "a"), ("assistant", "b")]
    assert fault({"conversations": [{"from": "alien", "value": "a"}, turns[2]]}, format="sharegpt")[0] == "unknown_role"
    assert fault({"conversations": turns[:2]}, format="sharegpt")[0] == "no_answer"
    assert fault({"conversations": []}, format="sharegpt")[0] == "empty"
    assert fault({"conversations": [turns[1], {"from": "gpt", "value": ""}]}, format="sharegpt") == ("empty", "`conversations[1].value` is empty")


def test_sharegpt_tools_get_call_ids():
    call = {"from": "function_call", "value": json.dumps({"name": "look", "arguments": {"x": 1}})}
    turns = [{"from": "human", "value": "a"}, call, {"from": "observation", "value": "sun"}, {"from": "gpt", "value": "b"}]
    found = parts({"conversations": turns, "tools": '[{"name": "look"}]', "system": "s"}, format="sharegpt")
    assert [m.role for m in found.conversation.messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert found.conversation.messages[2].tool_calls[0].id == found.conversation.messages[3].tool_call_id == "call_1"
    assert fault({"conversations": [turns[0], turns[2], turns[3]]}, format="sharegpt")[0] == "bad_tool"
    assert fault({"conversations": [turns[0], {"from": "function_call", "value": "look"}, turns[3]]}, format="sharegpt")[0] == "bad_tool"


ASK, GOOD, BAD = ({"role": role, "content": content} for role, content in (("user", "q"), ("assistant", "good"), ("assistant", "bad")))


@pytest.mark.parametrize(
    "row",
    [
        {"input": {"messages": [ASK], "tools": []}, "preferred_output": [GOOD], "non_preferred_output": [BAD]},
        {"input": {"messages": [ASK]}, "preferred_completion": [GOOD], "non_preferred_completion": [BAD]},
        {"prompt": "q", "chosen": "good", "rejected": "bad"},
        {"question": "q", "chosen": "good", "rejected": "bad"},
        {"prompt": [ASK], "chosen": [GOOD], "rejected": [BAD]},
        {"prompt": "q", "chosen": [ASK, GOOD], "rejected": [ASK, BAD]},
        {"chosen": [ASK, GOOD], "rejected": [ASK, BAD]},
    ],
)
def test_preference_forms_are_one(row):
    found = parts(row, format="preference")
    assert said(found) == [("user", "q"), ("assistant", "good")]
    assert [(m.role, m.content) for m in found.rejected] == [("assistant", "bad")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"chosen": "good", "rejected": "bad"}, "missing_key"),
        ({"prompt": "q", "chosen": "good"}, "missing_key"),
        ({"prompt": "q", "chosen": "same", "rejected": "same"}, "same_answers"),
        ({"prompt": "q", "chosen": [ASK], "rejected": [BAD]}, "no_answer"),
        ({"input": "q", "preferred_output": [GOOD], "non_preferred_output": [BAD]}, "missing_key"),
    ],
)
def test_preference_faults(row, reason):
    assert fault(row, format="preference")[0] == reason


@pytest.mark.parametrize("key", ["desirable", "thumbs_up", "label"])
@pytest.mark.parametrize(("value", "expected"), [(True, True), (False, False), ("true", True), (" FALSE", False), (1, True), ("0", False)])
@pytest.mark.parametrize(
    "row", [{"prompt": "q", "completion": "a"}, {"messages": [ASK, {"role": "assistant", "content": "a"}]}], ids=["texts", "chat"]
)
def test_rated_forms_are_one(row, key, value, expected):
    found = parts(row | {key: value}, format="rated")
    assert said(found) == [("user", "q"), ("assistant", "a")]
    assert (found.desirable, found.answer_turns) == (expected, None)


@pytest.mark.parametrize(("more", "reason"), [({}, "missing_key"), ({"label": "maybe"}, "bad_rating"), ({"label": None}, "bad_rating")])
def test_rated_faults(more, reason):
    assert fault({"prompt": "q", "completion": "a"} | more, format="rated")[0] == reason


def test_an_answer_of_several_messages_says_how_many():
    call = {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
    answer = [call, {"role": "tool", "tool_call_id": "1", "content": "x"}, GOOD]
    assert parts({"prompt": [ASK], "chosen": answer, "rejected": [BAD]}, format="preference").answer_turns == 3
    assert parts({"prompt": [ASK], "completion": answer, "label": True}, format="rated").answer_turns == 3


def test_table():
    found = parts({"q": " where?\n", "a": {"x": 1}}, format="table", input="q", output="a")
    assert said(found) == [("user", " where?\n"), ("assistant", '{"x": 1}')]
    assert found.label is None
    labelled = parts({"q": "where?", "l": " lost "}, format="table", input="q", label="l")
    assert (said(labelled)[1], labelled.label) == (("assistant", "lost"), "lost")
    both = parts({"q": "where?", "a": "there", "l": 0}, format="table", input="q", output="a", label="l")
    assert (said(both)[1], both.label) == (("assistant", "there"), "0")
    assert fault({"q": "x", "a": float("nan")}, format="table", input="q", output="a") == ("no_answer", "`a` (the answer) is empty")
    assert fault({"x": 1}, format="table", input="q", output="a") == ("missing_key", 'has no `q` (the question); its keys are "x"')


def test_scalars():
    assert scalar(datetime.date(2024, 1, 2), "d") == "2024-01-02"
    assert scalar(1.5, "n") == "1.5"
    with pytest.raises(RowFault, match="expected text"):
        scalar(b"bytes", "b")


def test_excerpts_are_short_and_harmless():
    assert excerpt("x" * 100) == '"' + "x" * 60 + '…"'
    assert excerpt("=cmd()\x1b]0;owned\x07\u202e") == '"=cmd()\\x1b]0;owned\\x07\\u202e"'
