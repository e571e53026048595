"""A review file survives any tool: what a person decided comes back, and every mistake in it is told with its line."""

import csv

import pytest

from tunesmith.data.mend.plan import Reviewed
from tunesmith.data.mend.review import COLUMNS, is_untouched, read_review, tame, untamed, write_review
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
        Reviewed("a.csv", 7, "drop", "", "look.csv line 2", "=cmd()"),
        Reviewed("a.csv", 8, "answer", "card_lost", "look.csv line 3", "=cmd()"),
        Reviewed("a.csv", 9, "answer", "atm", "look.csv line 4", "=cmd()"),
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


def test_text_is_no_review(tmp_path):
    (tmp_path / "look.txt").write_text("drop the second row, please\n")
    with pytest.raises(BadData, match="is no review file"):
        read_review(tmp_path / "look.txt", "look.txt", FOUND)


def test_a_file_without_any_finding_may_be_named(tmp_path):
    found = FOUND.model_copy(update={"files": {"a.csv": "0", "b.csv": "1"}})
    path = edited(tmp_path / "look.csv", {"decision": "drop", "file": "b.csv"})
    assert [one.file for one in read_review(path, "look.csv", found)] == ["b.csv"]


@pytest.mark.parametrize("name", ["look.csv", "look.jsonl"])
def test_only_what_nobody_has_worked_on_is_untouched(tmp_path, name):
    path = tmp_path / name
    write_review([ROW, ROW], path)
    assert is_untouched(path)
    write_review([], path)
    assert is_untouched(path)
    write_review([ROW, {**ROW, "decision": "drop"}], path)
    assert not is_untouched(path)
    for text in ("dear diary\n", "text,label\nx,y\n", '{"text": "x"}\n'):
        path.write_text(text)
        assert not is_untouched(path), text
    assert not is_untouched(tmp_path)
    assert list(tmp_path.glob(".*")) == []
