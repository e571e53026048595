"""The whole line through the real command line and real workers, on a tiny random model."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path

import pytest

from bench.kills import campaign, faults
from tests.line.conftest import stopped_while
from tests.line.tiny_project import Home, rows, write_csv
from tunesmith.cli.project_file import read_project
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.report import Asked
from tunesmith.spec.verdict import LineReport

pytestmark = pytest.mark.line
LABELS = {"card", "money", "loan", "other"}
STEPS = [
    "prepare the data", "plan what is tried", "dev majority", "dev prompt-plain", "dev prompt-role", "dev prompt-careful", "dev prompt-short", "dev prompt-strict",
    "dev few-shot", "fine-tune", "dev tuned", "test tuned",
]  # fmt: skip
END = ["answer your questions", "what tuned has forgotten", "conclude and write the report", "issue the certificate"]


def test_a_raw_file_becomes_a_verdict_and_a_model(contest):
    assert set(STEPS + END) <= set(contest.first.steps())
    assert any(step.startswith("examine ") for step in contest.first.steps())
    line = contest.home.store().get("latest", "line")
    report = line.load(LineReport)
    assert {"majority", "prompt", "few-shot", "fine-tune"} == {f.remedy for f in report.finalists}
    assert (report.verdict.looks, report.model, report.rerun) == (1, "tiny", "tunesmith run project.toml")
    assert (report.checkpoint.steps, report.finalists[0].report.metrics["exact_match"].n) == (24, 8)
    page = (line.path / "page.html").read_text()
    assert "<script src" not in page
    assert report.verdict.headline in html.unescape(page).replace("\u00a0", " ")
    asked = contest.home.store().artifacts("answers")[0].load(Asked)
    assert [(question, answer.text in LABELS) for question, answer in asked.items] == [("card a1 now", True)]


def test_two_runs_at_once_both_succeed_and_do_every_step_once(contest):
    assert (contest.first.status, contest.second.status) == (0, 0)
    assert "waiting for" in contest.second.err
    assert contest.first.json()["line"] == contest.second.json()["line"]
    assert set(contest.first.steps()) == set(contest.second.steps())
    assert sorted(contest.first.steps()) == sorted(contest.first.done() + contest.second.done())


def test_a_run_that_will_not_wait_names_the_holder_and_exits_4(contest):
    assert contest.refused.status == 4
    holder = contest.refused.json()["error"]["problems"][0]["got"]
    assert re.fullmatch(r".+:\d+ since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, fine-tune .+", holder)


def test_a_second_run_finds_every_step(home):
    before = home.names()
    again = home.run("run", home.project(), "--json")
    assert again.done() == []
    assert set(STEPS + END) < set(again.steps())
    assert before == home.names()


def test_every_metric_has_its_interval(home):
    report = home.run("report", "latest", "--json").json()
    found = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            for metrics in (value.get("metrics"), value.get("per_label")):
                found.extend((metrics or {}).values())
            for part in value.values():
                walk(part)
        elif isinstance(value, list):
            for part in value:
                walk(part)

    walk(report)
    assert len(found) > 20
    assert all({"value", "low", "high", "n"} <= set(metric) and metric["low"] <= metric["value"] <= metric["high"] for metric in found)


def test_chat_answers_as_the_winner_does_in_the_report(home):
    tuned, best = (home.run("chat", name, "--question", "card a1 now", "--json").json()["answers"][0] for name in ("tiny", "tiny-best"))
    asked = home.store().artifacts("answers")[0].load(Asked)
    assert (asked.items[0][1].text, asked.items[0][1].prompt_tokens) == (best["text"], best["prompt_tokens"])
    checkpoint = home.store().get("tiny", "checkpoint").load(Checkpoint)
    assert tuned["prompt_tokens"] > len(checkpoint.prompt.system or "") // 2  # bytes are tokens here: the tuned prompt stands in front


def test_what_is_recommended_is_shown_and_measured_under_its_name(home):
    report = home.store().get("latest", "line").load(LineReport)
    assert report.best == "tiny-best"
    shown = home.run("models", "show", "tiny-best", "--json").json()
    assert shown["candidate"]["candidate"]["name"] == report.verdict.recommended
    trial = next(one for one in report.trials if one.candidate.name == report.verdict.recommended)
    assert home.run("evaluate", home.project(), "tiny-best", "--json").json()["name"] == trial.artifact


def test_a_new_goal_or_name_computes_nothing(home):
    again = home.run("run", home.project(), "--set", "goal.at_least=0.1", "--set", "name=renamed", "--name", "other", "--json")
    concluded = ["see who leads", "conclude and write the report", "issue the certificate"]
    assert again.done() == ["plan what is tried", *concluded]  # a goal is a fact to plan by
    line = home.store().get("latest", "line").load(LineReport)
    assert (line.project, line.model, line.verdict.looks) == ("renamed", "other", 1)  # the same finalists on the same rows: the same look
    assert "--name other" in line.rerun
    assert {"tiny", "other"} <= set(home.store().registered())


def test_a_training_default_trains_again_on_the_same_data(home):
    again = home.run("train", home.project(), "--set", "train.budget.max_steps=3", "--json")
    assert again.done() == ["fine-tune"]
    assert again.steps() == {"prepare the data": False, "fine-tune": True}


def test_a_tuned_model_is_continued_with_what_it_brings(home, folder):
    parent = home.store().get(home.report()[0])
    before = parent.load(Checkpoint)
    ran = home.run("train", home.project(), "--from", parent.name, "--set", "task.instruction=Else.", "--set", "train.budget.max_steps=2", "--json")
    made = home.store().get(ran.json()["name"])
    child = made.load(Checkpoint)
    assert (parent.name, before.prompt, before.template_digest) == (child.parent, child.prompt, child.template_digest)
    assert before.resolved.weights == child.resolved.weights
    assert "is inherited" in ran.err or "are inherited" in ran.err
    lineage = [a.name for a in home.store().lineage(made.name)]
    assert [made.name, child.dataset, parent.name] == [lineage[0], *sorted(lineage[1:3], reverse=True)]
    assert parent.name in home.run("models", "lineage", made.name).out
    text = (folder / "project.toml").read_text().replace('model = "base"', f'start = "{parent.name}"').replace("max_steps = 24", "max_steps = 2")
    (folder / "continued.toml").write_text(text.replace('name = "tiny"', 'name = "continued"').replace("Name the topic.", "Else."))
    same = home.run("train", home.project("continued"), "--set", "train.weights.r=4", "--json")
    assert (made.name, ["fine-tune"]) == (same.json()["name"], [t for t in same.steps() if t == "fine-tune"])
    assert same.done() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "train.weights.r=8"), "keeps its adapter"),
        (("--set", "train.weights={kind='full'}"), "keeps its adapter"),
        (("--set", "model=smollm2-135m-instruct"), "keeps its base"),
    ],
)
def test_settings_that_a_continued_model_cannot_have_are_refused(home, arguments, words):
    before = home.names()
    ran = home.run("train", home.project(), "--from", home.report()[0], *arguments, "--json", status=2)
    assert words in ran.json()["error"]["message"]
    assert before == home.names()


def test_a_project_cannot_continue_its_own_result(home, folder):
    (folder / "own.toml").write_text((folder / "project.toml").read_text().replace('model = "base"', 'start = "tiny"'))
    ran = home.run("run", home.project("own"), "--json", status=2)
    fix = ran.json()["error"]["problems"][0]["fix"]
    assert fix.startswith('write start = "checkpoint-')


def test_what_is_missing_is_told_at_once_before_any_work(home, folder, tmp_path):
    text = (folder / "project.toml").read_text().replace("rows.csv", "lost.csv").replace('model = "base"', 'model = "qwen3-0.6b"')
    (folder / "lacking.toml").write_text(text.replace("classifier = false", "classifier = true"))
    empty = Home(tmp_path / "home", folder)
    problems = empty.run("run", empty.project("lacking"), "--json", status=2).json()["error"]["problems"]
    assert {"lost.csv", "qwen3-0.6b", "all-minilm-l6-v2"} == {problem["where"] for problem in problems}
    fixes = " ".join(problem["fix"] for problem in problems)
    assert "tunesmith models pull qwen3-0.6b" in fixes
    assert "tunesmith models pull all-minilm-l6-v2; or leave this rival out" in fixes
    assert set() == empty.names()


@pytest.mark.long
def test_after_ctrl_c_the_same_command_gives_the_same_result(home, folder, tmp_path):
    other = Home(tmp_path / "home", folder)
    other, stopped = stopped_while(other, ("run", other.project()), lambda mine: any((mine.path / "work").glob("*/.scratch/state-*")))
    assert stopped.status == 130
    assert f"tunesmith run {other.project()}" in stopped.err
    assert faults(other) == ""
    again = other.run("run", other.project(), "--json")
    assert "going on after step" in again.err
    assert "dev majority" not in again.done()
    assert first_report(home) == other.report()


@pytest.mark.long
def test_killed_runs_end_as_undisturbed_ones(home, folder):
    said: list[str] = []
    assert campaign(folder.parent / "kills", folder, 4, 3, said.append, first_report(home), 25.0), "\n".join(said)


def first_report(home: Home) -> tuple[str, str, str]:
    """As `home.report()`, for the project as it stands: other tests have run variants of it since."""
    store = home.store()
    line = next(a for a in reversed(store.artifacts("line")))
    report = line.load(LineReport)
    return str(report.checkpoint_name), store.get(str(report.checkpoint_name)).digest, report.model_dump_json()


@pytest.mark.long
def test_a_forgotten_row_stays_away(home, folder, tmp_path):
    mine = shutil.copytree(folder, tmp_path / "project", ignore=shutil.ignore_patterns("base"))
    (mine / "base").symlink_to(folder / "base")
    copy = Home(shutil.copytree(home.path, tmp_path / "home"), mine)
    store = copy.store()
    data = store.artifacts("dataset")[-1]  # the first; those that continued models were tuned with are made of it
    row = json.loads((data.path / "train.jsonl").read_text().splitlines()[0])
    store.close()
    copy.run("data", "forget", data.name, row["id"], "--reason", "asked to", "--yes", "--json")
    assert copy.store().artifacts("checkpoint") == []
    refused = copy.run("data", "prepare", copy.project(), "--json", status=2)
    assert "forgotten" in refused.out
    kept = [pair for pair in rows() if pair[0] != row["conversation"]["messages"][0]["content"]]
    write_csv(mine / "rows.csv", kept)
    again = copy.run("run", copy.project(), "--set", "rivals.prompts=false", "--set", "train.budget.max_steps=2", "--json")
    assert {"prepare the data", "fine-tune", "test tuned"} < set(again.done())
    texts = [path for path in (copy.path / "artifacts").rglob("*.json*") if row["conversation"]["messages"][0]["content"] in path.read_text()]
    assert texts == []
    assert len(rows()) - 1 == copy.store().get("latest", "dataset").load(Dataset).profile.rows_read


def test_the_examples_are_complete():
    for path in sorted((Path(__file__).parents[2] / "examples").glob("*/project.toml")):
        project = read_project(path).project
        assert all((path.parent / source.file).is_file() for source in project.sources)
        assert all(any((path.parent / document.file).glob("*")) for document in project.documents)
        assert any(name.name.startswith("LICENSE") for name in path.parent.iterdir())
