"""Everything that a newcomer does wrong, through the real command line and real workers: what is said, the exit code, and a store left as it was.

Two runs at once are in test_line.py; faults inside single stages have more cases beside the stages.
"""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.line.tiny_project import PROJECT, Home, make, rows
from tests.waiting import until
from tunesmith.cli.main import main
from tunesmith.errors import BadProject, DamagedWeights, Interrupted, StoreUnusable, from_json
from tunesmith.settings import settings
from tunesmith.store.artifacts import Store
from tunesmith.store.ledger import Ledger

pytestmark = pytest.mark.line
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
QUICK = "train.budget.max_steps=2"


@dataclass(frozen=True)
class Said:
    """How a command ended and what it printed."""

    status: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """Standard output as exactly one JSON object."""
        found, end = json.JSONDecoder().raw_decode(self.out)
        assert (self.out[end:], type(found)) == ("\n", dict)
        return found

    def problems(self) -> list[dict[str, str]]:
        """The problems of an error, after a look at what holds for all of them: no traceback, nothing that moves a cursor, a fix for each."""
        error = self.json()["error"]
        assert "Traceback" not in self.out + self.err
        assert not CONTROL.search(str(from_json(error)))
        assert self.status == from_json(error).exit_status
        return error["problems"]


@dataclass(frozen=True)
class Desk:
    """A folder to make mistakes in, and a store in which a data set and a tuned model lie already."""

    folder: Path
    home: Path
    capsys: pytest.CaptureFixture[str]

    def say(self, *arguments: object) -> Said:
        """A command, in this process; its work happens in real workers."""
        self.capsys.readouterr()
        return Said(main([str(argument) for argument in arguments]), *self.capsys.readouterr())

    def write(self, name: str, content: str | bytes) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def project(self, file: str, source: str = "", rest: str = "") -> Path:
        """A project about one file."""
        return self.write("p.toml", f'name = "p"\nmodel = "base"\n[[sources]]\nfile = "{file}"\n{source}\n{rest}')

    def kept(self) -> tuple[dict[str, str], list[str], int]:
        """(every file of every artifact with its hash, registered models, entries in the ledger)."""
        files = {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in (self.home / "artifacts").rglob("*") if p.is_file()}
        store = Store.open(self.home)
        found = files, sorted(store.registered()), len(Ledger(store).entries())
        store.close()
        return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a data set and a tuned model."""
    home = Home(tmp_path_factory.mktemp("bad") / "home", make(tmp_path_factory.mktemp("bad") / "project"))
    home.run("train", home.project(), "--set", QUICK)
    return home


@pytest.fixture
def desk(trained: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    """The desk of one test; whatever it does, the store is as it was."""
    for name, value in {**trained.environment(), "OMP_WAIT_POLICY": "PASSIVE"}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "base").symlink_to(trained.folder / "base")
    shutil.copy(trained.folder / "rows.csv", tmp_path)
    shutil.copy(trained.folder / "project.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()
    mine = Desk(tmp_path, trained.path, capsys)
    before = mine.kept()
    yield mine
    assert before == mine.kept()
    settings.cache_clear()


def table(found: list[tuple[str, str]], header: str = "text,label") -> str:
    return header + "\n" + "".join(f"{text},{label}\n" for text, label in found)


def turns(question: str, answer: str, role: str = "assistant") -> str:
    return json.dumps({"messages": [{"role": "user", "content": question}, {"role": role, "content": answer}]}) + "\n"


GOOD = rows()
UNREADABLE: dict[str, tuple[str | bytes, str, tuple[str, str, str, str]]] = {
    # file: (content, keys of the source, (where, got, expected, fix))
    "latin.csv": (
        (table(GOOD) + "où est ma carte,card\n").encode("latin-1"),
        "",
        ("latin.csv line 66", "byte 0xF9 at offset", "UTF-8", 'set encoding = "cp1252"'),
    ),
    "utf16.csv": (table(GOOD).encode("utf-16-le"), "", ("utf16.csv", "zero bytes", "UTF-8", 'set encoding = "utf-16-le"')),
    "picture.jsonl": (b"\x89PNG\r\n" + bytes(range(256)) * 9, "", ("picture.jsonl", "89 50 4e 47", "CSV, JSONL", "export")),
    "column.csv": (
        table(GOOD),
        'input = "tekst"\nlabel = "label"',
        ("column.csv line 1", 'input = "tekst"', '"text", "label"', 'write input = "text"'),
    ),
    "empty.csv": ("", "", ("empty.csv", "0 bytes", "rows", "exported")),
    "twice.csv": (
        table([(text, f"{label},{label}") for text, label in GOOD], "text,label,label"),
        "",
        ("twice.csv line 1", '"text", "label", "label"', "each name once", "rename one"),
    ),
    "array.json": ('[{"text": "a", "label": "b"}, {', "", ("array.json line 1", "near", "[ {…}, {…} ]", "one JSON object per line")),
}


def test_all_files_that_cannot_be_read_are_told_at_once(desk):
    for name, (content, _, _) in UNREADABLE.items():
        desk.write(name, content)
    project = desk.project("rows.csv", rest="\n".join(f'[[sources]]\nfile = "{name}"\n{keys}' for name, (_, keys, _) in UNREADABLE.items()))
    found = desk.say("data", "prepare", project, "--json").problems()
    assert [problem["where"] for problem in found] == [where for _, _, (where, *_) in UNREADABLE.values()]
    for problem, (_, _, (_, got, *words)) in zip(found, UNREADABLE.values(), strict=True):
        assert got in problem["got"] + problem["message"]
        assert [word for word, field in zip(words, ("expected", "fix"), strict=True) if word not in problem[field]] == []


TOO_LITTLE: dict[str, tuple[str, str, str, tuple[str, str, str, str]]] = {
    # name: (rows, keys of the source, keys of the project, (where, got, expected, fix) of the first problem)
    "three rows": (table(GOOD[:3]), "", "", ("a.csv", "3 usable rows of 3 read", "at least 10", "add rows")),
    "one label": (
        table([(text, "card") for text, _ in GOOD]),
        "",
        "",
        ("a.csv", "64 rows, all answered 'card'", "two different answers", "which column holds the answer"),
    ),
    "a label for each row": (
        table([(text, f"id{i}") for i, (text, _) in enumerate(GOOD)]),
        'input = "text"\nlabel = "label"',
        "",
        ("a.csv", "64 labels in 64 rows", "several rows each", "`output`"),
    ),
    "all duplicates": (table([GOOD[0]] * 40), "", "", ("a.csv", "40 rows, all equal", "10 different rows", "exported")),
    "longer than the context": (
        table([(f"{text} {'word ' * 200}", label) for text, label in GOOD]),
        "",
        "",
        ("a.csv", "64 rejected rows", "at least 10", "mend the rows"),
    ),
    "no room for training": (
        table(GOOD),
        "",
        "[split]\ntest = 100000",
        ("split", "64 rows for 6 dev and 100,000 test rows", "more rows", "lower `split.dev` and `split.test`"),
    ),
    "an out-of-scope label that no row has": (
        table(GOOD),
        "",
        '[task]\nout_of_scope = "others"',
        ("task.out_of_scope", "'others'", "label or answer of some rows", 'write out_of_scope = "other"'),
    ),
}


@pytest.mark.parametrize("case", TOO_LITTLE)
def test_rows_that_teach_nothing_are_refused(desk, case):
    content, source, rest, (where, *words) = TOO_LITTLE[case]
    desk.write("a.csv", content)
    first = desk.say("data", "prepare", desk.project("a.csv", source, rest), "--json").problems()[0]
    assert where == first["where"]
    assert [word for word, field in zip(words, ("got", "expected", "fix"), strict=True) if word not in first[field]] == []


def test_where_no_row_can_be_used_the_reason_comes_with_its_first_line(desk):
    desk.write("a.jsonl", "".join(turns(text, label, "bot") for text, label in GOOD))
    first, reason = desk.say("data", "prepare", desk.project("a.jsonl"), "--json").problems()
    assert (first["where"], first["got"]) == ("a.jsonl", "64 rejected rows")
    assert (reason["where"], 'fix: rename_roles = { "bot" = "assistant" }' in reason["message"]) == ("a.jsonl line 1", True)


def test_a_label_that_is_only_in_the_test_file_is_refused_with_its_line(desk):
    desk.write("a.csv", table(GOOD))
    desk.write("t.csv", table([("never seen", "card"), ("nor this", "fraud")]))
    project = desk.project("a.csv", rest='[[sources]]\nfile = "t.csv"\nsplit = "test"')
    said = desk.say("data", "prepare", project)
    assert (said.status, "Traceback" in said.err) == (2, False)
    assert (
        "bad_record · t.csv line 3: the label 'fraud' stands only in dev or test\n  expected every label in train\n  fix: add rows of it" in said.err
    )


def test_bad_rows_are_listed_with_their_lines_and_the_rest_goes_on_only_where_the_user_says_so(desk, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("TUNESMITH_HOME", str(tmp_path / "other"))  # here something is stored
    settings.cache_clear()
    lines = [turns(f"{text} über", label).encode() for text, label in GOOD]
    bad = {
        4: (b'{"messages": [{"role": "user"\n', "bad_json", ""),
        9: (turns("who?", "me", "bot").encode(), "unknown_role", 'rename_roles = { "bot" = "assistant" }'),
        15: (turns("who?", "me", "user").encode(), "no_answer", "no assistant's turn"),
        21: (b'{"messages": "\xf9"}\n', "encoding", "not UTF-8"),
        33: (turns("word " * 200, "card").encode(), "too_long", "expected at most 512, the model's context"),
        40: (turns("x" * 1_000_000, "card").encode(), "too_long", "1,000,004 characters"),
        50: (turns(" ", "card").encode(), "empty", ""),
    }
    for number, (line, _, _) in sorted(bad.items()):
        lines.insert(number - 1, line)
    desk.write("a.jsonl", b"\xef\xbb\xbf" + b"\r\n".join(line.rstrip(b"\n") for line in lines) + b"\r\n\r\n")
    first, *faults = desk.say("data", "prepare", desk.project("a.jsonl"), "--json").problems()
    assert (first["message"], first["where"]) == ("6 of 71 rows cannot be used", "a.jsonl")
    assert "--set cleaning.skip_faulty=true" in first["fix"]
    assert [fault["where"] for fault in faults] == [f"a.jsonl line {number}" for number, (_, reason, _) in bad.items() if reason != "empty"]
    assert [fault for fault in faults if not fault["fix"]] == []
    assert [artifact.name for artifact in Store.open(tmp_path / "other").artifacts()] == []
    done = desk.say("data", "prepare", desk.project("a.jsonl"), "--set", "cleaning.skip_faulty=true", "--json")
    assert (done.status, done.json()["dataset"]["profile"]["rows_kept"]) == (0, len(GOOD))
    listed = {row["origin"]["line"]: row for row in done.json()["rejected"]}
    assert {number: reason for number, (_, reason, _) in bad.items()} == {number: row["reason"] for number, row in listed.items()}
    assert [number for number, (_, _, words) in bad.items() if words not in listed[number]["message"]] == []
    shown = desk.say("data", "show").out
    assert [number for number in bad if f"a.jsonl line {number}: {bad[number][1]}, {listed[number]['message'][:60]}" not in shown] == []


def test_hostile_rows_are_shown_escaped_everywhere(desk, tmp_path, monkeypatch):
    monkeypatch.setenv("TUNESMITH_HOME", str(tmp_path / "other"))
    settings.cache_clear()
    hostile = ["\x1b[2J\x1b]0;owned\x07", "<script>alert(1)</script>", '=HYPERLINK("http://x")', "+1+cmd|' /C calc'!A0", "[link=http://x]y[/link]"]
    lines = [turns(f"{row} {i}", row) for row in hostile for i in range(12)] + [
        turns(f"x{row}", row).replace("assistant", row[:3]) for row in hostile[:3]
    ]
    desk.write("a.jsonl", "".join(lines))
    project = desk.project("a.jsonl", rest="[cleaning]\nskip_faulty = true\nrepair_text = false\nnear_duplicate_similarity = 1")
    for said in (desk.say("data", "prepare", project), desk.say("data", "show"), desk.say("data", "show", "--json")):
        assert (said.status, CONTROL.search(said.out + said.err)) == (0, None)
    shown = desk.say("data", "show").out
    assert [row for row in ("\\x1b[2J", *hostile[1:]) if row not in shown] == []


PROJECTS: dict[str, tuple[str, list[tuple[str, str, str, str]]]] = {
    # text: [(where, got, expected, fix)], in the order of the file
    "misspelt and out of range": (
        'name = "My Project"\nmodle = "base"\n[[sources]]\nfile = "rows.csv"\nlable = "label"\nsplit = "validation"\n'
        "[split]\ntest = -5\n[train.budget]\nepochs = 1000\n[task]\nmax_new_tokens = 99999999\n",
        [
            ("line 1", "'My Project'", "Lower-case letters", 'write name = "my-project"'),
            ("line 2", "modle", "model", "write `model`"),
            ("line 5", "lable", "label", "write `label`"),
            ("line 6", "'validation'", "one of train, dev, test", 'write split = "train"'),
            ("line 8", "-5", "above 0", "write a number above 0"),
            ("line 10", "1000", "at most 100", "write a number at most 100"),
            ("line 12", "99999999", "at most 8192", "write a number at most 8192"),
        ],
    ),
    "not TOML": ('name = "a"\nmodel = smollm\n', [("line 2", "model = smollm", "strings in quotes", "put quotes around text")]),
    "no sources": ('name = "a"\n', [("p.toml", "", "a value", "add [[sources]]")]),
    "counts of what is not there": (
        PROJECT.replace('out_of_scope = "other"\n', "") + "[goal]\nat_least = 75\n",
        [
            ("line 17", "3", "task.out_of_scope", "name the label"),
            ("line 18", "3", "task.out_of_scope", "name the label"),
            ("line 49", "75", "between 0 and 1", "write at_least = 0.75"),
        ],
    ),
}


@pytest.mark.parametrize("case", PROJECTS)
def test_every_fault_of_a_project_is_told_at_once_with_its_line(desk, case):
    text, expected = PROJECTS[case]
    project = desk.write("p.toml", text)
    found = desk.say("run", project, "--json").problems()
    assert len(expected) == len(found)
    for problem, (where, *words) in zip(found, expected, strict=True):
        assert problem["where"].endswith(where)
        assert [word for word, field in zip(words, ("got", "expected", "fix"), strict=True) if word not in problem[field]] == []
    human = desk.say("run", project)
    assert (human.status, human.out) == (2, "")
    assert str(BadProject(problems=from_json(json.loads(desk.say("run", project, "--json").out)["error"]).problems)) == human.err.rstrip("\n")


COMMANDS: dict[str, tuple[list[str], str, list[str]]] = {
    # name: (command, code, what the message says)
    "a folder": (["run", "."], "bad_project", [".: is a folder", "fix: write project.toml"]),
    "a data file": (["run", "rows.csv"], "bad_project", ["rows.csv: is a data file", "fix: write a project for it: tunesmith init rows.csv"]),
    "no such project": (["run", "projekt.toml"], "bad_project", ["there is no such file", "did you mean project.toml"]),
    "no project": (["run"], "bad_project", ["Missing argument 'PROJECT'", "tunesmith run --help"]),
    "no such command": (["tune", "project.toml"], "bad_project", ["No such command 'tune'"]),
    "a key that is none": (
        ["train", "project.toml", "--set", "train.budget.epoch=1"],
        "bad_project",
        ["--set train.budget.epoch=1: unknown", "`epochs`"],
    ),
    "a column of no source": (["run", "project.toml", "--set", "sources[3].label=x"], "bad_project", ["there is no `sources[3].label`"]),
    "no value": (["run", "project.toml", "--set", "name="], "bad_project", ["--set name=: is not a TOML value", "fix: put text in quotes"]),
    "a table as a number": (
        ["run", "project.toml", "--set", "train.seed=-1"],
        "bad_project",
        ["got -1", "expected at least 0", "fix: write a number"],
    ),
    "an answer without end": (["run", "project.toml", "--set", "task.max_new_tokens=1e9"], "bad_project", ["max_new_tokens", "fix: "]),
    "a negative limit": (["jobs", "list", "--limit", "-1"], "bad_project", ["--limit"]),
    "an unknown checkpoint": (["train", "project.toml", "--from", "nosuch"], "not_found", ["nosuch: no tuned model", "tunesmith models list"]),
    "an unknown data set": (["data", "show", "nosuch"], "not_found", ["nosuch: no data set", "got 1 stored", "tunesmith data list"]),
    "no report yet": (["report"], "not_found", ["there is no report of a run yet", "tunesmith run project.toml"]),
    "an unknown job": (["jobs", "show", "nosuch"], "not_found", ["no such job", "tunesmith jobs list"]),
    "a row that is not there": (["data", "forget", "latest", "0", "--reason", "x", "--yes"], "not_found", ["holds no such row"]),
    "init: nothing": (["init", "row.csv"], "bad_record", ["row.csv: there is no such file", "did you mean rows.csv"]),
    "init: a folder": (["init", "."], "bad_record", ["is a folder", "name a file in it: project.toml, rows.csv"]),
    "init: over a project": (["init", "rows.csv"], "bad_project", ["project.toml: there is a file already", "--force"]),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_a_command_that_cannot_be_carried_out_says_what_would_be(desk, case):
    arguments, code, words = COMMANDS[case]
    said = desk.say(*arguments)
    assert (said.status, "Traceback" in said.err) == (2, False)
    assert said.err.startswith(f"{code} · ")
    assert [word for word in words if word not in said.err] == []
    assert code == desk.say(*arguments, "--json").json()["error"]["code"]
    assert list(desk.folder.glob("*.toml")) == [desk.folder / "project.toml"]


MODELS: dict[str, tuple[list[str], str, list[str]]] = {
    "unknown": (["run", "project.toml", "--set", "model=smolm2-135m-instruct"], "not_found", ["no such model", "did you mean smollm2-135m-instruct"]),
    "not pulled": (["run", "project.toml", "--set", "model=qwen3-0.6b"], "not_found", ["not on this machine", "tunesmith models pull qwen3-0.6b"]),
    "not pulled, chat": (["chat", "qwen3-0.6b", "-q", "hi"], "not_found", ["not on this machine", "tunesmith models pull qwen3-0.6b"]),
    "a source that is a folder": (["run", "project.toml", "--set", "sources[0].file='.'"], "bad_record", ["is a folder", "one file"]),
    "a source that is not there": (
        ["run", "project.toml", "--set", "sources[0].file='row.csv'"],
        "bad_record",
        ["there is no such file", "rows.csv"],
    ),
    "a metric of another task": (["run", "project.toml", "--set", "goal.metric=rouge_l"], "bad_project", ["goal.metric", "rouge_l", "exact_match"]),
    "a tuned model, nearly": (["chat", "tinny", "-q", "hi"], "not_found", ["tinny: no such model", "did you mean tiny?"]),
}


@pytest.mark.parametrize("case", MODELS)
def test_what_is_missing_is_told_before_any_work(desk, case):
    arguments, code, words = MODELS[case]
    said = desk.say(*arguments, "--json")
    text = str(from_json(said.json()["error"]))
    assert (said.status, said.json()["error"]["code"], "fix: " in text) == (2, code, True)
    assert [word for word in words if word not in text] == []
    assert "✓" not in said.err
    assert said.problems()


def flip(path: Path) -> None:
    """One bit of the file's last byte is another."""
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_damaged_weights_of_a_base_are_never_used(desk, tmp_path, monkeypatch):
    monkeypatch.setenv("TUNESMITH_HOME", str(tmp_path / "other"))
    settings.cache_clear()
    assert desk.say("models", "pull", "./base").status == 0
    (desk.folder / "base").unlink()
    flip(tmp_path / "other" / "models" / "base" / "model.safetensors")
    for command in (["models", "verify", "base"], ["run", "project.toml"], ["chat", "base", "-q", "hi"]):
        said = desk.say(*command, "--json")
        (problem,) = said.problems()
        assert said.status == DamagedWeights.exit_status
        assert problem["where"].endswith("models/base/model.safetensors")
        assert (problem["message"], problem["fix"]) == ("is damaged", "tunesmith models pull base")
        assert problem["got"] != problem["expected"]


def test_a_damaged_checkpoint_is_never_used(desk, trained):
    artifact = Store.open(trained.path).get("tiny", "checkpoint")
    weights = artifact.path / "adapter_model.safetensors"
    sound = weights.read_bytes()
    flip(weights)
    try:
        for command in (["chat", "tiny", "-q", "hi"], ["train", "project.toml", "--from", "tiny"]):
            (problem,) = desk.say(*command, "--json").problems()
            assert problem["where"] == str(weights)
            assert (problem["message"], "run the project again" in problem["fix"]) == ("is not what was stored", True)
            assert problem["expected"] == f"sha256 {hashlib.sha256(sound).hexdigest()}"
    finally:
        weights.write_bytes(sound)


def test_pickled_weights_are_never_loaded(desk, trained):
    pickled = desk.folder / "pickled"
    shutil.copytree(trained.folder / "base", pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    for command in (["run", "project.toml", "--set", "model=pickled"], ["models", "pull", "./pickled"]):
        said = desk.say(*command, "--json")
        (problem,) = said.problems()
        assert (said.status, said.json()["error"]["code"], problem["got"]) == (2, "unsafe_weights", "pytorch_model.bin")
        assert ("safetensors" in problem["expected"], "safetensors" in problem["fix"]) == (True, True)


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[Path]:
    """A file system of its own at `place`; skips where this user may not mount."""
    place.mkdir(exist_ok=True)
    if subprocess.run(["mount", *options, str(place)], capture_output=True).returncode:
        pytest.skip("needs the right to mount file systems")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True, capture_output=True)


def test_a_full_disk_is_named_and_the_work_goes_on_once_there_is_room(desk, trained, tmp_path, monkeypatch):
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=4m", "tmpfs") as home:
        subprocess.run(["cp", "-r", f"{trained.path}/.", str(home)], check=True)
        monkeypatch.setenv("TUNESMITH_HOME", str(home))
        settings.cache_clear()
        (home / "ballast").write_bytes(bytes(max(0, shutil.disk_usage(home).free - 110_000)))
        commands = {"data": ["data", "prepare", "project.toml", "--set", "split.seed=1"], "pull": ["models", "pull", "./base"]}
        before = {path: path.read_bytes() for path in (home / "artifacts").rglob("*") if path.is_file()}
        for command in (["train", "project.toml", "--set", "train.seed=1"], *commands.values()):
            said = desk.say(*command, "--json")
            (problem,) = said.problems()
            assert (said.status, problem["message"].startswith("the disk ")) == (StoreUnusable.exit_status, True)
            assert problem["where"].startswith(str(home))
            assert re.search(r"[\d.,]+ (bytes|GB) free", problem["got"])
            assert "free some space" in problem["fix"]
        assert before == {path: path.read_bytes() for path in (home / "artifacts").rglob("*") if path.is_file()}
        assert list((home / "models").glob("[!.]*")) == []
        (home / "ballast").unlink()
        assert desk.say(*commands["pull"]).status == 0


def test_a_store_that_cannot_be_written_is_named(desk, trained, tmp_path, monkeypatch):
    kept = tmp_path / "kept"
    subprocess.run(["cp", "-r", str(trained.path), str(kept)], check=True)  # reading SQLite's files in this process would drop its locks
    with mounted(tmp_path / "read-only", "--bind", str(kept)) as home:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(home)], check=True)
        monkeypatch.setenv("TUNESMITH_HOME", str(home))
        settings.cache_clear()
        for command in (["run", "project.toml"], ["train", "project.toml", "--from", "tiny"], ["models", "pull", "./base"]):
            said = desk.say(*command, "--json")
            (problem,) = said.problems()
            assert (said.status, problem["got"].lower()) == (StoreUnusable.exit_status, "a read-only file system")
            assert ("TUNESMITH_HOME" in problem["fix"], problem["where"].startswith(str(home))) == (True, True)


@pytest.mark.parametrize("home", ["rows.csv", "/proc/nothing"])
def test_a_place_where_no_store_can_be_is_named(desk, monkeypatch, home):
    monkeypatch.setenv("TUNESMITH_HOME", str(desk.folder / home))
    settings.cache_clear()
    said = desk.say("run", "project.toml", "--json")
    (problem,) = said.problems()
    assert (said.status, problem["where"], "TUNESMITH_HOME" in problem["fix"]) == (3, str(desk.folder / home), True)


def test_ctrl_c_while_data_are_prepared_is_one_object_and_130(desk, trained):
    for count in range(10_000, 15_000, 1_000):  # others each time: what was ready before the interrupt came is not prepared again
        desk.write("a.csv", table([(f"{text} {i}", label) for i in range(count) for text, label in GOOD]))
        project = desk.project("a.csv")
        command = Home(trained.path, desk.folder).start("data", "prepare", str(project), "--json")
        until(lambda running=command.process: list((trained.path / "work").glob("*/scratch/records.jsonl")) or running.poll() is not None)
        command.process.send_signal(signal.SIGINT)
        ended = command.end()
        if ended.status:
            break
    (problem,) = Said(ended.status, ended.out, ended.err).problems()
    assert (ended.status, problem["fix"]) == (Interrupted.exit_status, f"to go on: tunesmith data prepare {project}")
    assert list((trained.path / "work").glob("*/scratch")) == []


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What a command prints on a terminal."""
    mine, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "tunesmith", *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | environment
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(mine, 65536):
            shown += piece
    except OSError:  # the terminal has gone with the child
        pass
    os.close(mine)
    assert child.wait() == 2
    return shown.decode()


def test_a_terminal_without_abilities_gets_the_plain_message(desk):
    shown = on_a_terminal("run", "rows.csv", TERM="dumb", COLUMNS="80").replace("\r", "")
    assert not CONTROL.search(shown)
    assert "bad_project · rows.csv: is a data file, not a project file\n  expected a project file (TOML)\n  fix: write a project for it" in shown


def test_a_narrow_terminal_without_colours_gets_the_whole_message(desk):
    desk.write("a.csv", table(GOOD[:3]))
    shown = on_a_terminal("data", "prepare", str(desk.project("a.csv")), TERM="xterm", COLUMNS="40", NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*[349][0-7]m", shown)
    text = re.sub(r"\x1b\[[0-9;?]*[mhlKA]", "", shown).replace("\r", "")
    assert not CONTROL.search(text)
    for part in (
        "not_enough_data · a.csv: too few rows",
        "  got 3 usable rows of 3 read\n",
        "  expected at least 10\n",
        "  fix: add rows: 50 are the least",
    ):
        assert part in text


def test_damaged_rows_stop_the_run(desk, trained):
    artifact = Store.open(trained.path).get("latest", "dataset")
    path = artifact.path / "train.jsonl"
    sound = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(sound + b"{bad\n")
    try:
        (problem,) = desk.say("run", "project.toml", "--json").problems()
        assert (problem["message"], problem["where"]) == ("is not what was stored", str(path))
    finally:
        path.write_bytes(sound)
