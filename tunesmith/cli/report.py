"""`tunesmith report`: a finished line → the verdict screen, JSON, or its HTML page."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from tunesmith.cli.examples import examples
from tunesmith.cli.findings import read_finding
from tunesmith.cli.finished import meant, show_list
from tunesmith.cli.follow import open_store
from tunesmith.cli.options import Json
from tunesmith.cli.screen import Screen, open_screen
from tunesmith.cli.verdict import Finding, show_verdict
from tunesmith.errors import BadProject, NotFound

app = typer.Typer(add_completion=False)


@app.command(
    epilog=examples(
        ("tunesmith report", "the newest"),
        ("tunesmith report my-router", "the newest of a project"),
        ("tunesmith report --list", "all that there are"),
        ("tunesmith report latest --json", "every metric with value, low, high and n"),
        ("tunesmith report line-1a2b3c4d5e6f --html report.html", "a copy of the page, one file that works offline"),
    )
)
def report(
    name: Annotated[str, typer.Argument(help="Name of a project or a report, a unique part of it, or `latest`.")] = "latest",
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Copy the HTML report to this file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Let --html overwrite a file.")] = False,
    every: Annotated[bool, typer.Option("--list", help="List the reports of this store.")] = False,
    json: Json = False,
) -> None:
    """Show what a run found."""
    screen = open_screen(json)
    store = open_store()
    if every:
        return show_list(screen, store, "line", name, html)
    finding = read_finding(store, meant(store, "line", name))
    if html is not None:
        copy_page(finding, html, force)
    if json:
        screen.result(finding.to_json() | ({"html": str(html.absolute())} if html else {}))
    elif html is None:
        show_verdict(screen.console, finding)
    else:
        written(screen, html)


def copy_page(finding: Finding, to: Path, force: bool) -> None:
    """Copy the page of a line to `to`.

    Raises: BadProject rather than overwrite a file unasked, and if it cannot be written; NotFound if the line has no page.
    """
    if finding.page is None:
        raise NotFound("has no HTML report", where=finding.name, fix="run the project again: tunesmith run PROJECT")
    if to.exists() and not force:
        raise BadProject("there is a file already", where=str(to), fix="give another name, or --force")
    try:
        shutil.copyfile(finding.page, to)
    except OSError as error:
        raise BadProject(f"cannot be written: {error.strerror}", where=str(to), fix="give another name for --html") from None


def written(screen: Screen, path: Path) -> None:
    """Say where a file went."""
    screen.say(f"wrote {path}", "green")
