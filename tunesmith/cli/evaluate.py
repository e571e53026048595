"""`tunesmith evaluate`: a project and a model → its metrics with intervals."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from tunesmith.cli.examples import examples
from tunesmith.cli.figures import interval, title, whole
from tunesmith.cli.follow import Order, carry_out, open_store
from tunesmith.cli.listing import listing
from tunesmith.cli.options import Detach, Json, NoWait, ProjectPath, Sets
from tunesmith.cli.project_file import read_project
from tunesmith.cli.screen import clean, open_screen
from tunesmith.spec.report import Report

app = typer.Typer(add_completion=False)
WORST_LABELS = 8


@app.command(
    epilog=examples(
        ("tunesmith evaluate project.toml router", "the newest version of a registered model"),
        ("tunesmith evaluate project.toml smollm2-135m-instruct", "an untuned model"),
        ("tunesmith evaluate project.toml checkpoint-1a2b3c --json", "for machines"),
    )
)
def evaluate(
    project: ProjectPath,
    model: Annotated[str, typer.Argument(help="A registered model, a checkpoint, or a base model by catalogue id, folder or hub id.")],
    sets: Sets = None,
    no_wait: NoWait = False,
    detach: Detach = False,
    json: Json = False,
) -> None:
    """Measure one model on a project's data. The locked test split is left alone: only `tunesmith run` opens it."""
    screen = open_screen(json)
    file = read_project(project, sets)
    store = open_store()
    words = ("tunesmith", "evaluate", *file.arguments(), model)
    result = carry_out(screen, store, Order("evaluate", f"evaluate {model}", file.payload() | {"candidate": model}, words, detach), wait=not no_wait)
    report = store.get(str(result["evaluation"]), "evaluation").load(Report)
    if json:
        screen.result({"name": result["evaluation"], "report": report.model_dump(mode="json")})
    else:
        show_report(screen.console, str(result["evaluation"]), report)


def show_report(console: Console, name: str, report: Report) -> None:
    """Print the metrics of one candidate on one split, and its weakest labels."""
    console.print(
        Text.assemble((report.candidate.name, "bold"), clean(f"  {whole(report.rows)} {report.split} rows of {report.dataset} · {name}", "dim"))
    )
    rows = [(title(metric), interval(value, metric), whole(value.n), value.method) for metric, value in report.metrics.items()]
    console.print(listing(("metric", "value [low, high]", "rows", "interval"), rows, right=(1, 2)))
    missed = (entry for entry in report.per_label.items() if entry[1].value < 1)
    weak = sorted(missed, key=lambda entry: entry[1].value)[:WORST_LABELS]
    if weak:
        console.print(Text("\nweakest labels", "dim"))
        console.print(
            listing(
                ("label", "recall [low, high]", "rows", "taken for"),
                [(label, interval(m, "recall"), whole(m.n), mistaken(report, label)) for label, m in weak],
                right=(1, 2),
            )
        )


def mistaken(report: Report, label: str) -> str:
    """The answers that a label was most often mistaken for."""
    wrong = sorted(((n, answer) for answer, n in report.confusion.get(label, {}).items() if answer != label), reverse=True)[:2]
    return ", ".join(f"{answer} ({n})" for n, answer in wrong)
