"""A review file survives any tool: what a person decided comes back, and every mistake in it is told with its line."""

import csv

import pytest

from tunesmith.data.mend.plan import Reviewed
from tunesmith.data.mend.review import COLUMNS, read_review, tame, untamed, write_review
from tunesmith.errors import BadData
from tunesmith.spec.finding import Examination, Finding

ROW = {
    "suggestion": "card_lost",
    "kind": "label_error",
    "score": 0.0123,
    "file": "a.csv",
    "line": 7,
    "question": "=cmd()",
    "answer": "pin",
    "note": "",
}
FOUND = Examination(
    files={"a.csv": "0"}, rows={"a.csv": 9}, fitness="fit", reasons=(),
    findings=(Finding(kind="label_error", group="labels", severity="review", file="a.csv", lines=(7,), message="", why="", evidence="", fix=""),),
)  # fmt: skip


def edited(path, *changes):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for change in changes:
            writer.writerow({**ROW, "decision": "", "new_answer": "", **change})
    return path


@pytest.mark.parametrize("name", ["look.csv", "look.jsonl"])
def test_an_untouched_file_decides_nothing(tmp_path, name):
    assert write_review([ROW], tmp_path / name) == 1
    assert read_review(tmp_path / name, name, FOUND) == []


def test_no_cell_is_a_formula(tmp_path):
    write_review([ROW], tmp_path / "look.csv")
    assert "'=cmd()" in (tmp_path / "look.csv").read_text()
    assert untamed(tame("-3")) == "-3"
    assert untamed("'tis") == "'tis"


def test_decisions_come_back(tmp_path):
    path = edited(
        tmp_path / "look.csv", {"decision": "Drop "}, {"decision": "answer", "line": 8}, {"decision": "answer", "new_answer": "atm", "line": 9}, {}
    )
    assert read_review(path, "look.csv", FOUND) == [
        Reviewed("a.csv", 7, "drop", "", "look.csv line 2"),
        Reviewed("a.csv", 8, "answer", "card_lost", "look.csv line 3"),
        Reviewed("a.csv", 9, "answer", "atm", "look.csv line 4"),
    ]


def test_all_mistakes_are_told_at_once(tmp_path):
    path = edited(
        tmp_path / "look.csv", {"decision": "delete"}, {"decision": "drop", "file": "b.csv"}, {"decision": "answer", "suggestion": ""}, {"decision": "drop"}, {"decision": "keep"}
    )  # fmt: skip
    with pytest.raises(BadData) as told:
        read_review(path, "look.csv", FOUND)
    assert [(p.where, p.message) for p in told.value.problems] == [
        ("look.csv line 2", "is no decision"),
        ("look.csv line 3", "names no row that was examined"),
        ("look.csv line 4", "has no answer to put there"),
        ("look.csv line 6", "decides otherwise about a row than an earlier line does"),
    ]
