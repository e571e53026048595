"""`tunesmith data select`: the most useful rows of many, as a new version, with what was given up."""

from __future__ import annotations

from typing import Annotated

import typer

from tunesmith.cli.check import Columns, Delimiter, Encoding, Files, Format, Input, Label, Output, Seed, a_checkup
from tunesmith.cli.check_screen import show_mending
from tunesmith.cli.examples import examples
from tunesmith.cli.follow import Order, carry_out, open_store
from tunesmith.cli.options import Detach, Json
from tunesmith.cli.screen import open_screen
from tunesmith.spec.checkup import Mending
from tunesmith.spec.mending import Version


def select(
    files: Files,
    rows: Annotated[int, typer.Option("--rows", min=1, metavar="N", help="How many rows are kept, over all files.")],
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="MODEL", help="Measure with this base model what each row has to teach, and prefer those that teach most."),
    ] = None,
    format: Format = None,
    input: Input = None,
    output: Output = None,
    label: Label = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    seed: Seed = 0,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FOLDER", help="Where the files go; left out: beside each file, as NAME.selected.SUFFIX.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files there that are no version of these data.")] = False,
    detach: Detach = False,
    json: Json = False,
) -> None:
    """Keep the rows that are most useful and still stand for all, and say what is given up. Makes a version; to undo, export its parent."""
    screen = open_screen(json)
    columns = Columns(format, input, output, label, encoding, delimiter)
    checkup = a_checkup(files, None, columns, out_of_scope=None).model_copy(update={"against": (), "meaning": "on", "base": base, "seed": seed})
    order = Mending(checkup=checkup, select=rows, out=out, force=force)
    store = open_store()
    words = ("tunesmith", "data", "select", *files, "--rows", str(rows), *(("--base", base) if base else ()), *columns.words())
    result = carry_out(screen, store, Order("mend", f"select {rows} rows of {', '.join(files)}", order.model_dump(mode="json"), words, detach))
    artifact = store.get(str(result["version"]), "version")
    version = artifact.load(Version)
    screen.result({**result, "path": str(artifact.path), "manifest": version.model_dump(mode="json")})
    if not json:
        show_mending(screen.console, artifact, version, result)


def register(app: typer.Typer) -> None:
    """Put the command under `tunesmith data`."""
    app.command(
        epilog=examples(
            ("tunesmith data select train.jsonl --rows 1000", "writes train.selected.jsonl: rows that stand for all"),
            ("tunesmith data select train.jsonl --rows 1000 --base smollm2-135m-instruct", "and that have most to teach this model"),
        )
    )(select)
