"""`tunesmith init`: a data file → a project file, and what each column was taken for."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from tunesmith.cli.examples import examples
from tunesmith.cli.figures import whole
from tunesmith.cli.listing import listing
from tunesmith.cli.options import Json
from tunesmith.cli.screen import Screen, clean, one_line, open_screen
from tunesmith.data.sources import Detection, detect, write_project
from tunesmith.errors import BadProject
from tunesmith.spec.project import parse_project

app = typer.Typer(add_completion=False)


@app.command(
    epilog=examples(
        ("tunesmith init bank.csv", "writes project.toml here"),
        ("tunesmith init data/faq.jsonl --output faq.toml --name faq", "another file, another name"),
    )
)
def init(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="CSV, TSV, JSON, JSONL, Parquet, text or Markdown.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The project file to write.")] = Path("project.toml"),
    name: Annotated[str | None, typer.Option("--name", help="Name of the project and of the tuned model; default: after the data file.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Base model; default: the embedded SmolLM2-135M-Instruct.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the project file if there is one.")] = False,
    json: Json = False,
) -> None:
    """Look at a data file and write the project file for it: about ten lines, each guess with its reason beside it."""
    screen = open_screen(json)
    found = detect(data, where=str(data))
    text = write_project(found, file=seen_from(output, data), name=name, model=model)
    parse_project(text, str(output))
    write(output, text, force)
    screen.result({"project": str(output.absolute()), "text": text, "detection": described(found)})
    if not json:
        show_detection(screen, found)
        screen.say(f"\nwrote {output}", "green")
        screen.say(text.rstrip(), "dim")
        screen.console.print(Text.assemble(("\ntry  ", "dim"), clean(f"tunesmith run {output}", "cyan")))


def seen_from(output: Path, data: Path) -> str:
    """The data file's path relative to the project file's folder, as the project file has to name it."""
    return Path(os.path.relpath(data.absolute(), output.absolute().parent)).as_posix()


def write(output: Path, text: str, force: bool) -> None:
    """Write the project file.

    Raises: BadProject if there is one already and `force` was not given, or if it cannot be written.
    """
    try:
        with output.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise BadProject("there is a file already", where=str(output), fix="give another --output, or --force to overwrite it") from None
    except OSError as error:
        raise BadProject(f"cannot be written: {error.strerror}", where=str(output), fix="give another --output") from None


def show_detection(screen: Screen, found: Detection) -> None:
    """Print what the file is and what every column was taken for."""
    of = f" of {whole(found.rows)}" if found.rows is not None else ""
    every = f"{whole(found.rows_seen)} rows" if found.rows == found.rows_seen else f"the first {whole(found.rows_seen)}{of} rows"
    seen = f" (looked at {every})" if found.rows_seen else ""
    screen.console.print(Text.assemble(clean(str(found.file), "bold"), clean(f": {found.format}, {found.reason}{seen}")))
    meanings = {guess.column: (use, guess.reason) for use in ("input", "output", "label", "group") if (guess := getattr(found, use)) is not None}
    sample = found.sample[0] if found.sample else {}
    rows = [(one_line(column, 40), *meanings.get(column, ("not used", "")), one_line(str(sample.get(column, "")), 40)) for column in found.columns]
    if rows and meanings:
        screen.console.print(listing(("column", "taken for", "because", "first value"), rows))


def described(found: Detection) -> dict[str, Any]:
    """What was found, for machines; without the sampled rows."""
    guesses = {use: asdict(guess) for use in ("input", "output", "label", "group") if (guess := getattr(found, use)) is not None}
    return {
        "file": str(found.file),
        "format": found.format,
        "reason": found.reason,
        "columns": list(found.columns),
        "rows_seen": found.rows_seen,
        "rows": found.rows,
        **guesses,
    }
