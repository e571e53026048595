"""The parser: help, version, exit codes, one JSON object whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tunesmith
from tunesmith.cli import main as front
from tunesmith.cli.main import COMMANDS
from tunesmith.errors import ERRORS

PLAIN = os.environ | {"PYTHONPATH": str(Path(tunesmith.__file__).parents[1]), "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
LEAVES = [
    (name,) for name in COMMANDS
] + [("data", s) for s in ("prepare", "show", "list", "forget")] + [("models", s) for s in ("list", "show", "pull", "verify", "lineage")] + [
    ("jobs", s) for s in ("list", "show", "logs")
]  # fmt: skip


def in_a_child(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "tunesmith", *arguments], capture_output=True, text=True, env=PLAIN, timeout=300)


def test_the_first_help_names_every_command_the_exit_codes_and_the_home():
    done = in_a_child("--help")
    assert (done.returncode, done.stderr) == (0, "")
    flat = " ".join(done.stdout.split())
    for name, entry in COMMANDS.items():
        assert f"{name} " in flat
        assert entry.help in flat
    for word in ("Exit codes:", "130", "TUNESMITH_HOME", "--install-completion", "tunesmith run project.toml"):
        assert word in flat


@pytest.mark.parametrize("leaf", LEAVES, ids=" ".join)
def test_every_command_has_help(leaf, cli):
    done = cli(*leaf, "--help")
    assert done.status == 0
    assert f"Usage: tunesmith {' '.join(leaf)}" in done.out
    assert "--install-completion" not in done.out
    if leaf not in {("data",), ("models",), ("jobs",), ("keys",)}:
        assert "--json" in done.out


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_the_command_itself_says_first(name):
    assert COMMANDS[name].help.endswith(".")
    assert len(COMMANDS[name].help) <= 66, "one line on a terminal of 80 columns"


def test_a_group_without_a_command_shows_its_help(cli):
    for arguments in ((), ("models",)):
        done = cli(*arguments)
        assert done.status == 2
        assert "Usage: tunesmith" in done.out
        assert done.err == ""


def test_version(cli):
    assert cli("--version").out == "tunesmith 0.1.0\n"


def test_a_misspelt_command_names_the_near_one(cli):
    done = cli("ru")
    assert (done.status, done.out) == (2, "")
    assert done.err == "bad_project · tunesmith: No such command 'ru'. Did you mean 'run'?\n  fix: see `tunesmith --help`\n"


def test_mistakes_on_the_command_line_are_one_json_object_too(cli):
    for arguments in (
        ("run", "--json"),
        ("train", "x.toml", "--frm", "y", "--json"),
        ("jobs", "list", "--limit", "0", "--json"),
        ("chat", "--temperature", "9", "--json"),
    ):
        done = cli(*arguments)
        assert done.status == 2
        assert done.json()["error"]["code"] == "bad_project"
        assert f"see `tunesmith {arguments[0]}" in done.json()["error"]["problems"][0]["fix"]


def test_what_follows_two_dashes_is_no_option(cli):
    assert cli("models", "show", "--", "--json").out == ""


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.code)
@pytest.mark.parametrize("machine", [False, True])
def test_errors_become_their_exit_status(kind, machine, cli, monkeypatch):
    def fail(*_: object) -> None:
        raise kind("it is wrong", where="a\x1b[31m.csv line 3", got="[red]x", expected="y", fix="write y")

    monkeypatch.setattr(front, "import_module", fail)
    done = cli("run", "p.toml", *(["--json"] if machine else []))
    assert kind.exit_status == done.status
    if machine:
        assert {"code": kind.code, "message": "it is wrong"} == {k: v for k, v in done.json()["error"].items() if k != "problems"}
        assert done.err == ""
    else:
        assert f"{kind.code} · a\\x1b[31m.csv line 3: it is wrong\n  got [red]x\n  expected y\n  fix: write y\n" == done.err
        assert done.out == ""


def test_ctrl_c_at_any_moment_is_130_and_one_object(cli, monkeypatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(front, "import_module", stop)
    done = cli("run", "p.toml", "--json")
    assert (done.status, done.json()["error"]["code"]) == (130, "interrupted")
    assert cli("run", "p.toml").err == "interrupted · stopped\n"


def test_a_mistake_of_ours_shows_its_traceback_and_says_so(cli, monkeypatch):
    monkeypatch.setattr(front, "import_module", lambda name: 1 / 0)
    done = cli("run", "p.toml")
    assert (done.status, done.out) == (1, "")
    assert "ZeroDivisionError" in done.err
    assert "a mistake in Tunesmith, not in your input" in done.err
    done = cli("run", "p.toml", "--json")
    assert done.json()["error"]["code"] == "internal"


def test_completion_offers_commands_and_what_they_take():
    words = "tunesmith mo", "tunesmith models pu", "tunesmith models pull smollm2-1"
    found = []
    for line in words:
        environment = PLAIN | {"_TUNESMITH_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        found.append(
            subprocess.run(
                [sys.executable, "-c", "from tunesmith.cli.main import main; main()"], capture_output=True, text=True, env=environment
            ).stdout
        )
    assert [text.strip() for text in found[:2]] == ["models", "pull"]
    assert "smollm2-135m-instruct" in found[2].split()


def test_a_terminal_without_these_letters_gets_question_marks(home):
    environment = PLAIN | {"PYTHONIOENCODING": "ascii", "TUNESMITH_HOME": str(home)}
    done = subprocess.run([sys.executable, "-m", "tunesmith", "run", "nö.toml"], capture_output=True, env=environment)
    assert done.returncode == 2
    assert b"bad_project ? n?.toml" in done.stderr
