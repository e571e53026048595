"""A fuzzed file → what the data doctor makes of it, with what must hold for every file whatever is in it.

Nothing but a TunesmithError may come out. Every row that was read is in the mended file or told by the diff with a reason that a finding gave it; rows that
the diff does not name are, read again from the mended file, what they were.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from tests.data.fuzzed import Fuzzed
from tunesmith.data.examine.run import PAGE, REVIEW, Question, Tools, examine
from tunesmith.data.intake import plans
from tunesmith.data.mend.plan import plan
from tunesmith.data.mend.run import DIFF, mend
from tunesmith.data.sources.detection import raw_rows
from tunesmith.data.sources.fault import RowFault
from tunesmith.data.sources.reading import Plan, read_plan
from tunesmith.errors import TunesmithError
from tunesmith.spec.dataset import Record, Source
from tunesmith.spec.finding import Examination
from tunesmith.spec.job import Silent
from tunesmith.spec.mending import Change, Decisions, Version

Fate = Literal["refused", "examined", "mended"]
"""`refused`: as a whole, with what is wrong. `examined`: and every row came through as it was. `mended`: rows were changed or left out, each told."""


def fate_of(root: Path, file: Fuzzed) -> tuple[Fate, int]:
    """(what became of the file, its rows), in the empty folder `root`.

    Raises: AssertionError if a row was lost or changed untold; anything else that is not a TunesmithError is a crash.
    """
    (root / file.name).write_bytes(file.data)
    try:
        settled = plans([Source(file=file.name, encoding=file.encoding)], root)
        (root / "found").mkdir()
        found = examine(Question(tuple(settled)), root / "found", root / "scratch", Tools(why_not="fuzzing"), Silent())
    except TunesmithError as refusal:
        told(refusal)
        return "refused", 0
    assert (root / file.name).read_bytes() == file.data, "the file was changed"
    raw = list(raw_rows(settled[0].path, settled[0].shape, file.name))
    every_row_is_accounted_for(found, settled[0], raw)
    whole(found, root / "found")
    (root / "mended").mkdir()
    decisions = Decisions(personal="redact", contradictions="proposed")
    version = mend(settled, plan(found, decisions), ("examination", found), decisions, root / "mended", Silent())
    changes = [Change.model_validate_json(line) for line in (root / "mended" / DIFF).read_bytes().splitlines()]
    nothing_is_lost(found, version, changes, raw)
    the_rest_is_as_it_was(root / "mended", settled[0], version, changes, raw)
    return ("mended" if changes else "examined"), len(raw)


def told(refusal: TunesmithError) -> None:
    """A refusal says something, for people and for programs."""
    assert all(problem.message for problem in refusal.problems)
    json.dumps(refusal.to_json()).encode()
    str(refusal).encode()


def every_row_is_accounted_for(found: Examination, settled: Plan, raw: Sequence[tuple[int, Any]]) -> None:
    """Rows read = rows that can be used + rows reported as unusable, by two ways of reading."""
    read = list(read_plan(settled))
    assert found.rows == {settled.source.file: len(raw)}
    assert [line for line, _ in raw] == [row.origin.line for row in read]
    unusable = Counter(line for one in found.findings if one.kind.startswith("unusable_") for line in one.lines)
    refused = Counter(row.origin.line for row in read if not isinstance(row, Record))
    assert refused <= unusable, "a row that cannot be read is not reported"
    assert unusable <= Counter(line for line, _ in raw), "a row is reported that is not there"


def whole(found: Examination, folder: Path) -> None:
    """What was found can be kept, read again and shown."""
    assert Examination.model_validate_json(found.model_dump_json()) == found
    assert (folder / PAGE).read_text(encoding="utf-8").rstrip().endswith("</html>")
    for line in (folder / REVIEW).read_bytes().splitlines():
        assert json.loads(line)["line"]


def nothing_is_lost(found: Examination, version: Version, changes: Sequence[Change], raw: Sequence[tuple[int, Any]]) -> None:
    """Rows in = rows out + rows told; every row that is gone is gone for a reason that a finding gave, and no finding takes more rows than it names."""
    (file,) = version.files.values()
    assert file.rows_read == len(raw) == file.rows_written + sum(file.dropped.values())
    gone = [(change.line, change.done[0].reason) for change in changes if change.became is None]
    assert Counter(reason for _, reason in gone) == Counter(file.dropped)
    named = Counter({(line, one.kind): count for one in found.findings for line, count in Counter(one.lines).items()})
    assert Counter(gone) <= named, "a row is gone that no finding named"
    kept = [change.became for change in changes if change.became is not None]
    assert kept == sorted(set(kept))


def the_rest_is_as_it_was(folder: Path, settled: Plan, version: Version, changes: Sequence[Change], raw: Sequence[tuple[int, Any]]) -> None:
    """The mended file, read again, holds the rows that are left in their order; those that the diff does not name are equal to what they were."""
    (file,) = version.files.values()
    layout = "jsonl" if settled.shape.layout == "parquet" else settled.shape.layout
    again = [row for _, row in raw_rows(folder / file.stored, replace(settled.shape, layout=layout, codec="utf-8"), file.stored)]
    gone = Counter(change.line for change in changes if change.became is None)
    left = []
    for line, row in raw:
        if gone[line]:
            gone[line] -= 1
        else:
            left.append(row)
    assert len(again) == len(left) == file.rows_written
    changed = {change.became for change in changes}
    for number, (before, after) in enumerate(zip(left, again, strict=True), 1):
        assert isinstance(after, dict), f"row {number} of the mended file cannot be read: {after}"
        assert not isinstance(before, RowFault)
        assert list(after) == list(before) or number in changed
        if number not in changed:
            assert plain(after) == plain(before), f"row {number} is not what it was, and the diff does not say so"


def plain(row: dict[str, Any]) -> Any:
    """A row as JSON has it; a number that is none (Parquet's empty cell) is null."""
    return json.loads(json.dumps(row, default=str), parse_constant=lambda name: None)
