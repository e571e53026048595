"""`tunesmith init`: what it writes parses, names the file as the project sees it, and never overwrites."""

from __future__ import annotations

import pytest

from tunesmith.spec.project import parse_project

ROWS = "text,intent\n" + "".join(f"where is my card {i},{'card' if i % 2 else 'loan'}\n" for i in range(20))


@pytest.fixture
def bank(tmp_path):
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "bank.csv"
    path.write_text(ROWS)
    return path


def test_it_says_what_each_column_was_taken_for_and_writes_a_sound_project(cli, bank, tmp_path, home):
    done = cli("init", "data/bank.csv")
    assert (done.status, done.err) == (0, "")
    fields = [line.split("\t") for line in done.out.splitlines()]
    assert next(f[:2] for f in fields if f[0] == "text") == ["text", "input"]
    assert next(f[:2] for f in fields if f[0] == "intent") == ["intent", "label"]
    assert "tunesmith run project.toml" in done.out
    project = parse_project((tmp_path / "project.toml").read_text(), "project.toml")
    assert (project.name, project.sources[0].file, project.sources[0].input, project.sources[0].label) == ("bank", "data/bank.csv", "text", "intent")
    assert not home.exists(), "looking at a file needs no store"


def test_the_file_is_named_as_seen_from_the_project(cli, bank, tmp_path):
    (tmp_path / "projects").mkdir()
    cli("init", "data/bank.csv", "-o", "projects/p.toml", "--name", "router", "--model", "qwen3-0.6b")
    project = parse_project((tmp_path / "projects" / "p.toml").read_text(), "p.toml")
    assert (project.name, project.model, project.sources[0].file) == ("router", "qwen3-0.6b", "../data/bank.csv")


def test_a_project_is_overwritten_only_by_force(cli, bank, tmp_path):
    (tmp_path / "project.toml").write_text("mine")
    done = cli("init", bank, "--json")
    assert (done.status, done.json()["error"]["code"]) == (2, "bad_project")
    assert (tmp_path / "project.toml").read_text() == "mine"
    shown = cli("init", bank, "--force", "--json").json()
    assert (tmp_path / "project.toml").read_text() == shown["text"]
    assert shown["detection"]["input"]["column"] == "text"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["nope.csv"], "no such file"),
        (["data"], "data"),
        (["data/bank.csv", "-o", "no/p.toml"], "cannot be written"),
        (["data/bank.csv", "--name", "Not A Name"], "`name`"),
    ],
)
def test_what_cannot_be_used_leaves_nothing_behind(cli, bank, tmp_path, arguments, part):
    done = cli("init", *arguments)
    assert done.status == 2
    assert part in done.err
    assert list(tmp_path.rglob("*.toml")) == []


def test_hostile_rows_are_shown_escaped(cli, tmp_path):
    (tmp_path / "x.csv").write_text("text,intent\n" + "\x1b[2J[red]x[/red],card\n" * 9 + "y,loan\n" * 9)
    done = cli("init", "x.csv")
    assert "\x1b" not in done.out + done.err
    assert "\\x1b[2J[red]x[/red]" in done.out
