"""The line's findings are the doctor's; what the line has computed already is not computed again."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from tests.ears import Ears
from tunesmith.data import told as module
from tunesmith.data.examine import noticed
from tunesmith.data.examine.run import Question, Tools, examine
from tunesmith.data.intake import plans
from tunesmith.data.run import prepare
from tunesmith.data.sources.reading import has_labels
from tunesmith.spec.dataset import Cleaning, Dataset, Source, SplitRule
from tunesmith.spec.finding import Finding
from tunesmith.spec.job import Silent
from tunesmith.spec.project import Project

THINGS = ["account", "balance", "branch", "card", "charge", "deposit", "fee", "loan", "mortgage", "payment", "pension", "savings", "wallet"]
VERBS = ["block", "change", "check", "close", "explain", "find", "lower", "move", "open", "pay", "print", "question", "renew"]


def rows() -> list[list[str]]:
    """130 different questions with five labels."""
    return [
        [f"{verb} my {thing} when the {THINGS[(i * 7 + k) % 13]} is with {VERBS[(i + 3 * k) % 13]}", "abcde"[(i + k) % 5]]
        for i, verb in enumerate(VERBS)
        for k, thing in enumerate(THINGS[:10])
    ]


def damaged() -> list[list[str]]:
    """The same with one of each fault that the line tells of."""
    table = rows()
    table += [list(table[3]), [table[4][0].replace("when", "whn"), table[4][1]], [table[5][0], "e" if table[5][1] != "e" else "a"]]
    table[20][0] += " cafÃ©"
    table[21][1] = "B "
    table[30][0] = "Wo ist denn eigentlich die Karte geblieben, die ich schon vor zwei Wochen bestellt habe?"
    table += [["too", "many", "cells"]]
    return table


def write(path, table):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([["text", "label"], *table])


def source(file="a.csv", **more) -> Source:
    return Source(file=file, input="text", label="label", **more)


def go(tmp_path, *sources, name="out", **cleaning) -> Dataset:
    (tmp_path / name).mkdir()
    project = Project(name="p", sources=sources or (source(),), cleaning=Cleaning(skip_faulty=True, **cleaning), split=SplitRule())
    return prepare(project, tmp_path, tmp_path / name, Silent(), None)


def plain(found: Finding) -> dict:
    return found.model_dump(exclude={"examples"})


def by_kind(found: Dataset) -> dict[str, Finding]:
    return {finding.kind: finding for finding in found.findings}


def test_the_line_says_what_the_doctor_says(tmp_path):
    write(tmp_path / "a.csv", damaged())
    (tmp_path / "checked").mkdir()
    doctor = examine(Question(tuple(plans((source(),), tmp_path))), tmp_path / "checked", tmp_path / "scratch", Tools(why_not="without"), Ears())
    line = go(tmp_path)
    assert [plain(one) for one in line.findings] == [plain(one) for one in doctor.findings]
    assert {"unusable_ragged_row", "duplicate", "near_duplicate", "contradiction", "mojibake", "label_spelling", "foreign_language"} <= by_kind(
        line
    ).keys()
    assert not (tmp_path / "out" / "scratch").exists()


def test_a_second_process_changes_nothing(tmp_path, monkeypatch):
    write(tmp_path / "a.csv", damaged())
    alone = go(tmp_path, name="one")
    monkeypatch.setattr(noticed, "ALONE_ROWS", 0)
    monkeypatch.setattr(noticed, "BATCH_ROWS", 7)
    assert go(tmp_path, name="two").findings == alone.findings


def test_clean_rows_are_passed_over(tmp_path):
    write(tmp_path / "a.csv", rows())
    assert [finding.kind for finding in go(tmp_path).findings if finding.severity != "note"] == []


def test_rows_that_also_stand_in_a_source_to_judge_with(tmp_path):
    table = rows()
    write(tmp_path / "a.csv", table)
    write(tmp_path / "t.csv", [table[5], [table[7][0][:9] + table[7][0][10:], table[7][1]], ["something that stands nowhere else at all", "b"]])
    found = go(tmp_path, source(), source("t.csv", split="test"))
    assert {kind: one.lines for kind, one in by_kind(found).items() if one.group == "leaks"} == {"leak": (7,), "near_leak": (9,)}
    assert [(place.file, place.line) for place in by_kind(found)["near_leak"].clusters[0]] == [("a.csv", 9), ("t.csv", 3)]
    assert {finding.file for finding in found.findings} == {"a.csv"}, "the rows that judge are not the subject"


def test_what_minhash_missed_is_a_leak_too(tmp_path, monkeypatch):
    table = rows()
    write(tmp_path / "a.csv", table)
    write(tmp_path / "t.csv", [[table[7][0][:9] + table[7][0][10:], table[7][1]], ["something that stands nowhere else at all", "b"]])
    monkeypatch.setattr("tunesmith.data.selection.join_near_duplicates", lambda *rest: None)
    assert by_kind(go(tmp_path, source(), source("t.csv", split="test")))["near_leak"].lines == (9,)


def test_groups_are_no_near_duplicates(tmp_path):
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text", "label", "who"], *([*row, f"g{i % 12}"] for i, row in enumerate(rows()))])
    found = go(tmp_path, source(group="who"))
    assert by_kind(found).keys() & {"duplicate", "near_duplicate", "contradiction"} == set()


def test_personal_data_that_stay_by_decision_are_told_and_block_nothing(tmp_path):
    table = rows()
    table[8][0] += " write to eve@mail.org"
    write(tmp_path / "a.csv", table)
    kept = by_kind(go(tmp_path, name="kept", personal_data="keep"))["email"]
    assert (kept.lines, kept.severity) == ((10,), "review")
    assert "kept, as the project says" in kept.message
    assert "eve@" not in kept.model_dump_json()
    for rule in ("redact", "drop"):
        assert "email" not in by_kind(go(tmp_path, name=rule, personal_data=rule)), "there are none any more"


def test_a_manifest_keeps_the_first_lines_and_the_count_of_all(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LINES_KEPT", 3)
    monkeypatch.setattr(module, "CLUSTERS_KEPT", 2)
    write(tmp_path / "a.csv", rows() + rows()[:9])
    (found,) = (finding for finding in go(tmp_path).findings if finding.kind == "duplicate")
    assert (found.lines, found.count, len(found.clusters)) == ((132, 133, 134), 9, 2)
    assert found.words().startswith("a.csv: rows that say the same as an earlier row: 9 of 139 rows (6 %) (lines 132–134 and 6 more). Each copy")


def test_which_sources_have_labels():
    assert has_labels(source(format="table"))
    assert not has_labels(source(format="table", output="answer"))
    assert not has_labels(Source(file="a.jsonl", format="chat"))


@pytest.mark.parametrize("n", [0, 5])
def test_copies_of_clusters_are_joined_on_their_own(n):
    from tunesmith.data.duplicates import Clusters

    first = Clusters(n + 2)
    other = first.copy()
    other.join(0, 1)
    assert first.roots().tolist() == list(range(n + 2))
    assert np.unique(other.roots()).size == n + 1


def test_a_table_without_a_line_of_names_is_told(tmp_path):
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows())
    first, second = rows()[0]
    found = go(tmp_path, Source(file="a.csv", input=first, label=second))
    (told,) = [one for one in found.findings if one.kind == "header_is_row"]
    assert first in told.message
