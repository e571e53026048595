"""What runs have left in the store, reports and certificates → the one that a name means, be it their project's; or a list of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tunesmith.cli.figures import clock
from tunesmith.cli.listing import listing
from tunesmith.cli.screen import Screen
from tunesmith.errors import BadProject, NotFound, TunesmithError
from tunesmith.spec.certificate import Proof
from tunesmith.spec.verdict import LineReport
from tunesmith.store.artifacts import Artifact, Store

Kind = Literal["line", "certificate"]


@dataclass(frozen=True)
class Finished:
    """One report or certificate."""

    artifact: Artifact
    project: str
    decision: str
    headline: str


def finished(store: Store, kind: Kind) -> Iterator[Finished]:
    """All that can be read, the newest first: what an earlier version left and this one reads no more is passed over."""
    for artifact in store.artifacts(kind):
        with suppress(TunesmithError):
            if kind == "line":
                report = artifact.load(LineReport)
                yield Finished(artifact, report.project, report.verdict.decision, report.verdict.headline)
            else:
                proof = artifact.load(Proof)
                yield Finished(artifact, proof.project, proof.decision, proof.headline)


def meant(store: Store, kind: Kind, name: str) -> str:
    """The name of the artifact that `name` means: an artifact's, a part of it, `latest`, or that of a project, which means its newest.

    Raises: NotFound.
    """
    try:
        return store.get(name, kind).name
    except NotFound:
        found = next((one.artifact.name for one in finished(store, kind) if one.project == name), None)
        if found is None:
            raise
        return found


def show_list(screen: Screen, store: Store, kind: Kind, name: str, file: Path | None) -> None:
    """Print all of them, or those of the project `name` (`latest`: of all), newest first.

    Raises: BadProject for a `file` to write: it takes one.
    """
    if file is not None:
        raise BadProject(
            "a list is not written to a file", where="--list", got=str(file), expected="one of the two", fix="leave --list out, or the file"
        )
    found = [one for one in finished(store, kind) if name in ("latest", one.project)]
    named = [
        {"name": one.artifact.name, "project": one.project, "decision": one.decision, "headline": one.headline, "at": one.artifact.created_at}
        for one in found
    ]
    screen.result({"reports" if kind == "line" else "certificates": named})
    if not screen.machine:
        rows = [(one.artifact.name, one.project, clock(one.artifact.created_at), one.decision) for one in found]
        screen.console.print(listing(("name", "project", "finished", "verdict"), rows, empty="no run has finished yet"))
