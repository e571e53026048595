"""`tunesmith run`: wishes for a budget, plans in files, and what is wrong with either."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.decide.planning import make_facts
from tunesmith.cli.run import read_plan
from tunesmith.decide.budget import make_plan
from tunesmith.errors import BadProject
from tunesmith.spec.dataset import Source
from tunesmith.spec.plan import Decide, Plan, Speeds
from tunesmith.spec.project import Project, Yardstick, to_toml
from tunesmith.spec.task import Goal, MustNotWorsen

PROJECT = Project(name="router", sources=(Source(file="bank.csv"),))
PLAN = make_plan(make_facts(), Decide(budget=900.0), Speeds())


@pytest.fixture
def project(home: Path, tmp_path: Path) -> Path:
    (tmp_path / "project.toml").write_text('name = "router"\n[[sources]]\nfile = "bank.csv"\n')
    return tmp_path / "project.toml"


@pytest.mark.parametrize("wish", ["soon", "20 parsecs", "-5m", "at most 90 % macro_f1", "at least 90 % nonsense", "at least 3 ms", ""])
def test_what_is_no_budget_is_told_before_any_work(cli: Callable[..., Any], project: Path, wish: str) -> None:
    done = cli("run", project, "--budget", wish, "--json")
    assert done.status == 2
    error = done.json()["error"]
    assert error["message"] == "is neither a time nor a target"
    assert error["problems"][0]["where"] == "--budget"
    assert "--budget 20m" in error["problems"][0]["fix"]


def test_a_budget_that_the_project_cannot_have_is_told_in_its_words(cli: Callable[..., Any], project: Path) -> None:
    problem = cli("run", project, "--budget", "at least 150 % exact_match", "--json").json()["error"]["problems"][0]
    assert "goal.at_least" in problem["message"] or "goal.at_least" in problem["where"]


@pytest.mark.parametrize(
    "wrap", [lambda plan: plan, lambda plan: {"plan": {"frozen": plan}}, lambda plan: {"proof": {"plan": {"frozen": plan}}, "digest": ""}]
)
def test_a_plan_is_found_by_itself_and_in_a_certificate(tmp_path: Path, wrap: Callable[[Any], Any]) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(wrap(PLAN.model_dump(mode="json"))))
    assert Plan.model_validate(read_plan(path, PROJECT)) == PLAN


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"proof": {"plan": null}}', "steps"])
def test_a_file_without_a_plan_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(BadProject, match="holds no plan") as caught:
        read_plan(path, PROJECT)
    assert "tunesmith certificate" in caught.value.problems[0].fix
    with pytest.raises(BadProject, match="cannot be read"):
        read_plan(tmp_path / "lost.json", PROJECT)


def test_a_plan_made_for_other_wishes_is_refused_with_the_options_that_are_missing(tmp_path: Path) -> None:
    wished = PLAN.model_copy(update={"decide": Decide(at_most_ms=200, stop_at_goal=True)})
    goal = Goal(metric="macro_f1", at_least=0.9, must_not_worsen=MustNotWorsen(out_of_scope_recall=0.05))
    path = tmp_path / "certificate.json"
    path.write_text(json.dumps({"proof": {"goal": goal.model_dump(mode="json"), "plan": {"frozen": wished.model_dump(mode="json")}}, "digest": ""}))
    with pytest.raises(BadProject, match="other wishes") as caught:
        read_plan(path, PROJECT)
    fix = caught.value.problems[0].fix
    words = [
        "decide.at_most_ms=200.0",
        "decide.stop_at_goal=true",
        "'goal.metric=\"macro_f1\"'",
        "goal.at_least=0.9",
        "goal.must_not_worsen.out_of_scope_recall=0.05",
    ]
    assert all(f"--set {word}" in fix for word in words)
    same = PROJECT.model_copy(update={"goal": goal, "decide": Decide(at_most_ms=200, stop_at_goal=True, budget=60)})
    assert Plan.model_validate(read_plan(path, same)) == wished
    more = same.model_copy(
        update={"decide": same.decide.model_copy(update={"at_most_ms": None}), "goal": goal.model_copy(update={"scorer": "own.py:score"})}
    )
    with pytest.raises(BadProject, match="other wishes") as caught:
        read_plan(path, more)
    assert "--set decide.at_most_ms=200.0" in caught.value.problems[0].fix
    assert "without goal.scorer in the project file" in caught.value.problems[0].fix


def test_a_certificate_s_plan_asks_for_its_rivals_too(tmp_path: Path) -> None:
    path, text = tmp_path / "certificate.json", to_toml(PROJECT)
    stated = {"goal": PROJECT.goal.model_dump(mode="json"), "project_toml": text, "plan": {"frozen": PLAN.model_dump(mode="json")}}
    path.write_text(json.dumps({"proof": stated}))
    assert Plan.model_validate(read_plan(path, PROJECT)) == PLAN
    other = PROJECT.model_copy(update={"rivals": PROJECT.rivals.model_copy(update={"fine_tune": not PROJECT.rivals.fine_tune})})
    with pytest.raises(BadProject, match="other wishes") as caught:
        read_plan(path, other)
    assert f"--set rivals.fine_tune={json.dumps(PROJECT.rivals.fine_tune)}" in caught.value.problems[0].fix
    there = Yardstick(url="https://example.org/v1", model="large")
    more = PROJECT.model_copy(update={"rivals": PROJECT.rivals.model_copy(update={"remote": there})})
    with pytest.raises(BadProject, match="other wishes") as caught:
        read_plan(path, more)
    assert "without rivals.remote.url in the project file" in caught.value.problems[0].fix
    path.write_text(json.dumps({"proof": stated | {"project_toml": to_toml(more)}}))
    assert Plan.model_validate(read_plan(path, more)) == PLAN
    leaving = more.model_copy(update={"rivals": more.rivals.model_copy(update={"remote": there.model_copy(update={"may_leave": True})})})
    with pytest.raises(BadProject, match="other wishes") as caught:
        read_plan(path, leaving)
    assert "--set rivals.remote.may_leave=false" in caught.value.problems[0].fix
