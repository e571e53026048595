"""check_given(): every failure in the words of the hosted service, and no file that makes it crash, hang or lose a row."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from tests.data.given_examples import CALL, CHAT, DPO, PAIR, A, U, chat, check, lines
from tests.waiting import computing
from tunesmith.data import given_lines
from tunesmith.data.given import FileRole, GivenFault, Method, check_given
from tunesmith.data.given_words import MAX_PROBLEMS, personal_data_fault
from tunesmith.errors import BadData, Interrupted, from_json
from tunesmith.spec.job import Silent

TRAINING = "The job failed due to an invalid training file. "
BAD = TRAINING + "Invalid file format. "


def fault(folder: Path, data: bytes, method: Method = "supervised", role: FileRole = "training_file") -> GivenFault:
    with pytest.raises(GivenFault) as caught:
        check(folder, data, method, role)
    return caught.value


def message(folder: Path, *rows: Any, method: Method = "supervised") -> str:
    """The message for these rows, with enough sound ones around them."""
    sound = DPO if method == "dpo" else PAIR if rows and "prompt" in rows[0] else CHAT
    found = fault(folder, lines(*rows, *[sound] * 10), method)
    assert (found.code, found.param) == ("invalid_training_file", "training_file")
    return found.message


def test_v1_bad_json_names_the_example_the_column_and_the_line(tmp_path):
    found = fault(tmp_path, lines(*[CHAT] * 11) + b"\n" + b'{"messages": [] "x": 1}\n')
    expected = "Example 12 cannot be parsed. Error: line contains invalid json: Expecting ',' delimiter: line 1 column 17 (char 16) (line 13)"
    assert BAD + expected == found.message


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"a": 1e999}', "a number is too large or has too many digits"),
        (b'{"a": ' + b"1" * 5000 + b"}", "a number has too many digits"),
        (b'{"a": 1.' + b"1" * 5000 + b"}", "a number is too large or has too many digits"),
        (b'{"messages": 1, "messages": 2}', 'the key "messages" stands twice'),
        (b'{"a": "\\ud800"}', "half of a surrogate pair (\\ud800 to \\udfff): a character was cut in two"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "nested more than 64 levels deep"),
        (b'{"a":' + b"[" * 200_000, "nested more than 64 levels deep"),
        (b'{"a": "\xff"}', "byte 0xff at position 7 is not UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "byte 0xed at position 7 is not UTF-8"),
        (b'{"a": "x\x00y"}', "Invalid control character at: line 1 column 9 (char 8)"),
        (b'{"a": 1} {"a": 2}', "Extra data: line 1 column 10 (char 9)"),
    ],
)
def test_v1_what_is_not_strict_json(tmp_path, line, error):
    found = fault(tmp_path, lines(*[CHAT] * 10) + line)
    assert f"{BAD}Example 11 cannot be parsed. Error: line contains invalid json: {error} (line 11)" == found.message


@pytest.mark.parametrize(
    ("line", "start"), [(b"[1, 2]", "[1, 2]"), (b"nonsense, a lot", "nonsense, "), (b'"text"', '"text"'), (b"[\n", "["), (b"\x00", "\\x00")]
)
def test_v2_a_line_that_is_no_dictionary(tmp_path, line, start):
    expected = f'Expected file to have JSONL format, where every line is a valid JSON dictionary. Line 1 is not a dictionary (HINT: line starts with: "{start}...").'
    assert TRAINING + expected == fault(tmp_path, line + b"\n" + lines(*[CHAT] * 10)).message


def test_v3_neither_format(tmp_path):
    found = fault(tmp_path, lines(*[{"question": "a", "answer": "b"}] * 10))
    assert found.message == TRAINING + "Unexpected file format, expected either prompt/completion pairs or chat messages."


def test_v4_a_missing_key(tmp_path):
    assert message(tmp_path, {"message": [U, A]}) == BAD + "Example 1 is missing key 'messages'."
    assert message(tmp_path, CHAT, CHAT, PAIR) == BAD + "Example 3 is missing key 'messages'."
    assert message(tmp_path, PAIR, {"prompt": "x"}) == BAD + "Example 2 is missing key 'completion'."
    assert message(tmp_path, PAIR, method="dpo") == BAD + "Example 1 is missing key 'input'."
    assert fault(tmp_path, lines(*[{"x": 1}] * 10), "dpo").message == BAD + "Example 1 is missing key 'input'."
    assert (
        message(tmp_path, {k: DPO[k] for k in ("input", "preferred_output")}, method="dpo")
        == BAD + "Example 1 is missing key 'non_preferred_output'."
    )


def test_v5_a_key_too_many(tmp_path):
    assert message(tmp_path, {**CHAT, "weight": 1}) == BAD + 'Example 1 contains an extra "weight".'
    assert message(tmp_path, PAIR, {**PAIR, "tools": []}) == BAD + 'Example 2 contains an extra "tools".'
    assert message(tmp_path, {**DPO, "rating": 1}, method="dpo") == BAD + 'Example 1 contains an extra "rating".'
    assert message(tmp_path, chat(U, {**A, "mood": "good"})) == BAD + 'Example 1, message 2 contains an extra "mood".'
    assert message(tmp_path, chat({**U, "tool_calls": [CALL]}, A)) == BAD + 'Example 1, message 1 contains an extra "tool_calls".'
    assert (
        message(tmp_path, {**DPO, "input": {"messages": [U], "temperature": 1}}, method="dpo")
        == BAD + 'Example 1, input contains an extra "temperature".'
    )


def test_v6_no_role(tmp_path):
    expected = BAD + "Example 2, message 1 Discriminator 'role' is missing in value"
    assert expected == message(tmp_path, CHAT, chat({"content": "x"}, A))


def test_v7_an_unknown_role(tmp_path):
    tags = "'system', 'user', 'assistant', 'tool', 'function', 'developer'"
    for role, shown in (("bot", "bot"), (None, "null"), (["user"], '["user"]'), ("\x1b[2J", "\\x1b[2J")):
        expected = f"Example 1, message 1 Input tag '{shown}' found using 'role' does not match any of the expected tags: {tags}"
        assert BAD + expected == message(tmp_path, chat({"role": role, "content": "x"}, A))


def test_v8_and_v21_too_few(tmp_path):
    for n in (1, 7, 9):
        found = fault(tmp_path, lines(*[CHAT] * n))
        assert ("invalid_n_examples", "training_file", f"Training file has {n} example(s), but must have at least 10 examples") == (
            found.code,
            found.param,
            found.message,
        )
    for data in (b"", b"\n\r\n  \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"):
        assert fault(tmp_path, data).message == "Training file has 0 example(s), but must have at least 10 examples"
    assert check(tmp_path, lines(*[CHAT] * 10)).rows == 10


def test_v9_the_format_of_the_other_method(tmp_path):
    words = "Input file file-x is in the fine-tune-{} format, but the specified fine-tuning job is not using '{}' as the training method (provided method={})."
    assert BAD + words.format("chat", "supervised", "dpo") == fault(tmp_path, lines(*[CHAT] * 10), "dpo").message
    assert BAD + words.format("preference", "dpo", "supervised") == fault(tmp_path, lines(*[DPO] * 10)).message


def test_v10_images(tmp_path):
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    row = chat({"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture, picture]}, A)
    found = fault(tmp_path, lines(*[CHAT] * 10, row, row))
    assert found.message == BAD + "Input file file-x contains images, but the method/model supervised does not support it."
    assert len(found.problems) == 1, "said once for the file"
    sound = {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}
    expected = "Example 1, message 1: content[0] Input tag 'input_audio' found using 'type' does not match any of the expected tags: 'text'"
    assert BAD + expected == message(tmp_path, chat(sound, A))


def test_v11_the_last_message_and_an_answer(tmp_path):
    assert message(tmp_path, chat(U, A, U)) == BAD + "Example 1: Last message must be from the assistant"
    assert message(tmp_path, chat(U)) == BAD + "Example 1: at least one assistant message is required"
    assert message(tmp_path, chat()) == BAD + "Example 1: at least one assistant message is required"
    assert message(tmp_path, chat(A)) == BAD + "Example 1: a message must stand before the assistant's"


@pytest.mark.parametrize(
    "empty", [{}, {"content": None}, {"content": ""}, {"content": []}, {"content": [{"type": "text", "text": ""}]}, {"tool_calls": []}]
)
def test_v12_an_empty_answer(tmp_path, empty):
    assert message(tmp_path, chat(U, {"role": "assistant", **empty})) == BAD + "Example 1, message 2: content or tool_calls required"


def test_v12_other_empty_messages(tmp_path):
    for empty in ({}, {"content": None}, {"content": []}):
        assert message(tmp_path, chat({"role": "user", **empty}, A)) == BAD + "Example 1, message 1: content required"
    assert message(tmp_path, {"prompt": "x", "completion": ""}) == BAD + "Example 1: completion required"
    assert message(tmp_path, {"prompt": 1, "completion": "x"}) == BAD + "Example 1, prompt Input should be a valid string"


@pytest.mark.parametrize("weight", [2, -1, 0.5, True, "1", [1]])
def test_v13_a_weight(tmp_path, weight):
    assert message(tmp_path, chat(U, {**A, "weight": weight})) == BAD + "Example 1, message 2: Invalid value for 'weight', must be 0 or 1"


def test_v13_only_the_assistant_has_a_weight(tmp_path):
    assert message(tmp_path, chat({**U, "weight": 1}, A)) == BAD + "Example 1, message 1: Invalid value for 'weight', must be 0 or 1"


def test_v14_nothing_is_trained(tmp_path):
    expected = "Example 1: all assistant messages have weight 0, so there is nothing to train on"
    assert BAD + expected == message(tmp_path, chat(U, {**A, "weight": 0}, U, {**A, "weight": 0}))


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([{**A, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": "{"}}]}], ", message 2: tool_calls[0].function.arguments is not valid JSON"),
        ([{**A, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {"x": 1}}}]}], ", message 2: tool_calls[0].function.arguments Input should be a valid string"),
        ([{**A, "tool_calls": [{**CALL, "function": {"arguments": "{}"}}]}], ", message 2: tool_calls[0].function.name is missing"),
        ([{**A, "tool_calls": [{**CALL, "id": None}]}], ", message 2: tool_calls[0].id Input should be a valid string"),
        ([{**A, "tool_calls": [{**CALL, "type": "custom"}]}], ", message 2: tool_calls[0].type must be 'function'"),
        ([{**A, "tool_calls": CALL}], ", message 2: tool_calls Input should be a valid list"),
        ([{**A, "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "c2", "content": "1"}, A], ', message 3: tool_call_id "c2" does not match any preceding tool call'),
        ([{"role": "tool", "tool_call_id": "c1", "content": "1"}, A], ', message 2: tool_call_id "c1" does not match any preceding tool call'),
        ([{**A, "tool_calls": [CALL]}, {"role": "tool", "content": "1"}, A], ", message 3: tool_call_id is missing"),
        ([{"role": "function", "name": "f", "content": "1"}, A], ', message 2: no function_call for "f" stands before this message'),
    ],
)  # fmt: skip
def test_v15_tool_calls(tmp_path, messages, words):
    assert f"{BAD}Example 1{words}" == message(tmp_path, chat(U, *messages))


def test_v15_an_undeclared_tool_is_remarked(tmp_path):
    row = chat(U, {"role": "assistant", "tool_calls": [CALL]})
    declared = {**row, "tools": [{"type": "function", "function": {"name": "f"}}]}
    found = check(tmp_path, lines(row, *[declared] * 10, row))
    assert found.remarks == {"undeclared_tool": [1, 12]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"preferred_output": []}, ": 'preferred_output' must contain exactly one assistant message, got 0"),
        ({"preferred_output": [A, A]}, ": 'preferred_output' must contain exactly one assistant message, got 2"),
        ({"non_preferred_output": "No"}, ": 'non_preferred_output' must contain exactly one assistant message, got something else than a list"),
        ({"non_preferred_output": [U]}, ", non_preferred_output message 1: role must be 'assistant'"),
        ({"non_preferred_output": [A]}, ": 'preferred_output' and 'non_preferred_output' are identical"),
        ({"preferred_output": [{**A, "weight": 0}]}, ", preferred_output message 1: weight 0, so there is nothing to train on"),
        ({"preferred_output": [{"role": "assistant"}]}, ", preferred_output message 1: content or tool_calls required"),
        ({"input": {"messages": [U, A]}}, ": Last message of 'input' must not be from the assistant"),
        ({"input": {"messages": []}}, ": 'input' must contain at least one message"),
        ({"input": {}}, " is missing key 'input.messages'."),
        ({"input": "Hi"}, ", input Input should be a valid dictionary or object to extract fields from"),
    ],
)
def test_v16_preferences(tmp_path, change, words):
    assert f"{BAD}Example 2{words}" == message(tmp_path, DPO, {**DPO, **change}, method="dpo")


def test_v18_the_validation_file(tmp_path):
    found = fault(tmp_path, lines(*[CHAT] * 10, {**CHAT, "x": 1}), role="validation_file")
    expected = 'The job failed due to an invalid validation file. Invalid file format. Example 11 contains an extra "x".'
    assert ("invalid_validation_file", "validation_file", expected) == (found.code, found.param, found.message)
    found = fault(tmp_path, lines(CHAT), role="validation_file")
    expected = "Validation file has 1 example(s), but must have at least 10 examples"
    assert ("invalid_n_examples", "validation_file", expected) == (found.code, found.param, found.message)


def test_v19_personal_data_that_a_policy_blocks():
    found = personal_data_fault("training_file", {"e-mail address": [4, 13], "IBAN": [4]})
    assert "This training file was blocked because it contains personal data" in found.message
    assert "e-mail address (2), IBAN (1). Flagged lines: 4, 13" in found.message
    many = personal_data_fault("validation_file", {"IP address": list(range(1, 100))})
    assert many.message.endswith("39, 40...")
    assert many.code == "invalid_validation_file"


def test_the_fault_carries_all_problems_and_crosses_processes(tmp_path):
    found = fault(tmp_path, lines({**CHAT, "x": 1}, chat(U), *[CHAT] * 9, chat(U, {**A, "weight": 3})))
    assert isinstance(found, BadData)
    assert [(p.where, p.got) for p in found.problems] == [("training_file", "line 1"), ("training_file line 2", ""), ("training_file line 12", "")]
    assert found.message == found.problems[0].message
    assert all(problem.fix for problem in found.problems)
    body = json.loads(json.dumps(found.to_json()))
    assert ("invalid_training_file", "training_file", found.message) == (body["code"], body["problems"][0]["where"], body["message"])
    assert found.problems == from_json(body).problems
    copy = pickle.loads(pickle.dumps(found))
    assert (GivenFault, found.code, found.param, found.problems) == (type(copy), copy.code, copy.param, copy.problems)


def test_at_most_twenty_problems_and_the_count_among_them(tmp_path):
    assert len(fault(tmp_path, lines(*[{**CHAT, "x": 1}] * 100)).problems) == MAX_PROBLEMS
    found = fault(tmp_path, lines(chat(U), CHAT))
    assert [p.message for p in found.problems[1:]] == ["Training file has 2 example(s), but must have at least 10 examples"]


def test_marks_line_ends_and_blank_lines_do_not_matter(tmp_path):
    data = b"\xef\xbb\xbf" + b"\r\n".join([json.dumps(CHAT).encode()] * 5) + b"\r\n\n  \n" + lines(*[CHAT] * 5) + b"\n\r\n   "
    found = check(tmp_path, data)
    assert [record.origin.line for record in found.records()] == [1, 2, 3, 4, 5, 8, 9, 10, 11, 12]
    assert (10, len(data), "chat") == (found.rows, found.size_bytes, found.format)


def test_a_line_separator_inside_a_text_ends_no_line(tmp_path):
    row = json.dumps(chat(U, {"role": "assistant", "content": "a\u2028b\x85c\x0cd"}), ensure_ascii=False).encode() + b"\n"
    assert [r.conversation.answer() for r in check(tmp_path, row * 10).records()] == ["a\u2028b\x85c\x0cd"] * 10


def test_a_line_that_is_too_long_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(given_lines, "MAX_LINE_BYTES", 1000)
    data = lines(*[CHAT] * 5, chat(U, {"role": "assistant", "content": "x" * 5000}), *[CHAT] * 5)
    found = fault(tmp_path, data)
    expected = "Example 6 cannot be parsed. Error: line contains invalid json: the line is longer than 1,000 bytes (line 6)"
    assert [BAD + expected] == [p.message for p in found.problems]


def test_a_file_that_changed_is_noticed(tmp_path):
    found = check(tmp_path, lines(*[CHAT] * 10))
    for data in (lines(*[CHAT] * 11), lines(*[CHAT] * 9, {"x": 1}), lines(*[PAIR] * 10), b""):
        found.path.write_bytes(data)
        with pytest.raises(GivenFault, match="changed while the job was running"):
            list(found.records())


def test_it_can_be_stopped(tmp_path):
    class Stopping(Silent):
        def stopping(self) -> bool:
            return True

    (tmp_path / "a.jsonl").write_bytes(lines(*[CHAT] * 10))
    with pytest.raises(Interrupted):
        check_given(tmp_path / "a.jsonl", "supervised", role="training_file", file_id="f", monitor=Stopping())


def test_hostile_keys_take_no_time(tmp_path):
    keys = ",".join(f'"k{i}":1' for i in range(200_000))
    with computing(30):
        found = fault(tmp_path, f'{{{keys},"last":1,"last":2}}\n'.encode() + lines(*[CHAT] * 10))
        assert 'the key "last" stands twice' in found.message
        found = fault(tmp_path, lines({**CHAT, **{f"k{i}": 1 for i in range(100_000)}}, *[CHAT] * 10))
        assert len(found.problems) == MAX_PROBLEMS
