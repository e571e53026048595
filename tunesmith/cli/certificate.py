"""`tunesmith certificate`: a certificate of the store → the screen, a file that others can verify, or its page."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from tunesmith.cli.examples import examples
from tunesmith.cli.finished import meant, show_list
from tunesmith.cli.follow import open_store
from tunesmith.cli.options import Json
from tunesmith.cli.screen import Screen, clean, hanging, open_screen
from tunesmith.errors import BadProject
from tunesmith.spec.certificate import Certificate, Proof
from tunesmith.spec.verdict import Measured
from tunesmith.store.artifacts import Artifact
from tunesmith.store.disk import disk_faults

app = typer.Typer(add_completion=False)
PAGE = "page.html"


@app.command(
    epilog=examples(
        ("tunesmith certificate", "the newest, on the screen"),
        ("tunesmith certificate my-router", "the newest of a project"),
        ("tunesmith certificate --list", "all that there are"),
        ("tunesmith certificate --write certificate.json", "for a sceptic: `tunesmith verify certificate.json` checks it"),
        ("tunesmith certificate --html certificate.html", "one page that prints"),
    )
)
def certificate(
    name: Annotated[str, typer.Argument(help="Name of a project or a certificate, a unique part of it, or `latest`.")] = "latest",
    write: Annotated[Path | None, typer.Option("--write", metavar="FILE", help="Write it to this file, as JSON.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Copy its page to this file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files.")] = False,
    every: Annotated[bool, typer.Option("--list", help="List the certificates of this store.")] = False,
    json: Json = False,
) -> None:
    """Show or hand out what was proved: what was tried, what won, how sure that is, what got worse, and the hashes of it all."""
    screen = open_screen(json)
    store = open_store()
    if every:
        return show_list(screen, store, "certificate", name, write or html)
    artifact = store.get(meant(store, "certificate", name), "certificate")
    found = read(artifact)
    for path in (write, html):
        refuse_taken(path, force)
    if write is not None:
        with disk_faults(write):
            write.write_text(found.to_text(), encoding="utf-8")
    if html is not None:
        with disk_faults(html):
            shutil.copyfile(artifact.path / PAGE, html)
    if json:
        screen.result({"name": artifact.name, **found.model_dump(mode="json")})
    elif write is None and html is None:
        show(screen, artifact.name, found)
    else:
        for written in filter(None, (write, html)):
            screen.say(f"wrote {written}", "green")


def read(artifact: Artifact) -> Certificate:
    """The certificate that an artifact holds.

    Raises: NotFound if it was erased; DamagedWeights.
    """
    clock = artifact.sidecar().get("measured")
    return Certificate.of(artifact.load(Proof), Measured.model_validate(clock) if clock else None)


def refuse_taken(path: Path | None, force: bool) -> None:
    """Raises: BadProject rather than overwrite a file unasked."""
    if path is not None and path.exists() and not force:
        raise BadProject("there is a file already", where=str(path), fix="give another name, or --force")


def show(screen: Screen, name: str, found: Certificate) -> None:
    """Print what it says in a few lines."""
    proof, console = found.proof, screen.console
    width = console.width if console.is_terminal else 10_000
    console.print(Text.assemble((name, "bold"), clean(f"  {proof.project}: {proof.decision}", "dim")))
    console.print(hanging(clean(f"  {proof.headline}"), 2, width))
    for sentence in proof.worse:
        console.print(hanging(Text.assemble("! ", clean(sentence)), 2, width))
    looks = "once" if proof.locked.looks == 1 else f"{proof.locked.looks} times"
    console.print(
        clean(
            f"  {proof.locked.rows} locked rows of {proof.locked.dataset}, opened {looks}; {len(proof.entrants)} finalists, {len(proof.tried)} trials",
            "dim",
        )
    )
    console.print(clean(f"  digest {found.digest}", "dim"))
    console.print(clean(f"  check it: tunesmith verify {name}", "cyan"))
