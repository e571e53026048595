"""prepare(): whole projects, the promises it keeps, and the bad input of the issue."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tunesmith.data.fold import fold
from tunesmith.data.run import prepare, read_rows, source_digests
from tunesmith.data.spool import Spool
from tunesmith.errors import BadData, BadProject, Interrupted, NotEnoughData, TunesmithError
from tunesmith.spec.dataset import SPLITS, Cleaning, Dataset, Source, SplitRule
from tunesmith.spec.job import Note, Progress, Silent
from tunesmith.spec.project import Project
from tunesmith.spec.task import Task

ROOT = Path(__file__).parents[2]
LABELS = ("lost", "pin", "rate")
WORDS = [
    "alpha",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliet",
    "kilo",
    "lima",
    "mike",
    "november",
    "oscar",
    "papa",
    "quebec",
    "romeo",
    "sierra",
    "tango",
]


def question(i: int) -> str:
    return f"about {WORDS[i % 20]} {WORDS[i // 20 % 20]} {WORDS[(i * 7 + i // 3) % 20]} case {i}"


def table(path: Path, rows, header=("text", "label")) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def good_rows(n=90):
    return [(question(i), LABELS[i % 3]) for i in range(n)]


def go(tmp_path, *sources, cleaning=None, split=None, task=None, monitor=None, folder="out") -> Dataset:
    project = Project(
        name="p",
        sources=sources or (Source(file="a.csv"),),
        cleaning=Cleaning(**(cleaning or {})),
        split=SplitRule(**(split or {})),
        task=Task(**(task or {})),
    )
    (tmp_path / folder).mkdir(exist_ok=True)
    return prepare(project, tmp_path, tmp_path / folder, monitor or Silent(), None)


def rejected(tmp_path, folder="out"):
    return [json.loads(line) for line in (tmp_path / folder / "rejected.jsonl").read_text().splitlines()]


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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


def write(tmp_path, name, content):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def chat(q, a):
    return {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}


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
