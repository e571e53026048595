"""CSV, TSV or Parquet → rows (dictionaries) with the physical line they begin on.

A quoted field may run over several lines: the csv module counts the lines it has taken, so a row begins one line after the
count before it was read. Parquet has no lines; its rows are numbered from 1.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tunesmith.data.sources.fault import FIXES, RowFault
from tunesmith.data.sources.json_rows import Row
from tunesmith.data.sources.lines import MAX_LINE_CHARACTERS, Line, Position, has_surrogate, read_lines
from tunesmith.errors import BadData, excerpt

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
MAX_ROW_LINES = 5_000
PARQUET_BATCH_ROWS = 512

csv.field_size_limit(MAX_LINE_CHARACTERS)  # the module's own limit, 131,072, is below what a row may hold here


class _Feed:
    """Lines for the csv module, with a bound on how many one row may take: an open quote would swallow the rest of the file."""

    def __init__(self, lines: Iterator[Line], where: str, delimiter: str) -> None:
        self.delimiter = delimiter
        self.lines, self.where = lines, where
        self.row_line = 1
        self.row: list[str] = []
        """The lines of the row that is being read."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self.lines)
        self.row.append(line.text)
        if line.fault == "too_long":
            raise BadData(
                f"a line is longer than {MAX_LINE_CHARACTERS:,} characters", where=f"{self.where} line {line.number}", fix="is this file a table?"
            )
        if len(self.row) > MAX_ROW_LINES:
            raise BadData(
                f"a quote opened on this line is not closed within {MAX_ROW_LINES:,} lines",
                where=f"{self.where} line {self.opened()}",
                expected='quotes in pairs; inside a quoted field write "" for "',
                fix="close the quote",
            )
        return line.text

    def opened(self) -> int:
        """The line on which the quote opened that swallowed the end of this row."""
        return self.row_line + last_opening(self.row, self.delimiter)


def csv_rows(path: Path, codec: str, where: str, delimiter: str, position: Position | None = None) -> Iterator[Row]:
    """One row per record after the header, as {column: text}; blank lines are skipped.

    Raises: BadData for a header that cannot be used.
    """
    feed = _Feed(read_lines(path, codec, where, position), where, delimiter)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        feed.row_line, feed.row = line, []
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield line, RowFault("bad_quotes", quoting_fault(str(error), feed.opened(), reader.line_num))
            continue
        if cells is None:
            return
        if not cells or (len(cells) == 1 and not cells[0].strip()):
            continue
        if header is None:
            header = checked_header(cells, f"{where} line {line}")
        else:
            yield line, _row(header, cells, _taken_by(feed.opened(), reader.line_num) if len(cells) != len(header) else "")


def last_opening(lines: list[str], delimiter: str) -> int:
    """How many lines into a row the quote opened that is never closed, or closed in front of text, or else the last one that opened.

    >>> last_opening(['"a', 'b",c,"d', 'e,f'], ",")
    1
    """
    opened, inside, at_start = 0, False, True
    for number, line in enumerate(lines):
        i = 0
        while i < len(line):
            c = line[i]
            if inside and c == '"':
                if line[i + 1 : i + 2] == '"':
                    i += 1
                elif line[i + 1 : i + 2] not in ("", delimiter, "\r", "\n"):
                    return opened
                else:
                    inside = False
            elif not inside and c == '"' and at_start:
                inside, opened = True, number
            at_start = not inside and c in (delimiter, "\r", "\n")
            i += 1
    return opened


def swallowed(opened: int, last: int, quote: str = "it") -> str:
    """How many lines a quote took with it; nothing where it took none.

    >>> swallowed(32, 62)
    '; it swallowed the 30 lines after it, up to line 62'
    """
    if last <= opened:
        return ""
    count = last - opened
    return f"; {quote} swallowed the {f'{count:,} lines' if count > 1 else 'line'} after it, up to line {last}"


def _taken_by(opened: int, last: int) -> str:
    return swallowed(opened, last, f"the quote opened on line {opened}")


def quoting_fault(error: str, opened: int, last: int) -> str:
    """What the csv module meant, in the words of the file."""
    fix = FIXES["bad_quotes"]
    if "unexpected end" in error:
        return f"a quote opened on line {opened} is never closed{swallowed(opened, last)}; fix: {fix}"
    if "expected after" in error:
        if last > opened:
            return f"a quote opened on line {opened} is closed only on line {last}, in front of text{swallowed(opened, last)}; fix: {fix}"
        return 'text follows a closing quote; fix: write "" for a quote inside a quoted field'
    return f"cannot be read as a row: {error}{swallowed(opened, last)}"


def checked_header(cells: list[str], where: str) -> list[str]:
    """The column names, stripped.

    Raises: BadData if a name stands twice or cannot be read.
    """
    names = [cell.strip().lstrip("\ufeff") for cell in cells]
    undecoded = next((name for name in names if has_surrogate(name)), None)
    if undecoded is not None:
        fix = "mend the name, or change --encoding, or `encoding` in the project"
        raise BadData("a column name holds bytes that are not UTF-8", where=where, got=excerpt(undecoded), expected="UTF-8", fix=fix)
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise BadData(
            f"the column {excerpt(twice[0])} stands twice in the header",
            where=where,
            got=", ".join(map(excerpt, names[:20])),
            expected="each name once",
            fix="rename one",
        )
    return names


def _row(header: list[str], cells: list[str], swallowed: str) -> dict[str, Any] | RowFault:
    if len(cells) != len(header):
        values = ", ".join(excerpt(cell, 30) for cell in cells[:6]) + (" …" if len(cells) > 6 else "")
        hint = "quote the field that holds the delimiter" if len(cells) > len(header) else "add the missing cells"
        hint = FIXES["bad_quotes"] if swallowed else hint
        return RowFault(
            "ragged_row",
            f"has {len(cells)} cells where the header has {len(header)} ({', '.join(map(excerpt, header[:6]))}): {values}{swallowed}; fix: {hint}",
        )
    bad = next((cell for cell in cells if not cell.isascii() and has_surrogate(cell)), None)
    if bad is not None:
        return RowFault("encoding", f"holds bytes that are not UTF-8, in {excerpt(bad)}")
    return dict(zip(header, cells, strict=True))


def likely_delimiter(sample: list[str]) -> tuple[str, str] | None:
    """(delimiter, why) for the first lines of a table; None if no delimiter gives at least two columns throughout."""
    best: tuple[float, int, str] | None = None
    for delimiter in DELIMITERS:
        try:
            rows = [row for row in csv.reader(sample, delimiter=delimiter) if row]
            rows = rows[:-1] if len(rows) > 2 else rows  # the sample may end inside a quoted field
        except csv.Error:
            continue
        if not rows or len(rows[0]) < 2:
            continue
        fitting = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
        if best is None or (fitting, len(rows[0])) > best[:2]:
            best = (fitting, len(rows[0]), delimiter)
    if best is None or best[0] < 0.5:
        return None
    fitting, columns, delimiter = best
    return delimiter, f"{DELIMITERS[delimiter]} gives {columns} columns in {fitting:.0%} of the first {len(sample)} lines"


def parquet_rows(path: Path, where: str, position: Position | None = None) -> Iterator[Row]:
    """One row per row, decoded a batch at a time.

    Raises: BadData if the file is not Parquet or is damaged.
    """
    at = position or Position()
    try:
        with pq.ParquetFile(path) as file:
            at.total, at.unit = file.metadata.num_rows, "rows"
            number = 0
            for batch in file.iter_batches(batch_size=PARQUET_BATCH_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
                at.done = number
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:  # the last two: texts that are not UTF-8, days that are none
        raise BadData("is not a Parquet file that can be read", where=where, got=excerpt(str(error), 120), fix="write the file again") from None


def parquet_columns(path: Path, where: str) -> list[str]:
    """The top-level column names of a Parquet file.

    Raises: BadData if the file is not Parquet or is damaged.
    """
    try:
        return [str(name) for name in pq.read_schema(path).names]
    except (pa.ArrowException, OSError) as error:
        raise BadData("is not a Parquet file that can be read", where=where, got=excerpt(str(error), 120), fix="write the file again") from None
