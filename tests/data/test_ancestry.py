"""Continuing a tuned model: nothing that it was trained on, nor a near duplicate of it, stands where it is judged."""

from __future__ import annotations

import json

import pytest

from tests.data.small_projects import LABELS, good_rows, question, table
from tunesmith.data.ancestry import Ancestor
from tunesmith.data.run import prepare, read_rows
from tunesmith.errors import NotEnoughData
from tunesmith.spec.dataset import SPLITS, Dataset, Source, SplitRule
from tunesmith.spec.job import Note
from tunesmith.spec.project import Project


class Heard:
    def __init__(self):
        self.notes = []

    def emit(self, event):
        if isinstance(event, Note):
            self.notes.append(event.text)

    def stopping(self):
        return False


def go(tmp_path, folder, *ancestors, sources=(), **split) -> tuple[Dataset, list[str]]:
    (tmp_path / folder).mkdir()
    heard = Heard()
    project = Project(name="p", sources=sources or (Source(file="a.csv", input="text", label="label"),), split=SplitRule(**split))
    before = [Ancestor(f"dataset-{name}", tmp_path / name) for name in ancestors]
    return prepare(project, tmp_path, tmp_path / folder, heard, None, None, before), heard.notes


def questions(folder, split) -> set[str]:
    return {row.conversation.messages[0].content for row in read_rows(folder, split)}


def test_the_same_split_again_changes_nothing(tmp_path):
    table(tmp_path / "a.csv", good_rows(120))
    first, _ = go(tmp_path, "one", dev=12, test=24)
    second, notes = go(tmp_path, "two", "one", dev=12, test=24)
    assert {name: first.files[name] for name in first.files} == second.files
    assert (second.leak_proof.ancestor_rows, second.leak_proof.kept_in_train) == (84, 84)
    assert "compared with 84 rows that the continued model was trained on (dataset-one): 84 rows stay in train" in second.leak_proof.method
    assert any("84 rows here are equal or near duplicates of them" in note for note in notes)
    assert (first.leak_proof.ancestor_rows, first.leak_proof.kept_in_train) == (0, 0)


@pytest.mark.parametrize("seed", range(1, 6))
def test_another_seed_never_tests_on_what_was_trained_or_chosen_by(tmp_path, seed):
    rows = good_rows(120)
    table(tmp_path / "a.csv", rows)
    go(tmp_path, "one", dev=12, test=24)
    table(tmp_path / "b.csv", [*[(f"a new {q} entirely of its own", label) for q, label in good_rows(30)], *[(q + "s", label) for q, label in rows]])
    files = [Source(file=f"{name}.csv", input="text", label="label") for name in "ab"]
    found, _ = go(tmp_path, "two", "one", sources=files, dev=12, test=24, seed=seed)
    seen = {split: questions(tmp_path / "one", split) for split in SPLITS}
    for split, before in (("dev", seen["train"]), ("test", seen["train"] | seen["dev"])):
        assert questions(tmp_path / "two", split) & (before | {q + "s" for q in before}) == set()
    assert found.leak_proof.kept_in_train >= 2 * 84 - 4
    assert min(found.rows[split] for split in ("dev", "test")) >= 10


def test_near_duplicates_of_one_trained_row_all_stay_in_train(tmp_path):
    table(tmp_path / "a.csv", good_rows(60))
    go(tmp_path, "one")
    known = sorted(questions(tmp_path / "one", "train"))[:20]
    table(tmp_path / "b.csv", [*[(end(q), "pin") for q in known for end in (str.upper, "{}s".format)], *[(f"new {q}", a) for q, a in good_rows(60)]])
    found, _ = go(tmp_path, "two", "one", sources=[Source(file="b.csv")], seed=2)
    assert {end(q) for q in known for end in (str.upper, "{}s".format)} <= questions(tmp_path / "two", "train")
    assert found.leak_proof.kept_in_train >= 40


def test_grandparents_count_too(tmp_path):
    for name, start in (("a", 0), ("b", 60)):
        table(tmp_path / f"{name}.csv", [(question(i), LABELS[i % 3]) for i in range(start, start + 60)])
    go(tmp_path, "one")
    go(tmp_path, "two", "one", sources=[Source(file="b.csv")])
    both = [Source(file="a.csv"), Source(file="b.csv")]
    found, _ = go(tmp_path, "three", "one", "two", sources=both, dev=0.05, test=0.1, seed=3)
    assert found.leak_proof.ancestor_rows == 96
    trained = questions(tmp_path / "one", "train") | questions(tmp_path / "two", "train")
    assert (questions(tmp_path / "three", "test") | questions(tmp_path / "three", "dev")) & trained == set()


def test_too_few_unseen_rows_are_refused_with_what_to_do(tmp_path):
    table(tmp_path / "a.csv", good_rows(120))
    go(tmp_path, "one", dev=3, test=3)
    with pytest.raises(NotEnoughData) as caught:
        go(tmp_path, "two", "one", dev=12, test=40, seed=1)
    (problem,) = caught.value.problems
    assert problem.message == "too few rows are left for test: the model that is continued has seen the others"
    assert problem.got.startswith("3 unseen rows for 40 test rows; 117 rows")
    assert problem.expected == "at least 20"
    assert "lower `split.test` to 3" in problem.fix
    assert "`model` instead of `start`" in problem.fix


def test_seen_rows_of_a_test_file_are_left_out_and_not_trained_on(tmp_path):
    table(tmp_path / "a.csv", good_rows(90))
    go(tmp_path, "one")
    known = sorted(questions(tmp_path / "one", "train"))[:5]
    table(tmp_path / "t.csv", [*[(q + "s", "pin") for q in known], *[(f"unheard of {question(i + 300)}", LABELS[i % 3]) for i in range(20)]])
    table(tmp_path / "n.csv", [(f"never before {question(i + 500)}", LABELS[i % 3]) for i in range(40)])
    found, _ = go(tmp_path, "two", "one", sources=[Source(file="n.csv"), Source(file="t.csv", split="test")])
    assert found.rows["test"] == 20
    assert found.profile.removed == {"leak": 5}
    listed = [json.loads(line) for line in (tmp_path / "two" / "rejected.jsonl").read_text().splitlines()]
    assert [row["origin"]["line"] for row in listed] == [2, 3, 4, 5, 6]
    assert all("it was tuned with this row or a near duplicate of it" in row["message"] for row in listed)
    assert any("5 rows of dev or test sources were left out" in warning for warning in found.profile.warnings)
