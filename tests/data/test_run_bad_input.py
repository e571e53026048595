"""prepare(): the bad input of the issue, each fault with its file, line and fix."""

from __future__ import annotations

import json

import pytest

from tests.data.small_projects import LABELS, chat, go, good_rows, lines, question, rejected, table, write
from tunesmith.errors import BadData, BadProject, NotEnoughData, TunesmithError
from tunesmith.spec.dataset import Source

BAD = {
    "three rows": ("a.csv", "text,label\na,x\nb,y\nc,x\n", NotEnoughData, ["a.csv: too few rows", "3 usable rows of 3 read", "at least 10"]),
    "one label": (
        "a.csv",
        "text,label\n" + "".join(f"{question(i)},lost\n" for i in range(20)),
        NotEnoughData,
        ["a.csv: there is one label only", "20 rows, all answered 'lost'"],
    ),
    "one answer": ("a.jsonl", lines(*[chat(question(i), "x" * 200) for i in range(20)]), NotEnoughData, ["every answer is the same"]),
    "all duplicates": (
        "a.csv",
        "text,label\n" + "where?,lost\n" * 20,
        NotEnoughData,
        ["a.csv: all rows are duplicates of one row", "20 rows, all equal"],
    ),
    "no usable row": (
        "a.jsonl",
        lines(*[{"messages": [{"role": "bot", "content": "x"}]}] * 12),
        NotEnoughData,
        [
            "a.jsonl: none of the 12 rows can be used",
            "check `format`",
            "12 rows: unknown_role",
            'rename_roles = { "bot" = "assistant" }',
            "a.jsonl line 1",
        ],
    ),
    "documents": ("a.md", "# One\ntext\n# Two\ntext\n", NotEnoughData, ["documents without questions and answers", "2 pieces of text"]),
    "documents in rows": (
        "a.jsonl",
        lines(*[{"text": question(i), "group": "a.md", "how": "chunk"} for i in range(12)]),
        NotEnoughData,
        ["documents without questions and answers", "12 pieces of text", "continued pre-training"],
    ),
    "empty": ("a.csv", "", BadData, ["a.csv: is empty"]),
    "wrong encoding": ("a.csv", ("text,label\n" + "où,x\n" * 20).encode("cp1252"), BadData, ["a.csv line 2: is not UTF-8", 'encoding = "cp1252"']),
    "binary": ("a.csv", b"\x89PNG\r\n" + bytes(range(256)) * 20, BadData, ["a.csv: is binary, not text", "first bytes 89 50 4e 47"]),
    "a label for each row": (
        "a.csv",
        "text,label\n" + "".join(f"{question(i)},id{i}\n" for i in range(20)),
        NotEnoughData,
        ["a.csv: every row has a label of its own", "20 labels in 20 rows", "`output`"],
    ),
    "counts too high": (
        "a.csv",
        "text,label\n" + "".join(f"{question(i)},{LABELS[i % 3]}\n" for i in range(20)),
        NotEnoughData,
        ["no row would be left to train on"],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(tmp_path, case):
    name, content, kind, messages = BAD[case]
    write(tmp_path, name, content)
    source = Source(file=name, label="label" if case == "a label for each row" else None)
    with pytest.raises(kind) as caught:
        go(tmp_path, source, split={"dev": 10, "test": 10} if case == "counts too high" else None)
    text = str(caught.value)
    assert [m for m in messages if m not in text] == []
    assert list((tmp_path / "out").glob("scratch")) == []


def test_all_sources_report_at_once(tmp_path):
    write(tmp_path, "bad.csv", "text,label\n" + "a,b\n")
    write(tmp_path, "empty.csv", "")
    with pytest.raises(BadData) as caught:
        go(tmp_path, Source(file="nope.csv"), Source(file="empty.csv"), Source(file="bad.csv", input="q", label="label"), Source(file="empty.csv"))
    assert [p.where for p in caught.value.problems] == ["nope.csv", "empty.csv", "bad.csv line 1", "empty.csv", "empty.csv"]


def test_faults_inside_several_files_report_at_once(tmp_path):
    for name in ("a.json", "b.json"):
        write(tmp_path, name, json.dumps([chat(question(i), "x") for i in range(600)])[:-1] + ", {]")
    with pytest.raises(BadData) as caught:
        go(tmp_path, Source(file="a.json"), Source(file="b.json"))
    assert [p.where for p in caught.value.problems] == ["a.json line 1", "b.json line 1"]


def test_a_label_only_in_the_users_test_file_is_an_error(tmp_path):
    table(tmp_path / "a.csv", good_rows())
    table(tmp_path / "t.csv", [("entirely new question", "fraud"), ("another new question here", "pin")])
    with pytest.raises(BadData, match=r"t.csv line 2: the label 'fraud' stands only in dev or test"):
        go(tmp_path, Source(file="a.csv"), Source(file="t.csv", split="test"))


def test_one_bad_line_of_many_is_listed_and_the_rest_is_used(tmp_path):
    rows = [json.dumps(chat(question(i), LABELS[i % 3])) for i in range(60)]
    rows[30] = rows[30][:-5]
    write(tmp_path, "a.jsonl", "\n".join(rows))
    found = go(tmp_path, Source(file="a.jsonl"), cleaning={"skip_faulty": True})
    assert found.profile.removed == {"bad_json": 1}
    assert rejected(tmp_path)[0]["origin"] == {"file": "a.jsonl", "line": 31}


def test_faulty_rows_stop_the_run_and_each_is_told_with_its_line_and_fix(tmp_path):
    rows = [json.dumps(chat(question(i), LABELS[i % 3])) for i in range(60)]
    rows[30] = rows[30][:-1]
    rows[40] = json.dumps(chat("who?", "me")).replace("assistant", "bot")
    rows[50] = json.dumps(chat(" ", "nothing is asked: cleaning removes it"))
    write(tmp_path, "a.jsonl", "\n".join(rows))
    table(tmp_path / "b.csv", [(f"b {q}", a) for q, a in good_rows(20)] + [("no label", ""), ("too", "many", "cells")])
    with pytest.raises(BadData) as caught:
        go(tmp_path, Source(file="a.jsonl"), Source(file="b.csv", input="text", label="label"))
    first, *rest = caught.value.problems
    assert first.message == "4 of 82 rows cannot be used"
    assert (first.where, first.got) == ("a.jsonl, b.csv", "1 bad_json, 1 unknown_role, 1 no_answer, 1 ragged_row")
    assert "--set cleaning.skip_faulty=true" in first.fix
    assert [problem.where for problem in rest] == ["a.jsonl line 31", "a.jsonl line 41", "b.csv line 22", "b.csv line 23"]
    assert [problem.message for problem in rest if not problem.fix] == []
    assert (rest[1].message, rest[1].expected.split(",")[0]) == ('`messages[1].role` is "bot"', "one of system")
    assert rest[1].fix == 'rename_roles = { "bot" = "assistant" } in this source'


def test_of_many_faulty_rows_the_first_are_shown_with_the_count(tmp_path):
    table(tmp_path / "a.csv", [*good_rows(60), *[(f"unlabelled {q}", "") for q, _ in good_rows(30)]])
    with pytest.raises(BadData) as caught:
        go(tmp_path, Source(file="a.csv", input="text", label="label"))
    assert caught.value.problems[0].message == "30 of 90 rows cannot be used, the first 20 of them below"
    assert len(caught.value.problems) == 21


def test_out_of_scope_must_be_an_answer(tmp_path):
    table(tmp_path / "a.csv", good_rows())
    with pytest.raises(BadProject, match='write out_of_scope = "lost"'):
        go(tmp_path, task={"out_of_scope": "Lost"})


def test_no_error_is_anything_but_ours(tmp_path):
    for name, content in (
        ("a.csv", b"\x00\x01\x02"),
        ("a.jsonl", b'{"messages": 1}\n'),
        ("a.json", b"["),
        ("a.csv", b'"'),
        ("a.tsv", b"\t\t\n\t"),
        ("a.parquet", b"PAR1xxxx"),
    ):
        write(tmp_path, name, content)
        with pytest.raises(TunesmithError) as caught:
            go(tmp_path, Source(file=name))
        assert caught.value.exit_status == 2
