"""`tunesmith data`: prepare data sets, show them, list them, and forget rows in them."""

from __future__ import annotations

import json as jsonlib
import sys
from dataclasses import asdict
from itertools import islice
from typing import Annotated, Any

import typer

from tunesmith.cli import check, make
from tunesmith.cli import select as selecting
from tunesmith.cli.dataset_screen import show_dataset
from tunesmith.cli.examples import examples
from tunesmith.cli.figures import clock, whole
from tunesmith.cli.follow import Order, carry_out, open_store
from tunesmith.cli.listing import listing
from tunesmith.cli.options import Json, NoWait, ProjectPath, Sets
from tunesmith.cli.project_file import read_project
from tunesmith.cli.screen import open_screen
from tunesmith.errors import BadProject, Interrupted
from tunesmith.spec.dataset import Dataset
from tunesmith.store.artifacts import Artifact, Store

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Check, mend, select, make, prepare, show, list and forget data.")
check.register(app)
selecting.register(app)
app.add_typer(make.app, name="make")
REJECTED = "rejected.jsonl"
DatasetName = Annotated[str, typer.Argument(help="Name of a data set, a unique part of it, or `latest`.")]


@app.command(epilog=examples(("tunesmith data prepare project.toml", "reads, cleans, splits and shows what is in it")))
def prepare(project: ProjectPath, sets: Sets = None, no_wait: NoWait = False, json: Json = False) -> None:
    """Read the sources, clean them, find duplicates and conflicts, split, prove that nothing leaks, and show the profile."""
    screen = open_screen(json)
    file = read_project(project, sets)
    store = open_store()
    words = ("tunesmith", "data", "prepare", *file.arguments())
    result = carry_out(screen, store, Order("data", f"prepare {file.project.name}", file.payload(), words), wait=not no_wait)
    artifact = store.get(str(result["dataset"]), "dataset")
    if json:
        screen.result(described(artifact))
    else:
        show_dataset(screen.console, artifact.name, artifact.load(Dataset), rejected(artifact, 10))


@app.command(epilog=examples(("tunesmith data show latest", "the newest"), ("tunesmith data show latest --json", "with every rejected row")))
def show(name: DatasetName = "latest", json: Json = False) -> None:
    """Show what is in a data set: splits, labels, lengths, what was removed and why, conflicts, rejected rows with their lines."""
    screen = open_screen(json)
    artifact = open_store().get(name, "dataset")
    if json:
        screen.result(described(artifact))
    else:
        show_dataset(screen.console, artifact.name, artifact.load(Dataset), rejected(artifact, 10))


@app.command("list")
def list_(json: Json = False) -> None:
    """List the data sets in the store, newest first."""
    screen = open_screen(json)
    found = [(artifact, artifact.load(Dataset)) for artifact in open_store().artifacts("dataset")]
    screen.result(
        {"datasets": [{"name": a.name, "created_at": a.created_at, "project": d.project, "task": d.task, "rows": d.rows} for a, d in found]}
    )
    if not json:
        rows = [(a.name, clock(a.created_at), d.project, d.task, *(whole(d.rows.get(s, 0)) for s in ("train", "dev", "test"))) for a, d in found]
        screen.console.print(
            listing(
                ("name", "made", "project", "task", "train", "dev", "test"), rows, right=(4, 5, 6), empty="no data sets yet: tunesmith run PROJECT"
            )
        )


@app.command(
    epilog=examples(
        ("tunesmith data forget latest 1f3a… --reason 'customer asked'", "asks first"),
        more=("Row ids stand in train.jsonl, dev.jsonl and test.jsonl of the data set. The ledger keeps when and why, not what.",),
    )
)
def forget(
    name: DatasetName,
    rows: Annotated[list[str], typer.Argument(metavar="ROW...", help="Ids of the rows to erase.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the ledger.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Erase rows from a data set and from everything made of it: models, evaluations and reports. Cannot be undone."""
    screen = open_screen(json)
    store = open_store()
    artifact = store.get(name, "dataset")
    if not yes:
        confirm(store, artifact, len(rows), json)
    done = store.forget(artifact.name, rows, reason=reason)
    screen.result({"forgotten": asdict(done)})
    if not json:
        screen.say(f"erased {done.rows} rows from {done.dataset}", "green")
        for title, names in (
            ("without these rows", done.redacted),
            ("content gone", done.erased),
            ("delete them there yourself", done.sources),
            ("also in", done.elsewhere),
        ):
            if names:
                screen.say(f"  {title}: {', '.join(names)}")


def confirm(store: Store, artifact: Artifact, count: int, machine: bool) -> None:
    """Ask before rows are erased.

    Raises: BadProject where nobody can be asked; Interrupted if the answer is no.
    """
    if machine or not sys.stdin.isatty():
        raise BadProject("nobody can be asked here", where="tunesmith data forget", fix="add --yes if you are sure")
    descendants = [a.name for a in store.artifacts() if a.name != artifact.name and any(p.name == artifact.name for p in store.lineage(a.name))]
    typer.echo(f"{count} rows of {artifact.name} will be erased, and {len(descendants)} artifacts made of it will lose them or be erased.", err=True)
    if not typer.confirm("This cannot be undone. Go on?", err=True):
        raise Interrupted("nothing was erased")


def rejected(artifact: Artifact, limit: int | None = None) -> list[dict[str, Any]]:
    """Rows that were not used, with file, line and reason."""
    path = artifact.path / REJECTED
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as lines:
        return [jsonlib.loads(line) for line in islice(lines, limit)]


def described(artifact: Artifact) -> dict[str, Any]:
    """A data set for machines."""
    return {
        "name": artifact.name,
        "path": str(artifact.path),
        "dataset": artifact.load(Dataset).model_dump(mode="json"),
        "rejected": rejected(artifact),
    }
