"""prepare(): whole projects, and the promises it keeps."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.small_projects import LABELS, chat, go, good_rows, lines, question, rejected, table, write
from tunesmith.data.fold import fold
from tunesmith.data.run import prepare, read_rows, source_digests
from tunesmith.data.spool import Spool
from tunesmith.errors import BadData, Interrupted
from tunesmith.spec.dataset import SPLITS, Cleaning, Source, SplitRule
from tunesmith.spec.job import Note, Progress, Silent
from tunesmith.spec.project import Project
from tunesmith.spec.task import Task

ROOT = Path(__file__).parents[2]


def test_the_router_example_is_split_as_its_project_asks(tmp_path):
    source = Source(file="bank.csv", input="text", label="intent")
    project = Project(
        name="bank",
        sources=(source,),
        task=Task(out_of_scope="out_of_scope"),
        split=SplitRule(dev=120, test=450, dev_out_of_scope=30, test_out_of_scope=150),
    )
    found = prepare(project, ROOT / "examples/router", tmp_path, Silent(), None)
    assert found.rows == {"train": 660, "dev": 150, "test": 600}
    assert (found.task, len(found.labels), found.labels[-1]) == ("classify", 31, "out_of_scope")
    assert Counter(found.profile.labels["test"].values()) == {15: 30, 150: 1}
    assert (found.leak_proof.exact_pairs, found.leak_proof.near_pairs) == (0, 0)
    assert found.leak_proof.pairs_compared > 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dev.jsonl", "rejected.jsonl", "test.jsonl", "train.jsonl"]
    row = next(read_rows(tmp_path, "test"))
    assert row.conversation.answer() == row.label
    assert found.profile.warnings == ()


def test_the_faq_example_is_a_generative_task(tmp_path):
    project = Project(name="faq", sources=(Source(file="faq.csv"),))
    with pytest.raises(BadData) as stopped:
        prepare(project, ROOT / "examples/faq", tmp_path, Silent(), None)
    assert [p.where for p in stopped.value.problems if "e-mail" in p.message] == ["faq.csv line 1956"]
    keep = project.model_copy(update={"cleaning": Cleaning(personal_data="keep")})
    found = prepare(keep, ROOT / "examples/faq", tmp_path, Silent(), None)
    assert found.profile.repaired["personal_data_kept"] == 1
    assert (found.task, found.labels, found.profile.rows_read) == ("generate", (), 176)
    assert found.profile.labels == {}
    assert found.profile.conflict_count == 1


def test_two_runs_agree_in_every_byte(tmp_path):
    table(tmp_path / "a.csv", good_rows())
    first, second = go(tmp_path, folder="one"), go(tmp_path, folder="two")
    assert first == second
    for name in first.files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert go(tmp_path, split={"seed": 1}).files != first.files


def test_ids_do_not_depend_on_the_file(tmp_path):
    table(tmp_path / "a.csv", good_rows())
    lines = [json.dumps({"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}) for q, a in reversed(good_rows())]
    (tmp_path / "b.jsonl").write_text("\n".join(lines))
    go(tmp_path, folder="one")
    chat = go(tmp_path, Source(file="b.jsonl"), folder="two")
    assert chat.task == "classify"
    for split in SPLITS:
        sides = [{row.id: row.label for row in read_rows(tmp_path / folder, split)} for folder in ("one", "two")]
        assert sides[0] == sides[1]


def test_duplicates_conflicts_and_rejections_are_named_with_their_lines(tmp_path):
    rows = [*good_rows(60), (question(0).upper(), "lost"), (question(1), "rate"), ("", "pin"), ("x\x00y z", "pin"), (question(5) + "s", "rate")]
    table(tmp_path / "a.csv", rows)
    found = go(tmp_path)
    assert found.profile.removed == {"duplicate": 1, "empty": 1}
    (duplicate,) = (r for r in rejected(tmp_path) if r["reason"] == "duplicate")
    assert (duplicate["origin"]["line"], duplicate["other"]["line"]) == (62, 2)
    assert "a.csv line 2" in duplicate["message"]
    assert found.profile.conflict_count == 1
    assert found.profile.conflicts[0].answers == ("pin", "rate")
    assert [o.line for o in found.profile.conflicts[0].origins] == [3, 63]
    assert found.profile.repaired == {"control_characters": 1}
    assert {f.kind: f.lines for f in found.findings if f.group in ("duplicates", "contradictions")} == {
        "duplicate": (62,),
        "contradiction": (3, 63),
        "near_duplicate": (66,),
    }
    sides = {row.origin.line: split for split in SPLITS for row in read_rows(tmp_path / "out", split)}
    assert sides[3] == sides[63]
    assert sides[7] == sides[66]
    assert found.profile.near_duplicate_clusters == 2


def test_conflicts_can_be_dropped_or_refused(tmp_path):
    table(tmp_path / "a.csv", [*good_rows(60), (question(1), "rate")])
    dropped = go(tmp_path, cleaning={"conflicts": "drop"})
    assert dropped.profile.removed == {"conflict": 2}
    assert {(r["origin"]["line"], r["other"]["line"]) for r in rejected(tmp_path)} == {(3, 62), (62, 3)}
    with pytest.raises(BadData, match=r"a.csv line 3: the same question as in a.csv line 62, and another answer\n  got 'pin' / 'rate'"):
        go(tmp_path, cleaning={"conflicts": "refuse"})


def test_near_duplicates_can_be_dropped_and_exact_ones_kept(tmp_path):
    table(tmp_path / "a.csv", [*good_rows(60), (question(7) + "s", "pin"), (question(9), "lost")])
    found = go(tmp_path, cleaning={"drop_near_duplicates": True, "drop_exact_duplicates": False})
    assert found.profile.removed == {"near_duplicate": 2}
    kept = go(tmp_path, cleaning={"drop_exact_duplicates": False})
    assert kept.profile.removed == {}
    assert kept.profile.rows_kept == 62


def test_a_label_is_mended_as_the_answer_is(tmp_path):
    table(tmp_path / "a.csv", [*good_rows(60), ("a new question", "\x1b[2Jlost "), ("another one", "ca\u0301rd"), ("a third one", "c\u00e1rd")])
    found = go(tmp_path, Source(file="a.csv", input="text", label="label"))
    assert ("c\u00e1rd", *LABELS) == tuple(sorted(found.labels, key=lambda label: label in LABELS))
    rows = [row for split in SPLITS for row in read_rows(tmp_path / "out", split)]
    assert [row.label for row in rows] == [row.conversation.answer() for row in rows]


def test_a_full_disk_takes_its_scratch_files_with_it(tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "shingles.u64").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"), Spool(tmp_path / "scratch") as spool:
        spool._shingles.write(b"x")
    assert not (tmp_path / "scratch").exists()


def test_groups_stay_together(tmp_path):
    table(tmp_path / "a.csv", [(q, a, f"g{i % 12}") for i, (q, a) in enumerate(good_rows(120))], ("text", "label", "who"))
    go(tmp_path, Source(file="a.csv", input="text", label="label", group="who"))
    sides: dict[str, set[str]] = {}
    for split in SPLITS:
        for row in read_rows(tmp_path / "out", split):
            sides.setdefault(row.group, set()).add(split)
    assert len(sides) == 12
    assert all(len(splits) == 1 for splits in sides.values())


def test_rows_that_share_a_cluster_say_so(tmp_path):
    rows = [*good_rows(60), (question(7) + "s", "pin"), (question(7) + " !", "pin")]
    table(tmp_path / "a.csv", rows)
    go(tmp_path)
    found = {row.origin.line: row for split in SPLITS for row in read_rows(tmp_path / "out", split)}
    together = {line: row.cluster for line, row in found.items() if row.cluster is not None}
    assert together == dict.fromkeys((9, 62, 63), found[9].id)


def test_groups_are_clusters_too(tmp_path):
    table(tmp_path / "a.csv", [(q, a, f"g{i % 12}") for i, (q, a) in enumerate(good_rows(120))], ("text", "label", "who"))
    go(tmp_path, Source(file="a.csv", input="text", label="label", group="who"))
    rows = [row for split in SPLITS for row in read_rows(tmp_path / "out", split)]
    assert len({(row.group, row.cluster) for row in rows}) == len({row.cluster for row in rows}) == 12


def test_a_test_file_keeps_its_rows_and_training_gives_way(tmp_path):
    table(tmp_path / "a.csv", good_rows())
    table(
        tmp_path / "t.csv", [(f"unseen {question(i + 200)}", LABELS[i % 3]) for i in range(20)] + [(question(0), "lost"), (question(4) + "s", "pin")]
    )
    found = go(tmp_path, Source(file="a.csv"), Source(file="t.csv", split="test"))
    assert found.rows["test"] == 22
    assert found.profile.removed == {"duplicate": 1, "leak": 1}
    assert {r["other"]["file"] for r in rejected(tmp_path)} == {"t.csv"}
    assert all(row.origin.file == "t.csv" for row in read_rows(tmp_path / "out", "test"))


def test_what_minhash_misses_the_proof_finds_and_the_split_is_made_again(tmp_path, monkeypatch):
    table(tmp_path / "a.csv", [row for i in range(60) for row in ((question(i), LABELS[i % 3]), (question(i) + "s", LABELS[i % 3]))])
    monkeypatch.setattr("tunesmith.data.selection.join_near_duplicates", lambda *rest: None)
    found = go(tmp_path)
    assert "rounds: pairs that MinHash had missed" in found.leak_proof.method
    sides = {row.conversation.messages[0].content: split for split in SPLITS for row in read_rows(tmp_path / "out", split)}
    assert [i for i in range(60) if sides[question(i)] != sides[question(i) + "s"]] == []


CELL = st.one_of(
    st.sampled_from(
        ["lost", "pin", "Lost ", "", "  ", "where is my card", "where is my crad", "=1+1", "<b>x</b>", "\x1b[31m", "é", "a,b", 'q"t', "x\ny"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    rows=st.lists(st.lists(CELL, min_size=1, max_size=3), max_size=20),
    cleaning=st.fixed_dictionaries(
        {
            "drop_exact_duplicates": st.booleans(),
            "drop_near_duplicates": st.booleans(),
            "conflicts": st.sampled_from(["keep", "drop"]),
            "repair_text": st.booleans(),
            "skip_faulty": st.just(True),
        }
    ),
)
def test_rows_in_are_rows_kept_plus_rows_rejected(tmp_path_factory, rows, cleaning):
    tmp_path = tmp_path_factory.mktemp("p")
    table(tmp_path / "a.csv", [*good_rows(30), *rows])
    found = go(tmp_path, Source(file="a.csv", input="text", label="label"), cleaning=cleaning)
    written = {split: list(read_rows(tmp_path / "out", split)) for split in SPLITS}
    assert found.rows == {split: len(kept) for split, kept in written.items()}
    assert found.profile.rows_read == found.profile.rows_kept + len(rejected(tmp_path))
    assert Counter(r["reason"] for r in rejected(tmp_path)) == found.profile.removed
    lines = [row.origin.line for kept in written.values() for row in kept] + [r["origin"]["line"] for r in rejected(tmp_path)]
    assert len(lines) == len(set(lines)) == found.profile.rows_read
    asked = {split: {fold(row.conversation.messages[0].content) for row in kept} for split, kept in written.items()}
    assert sum(map(len, asked.values())) == len(set().union(*asked.values()))
    trained = {row.label for row in written["train"]}
    assert {row.label for split in ("dev", "test") for row in written[split]} <= trained


def test_a_long_refusal_can_be_the_out_of_scope_answer(tmp_path):
    sorry = "I am sorry, I can only answer questions about your cards and your accounts; please ask somebody else about everything beyond that."
    rows = [*[chat(question(i), f"answer number {i}") for i in range(40)], *[chat(f"off topic {question(i)}", sorry) for i in range(40)]]
    write(tmp_path, "a.jsonl", lines(*rows))
    split = {"dev": 4, "test": 6, "dev_out_of_scope": 5, "test_out_of_scope": 10}
    found = go(tmp_path, Source(file="a.jsonl"), task={"out_of_scope": sorry}, split=split)
    assert (found.task, found.out_of_scope, found.rows) == ("generate", sorry, {"train": 55, "dev": 9, "test": 16})
    assert sum(row.conversation.answer() == sorry for row in read_rows(tmp_path / "out", "test")) == 10


def test_hostile_rows_come_through_as_data_and_are_escaped_in_messages(tmp_path):
    hostile = ["=HYPERLINK(1)", "<script>alert(1)</script>", "\x1b]0;owned\x07 text", "../../etc/passwd", "'; drop table x; --"]
    table(tmp_path / "a.csv", [*good_rows(), *[(f"{h} {i}", "lost") for i, h in enumerate(hostile)]])
    found = go(tmp_path, cleaning={"repair_text": False})
    asked = {row.conversation.messages[0].content for split in SPLITS for row in read_rows(tmp_path / "out", split)}
    assert {f"{h} {i}" for i, h in enumerate(hostile)} <= asked
    assert found.profile.rows_kept == 95


class Following:
    """A monitor that keeps what it hears and asks for a stop after some progress."""

    def __init__(self, stop_after=10**9):
        self.events, self.stop_after = [], stop_after

    def emit(self, event):
        self.events.append(event)

    def stopping(self):
        return sum(isinstance(e, Progress) for e in self.events) >= self.stop_after


def test_progress_is_told_and_a_stop_is_obeyed(tmp_path):
    table(tmp_path / "a.csv", [(question(i), LABELS[i % 3]) for i in range(1_500)])
    following = Following()
    go(tmp_path, monitor=following)
    labels = [e.label for e in following.events if isinstance(e, Progress)]
    assert {"reading a.csv", "finding near duplicates", "splitting and proving", "writing and measuring rows"} <= set(labels)
    assert any(isinstance(e, Note) and "named `label`" in e.text for e in following.events)
    for stop in (1, 3, len(labels) // 2, len(labels)):
        with pytest.raises(Interrupted, match="run the same command again"):
            go(tmp_path, monitor=Following(stop))
    assert go(tmp_path) == go(tmp_path)


def test_a_scratch_folder_left_by_a_killed_run_does_no_harm(tmp_path):
    table(tmp_path / "a.csv", good_rows())
    clean = go(tmp_path, folder="one")
    scratch = tmp_path / "two" / "scratch"
    scratch.mkdir(parents=True)
    for name in ("records.jsonl", "folded.txt", "shingles.u64"):
        (scratch / name).write_bytes(b"left over" * 999)
    (tmp_path / "two" / "train.jsonl").write_text("left over")
    assert go(tmp_path, folder="two") == clean


def test_source_digests(tmp_path):
    write(tmp_path, "a.csv", "abc")
    project = Project(name="p", sources=(Source(file="a.csv"),))
    assert source_digests(project, tmp_path) == {"a.csv": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
    with pytest.raises(BadData, match=r"b\.csv: there is no such file\n.*\n  fix: did you mean a\.csv\?"):
        source_digests(project.model_copy(update={"sources": (Source(file="b.csv"),)}), tmp_path)
