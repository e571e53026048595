"""What a command says of itself: enough to go on with it, and to mend what it found."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tunesmith.cli import check as checking
from tunesmith.cli.check import Columns, a_checkup, of_checkup, said
from tunesmith.cli.check_screen import show_examination, show_forgotten, show_given_up
from tunesmith.data.intake import plans
from tunesmith.data.mend.run import as_they_came
from tunesmith.errors import BadProject
from tunesmith.spec.checkup import Checkup
from tunesmith.spec.dataset import Source
from tunesmith.spec.finding import Examination
from tunesmith.spec.mending import GaveUp, Version


def test_options_are_said_as_they_were_given():
    assert said(drop=["a", "b"], out_of_scope="oos", seed=None, force=False, yes=True) == (
        "--drop",
        "a",
        "--drop",
        "b",
        "--out-of-scope",
        "oos",
        "--yes",
    )


def test_only_what_was_chosen_is_said():
    assert of_checkup(Checkup(root=".", sources=()), None) == {"out_of_scope": None}
    chosen = Checkup(root=".", sources=(), meaning="off", base="tiny", seed=3)
    assert of_checkup(chosen, "oos") == {"out_of_scope": "oos", "meaning": "off", "base": "tiny", "seed": 3}


def test_a_file_that_is_named_twice_is_refused():
    with pytest.raises(BadProject, match="named twice"):
        a_checkup(["a.csv", "b.csv"], ["./a.csv"], Columns(None, None, None, None, None, None), out_of_scope=None)


@pytest.mark.parametrize("command", ["check", "fix", "select"])
def test_an_interrupted_command_can_be_given_again_word_by_word(cli, monkeypatch, tmp_path, command):
    """The words that an interruption names give the same order again."""
    orders = []
    (tmp_path / "a.csv").write_text("text,label\nx,y\n")
    monkeypatch.chdir(tmp_path)

    def caught(screen, store, order):
        orders.append(order)
        raise BadProject("that is enough")

    monkeypatch.setattr(checking, "carry_out", caught)
    shared = ["--input", "text", "--label", "label", "--seed", "7", "--delimiter", ","]
    options = {
        "check": [*shared, "--against", "b.csv", "--out-of-scope", "oos", "--meaning", "off", "--base", "tiny", "--review", "l.csv", "--strict"],
        "fix": [
            *shared,
            "--meaning",
            "on",
            "--personal",
            "redact",
            "--drop",
            "misfit",
            "--skip",
            "html_tags",
            "--review",
            "l.csv",
            "--out",
            "o",
            "--forget",
            "-y",
        ],
        "select": [*shared, "--rows", "3", "--base", "tiny", "--force"],
    }
    cli("data", command, "a.csv", *options[command])
    assert orders[0].command[:3] == ("tunesmith", "data", command)
    cli(*orders[0].command[1:])
    assert orders[0] == orders[1]


@pytest.fixture
def version(store, tmp_path):
    (tmp_path / "a.csv").write_text("text,label\nx,y\n")
    with store.work("1" * 32, stage="check", title="keep") as work:
        return work.finish("version", as_they_came(plans([Source(file="a.csv", input="text", label="label")], tmp_path), {"a.csv": 1}, work.path))


def test_a_version_is_written_out_and_over_nothing_else(cli, version, tmp_path):
    assert cli("data", "export", version.name, "--out", "before").status == 0
    assert (tmp_path / "before" / "a.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()
    (tmp_path / "before" / "a.csv").write_text("mine")
    refused = cli("data", "export", version.name, "--out", "before")
    assert (refused.status, "is there already" in refused.err) == (2, True)
    assert (tmp_path / "before" / "a.csv").read_text() == "mine"
    assert cli("data", "export", version.name, "--out", "before", "--force").status == 0
    assert (tmp_path / "before" / "a.csv").read_text() != "mine"
    assert [path.name for path in (tmp_path / "before").iterdir()] == ["a.csv"]


def test_a_version_wants_a_folder(cli, version, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "out" / "a.csv").mkdir(parents=True)
    for out in ("file", "out"):
        refused = cli("data", "export", version.name, "--out", out, "--force")
        assert (refused.status, "is no place for a file" in refused.err) == (2, True)


def test_versions_say_which_parent_is_erased(cli, version, store):
    manifest = version.load(Version)
    with store.work("2" * 32, stage="check", title="mend", parents=(version.name,)) as work:
        child = work.finish("version", manifest.model_copy(update={"number": 1}), parents=(version.name,))
    store.erase([version.name], reason="asked to")
    (only,) = cli("data", "versions", "--json").json()["versions"]
    assert (only["name"], only["erased_parents"]) == (child.name, [version.name])
    assert "(erased)" in cli("data", "versions").out


def screen_of(show, *arguments):
    console = Console(width=200, record=True, file=io.StringIO())
    show(console, *arguments)
    return console.export_text()


def test_what_cannot_be_undone_any_more_is_said():
    gone = {"rows": 2, "without_these_rows": [], "erased": ["version-1"], "without_undo": ["version-2"]}
    assert "cannot be undone any more, since what they were made of is erased: version-2" in screen_of(show_forgotten, gone)
    assert "nothing: no row was redacted or dropped" in screen_of(show_forgotten, gone | {"rows": 0, "erased": [], "without_undo": []})


def test_the_report_is_named_where_it_was_asked_for(version):
    found = Examination(files={}, rows={"a.csv": 60}, taken={"a.csv": "took x as question"}, fitness="fit", reasons=(), findings=())
    assert "a.csv: took x as question" in screen_of(show_examination, version, found, "a.csv")
    assert "report   /here/rep.html" in screen_of(show_examination, version, found, "a.csv", "/here/rep.html")
    assert str(version.path / "report.html") in screen_of(show_examination, version, found, "a.csv").replace("\n", "")


def test_a_selection_says_that_personal_data_stay():
    gave_up = GaveUp(kept=2, of=4, by="labels", lost=(), halved=(), mean_distance=0, worst_distance=0, farthest=(), worth="", personal={"email": 3})
    assert "stay in what is kept: email in 3 rows" in screen_of(show_given_up, gave_up)
    assert "stay in what is kept" not in screen_of(show_given_up, gave_up.model_copy(update={"personal": {}}))


def test_what_nobody_can_be_asked_about_is_refused_before_anything_is_done(cli, monkeypatch, tmp_path):
    (tmp_path / "a.csv").write_text("text,label\nx,y\n")
    done = []
    monkeypatch.setattr(checking, "carry_out", lambda *arguments: done.append(arguments))
    refused = cli("data", "fix", "a.csv", "--personal", "redact", "--forget")
    assert (refused.status, "add --yes" in refused.err, done) == (2, True, [])
