"""The files as they were read, and a plan → the mended files in the layout they had, with a diff that names every row that is not as it was."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from tunesmith.data.intake import ROWS_PER_LOOK, look
from tunesmith.data.mend.plan import Plan as Mending
from tunesmith.data.mend.plan import Step
from tunesmith.data.mend.row import answer_place, mended
from tunesmith.data.personal.redact import Placeholders
from tunesmith.data.sources.detection import raw_rows
from tunesmith.data.sources.fault import RowFault
from tunesmith.data.sources.reading import Plan, Position
from tunesmith.errors import BadData, Problem
from tunesmith.spec.job import Monitor
from tunesmith.spec.mending import Change, Done, MendedFile
from tunesmith.store.disk import file_digest

SUFFIXES = {"jsonl": ".jsonl", "json": ".json", "parquet": ".jsonl"}
ANSWER_BY_HAND = "write the answer into the file yourself, or decide keep or drop"


def stored_name(settled: Plan, number: int) -> str:
    """The name that the mended file has in its version.

    Rows of Parquet become lines of JSON: a mended row need not fit the old columns' types.
    """
    suffix = settled.path.suffix if settled.shape.layout == "csv" and settled.path.suffix else SUFFIXES.get(settled.shape.layout, ".csv")
    return f"{number}-{settled.path.stem}{suffix}"


def write_mended(settled: Plan, number: int, mending: Mending, folder: Path, diff: BinaryIO, book: Placeholders, monitor: Monitor) -> MendedFile:
    """Write one mended file into `folder` and its changes to `diff`. Every row that was read is in the one or told by the other.

    Raises: BadData if the file cannot be read, or for reviewed rows whose answer cannot be replaced; Interrupted.
    """
    name, file = stored_name(settled, number), settled.source.file
    dropped: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    position, read = Position(), 0
    unanswerable: list[Problem] = []
    with (folder / name).open("wb") as out:
        writer = Writer(out, settled)
        for line, row in raw_rows(settled.path, settled.shape, file, position):
            read += 1
            if read % ROWS_PER_LOOK == 0:
                look(monitor, f"mending {file}", position.done, position.total, position.unit)
            steps = mending.of(file, line)
            if isinstance(row, RowFault):
                steps = [step for step in steps if step.action == "drop"] or [Step("drop", f"unusable_{row.reason}")]
            if steps and steps[0].action == "drop":
                dropped[steps[0].reason] += 1
                tell(diff, Change(file=file, line=line, became=None, done=(Done(action="drop", reason=steps[0].reason, detail=steps[0].detail),)))
                continue
            assert not isinstance(row, RowFault)
            if any(step.action == "answer" for step in steps) and answer_place(row, settled.source) is None:
                unanswerable.append(Problem("has no single text as its answer that could be replaced", f"{file} line {line}", fix=ANSWER_BY_HAND))
            made, done = mended(row, steps, settled.source, mending.renames.get(file, {}), book) if steps else (row, [])
            writer.write(made)
            if done:
                changed.update(dict.fromkeys((one.reason for one in done), 1))
                tell(diff, Change(file=file, line=line, became=writer.rows, done=tuple(done)))
        writer.finish()
    if unanswerable:
        raise BadData("not every answer of the review can be put in its place", problems=unanswerable)
    assert read == writer.rows + sum(dropped.values()), "a row was lost or counted twice"
    return MendedFile(
        stored=name,
        sha256=file_digest(folder / name),
        read_sha256=file_digest(settled.path),
        rows_read=read,
        rows_written=writer.rows,
        dropped=dict(dropped.most_common()),
        changed=dict(changed.most_common()),
        note=note(settled),
    )


def note(settled: Plan) -> str:
    """What is different about the file itself."""
    if settled.shape.layout == "parquet":
        return "was Parquet, is lines of JSON"
    return "" if settled.shape.codec.lower().replace("-", "").replace("_", "") in ("utf8", "ascii", "") else f"was {settled.shape.codec}, is UTF-8"


def tell(diff: BinaryIO, change: Change) -> None:
    """One more line of the diff."""
    diff.write(change.model_dump_json(exclude_defaults=True).encode() + b"\n")


class Writer:
    """Rows into a file of the layout that they came from."""

    def __init__(self, out: BinaryIO, settled: Plan) -> None:
        self.rows = 0
        self._out, self._layout, self._delimiter = out, settled.shape.layout, settled.shape.delimiter or ","
        self._columns: list[str] | None = None
        if self._layout == "json":
            out.write(b"[")

    def write(self, row: Mapping[str, Any]) -> None:
        """One more row."""
        if self._layout == "csv":
            if self._columns is None:
                self._columns = list(row)
                self._out.write(self._csv(self._columns))
            self._out.write(self._csv(["" if row.get(name) is None else str(row[name]) for name in self._columns]))
        else:
            text = json.dumps(finite(row), ensure_ascii=False, default=str).encode("utf-8", "surrogatepass")
            if self._layout == "json":
                self._out.write((b",\n" if self.rows else b"\n") + text)
            else:
                self._out.write(text + b"\n")
        self.rows += 1

    def _csv(self, cells: list[str]) -> bytes:
        line = io.StringIO()
        csv.writer(line, delimiter=self._delimiter).writerow(cells)  # a cell with a mark of its line end (CR LF) in it is quoted
        return line.getvalue().removesuffix("\r\n").encode("utf-8", "surrogatepass") + b"\n"

    def finish(self) -> None:
        """Write what stands after the last row."""
        if self._layout == "json":
            self._out.write(b"\n]\n")


def finite(value: Any) -> Any:
    """`value` as JSON can hold it: numbers that are none, as Parquet has them for empty cells, become null, and infinite ones text.

    >>> finite({"a": [float("nan"), float("-inf"), 1.5]})
    {'a': [None, '-inf', 1.5]}
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, dict):
        return {name: finite(part) for name, part in value.items()}
    return [finite(part) for part in value] if isinstance(value, list) else value
