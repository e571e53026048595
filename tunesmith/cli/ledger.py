"""`tunesmith ledger`: who did what to which artifact, and each look at a test split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from tunesmith.cli.examples import examples
from tunesmith.cli.figures import clock
from tunesmith.cli.follow import open_store
from tunesmith.cli.listing import listing
from tunesmith.cli.options import Json
from tunesmith.cli.screen import one_line, open_screen
from tunesmith.store.ledger import Ledger

app = typer.Typer(add_completion=False)


@app.command(epilog=examples(("tunesmith ledger", "everything"), ("tunesmith ledger dataset-1a2b3c4d5e6f", "what was done to one artifact")))
def ledger(
    subject: Annotated[str | None, typer.Argument(help="Name of an artifact; everything if it is left out.")] = None, json: Json = False
) -> None:
    """Show the append-only record, oldest first."""
    screen = open_screen(json)
    store = open_store()
    entries = Ledger(store).entries(store.get(subject).name if subject else None)
    screen.result({"entries": [asdict(entry) for entry in entries]})
    if not json:
        rows = [(clock(e.at), e.actor, e.action, e.subject, detail(e.detail)) for e in entries]
        screen.console.print(listing(("when", "who", "did", "to", "detail"), rows, empty="nothing was done yet"))


def detail(values: Mapping[str, Any]) -> str:
    """What an entry adds, short values first, long ones cut.

    >>> detail({"rows": ["f" * 64], "reason": "asked to"})
    "reason: asked to, rows: ['fffffffffffffffffffffffffffff…"
    """
    parts = [f"{name.replace('_', ' ')}: {one_line(str(value), 32)}" for name, value in values.items()]
    return ", ".join(sorted(parts, key=len))
