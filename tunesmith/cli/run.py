"""`tunesmith run`: a project file → a verdict."""

from __future__ import annotations

from typing import Annotated

import typer

from tunesmith.cli.examples import examples
from tunesmith.cli.findings import read_finding
from tunesmith.cli.follow import Order, carry_out, open_store
from tunesmith.cli.options import Detach, Json, NoWait, ProjectPath, Sets
from tunesmith.cli.project_file import read_project
from tunesmith.cli.screen import open_screen
from tunesmith.cli.verdict import show_verdict

app = typer.Typer(add_completion=False)


@app.command(
    epilog=examples(
        ("tunesmith run project.toml", "the whole line; finished steps are taken from the store"),
        ("tunesmith run project.toml --set train.budget.epochs=1", "with one value changed"),
        ("tunesmith run project.toml --json > result.json", "for machines"),
        more=("Ctrl-C stops after the step that runs and saves; the same command goes on from there. Ctrl-C twice kills it.",),
    )
)
def run(
    project: ProjectPath,
    sets: Sets = None,
    no_wait: NoWait = False,
    name: Annotated[str | None, typer.Option("--name", help="Register the tuned model under this name instead of the project's.")] = None,
    detach: Detach = False,
    json: Json = False,
) -> None:
    """Prepare the data, measure the untuned rivals, fine-tune, judge on the locked test split, and report."""
    screen = open_screen(json)
    file = read_project(project, sets)
    store = open_store()
    payload = file.payload() | ({"name": name} if name else {})
    words = ("tunesmith", "run", *file.arguments(), *(("--name", name) if name else ()))
    result = carry_out(screen, store, Order("run", f"run {file.project.name}", payload, words, detach), wait=not no_wait)
    finding = read_finding(store, str(result["line"]))
    if json:
        screen.result({"line": result["line"], **finding.to_json()})
    else:
        show_verdict(screen.console, finding)
