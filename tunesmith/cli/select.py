"""`tunesmith data select`: the most useful rows of many, as a new version, with what was given up."""

from __future__ import annotations

from typing import Annotated

import typer

from tunesmith.cli.check import Columns, Delimiter, Encoding, Files, Format, Input, Label, Output, Seed, a_checkup, make_version, said
from tunesmith.cli.examples import examples
from tunesmith.cli.follow import Order
from tunesmith.cli.options import Detach, Json
from tunesmith.cli.screen import open_screen
from tunesmith.spec.checkup import Mending


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
    force: Annotated[bool, typer.Option("--force", help="Write over files there that another selection made, or somebody else.")] = False,
    detach: Detach = False,
    json: Json = False,
) -> None:
    """Keep the rows that are most useful and still stand for all, and say what is given up. Makes a version; to undo, export its parent."""
    screen = open_screen(json)
    columns = Columns(format, input, output, label, encoding, delimiter)
    checkup = a_checkup(files, None, columns, out_of_scope=None).model_copy(update={"against": (), "meaning": "on", "base": base, "seed": seed})
    mending = Mending(checkup=checkup, select=rows, out=out, force=force)
    words = ("tunesmith", "data", "select", *files, *said(rows=rows, base=base, **columns.given, seed=seed or None, out=out, force=force))
    make_version(screen, Order("mend", f"select {rows} rows of {', '.join(files)}", mending.model_dump(mode="json"), words, detach))


def register(app: typer.Typer) -> None:
    """Put the command under `tunesmith data`."""
    app.command(
        epilog=examples(
            ("tunesmith data select train.jsonl --rows 1000", "writes train.selected.jsonl: rows that stand for all"),
            ("tunesmith data select train.jsonl --rows 1000 --base smollm2-135m-instruct", "and that have most to teach this model"),
        )
    )(select)
