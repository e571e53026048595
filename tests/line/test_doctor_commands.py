"""Data checked, mended, made and gone back with, as a person does it: by commands, over real processes."""

import csv
import json

import pytest

from tests.line.tiny_project import Home
from tests.test_doctor import damaged, rows, write

pytestmark = pytest.mark.line
PAGE = """# Help

## How do I reset my password?

Open the settings page, choose `Account`, and follow the link that we send to you within a minute.

## Where is my invoice?

Every invoice is kept under `Billing`, from the day on which it was paid.
"""


@pytest.fixture
def place(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Home(tmp_path / "home", folder)


@pytest.mark.long
def test_check_decide_mend_and_undo(place, tmp_path):
    damaged(tmp_path)
    options = ("a.csv", "--meaning", "off")
    found = place.run("data", "check", *options, "--json").json()
    assert found["fitness"] == "fit_after_fixes"
    assert {f["kind"]: f["lines"] for f in found["findings"] if f["severity"] in ("block", "mend")} == {
        "duplicate": [12],
        "mojibake": [22],
        "email": [32, 33],
    }
    place.run("data", "check", *options, "--strict", status=1)
    undecided = place.run("data", "fix", *options, status=2)
    assert "--personal redact" in undecided.err
    mended = place.run("data", "fix", *options, "--personal", "redact", "--json").json()
    again = place.run("data", "check", "a.mended.csv", "--meaning", "off", "--json").json()
    assert again["fitness"] == "fit"
    place.run("data", "export", mended["parent"], "--out", "before")
    assert (tmp_path / "before" / "a.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()
    listed = place.run("data", "versions", "--json").json()["versions"]
    assert [one["number"] for one in listed] == [1, 0]


def test_a_run_stops_at_personal_data_until_it_is_decided(place, tmp_path):
    damaged(tmp_path)
    project = tmp_path / "p.toml"
    base = place.folder / "base"
    project.write_text(f'name = "p"\nmodel = "{base}"\n[[sources]]\nfile = "a.csv"\ninput = "text"\nlabel = "label"\n')
    stopped = place.run("data", "prepare", project, status=2)
    assert "a.csv line 32" in stopped.err
    assert "@mail.org" not in stopped.err
    kept = place.run("data", "prepare", project, "--set", "cleaning.personal_data=redact", "--json").json()
    assert kept["dataset"]["profile"]["repaired"]["personal_data"] == 2
    findings = {found["kind"]: found["lines"] for found in kept["dataset"]["findings"] if found["severity"] != "note"}
    assert findings == {"duplicate": [12], "mojibake": [22]}, "as `data check` says it, but for what was decided"
    shown = place.run("data", "show")
    assert "tunesmith data check a.csv" in shown.out
    assert "rows that say the same as an earlier row: 1 of 120 rows" in " ".join(shown.out.split())


def test_without_the_encoder_no_rows_are_selected(place, tmp_path):
    write(tmp_path / "a.csv", rows())
    stopped = place.run("data", "select", "a.csv", "--rows", "20", status=2)
    assert "all-minilm-l6-v2" in stopped.err
    assert not (tmp_path / "a.selected.csv").exists()


def test_documents_become_rows_that_say_where_they_come_from(place, tmp_path):
    (tmp_path / "help.md").write_text(PAGE)
    made = place.run("data", "make", "questions", "help.md", "--out", "faq.jsonl", "--json").json()
    written = [json.loads(line) for line in (tmp_path / "faq.jsonl").read_text().splitlines()]
    assert made["rows"] == len(written) == 2
    assert [row["messages"][0]["content"] for row in written] == ["How do I reset my password?", "Where is my invoice?"]
    assert [(row["source"]["file"], row["source"]["line"]) for row in written] == [("help.md", 3), ("help.md", 7)]


def test_rows_out_of_scope_stand_behind_the_users_own(place, tmp_path):
    write(tmp_path / "a.csv", rows())
    place.run("data", "make", "outside", "a.csv", "--refusal", "none_of_it", "--out", "safe.jsonl", "--json").json()
    written = [json.loads(line) for line in (tmp_path / "safe.jsonl").read_text().splitlines()]
    with (tmp_path / "a.csv").open(newline="") as file:
        own = list(csv.DictReader(file))
    assert [row["messages"][-1]["content"] for row in written[: len(own)]] == [row["label"] for row in own]
    assert {row["messages"][-1]["content"] for row in written[len(own) :]} == {"none_of_it"}
    assert 0.05 <= (len(written) - len(own)) / len(written) <= 0.15
    assert all("group" in row for row in written[: len(own)])
