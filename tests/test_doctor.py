"""The doctor from files to versions, with the real stage and a real store; only encoder and base model are left out."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest

from tests.data.examine.test_tuned_curve import OUTLOOK, keep, report
from tests.ears import Ears
from tunesmith.data.examine.meaning import Encoder
from tunesmith.data.examine.meaningful import Tools
from tunesmith.doctor import Doctor
from tunesmith.errors import BadData, BadProject
from tunesmith.spec.checkup import Checkup, Mending
from tunesmith.spec.dataset import Source
from tunesmith.spec.finding import Examination
from tunesmith.spec.mending import Decisions, Version
from tunesmith.spec.project import Project, to_toml
from tunesmith.store.artifacts import Store
from tunesmith.store.folder import MANIFEST

SUBJECTS = [
    "account",
    "balance",
    "branch",
    "card",
    "charge",
    "deposit",
    "fee",
    "loan",
    "mortgage",
    "payment",
    "pension",
    "savings",
    "statement",
    "transfer",
    "wallet",
]
VERBS = ["block", "change", "check", "close", "explain", "find", "lower", "move", "open", "pay", "print", "question", "renew", "report", "stop"]


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path / "home")
    yield opened
    opened.close()


def rows():
    """120 different questions with five labels."""
    return [
        [f"{verb} my {subject} when the {SUBJECTS[(i * 7 + k) % 15]} is with {VERBS[(i + 3 * k) % 15]}", "abcde"[i % 5]]
        for i, verb in enumerate(VERBS)
        for k, subject in enumerate(SUBJECTS[:8])
    ]


def write(path, table):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([["text", "label"], *table])


def doctor(tmp_path, store, **more):
    source = Source(file="a.csv", input="text", label="label")
    return Doctor(Checkup(root=str(tmp_path), sources=(source,), meaning="off", **more), store, Ears())


def damaged(tmp_path):
    table = rows()
    table[10] = list(table[3])  # line 12 says the same as line 5
    table[20][0] += " cafÃ©"
    table[30][0] += " write to eve@mail.org"
    table[31][0] += " write to Eve@mail.org or bob@mail.org"
    write(tmp_path / "a.csv", table)
    return table


def test_a_clean_file_gets_a_clean_bill(tmp_path, store):
    write(tmp_path / "a.csv", rows())
    result = doctor(tmp_path, store).checked()
    found = store.get(result["examination"]).load(Examination)
    assert found.fitness == "fit"
    assert {f.kind for f in found.findings} <= {"no_out_of_scope"}
    assert found.skipped["meaning"] == "it was switched off"


def test_what_is_wrong_is_told_with_its_lines(tmp_path, store):
    damaged(tmp_path)
    artifact, found = doctor(tmp_path, store).examination
    assert {f.kind: f.lines for f in found.findings if f.severity in ("block", "mend")} == {"duplicate": (12,), "mojibake": (22,), "email": (32, 33)}
    assert found.fitness == "fit_after_fixes"
    assert "eve@mail.org" not in (artifact.path / "report.html").read_text().lower()
    assert "eve@mail.org" not in (artifact.path / MANIFEST).read_text().lower()


def test_the_same_files_are_not_examined_twice(tmp_path, store):
    damaged(tmp_path)
    first = doctor(tmp_path, store).examination[0]
    again = Ears()
    second = Doctor(doctor(tmp_path, store).checkup, store, again).examination[0]
    assert first.name == second.name
    assert [event.reused for event in again.heard if hasattr(event, "reused")] == [True]


def test_mending_makes_a_version_and_its_parent_undoes_it(tmp_path, store):
    table = damaged(tmp_path)
    before = (tmp_path / "a.csv").read_bytes()
    one = doctor(tmp_path, store)
    with pytest.raises(BadData, match="expected a decision"):
        one.mended(Mending(checkup=one.checkup))
    assert not (tmp_path / "a.mended.csv").exists()
    result = one.mended(Mending(checkup=one.checkup, decisions=Decisions(personal="redact")))
    with (tmp_path / "a.mended.csv").open(encoding="utf-8", newline="") as file:
        mended = list(csv.reader(file))[1:]
    table[20][0] = table[20][0].replace("cafÃ©", "café")
    table[30][0] = table[30][0].replace("eve@mail.org", "[EMAIL_1]")
    table[31][0] = table[31][0].replace("Eve@mail.org or bob@mail.org", "[EMAIL_1] or [EMAIL_2]")
    assert mended == table[:10] + table[11:]
    version, parent = store.get(result["version"]), store.get(result["parent"])
    assert version.parents == (parent.name,)
    assert (version.load(Version).number, parent.load(Version).number) == (1, 0)
    assert (tmp_path / "a.csv").read_bytes() == before == (parent.path / "1-a.csv").read_bytes()
    changes = [json.loads(line) for line in (version.path / "diff.jsonl").read_text().splitlines()]
    assert [(c["line"], c["became"], c["done"][0]["reason"]) for c in changes] == [
        (12, None, "duplicate"),
        (22, 20, "mojibake"),
        (32, 30, "email"),
        (33, 31, "email"),
    ]
    assert "@" not in (version.path / "diff.jsonl").read_text()


def test_a_mended_file_is_mended_again_from_its_own_version(tmp_path, store):
    damaged(tmp_path)
    one = doctor(tmp_path, store)
    first = one.mended(Mending(checkup=one.checkup, decisions=Decisions(personal="redact")))
    source = Source(file="a.mended.csv", input="text", label="label")
    (tmp_path / "look.csv").write_text("decision,file,line\ndrop,a.mended.csv,2\n")
    next_one = Doctor(one.checkup.model_copy(update={"sources": (source,)}), store, Ears())
    second = next_one.mended(Mending(checkup=next_one.checkup, reviewed="look.csv", out="next"))
    assert second["parent"] == first["version"]
    assert store.get(second["version"]).load(Version).number == 2
    assert len((tmp_path / "next" / "a.csv").read_text().splitlines()) == 119


def test_nothing_of_a_person_is_written_over(tmp_path, store):
    damaged(tmp_path)
    (tmp_path / "a.mended.csv").write_text("mine")
    one = doctor(tmp_path, store)
    with pytest.raises(BadProject, match="is there already"):
        one.mended(Mending(checkup=one.checkup, decisions=Decisions(personal="drop")))
    assert (tmp_path / "a.mended.csv").read_text() == "mine"
    one.mended(Mending(checkup=one.checkup, decisions=Decisions(personal="drop"), force=True))
    assert (tmp_path / "a.mended.csv").read_text() != "mine"
    one.mended(Mending(checkup=one.checkup, decisions=Decisions(personal="drop")))  # over what the same decisions made: no question


def test_other_decisions_do_not_write_over_a_mended_file(tmp_path, store):
    damaged(tmp_path)
    one = doctor(tmp_path, store)
    (tmp_path / "look.csv").write_text("decision,file,line\ndrop,a.csv,2\n")

    def fix(personal, **more):
        return one.mended(Mending(checkup=one.checkup, decisions=Decisions(personal=personal), **more))

    first = fix("redact")
    redacted = (tmp_path / "a.mended.csv").read_bytes()
    assert fix("redact") == first
    with pytest.raises(BadProject, match="is not what these decisions made of this file") as told:
        fix("keep")
    assert first["version"] in told.value.problems[0].got
    assert (tmp_path / "a.mended.csv").read_bytes() == redacted
    fix("keep", out="others")
    reviewed = fix("redact", reviewed="look.csv")
    assert reviewed["version"] != first["version"]
    with pytest.raises(BadProject, match="is there already"):
        fix("redact")  # what a person decided would be gone from the file
    assert fix("keep", force=True)["files"] == {"a.csv": str(tmp_path / "a.mended.csv")}


def test_of_two_at_once_the_second_writes_over_nothing(tmp_path, store):
    damaged(tmp_path)
    one, other = doctor(tmp_path, store), doctor(tmp_path, store)
    made = other.version

    def meanwhile(*args):
        one.mended(Mending(checkup=one.checkup, decisions=Decisions(personal="redact")))
        return made(*args)

    other.version = meanwhile
    with pytest.raises(BadProject, match="is made and kept, but not written out"):
        other.mended(Mending(checkup=other.checkup, decisions=Decisions(personal="keep")))
    assert "eve@mail.org" not in (tmp_path / "a.mended.csv").read_text()


def test_a_folder_is_no_file_and_a_file_no_folder(tmp_path, store):
    damaged(tmp_path)
    (tmp_path / "a.mended.csv").mkdir()
    (tmp_path / "mine").write_text("x")
    one = doctor(tmp_path, store)
    for out in (None, "mine"):
        with pytest.raises(BadProject, match="is no place for a file"):
            one.mended(Mending(checkup=one.checkup, decisions=Decisions(personal="drop"), out=out, force=True))


def test_leaks_into_the_file_to_judge_with(tmp_path, store):
    table = rows()
    write(tmp_path / "a.csv", table)
    slipped = table[7][0][:9] + table[7][0][10:]
    write(tmp_path / "test.csv", [table[5], [slipped, "a"], ["something that stands nowhere else at all", "b"]])
    one = doctor(tmp_path, store, against=(Source(file="test.csv", input="text", label="label"),))
    _, found = one.examination
    assert {f.kind: f.lines for f in found.findings if f.group == "leaks"} == {"leak": (7,), "near_leak": (9,)}
    result = one.mended(Mending(checkup=one.checkup))
    assert len((tmp_path / "a.mended.csv").read_text().splitlines()) == 119
    assert "test.csv" not in result["files"]


def test_forgetting_erases_the_originals(tmp_path, store):
    damaged(tmp_path)
    one = doctor(tmp_path, store)
    result = one.mended(Mending(checkup=one.checkup, decisions=Decisions(personal="redact"), forget=True))
    held = [path for path in (tmp_path / "home").rglob("*") if path.is_file() and b"bob@mail.org" in path.read_bytes()]
    assert held == []
    assert result["forgotten"]["rows"] == 3
    assert store.get(result["version"]).load(Version).number == 1


def test_forgetting_reaches_what_was_made_beside(tmp_path, store):
    damaged(tmp_path)
    one = doctor(tmp_path, store)
    doctor(tmp_path, store, out_of_scope="e").checked()  # another look at the same file
    kept = one.mended(Mending(checkup=one.checkup, decisions=Decisions(personal="keep")))
    dropped = one.mended(Mending(checkup=one.checkup, decisions=Decisions(personal="drop"), out="others"))
    result = one.mended(Mending(checkup=one.checkup, decisions=Decisions(personal="redact"), forget=True, out="clean"))
    assert [path for path in (tmp_path / "home").rglob("*") if path.is_file() and b"bob@mail.org" in path.read_bytes()] == []
    assert {one.name for one in store.artifacts()} == {result["version"], dropped["version"]}
    assert kept["version"] in result["forgotten"]["erased"]
    assert result["forgotten"]["without_undo"] == sorted([result["version"], dropped["version"]])


def holders(tmp_path, text):
    """Files of the store that hold this text."""
    return [path for path in (tmp_path / "home").rglob("*") if path.is_file() and text in path.read_bytes()]


def test_forgetting_reaches_what_was_made_of_a_parent_that_was_erased(tmp_path, store):
    damaged(tmp_path)
    one = selector(tmp_path, store, "./a.csv")
    (tmp_path / "test.csv").write_text("text,label\nsomething that stands nowhere else,a\n")
    kept = one.selected(Mending(checkup=one.checkup, select=118), 118)
    assert any(kept["version"] in str(path) for path in holders(tmp_path, b"bob@mail.org"))
    plain = Doctor(one.checkup.model_copy(update={"meaning": "off"}), store, Ears())
    copied = plain.mended(Mending(checkup=plain.checkup, decisions=Decisions(personal="keep"), forget=True))
    doctor(tmp_path, store, against=(Source(file="test.csv", input="text", label="label"),)).checked()
    again = doctor(tmp_path, store)
    result = again.mended(Mending(checkup=again.checkup, decisions=Decisions(personal="redact"), forget=True, out="clean"))
    assert holders(tmp_path, b"bob@mail.org") == []
    assert kept["version"] in result["forgotten"]["erased"]
    assert copied["version"] in result["forgotten"]["erased"]


def test_where_nothing_is_taken_out_nothing_is_forgotten(tmp_path, store):
    table = rows()
    table[30][0] += " write to eve@mail.org"
    write(tmp_path / "a.csv", table)
    one = doctor(tmp_path, store)
    result = one.mended(Mending(checkup=one.checkup, decisions=Decisions(personal="keep"), forget=True))
    assert result["forgotten"] == {"rows": 0, "without_these_rows": [], "erased": [], "without_undo": []}
    assert store.get(result["parent"]).load(Version).number == 0


def test_files_to_be_written_cannot_be_those_that_are_read(tmp_path, store):
    write(tmp_path / "a.csv", rows())
    with pytest.raises(BadProject) as told:
        doctor(tmp_path, store, review="a.csv", report="nowhere/r.html").checked()
    assert [p.message for p in told.value.problems] == ["is a file that is examined, or is to be written twice", "lies in a folder that is not there"]


def test_the_review_file_asks_about_contradictions(tmp_path, store):
    table = rows()
    table[8] = [table[2][0], "e"]
    write(tmp_path / "a.csv", table)
    doctor(tmp_path, store, review="look.csv", report="r.html").checked()
    with (tmp_path / "look.csv").open(encoding="utf-8", newline="") as file:
        asked = list(csv.DictReader(file))
    assert [(row["kind"], row["line"], row["answer"], row["decision"]) for row in asked] == [
        ("contradiction", "4", "a", ""),
        ("contradiction", "10", "e", ""),
    ]
    assert "<h1>" in (tmp_path / "r.html").read_text()


def by_letters(texts):
    """Vectors that tell texts apart by their letters."""
    vectors = np.array([[text.count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts], np.float32) + 0.01
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def selector(tmp_path, store, name="a.csv"):
    made = Doctor(Checkup(root=str(tmp_path), sources=(Source(file=name, input="text", label="label"),), meaning="on"), store, Ears())
    made.encoder = (SimpleNamespace(digest="letters"), "")  # in place of the weights, which a test need not have
    made.tools = lambda: Tools(encoder=Encoder(by_letters, 26, "letters"))
    return made


def test_a_selection_is_a_version_whose_parent_undoes_it(tmp_path, store):
    write(tmp_path / "a.csv", rows())
    before = (tmp_path / "a.csv").read_bytes()
    one = selector(tmp_path, store)
    result = one.selected(Mending(checkup=one.checkup, select=25), 25)
    with (tmp_path / "a.selected.csv").open(encoding="utf-8", newline="") as file:
        kept = list(csv.reader(file))[1:]
    assert len(kept) == 25
    assert all(row in rows() for row in kept)
    version, parent = store.get(result["version"]), store.get(result["parent"])
    assert (version.load(Version).number, version.parents) == (1, (parent.name,))
    assert version.load(Version).gave_up.of == 120
    assert (parent.path / "1-a.csv").read_bytes() == before == (tmp_path / "a.csv").read_bytes()
    assert len((version.path / "diff.jsonl").read_text().splitlines()) == 95
    again = selector(tmp_path, store)
    assert again.selected(Mending(checkup=again.checkup, select=25), 25)["version"] == version.name
    smaller = selector(tmp_path, store, "a.selected.csv")
    assert smaller.selected(Mending(checkup=smaller.checkup, select=10, out="less"), 10)["parent"] == version.name
    assert len((tmp_path / "less" / "a.csv").read_text().splitlines()) == 11


def test_a_selection_writes_over_nothing_of_a_person(tmp_path, store):
    write(tmp_path / "a.csv", rows())
    (tmp_path / "a.selected.csv").write_text("mine")
    one = selector(tmp_path, store)
    with pytest.raises(BadProject, match="is there already"):
        one.selected(Mending(checkup=one.checkup, select=25), 25)
    assert [artifact.kind for artifact in store.artifacts()] == []


def test_documents_hold_no_rows_to_select(tmp_path, store):
    (tmp_path / "a.md").write_text("# One\n\ntext\n")
    one = Doctor(Checkup(root=str(tmp_path), sources=(Source(file="a.md"),), meaning="on"), store, Ears())
    one.encoder = (SimpleNamespace(digest="letters"), "")
    with pytest.raises(BadData, match="is a document and holds no rows"):
        one.selected(Mending(checkup=one.checkup, select=5), 5)


def test_without_an_encoder_nothing_is_selected(tmp_path, store):
    write(tmp_path / "a.csv", rows())
    one = doctor(tmp_path, store)
    with pytest.raises(BadProject, match="needs the encoder"):
        one.selected(Mending(checkup=one.checkup, select=5), 5)


def reader(tmp_path, store):
    """A doctor that compares by meaning."""
    made = doctor(tmp_path, store).checkup.model_copy(update={"meaning": "on"})
    asked = Doctor(made, store, Ears())
    asked.encoder = (SimpleNamespace(digest="letters"), "")
    asked.tools = lambda: Tools(encoder=Encoder(by_letters, 26, "letters"), is_asked_for=True)
    return asked


def curve_of(artifact):
    (found,) = [finding for finding in artifact.load(Examination).findings if finding.kind == "learning_curve"]
    return found


def test_the_curve_of_a_tuned_model_takes_the_place_of_the_classifiers(tmp_path, store):
    write(tmp_path / "a.csv", rows())
    before = store.get(reader(tmp_path, store).checked()["examination"])
    said = curve_of(before)
    assert said.severity == "note"
    assert "a classifier over embeddings, which is no tuned model" in said.message
    assert said.figures["rows"] == 120
    assert {"twice", "twice_low", "twice_high"} <= said.figures.keys()
    page = (before.path / "report.html").read_text()
    assert "twice as many rows would bring" in page
    assert f"{100 * said.figures['measured_96']:.1f} % with 96 rows" in page
    run = report()
    source = {"a.csv": next(iter(before.load(Examination).files.values()))}
    toml = to_toml(Project(name="demo", sources=(Source(file="a.csv", input="text", label="label"),)))
    name = keep(store, run.model_copy(update={"dataset": run.dataset.model_copy(update={"sources": source}), "project_toml": toml}))
    after = store.get(reader(tmp_path, store).checked()["examination"])
    assert after.parents == (before.name,)
    assert name in curve_of(after).evidence
    assert OUTLOOK.sentence in curve_of(after).message
    assert OUTLOOK.sentence in (after.path / "report.html").read_text()
    assert (after.path / "review.jsonl").read_bytes() == (before.path / "review.jsonl").read_bytes()
    again = Ears()
    third = reader(tmp_path, store)
    third.monitor = again
    assert third.checked()["examination"] == after.name
    assert [event.reused for event in again.heard if hasattr(event, "reused")] == [True, True]


def test_without_labels_only_a_tuned_model_has_a_curve(tmp_path, store):
    write(
        tmp_path / "a.csv",
        [[question, f"Look at page {number} of the manual, where {question} is explained at length."] for number, (question, _) in enumerate(rows())],
    )
    source = Source(file="a.csv", input="text", output="label")
    asked = reader(tmp_path, store)
    asked.checkup = asked.checkup.model_copy(update={"sources": (source,)})
    _, found = asked.examination
    assert "tunesmith run measures it" in found.skipped["learning curve"]
    assert [one for one in found.findings if one.kind == "learning_curve"] == []


def test_a_review_of_another_state_of_the_file_is_refused(tmp_path, store):
    table = rows()
    table[8] = [table[2][0], "e"]
    write(tmp_path / "a.csv", table)
    doctor(tmp_path, store, review="look.csv").checked()
    text = (tmp_path / "look.csv").read_text().splitlines()
    (tmp_path / "look.csv").write_text("\n".join([text[0], "drop" + text[1]]) + "\n")
    write(tmp_path / "a.csv", table[1:])
    one = doctor(tmp_path, store)
    with pytest.raises(BadData, match="is about another row"):
        one.mended(Mending(checkup=one.checkup, reviewed="look.csv"))
    assert not (tmp_path / "a.mended.csv").exists()


def test_a_review_that_somebody_worked_on_is_not_written_over(tmp_path, store):
    table = rows()
    table[8] = [table[2][0], "e"]
    write(tmp_path / "a.csv", table)
    doctor(tmp_path, store, review="look.csv", report="r.html").checked()
    doctor(tmp_path, store, review="look.csv", report="r.html").checked()  # nobody has decided anything
    text = (tmp_path / "look.csv").read_text().splitlines()
    (tmp_path / "look.csv").write_text("\n".join([text[0], "drop" + text[1], *text[2:]]) + "\n")
    (tmp_path / "mine.html").write_text("mine")
    with pytest.raises(BadProject) as told:
        doctor(tmp_path, store, review="look.csv", report="mine.html").checked()
    assert [p.where for p in told.value.problems] == ["look.csv", "mine.html"]
    assert (tmp_path / "mine.html").read_text() == "mine"
    with pytest.raises(BadProject, match="written twice"):
        doctor(tmp_path, store, review="both", report="both").checked()
