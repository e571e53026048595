"""What the data doctor is asked to do: which files, how they are read, what may be used, and what is decided."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tunesmith.spec.dataset import Source
from tunesmith.spec.mending import Decisions
from tunesmith.spec.noun import Noun
from tunesmith.spec.project import DEFAULT_EMBEDDER


class Checkup(Noun):
    """An examination of files."""

    root: str
    """Folder that the files' names are relative to."""
    sources: tuple[Source, ...]
    against: tuple[Source, ...] = ()
    """Files to judge with: nothing of them may stand in the sources."""
    out_of_scope: str | None = None
    """The answer or label that means: not our business."""
    meaning: Literal["auto", "on", "off"] = "auto"
    """Compare rows by meaning, with an encoder: `auto` where it is on this machine and the rows are not too many."""
    encoder: str = DEFAULT_EMBEDDER
    base: str | None = None
    """A base model to measure usefulness with; None: usefulness is not examined."""
    seed: int = 0
    review: str | None = None
    """File that receives the rows a person has to look at, relative to `root`."""
    report: str | None = None
    """File that receives the HTML report, relative to `root`."""


class Mending(Noun):
    """A checkup, and what is to be done about what it finds; or a number of rows, and the most useful ones are kept as they are."""

    checkup: Checkup
    select: Annotated[int, Field(ge=1)] | None = None
    """Keep so many rows and mend nothing; None: mend."""
    decisions: Decisions = Decisions()
    reviewed: str | None = None
    """The edited review file, relative to the checkup's root."""
    out: str | None = None
    """Folder for the files; None: beside each file, as NAME.mended.SUFFIX or NAME.selected.SUFFIX."""
    force: bool = False
    """Write over files that are there already and that were not made by the same decisions."""
    forget: bool = False
    """Erase the originals of redacted and dropped rows from the store: from earlier versions, and from everything that was made of them."""
