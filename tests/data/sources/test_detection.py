"""What a file is taken for, and why."""

from __future__ import annotations

import json
import re
import tomllib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tunesmith.data.sources import detect, write_project
from tunesmith.data.sources.columns import guess_columns
from tunesmith.data.sources.project_file import quoted
from tunesmith.errors import BadData
from tunesmith.spec.project import parse_project

CHAT = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.jsonl", json.dumps(CHAT) + "\n", "chat"),
        ("a.json", json.dumps([CHAT]), "chat"),
        ("a.txt", json.dumps(CHAT), "chat"),
        ("a.jsonl", '{"prompt": "a", "completion": "b"}', "completion"),
        ("a.jsonl", '{"instruction": "a", "input": "", "output": "b"}', "alpaca"),
        ("a.jsonl", '{"conversations": [{"from": "human", "value": "x"}]}', "sharegpt"),
        ("a.jsonl", '{"prompt": "a", "chosen": "b", "rejected": "c"}', "preference"),
        ("a.jsonl", '{"input": {}, "preferred_output": [], "non_preferred_output": []}', "preference"),
        ("a.jsonl", '{"input": {}, "preferred_completion": [], "non_preferred_completion": []}', "preference"),
        ("a.jsonl", '{"prompt": "a", "completion": "b", "label": true}', "rated"),
        ("a.jsonl", '{"prompt": "a", "completion": "b", "label": "card"}', "completion"),
        ("a.jsonl", '{"messages": [], "thumbs_up": false}', "rated"),
        ("a.jsonl", '{"question": "a", "answer": "b"}', "table"),
        ("a.csv", "question,answer\na,b\n", "table"),
        ("a", "question\tanswer\na\tb\n", "table"),
        ("a.tsv", "instruction\toutput\na\tb\n", "alpaca"),
        ("a.csv", "prompt,chosen,rejected\na,b,c\n", "preference"),
        ("a.md", "# a\n\n- b, c\n- d, e\n", "markdown"),
        ("a.txt", "Dear all, hello\n\nand, more\n", "text"),
    ],
)
def test_formats(tmp_path, name, text, expected):
    (tmp_path / name).write_text(text)
    found = detect(tmp_path / name)
    assert (found.format, found.problems) == (expected, ())
    assert found.reason


def test_what_the_user_says_the_format_is_counts(tmp_path):
    (tmp_path / "a.txt").write_text("question,answer\na,b\nc,d\n")
    assert detect(tmp_path / "a.txt").format == "text"
    assert detect(tmp_path / "a.txt", as_format="table").format == "table"
    (tmp_path / "a.jsonl").write_text("{no json\n")
    assert detect(tmp_path / "a.jsonl").problems
    assert detect(tmp_path / "a.jsonl", as_format="text").format == "text"
    (tmp_path / "a.parquet").write_bytes(b"PAR1....")
    assert "Parquet" in detect(tmp_path / "a.parquet", as_format="text").problems[0].message


def test_parquet_by_content(tmp_path):
    pq.write_table(pa.table({"text": ["a", "b"], "intent": ["x", "y"]}), tmp_path / "data.bin")
    found = detect(tmp_path / "data.bin")
    assert (found.format, found.input.column, found.label.column, found.columns) == ("table", "text", "intent", ("text", "intent"))


@pytest.mark.parametrize(
    ("columns", "rows", "expected"),
    [
        (["text", "intent"], [{"text": f"t{i}", "intent": "ab"[i % 2]} for i in range(9)], {"input": "text", "label": "intent"}),
        (["question", "answer", "section"], [{"question": "q", "answer": "a", "section": "s"}] * 3, {"input": "question", "output": "answer"}),
        (
            ["Customer Message", "Agent Reply"],
            [{"Customer Message": "m", "Agent Reply": "r"}],
            {"input": "Customer Message", "output": "Agent Reply"},
        ),
        (["a", "b"], [{"a": f"some long text number {i}", "b": "xyz"[i % 3]} for i in range(30)], {"input": "a", "label": "b"}),
        (["b", "a"], [{"a": f"some long text number {i}", "b": "xyz"[i % 3]} for i in range(30)], {"input": "a", "label": "b"}),
        (
            ["text", "label", "user_id"],
            [{"text": f"t{i}", "label": "ab"[i % 2], "user_id": i // 3} for i in range(9)],
            {"input": "text", "label": "label", "group": "user_id"},
        ),
        (["text"], [{"text": "t"}], {"input": "text"}),
        (["type", "text"], [{"type": f"a long and unique description {i}" * 4, "text": "t"} for i in range(5)], {"input": "text", "output": "type"}),
    ],
)
def test_columns(columns, rows, expected):
    guesses = guess_columns(columns, rows)
    assert {kind: guess.column for kind, guess in guesses.items()} == expected
    assert all(guess.reason for guess in guesses.values())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n \n", "nothing but white space"),
        ("a.csv", b"text,label\n", "has a header but no rows"),
        ("a.csv", b"text\nhello\n", "no column looks like a question with its answer"),
        ("a.json", b"{\n}", "one JSON object over several lines"),
        ("a.jsonl", b"{bad\n{bad\n", "no row can be read"),
        ("a.json", b"[]", "has no rows"),
        ("a.csv", b"PK\x03\x04", "zip archive or an Excel workbook"),
        ("a.csv", "text,label\ncaf\u00e9,x\n".encode("latin-1"), "is not UTF-8"),
    ],
)
def test_problems(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    found = detect(tmp_path / name)
    assert message in found.problems[0].message
    assert found.problems[0].where.startswith(name)
    with pytest.raises(BadData):
        write_project(found)


def test_a_written_project_is_read_back(tmp_path):
    path = tmp_path / "My tickets.csv"
    rows = "".join(f"question {i};{('lost', 'other')[i % 2]}\n" for i in range(20))
    path.write_text(f'q "x";intent\n{rows}')
    text = write_project(detect(path), file="data/My tickets.csv", model="qwen3-0.6b")
    project = parse_project(text, "project.toml")
    (source,) = project.sources
    assert (source.file, source.input, source.label, source.delimiter, project.name) == ("data/My tickets.csv", 'q "x"', "intent", ";", "my-tickets")
    assert (project.task.kind, project.task.out_of_scope, project.model) == ("classify", "other", "qwen3-0.6b")
    assert "# named `intent`" in text
    assert len(text.splitlines()) <= 24
    with_goal = parse_project(re.sub(r"^# (?=\[goal|metric|at_least)", "", text, flags=re.MULTILINE), "project.toml")
    assert (project.goal.at_least, with_goal.goal.metric, with_goal.goal.at_least) == (None, "accuracy", 0.8)


@pytest.mark.parametrize(
    ("label", "is_outside"),
    [("none_of_ours", True), ("Out of scope", True), ("not our business", True), ("off-topic", True), ("no_intent", True), ("other", True), ("OOS", True),
     ("notification", False), ("nonstop_flight", False), ("other_card", False), ("unknown_charge", False), ("outage", False)],
)  # fmt: skip
def test_labels_that_mean_none_of_these_are_known_wherever_they_stand(tmp_path, label, is_outside):
    path = tmp_path / "a.csv"
    every = [f"intent {k % 7}" for k in range(60)] + [label] * 6
    path.write_text("text,label\n" + "".join(f"question {k},{name}\n" for k, name in enumerate(every)))
    assert (parse_project(write_project(detect(path)), "p").task.out_of_scope == label) is is_outside


@pytest.mark.parametrize(
    ("rows", "counted", "dev", "test"),
    [(120, 120, 0.15, 0.25), (400, 400, 0.15, 0.25), (600, 600, 0.1, 0.2), (1000, 1000, 0.1, 0.1), (1001, None, 0.1, 0.1)],
)
def test_of_few_rows_more_are_held_out(tmp_path, rows, counted, dev, test):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(f"question {k},{'ab'[k % 2]}\n" for k in range(rows)))
    found = detect(path)
    assert (found.rows, found.rows_seen) == (counted, min(rows, 500))
    text = write_project(found)
    split = parse_project(text, "p").split
    assert (split.dev, split.test) == (dev, test)
    assert (f"a tenth of {rows} rows would show little" in text) is (test > 0.1)


def test_a_fault_behind_the_rows_that_are_looked_at_hides_nothing_of_what_was_seen(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(b'{"question": "q %d", "answer": "a"}\n' % k for k in range(600)) + b'{"question": "\xff"}\n')
    found = detect(path)
    assert (found.problems, found.rows_seen, found.rows) == ((), 500, None)
    assert "test = 0.1 " in write_project(found)


def test_other_formats_are_written_too(tmp_path):
    (tmp_path / "c.jsonl").write_text(json.dumps(CHAT))
    (tmp_path / "d.md").write_text("# a\n")
    assert parse_project(write_project(detect(tmp_path / "c.jsonl")), "p").sources[0].format == "chat"
    assert "cannot be trained on" in write_project(detect(tmp_path / "d.md"))
    (tmp_path / "e.jsonl").write_text('{"text": "a piece", "how": "chunk"}\n')
    written = write_project(detect(tmp_path / "e.jsonl"))
    assert ("cannot be trained on" in written, parse_project(written, "p").sources[0].format) == (True, None)


def test_hostile_names_stay_inside_their_string():
    text = 'a"\n\\\x1b\U0001f600\u202e'
    assert tomllib.loads(f"x = {quoted(text)}")["x"] == text
    assert "\x1b" not in quoted(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"prompt": "a", "chosen": "b", "rejected": "c"}', "dpo"),
        ('{"prompt": "a", "completion": "b", "label": true}', "kto"),
        (json.dumps(CHAT), "sft"),
    ],
)
def test_a_project_file_learns_as_the_rows_suggest(tmp_path, text, kind):
    (tmp_path / "a.jsonl").write_text(text)
    assert parse_project(write_project(detect(tmp_path / "a.jsonl")), "p").train.method.kind == kind
