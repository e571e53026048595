"""`tunesmith ledger`: who did what to which artifact, and each look at a test split."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from types import MappingProxyType
from typing import Annotated, Any

import typer

from tunesmith.cli.examples import examples
from tunesmith.cli.figures import clock
from tunesmith.cli.follow import open_store
from tunesmith.cli.listing import listing
from tunesmith.cli.options import Json
from tunesmith.cli.screen import one_line, open_screen
from tunesmith.errors import TunesmithError
from tunesmith.spec.report import Report
from tunesmith.store.artifacts import Store
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
        names = candidate_names(store) if any("candidates" in entry.detail for entry in entries) else {}
        rows = [(clock(e.at), e.actor, e.action, e.subject, detail(e.detail, names)) for e in entries]
        screen.console.print(listing(("when", "who", "did", "to", "detail"), rows, empty="nothing was done yet"))


def candidate_names(store: Store) -> dict[str, str]:
    """Digest of a candidate → its name, for every candidate whose answers are in the store: a look is recorded by digests."""
    names = {}
    for artifact in store.artifacts("evaluation"):
        with suppress(TunesmithError):  # erased or damaged: the record is shown all the same, with digits for the name
            candidate = artifact.load(Report).candidate
            names[candidate.content_digest()] = candidate.name
    return names


def detail(values: Mapping[str, Any], names: Mapping[str, str] = MappingProxyType({})) -> str:
    """What an entry adds, short values first, long ones cut; candidates by their names, or by the first digits where those are not known.

    >>> detail({"rows": "f" * 64, "reason": "asked to"})
    'reason: asked to, rows: ffffffffffff…'
    >>> detail({"split": "test", "candidates": ["0" * 64, "1" * 64]}, {"0" * 64: "tuned"})
    'split: test, candidates: 111111111111…, tuned'
    """
    parts = [f"{name.replace('_', ' ')}: {shown(name, value, names)}" for name, value in values.items()]
    return ", ".join(sorted(parts, key=len))


def shown(field: str, value: Any, names: Mapping[str, str]) -> str:
    """One value: hashes by their first digits, candidates by name."""
    if field == "candidates" and isinstance(value, list):
        return ", ".join(sorted(one_line(names.get(str(one), short(str(one))), 40) for one in value))
    return one_line(short(value), 32) if isinstance(value, str) else one_line(str(value), 32)


def short(text: str) -> str:
    """A sha256 by its first digits, anything else as it is."""
    return f"{text[:12]}…" if re.fullmatch("[0-9a-f]{64}", text) else text
