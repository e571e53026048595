"""Fine-tuning examples → conversations: everything that was written is still there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.given_examples import A, U
from tunesmith.data.given import Method, check_given
from tunesmith.spec.dataset import Record


def read(folder: Path, *rows: dict[str, Any], method: Method = "supervised") -> list[Record]:
    """These rows as records, repeated until there are enough."""
    path = folder / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (*rows, *[rows[0]] * 10)))
    found = check_given(path, method, role="training_file", file_id="file-a")
    records = list(found.records())
    assert len(rows) + 10 == found.rows == len(records)
    return records[: len(rows)]


def messages(record: Record) -> list[dict[str, Any]]:
    assert record.conversation is not None
    return [m.model_dump(exclude_none=True) for m in record.conversation.messages]


def test_names_weights_and_roles_survive(tmp_path):
    row = {
        "messages": [
            {"role": "system", "content": "Be kind.", "name": "boss"},
            {"role": "developer", "content": "Be short."},
            {"role": "user", "content": " Hi ", "name": "eve"},
            {"role": "assistant", "content": "Hello", "weight": 0, "name": "bot"},
            {"role": "user", "content": ""},
            {"role": "assistant", "content": "Bye\n", "weight": 1.0},
        ]
    }
    found = messages(read(tmp_path, row)[0])
    assert row["messages"] == found
    assert [m.get("weight") for m in found] == [None, None, None, 0, None, 1]


def test_known_keys_without_a_value_are_absent(tmp_path):
    nothing = dict.fromkeys(("name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal", "audio"))
    row = {"messages": [{**nothing, **U}, {**nothing, **A, "annotations": []}], "tools": None, "functions": None, "parallel_tool_calls": None}
    assert messages(read(tmp_path, row)[0]) == [U, A]


def test_tools_calls_and_answers_survive(tmp_path):
    tool = {
        "type": "function",
        "function": {"name": "f", "description": "d", "parameters": {"type": "object", "n": [1.5, None, True]}, "strict": True},
    }
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{ "x":1}'}}
    row = {
        "messages": [U, {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c1", "content": "7"}, A],
        "tools": [tool],
    }
    record = read(tmp_path, row)[0]
    assert [U, {"role": "assistant", "tool_calls": (call,)}, {"role": "tool", "tool_call_id": "c1", "content": "7"}, A] == messages(record)
    assert record.conversation is not None
    assert (tool,) == record.conversation.tools


def test_no_arguments_are_an_empty_object(tmp_path):
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
    assert (
        messages(read(tmp_path, {"messages": [U, {"role": "assistant", "tool_calls": [call]}]})[0])[1]["tool_calls"][0]["function"]["arguments"]
        == "{}"
    )


def test_deprecated_functions_become_tools(tmp_path):
    function = {"name": "f", "parameters": {"type": "object"}}
    call = {"name": "f", "arguments": "{}"}
    asks = {"role": "assistant", "content": None, "function_call": call}
    answer = {"role": "function", "name": "f", "content": "7"}
    record = read(tmp_path, {"messages": [U, asks, answer, asks, {**answer, "content": "8"}, A], "functions": [function]})[0]
    assert record.conversation is not None
    assert ({"type": "function", "function": function},) == record.conversation.tools
    turns = record.conversation.messages
    assert [turns[i].tool_calls[0].id for i in (1, 3)] == ["call_1", "call_2"]  # type: ignore[index]
    assert [(turns[i].role, turns[i].tool_call_id, turns[i].name, turns[i].content) for i in (2, 4)] == [
        ("tool", "call_1", "f", "7"),
        ("tool", "call_2", "f", "8"),
    ]


def test_parts_are_joined_and_refusals_are_said(tmp_path):
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    rows = [
        {"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": [*parts, {"type": "refusal", "refusal": "!"}]}]},
        {"messages": [U, {"role": "assistant", "content": None, "refusal": "I cannot."}]},
        {"messages": [U, {"role": "assistant", "content": "Hm.", "refusal": "I cannot."}]},
    ]
    found = [[m["content"] for m in messages(record)] for record in read(tmp_path, *rows)]
    assert found == [["ab", "ab!"], ["Hi", "I cannot."], ["Hi", "Hm.\nI cannot."]]


def test_prompts_and_completions_stay_as_written(tmp_path):
    rows = [{"prompt": "Q: x\n\n###\n\n", "completion": " yes END"}, {"prompt": "", "completion": " a story"}]
    assert [[m["content"] for m in messages(r)] for r in read(tmp_path, *rows)] == [["Q: x\n\n###\n\n", " yes END"], ["", " a story"]]


@pytest.mark.parametrize("kind", ["output", "completion"])
def test_both_spellings_of_a_preference(tmp_path, kind):
    worse = {"role": "assistant", "content": "No"}
    row = {"input": {"messages": [U], "parallel_tool_calls": True}, f"preferred_{kind}": [A], f"non_preferred_{kind}": [worse]}
    record = read(tmp_path, row, method="dpo")[0]
    assert messages(record) == [U, A]
    assert record.rejected is not None
    assert [worse] == [m.model_dump(exclude_none=True) for m in record.rejected]


def test_equal_rows_all_stay_and_have_one_id(tmp_path):
    assert len({record.id for record in read(tmp_path, *[{"messages": [U, A]}] * 5)}) == 1


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
some_text = text.filter(bool)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**50), 10**50) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def chats(draw: st.DrawFn) -> dict[str, Any]:
    """A sound chat example in the form in which it comes back."""
    names = draw(st.lists(some_text, min_size=1, max_size=3, unique=True))
    turns: list[dict[str, Any]] = [{"role": draw(st.sampled_from(["system", "developer", "user"])), "content": draw(text)}]
    for i in range(draw(st.integers(1, 4))):
        turns.append({"role": "user", "content": draw(text), **({"name": draw(text)} if draw(st.booleans()) else {})})
        if draw(st.booleans()):
            calls = [
                {"id": f"c{i}{k}", "type": "function", "function": {"name": draw(st.sampled_from(names)), "arguments": json.dumps(draw(st.dictionaries(text, plain, max_size=2)))}}
                for k in range(draw(st.integers(1, 2)))
            ]  # fmt: skip
            turns.append({"role": "assistant", "tool_calls": calls, **({"content": draw(some_text)} if draw(st.booleans()) else {})})
            turns += [{"role": "tool", "tool_call_id": call["id"], "content": draw(text)} for call in calls]
        weight = draw(st.sampled_from([None, 0, 1]))
        turns.append({"role": "assistant", "content": draw(some_text), **({} if weight is None else {"weight": weight})})
    turns[-1]["weight"] = 1
    tools = [{"type": "function", "function": {"name": name, "parameters": draw(st.dictionaries(text, plain, max_size=2))}} for name in names]
    return {"messages": turns, **({"tools": tools} if draw(st.booleans()) else {})}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=st.lists(chats(), min_size=1, max_size=4))
def test_sound_rows_come_back_whole(tmp_path, rows):
    for row, record in zip(rows, read(tmp_path, *rows), strict=True):
        stored = Record.model_validate_json(record.model_dump_json(exclude_none=True))
        assert record == stored, "nor is anything lost on its way to the disk and back"
        assert record.conversation is not None
        back = json.loads(json.dumps([m.model_dump(exclude_none=True) for m in record.conversation.messages]))
        assert row["messages"] == back
        assert row.get("tools") == (None if record.conversation.tools is None else list(record.conversation.tools))
