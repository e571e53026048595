"""`tunesmith run`: a project file → a verdict."""

from __future__ import annotations

import json as parser
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from tunesmith.cli.examples import examples
from tunesmith.cli.findings import read_finding
from tunesmith.cli.follow import Order, carry_out, open_store
from tunesmith.cli.options import Detach, Json, NoWait, ProjectPath, Sets
from tunesmith.cli.project_file import read_project
from tunesmith.cli.screen import open_screen
from tunesmith.cli.verdict import show_verdict
from tunesmith.errors import BadProject
from tunesmith.spec.plan import Decide, Plan, overrides_of
from tunesmith.spec.project import Project, Rivals, parse_project
from tunesmith.spec.task import Goal

app = typer.Typer(add_completion=False)
Budget = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="WISH",
        help='Time for everything (20m, 1h30m), a target ("at least 90 % macro_f1, at most 200 ms"), or both with a comma.',
    ),
]
PlanFile = Annotated[
    Path | None, typer.Option("--plan", metavar="FILE", help="Carry out the plan in this certificate or plan (JSON) as it stands, to replay a run.")
]


@app.command(
    epilog=examples(
        ("tunesmith run project.toml", "the whole line; finished steps are taken from the store"),
        ("tunesmith run project.toml --budget 20m", "with a plan that fits into the time"),
        ("tunesmith run project.toml --set train.budget.epochs=1", "with one value changed"),
        ("tunesmith run project.toml --json > result.json", "for machines"),
        more=("Ctrl-C stops after the step that runs and saves; the same command goes on from there. Ctrl-C twice kills it.",),
    )
)
def run(
    project: ProjectPath,
    sets: Sets = None,
    budget: Budget = None,
    plan: PlanFile = None,
    no_wait: NoWait = False,
    name: Annotated[str | None, typer.Option("--name", help="Register the tuned model under this name instead of the project's.")] = None,
    detach: Detach = False,
    json: Json = False,
) -> None:
    """Plan, prepare the data, measure the untuned rivals, fine-tune, judge on the locked test split, and report."""
    screen = open_screen(json)
    file = read_project(project, [*(sets or ()), *(overrides_of(budget) if budget is not None else ())])
    store = open_store()
    payload: dict[str, Any] = file.payload() | ({"name": name} if name else {}) | ({"plan": read_plan(plan, file.project)} if plan else {})
    words = ("tunesmith", "run", *file.arguments(), *(("--plan", str(plan)) if plan else ()), *(("--name", name) if name else ()))
    result = carry_out(screen, store, Order("run", f"run {file.project.name}", payload, words, detach), wait=not no_wait)
    finding = read_finding(store, str(result["line"]))
    if json:
        screen.result({"line": result["line"], **finding.to_json()})
    else:
        show_verdict(screen.console, finding)


def read_plan(path: Path, project: Project) -> dict[str, Any]:
    """The plan in a file: a certificate's, or a plan by itself.

    Raises: BadProject if there is none, or if it was made for other wishes than the project's: it would be carried out, and another verdict reached.
    """
    try:
        found: Any = parser.loads(path.read_text(encoding="utf-8"))
        proof = found.get("proof") if isinstance(found, dict) else None
        for key in ("proof", "plan", "frozen"):  # a certificate holds it deep inside
            found = found[key] if isinstance(found, dict) and key in found else found
        plan = Plan.model_validate(found)
        goal = Goal.model_validate(proof["goal"]) if isinstance(proof, dict) and "goal" in proof else project.goal
        stated = proof.get("project_toml") if isinstance(proof, dict) else None
        rivals = parse_project(stated, str(path)).rivals if isinstance(stated, str) else project.rivals
    except OSError as error:
        raise BadProject(f"cannot be read: {error.strerror}", where=str(path), fix="give another file for --plan") from None
    except (ValueError, ValidationError) as error:
        first = str(error).partition("\n")[0]
        fix = "write one: tunesmith certificate latest --write FILE"
        raise BadProject("holds no plan", where=str(path), got=first[:120], expected="a certificate, or a plan, as JSON", fix=fix) from None
    refuse_other_wishes(path, wishes(goal, plan.decide, rivals), wishes(project.goal, project.decide, project.rivals))
    return plan.model_dump(mode="json")


def wishes(goal: Goal, decide: Decide, rivals: Rivals) -> dict[str, Any]:
    """What a verdict hangs on beside the steps of a plan: place of the project file → value; those that are not set are left out."""
    found: dict[str, Any] = {f"goal.{name}": value for name, value in goal.model_dump(mode="json").items()}
    found |= {f"goal.must_not_worsen.{name}": value for name, value in found.pop("goal.must_not_worsen").items()}
    found |= {f"rivals.{name}": value for name, value in rivals.model_dump(mode="json", exclude={"remote"}).items()}
    there = rivals.remote
    found |= {f"rivals.remote.{name}": getattr(there, name) for name in ("url", "model", "may_leave")} if there is not None else {}
    found |= {"decide.at_most_ms": decide.at_most_ms, "decide.stop_at_goal": decide.stop_at_goal or None}
    return {name: value for name, value in found.items() if value is not None}


def refuse_other_wishes(path: Path, stated: dict[str, Any], here: dict[str, Any]) -> None:
    """Nothing, if both are the same.

    Raises: BadProject with every place that differs, and the options that make them the same.
    """
    other = sorted(name for name in stated.keys() | here.keys() if stated.get(name) != here.get(name))
    if not other:
        return
    words = [shlex.join(["--set", f"{name}={parser.dumps(stated[name])}"]) for name in other if name in stated]
    gone = [f"without {name} in the project file" for name in other if name not in stated]
    raise BadProject(
        "the plan was made for other wishes than the project's, and would lead to another verdict",
        where=str(path),
        got=", ".join(f"{name} = {here.get(name, 'nothing')}" for name in other),
        expected=", ".join(f"{name} = {stated.get(name, 'nothing')}" for name in other),
        fix=f"run it {' and '.join(filter(None, ('with ' + ' '.join(words) if words else '', ' and '.join(gone))))}",
    )
