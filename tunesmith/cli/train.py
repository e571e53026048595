"""`tunesmith train`: a project, and perhaps a checkpoint to go on from → a checkpoint."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from tunesmith.catalogue.footing import to_continue
from tunesmith.cli.curves import sparkline
from tunesmith.cli.examples import examples
from tunesmith.cli.figures import number, whole
from tunesmith.cli.follow import Order, carry_out, open_store
from tunesmith.cli.listing import listing
from tunesmith.cli.options import Detach, Json, NoWait, ProjectPath, Sets
from tunesmith.cli.project_file import read_project
from tunesmith.cli.screen import clean, open_screen
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.task import DECIDING, EXACT

app = typer.Typer(add_completion=False)


@app.command(
    epilog=examples(
        ("tunesmith train project.toml", "from the project's base model"),
        ("tunesmith train project.toml --from router", "goes on from a tuned model; prompt and adapter settings are inherited"),
        ("tunesmith train project.toml --set train.optimiser.lr=3e-4", "with one value changed"),
        more=("Ctrl-C stops after the step that runs and saves; the same command goes on from there, with the same result as without a stop.",),
    )
)
def train(
    project: ProjectPath,
    start: Annotated[str | None, typer.Option("--from", metavar="CHECKPOINT", help="Continue from this checkpoint or registered model.")] = None,
    sets: Sets = None,
    no_wait: NoWait = False,
    detach: Detach = False,
    json: Json = False,
) -> None:
    """Fine-tune on a project's data; prepares the data first if they are not in the store."""
    screen = open_screen(json)
    file = read_project(project, sets)
    store = open_store()
    begin = to_continue(start, store).name if start else None
    words = ("tunesmith", "train", *file.arguments(), *(("--from", start) if start else ()))
    payload: dict[str, Any] = file.payload() | {"start": begin}
    result = carry_out(screen, store, Order("train", f"train {file.project.name}", payload, words, detach), wait=not no_wait)
    checkpoint = store.get(str(result["checkpoint"]), "checkpoint").load(Checkpoint)
    if json:
        screen.result({"name": result["checkpoint"], "model": result.get("model"), "checkpoint": checkpoint.model_dump(mode="json")})
    else:
        task = store.get(checkpoint.dataset, "dataset").load(Dataset).task
        is_exact = (file.project.goal.metric or DECIDING[task]) in EXACT
        show_checkpoint(screen.console, str(result["checkpoint"]), checkpoint, result.get("model"), is_exact=is_exact)


def show_checkpoint(console: Console, name: str, checkpoint: Checkpoint, model: str | None, *, is_exact: bool = True) -> None:
    """Print what training did, what was chosen for the user and why, and what to try next; `is_exact`: it is exact answers that decide."""
    console.print(Text.assemble((name, "bold"), clean(f"  {checkpoint.kind} on {checkpoint.base}", "dim")))
    if checkpoint.parent:
        console.print(clean(f"continued from {checkpoint.parent}, with its prompt, template and adapter settings"))
    console.print(
        clean(
            f"best at step {whole(checkpoint.best_step)}; {whole(checkpoint.steps)} of {whole(checkpoint.planned_steps)} steps: {checkpoint.stop_reason}"
        )
    )
    for title, values, last in curves(checkpoint, is_exact=is_exact):
        console.print(Text.assemble((f"  {title:<11}", "dim"), f"{sparkline(values, 30):<31} {last}"))
    saved = checkpoint.logical_tokens / checkpoint.computed_tokens if checkpoint.computed_tokens else 1.0
    console.print(
        clean(
            f"{whole(checkpoint.trained_rows)} rows, {whole(checkpoint.trained_tokens)} tokens trained; shared prompts computed once: {saved:.1f}× fewer tokens",
            "dim",
        )
    )
    console.print(
        listing(("chosen for you", "value", "because"), [(c.name, c.value, c.reason) for c in checkpoint.choices], empty="every value was given")
    )
    for alarm in checkpoint.alarms:
        console.print(Text.assemble(("! ", "bold yellow"), clean(alarm, "yellow")))
    console.print(Text.assemble(("try  ", "dim"), clean(f"tunesmith chat {model or name}", "cyan")))


def curves(checkpoint: Checkpoint, *, is_exact: bool = True) -> list[tuple[str, list[float], str]]:
    """Title, values and last value of each curve that was measured; exact answers on dev only where it is those that decide."""
    found = []
    metric = {"exact match": "dev match", "preference": "dev pref"}.get(checkpoint.dev_metric_name(is_exact) or "")
    for title, name in (("train loss", "train_loss"), ("dev loss", "dev_loss"), *(((metric, "dev_metric"),) if metric else ())):
        values = [v for point in checkpoint.curve if (v := getattr(point, name)) is not None]
        if values:
            found.append((title, values, number(values[-1], "exact_match") if name == "dev_metric" else f"{values[-1]:.3f}"))
    return found
