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
from tunesmith.spec.plan import Decide, Plan, Speeds

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
    assert Plan.model_validate(read_plan(path)) == PLAN


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"proof": {"plan": null}}', "steps"])
def test_a_file_without_a_plan_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(BadProject, match="holds no plan") as caught:
        read_plan(path)
    assert "tunesmith certificate" in caught.value.problems[0].fix
    with pytest.raises(BadProject, match="cannot be read"):
        read_plan(tmp_path / "lost.json")
