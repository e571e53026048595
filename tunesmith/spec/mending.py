"""What a person decided about findings or rows, and the data that came of it: a new version with its parent, its diff, and a reason for every row."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tunesmith.spec.finding import Exhibit
from tunesmith.spec.noun import Noun

ActionName = Literal["drop", "repair", "rename", "redact", "answer"]
"""`repair`: text mended. `rename`: a label's spelling. `redact`: placeholders for personal data. `answer`: another answer, from the review file."""


class Decisions(Noun):
    """What is to be done beyond the fixes that need no decision."""

    personal: Literal["ask", "redact", "drop", "keep"] = "ask"
    """Rows with personal data or secrets: put placeholders there, drop the rows, or keep them as they are; `ask` stops where there are some."""
    contradictions: Literal["review", "proposed", "drop"] = "review"
    """Rows that contradict one another: wait for a person, take the majority (else the newest), or drop all of them."""
    drop: tuple[str, ...] = ()
    """Kinds of findings whose rows are dropped."""
    skip: tuple[str, ...] = ()
    """Kinds of findings that are left as they are."""


class Done(Noun):
    """One thing that was done to a row."""

    action: ActionName
    reason: str
    """The finding's kind, or `review`."""
    detail: str = ""
    """What it repeats, which kinds of data were masked, the spelling or answer before and now: never a masked value."""


class Change(Noun):
    """One line of a version's diff.jsonl: a row that is not as it was."""

    file: str
    line: int
    """In the parent's file, 1-based."""
    became: int | None
    """Row number in the mended file, from 1; None: it was dropped."""
    done: tuple[Done, ...]


class MendedFile(Noun):
    """One file of a version."""

    stored: str
    """Its name in the artifact."""
    sha256: str
    read_sha256: str
    """Of the file that was read."""
    rows_read: int
    rows_written: int
    dropped: dict[str, int] = {}
    """Reason → rows."""
    changed: dict[str, int] = {}
    """Reason → rows that were changed and kept."""
    note: str = ""
    """What is different about the file itself: its encoding, its layout."""


class GaveUp(Noun):
    """What a selection of rows leaves out: what is said of the others, for whoever has to answer for it."""

    kept: int
    of: int
    """Different rows that could be used."""
    by: Literal["labels", "topics"]
    """What `lost` and `halved` are: labels get the same number of rows each, as far as they have them; topics are only counted."""
    lost: tuple[str, ...]
    """None of their rows is kept."""
    halved: tuple[str, ...]
    """Their share of the rows is less than half of what it was, the most reduced first."""
    mean_distance: float
    """Of the rows left out from the nearest one that is kept: 1 - cosine of their questions, on average."""
    worst_distance: float
    farthest: tuple[Exhibit, ...]
    """Rows left out that nothing kept is near to, the farthest first."""
    worth: str
    """What made a row worth more than another one, and on how many rows it was measured."""
    personal: dict[str, int] = {}
    """Kind of personal data → rows that are kept and have some: a selection mends nothing."""


class Version(Noun):
    """The manifest of one version of a person's data; the files stand beside it, with diff.jsonl for all but the first."""

    title: str
    number: Annotated[int, Field(ge=0)]
    """0: the files as they came."""
    files: dict[str, MendedFile]
    """File as named by the user → what became of it."""
    examination: str | None = None
    """Name of the examination that was acted upon."""
    decisions: Decisions | None = None
    accepted: dict[str, int] = {}
    """Kind of personal data that was kept by decision → rows."""
    gave_up: GaveUp | None = None
    """Of a selection: what became of the rows that are not in it."""
