"""A run with a budget through the real command line: planned, stopped, gone on with, and replayed elsewhere to the digit. On a tiny random model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.line.conftest import stopped_while
from tests.line.tiny_project import PROJECT, Home
from tunesmith.evaluate.certificate import differing
from tunesmith.spec.certificate import Certificate, Proof
from tunesmith.spec.plan import Plan
from tunesmith.spec.verdict import LineReport

pytestmark = [pytest.mark.line, pytest.mark.long]
PLANNED = PROJECT.replace("pilots = []\nsearch = 0\nprompt_search = 0\nseeds = 1", "pilots = [0.4, 0.8]\nsearch = 0\nprompt_search = 4\nseeds = 2")
BUDGET = ("--budget", "2h")


@pytest.fixture(scope="module")
def planned(folder: Path) -> Home:
    """A home in which the project was run with a budget, undisturbed."""
    (folder / "planned.toml").write_text(PLANNED.replace('name = "tiny"', 'name = "planned"'))
    home = Home(folder.parent / "planned", folder)
    home.run("run", home.project("planned"), *BUDGET, "--json")
    return home


def proof(home: Home) -> Proof:
    """What the newest certificate proves."""
    store = home.store()
    found = store.get("latest", "certificate").load(Proof)
    store.close()
    return found


def test_the_machine_is_timed_once_and_the_plan_is_on_the_certificate(planned: Home) -> None:
    store = planned.store()
    assert len(store.artifacts("timing")) == 2
    plan = Plan.model_validate(proof(planned).plan["frozen"])
    assert plan.decide.budget == 7200
    assert [step.name for step in plan.steps][-5:] == ["pilot-40", "pilot-80", "tuned", "tuned-seed-1", "test"]
    assert {timed.work.activity for timed in plan.speeds.timed} == {"choose", "train"}
    assert sum(step.seconds for step in plan.steps) < 7200
    speeds = json.loads((planned.path / "speeds.json").read_text())
    assert len(next(iter(speeds.values()))["timed"]) > 2  # what the steps took came in


def test_two_seeds_are_one_arm_of_the_verdict(planned: Home) -> None:
    store = planned.store()
    report = store.get("latest", "line").load(LineReport)
    tuned = [one for one in report.finalists if one.remedy == "fine-tune"]
    assert sorted(one.seed for one in tuned) == [0, 1]
    assert set(proof(planned).seeds) == {0, 1}
    assert report.checkpoint_name == tuned[0].candidate.checkpoint
    assert report.verdict.known.outlook is not None
    assert set(report.verdict.known.training_tokens) == {one.candidate.name for one in tuned}
    assert len(store.artifacts("checkpoint")) == 4
    registered = store.registered()["planned"]
    assert [version.artifact for version in registered] == [report.checkpoint_name]


def test_costs_and_paces_are_told_of_every_finalist(planned: Home) -> None:
    artifact = planned.store().get("latest", "line")
    report = artifact.load(LineReport)
    names = {one.candidate.name for one in report.finalists}
    assert {bill.candidate for bill in report.verdict.bills} == names
    measured = artifact.sidecar()["measured"]
    assert {pace["candidate"] for pace in measured["paces"]} == names
    assert all(pace["training_s"] > 0 for pace in measured["paces"] if pace["candidate"].startswith("tuned"))
    assert {"train", "fine-tune pilot-40"} < set(measured["costs"])


def test_a_second_run_makes_nothing(planned: Home) -> None:
    before = planned.names()
    again = planned.run("run", planned.project("planned"), *BUDGET, "--json")
    assert again.done() == []
    assert before == planned.names()


def test_a_replay_that_is_stopped_among_its_pilots_proves_the_same_to_the_digit(planned: Home, tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.json"
    planned.run("certificate", "--write", str(certificate))
    words = ("run", planned.project("planned"), *BUDGET, "--plan", str(certificate))
    other = Home(tmp_path / "home", planned.folder)
    other, stopped = stopped_while(other, words, lambda mine: any((mine.path / "work").glob("*/.scratch/plan.json")))  # the first pilot
    assert stopped.status == 130
    assert f"--plan {certificate}" in stopped.err
    told = " ".join(stopped.out.split())  # without --json, notes are told on standard output, and wrapped
    assert "so far on dev (" in told
    assert "only the locked rows prove it" in told
    again = other.run(*words, "--json")
    assert "dev majority" not in again.done()
    assert not any(title.startswith("time ") for title in again.steps())
    first, second = Certificate.model_validate_json(certificate.read_text()).proof, proof(other)
    assert differing(first.model_dump(mode="json"), second.model_dump(mode="json"), 0.0) == []
    assert first.content_digest() == second.content_digest()


def test_what_is_no_budget_and_no_plan_is_refused(planned: Home, tmp_path: Path) -> None:
    other = ("--set", "split.seed=9")  # else there is nothing left to do
    for wish, words in (("soon", "neither a time nor a target"), ("1s", "too short for any verdict"), ("at most 90 % macro_f1", "neither")):
        ran = planned.run("run", planned.project("planned"), "--budget", wish, *other, "--json", status=2)
        assert words in ran.json()["error"]["message"]
    (tmp_path / "plan.json").write_text("{}")
    ran = planned.run("run", planned.project("planned"), "--plan", str(tmp_path / "plan.json"), "--json", status=2)
    assert "holds no plan" in ran.json()["error"]["message"]


def test_a_target_becomes_the_goal(planned: Home) -> None:
    ran = planned.run("run", planned.project("planned"), "--budget", "at least 1 % exact_match", "--json")
    report = ran.json()["report"]
    assert (report["goal"]["metric"], report["goal"]["at_least"]) == ("exact_match", 0.01)
    assert "passed over" in ran.err or "reaches the goal beyond doubt" in ran.err


def test_a_finished_run_is_found_again_however_slow_the_machine_has_become(planned: Home) -> None:
    settled = planned.run("run", planned.project("planned"), *BUDGET, "--json").done()
    assert set(settled) <= {"conclude and write the report", "issue the certificate"}, "other runs have looked at the rows since: that is said"
    speeds = json.loads((planned.path / "speeds.json").read_text())
    for known in speeds.values():
        for timed in known["timed"]:
            timed["seconds"] = 1e6
    (planned.path / "speeds.json").write_text(json.dumps(speeds))
    before = planned.names()
    assert planned.run("run", planned.project("planned"), *BUDGET, "--json").done() == []
    assert before == planned.names()
    shorter = planned.run("run", planned.project("planned"), "--budget", "2m", "--json")
    assert set(shorter.done()) <= {"plan what is tried", "conclude and write the report", "issue the certificate"}
    steps = [step["name"] for step in proof(planned).plan["frozen"]["steps"]]
    assert steps[-5:] == ["pilot-40", "pilot-80", "tuned", "tuned-seed-1", "test"]
