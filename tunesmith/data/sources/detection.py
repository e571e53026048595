"""A file → its format, its columns and what they seem to be, each with the reason; nothing is guessed in silence."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tunesmith.data.sources.columns import Guess, guess_columns
from tunesmith.data.sources.json_rows import Row, json_array, json_lines
from tunesmith.data.sources.lines import Position, check_file, read_lines, text_encoding
from tunesmith.data.sources.rows import VERDICTS
from tunesmith.data.sources.tables import csv_rows, likely_delimiter, parquet_columns, parquet_rows
from tunesmith.errors import BadData, Problem, excerpt
from tunesmith.spec.dataset import FormatName

Layout = Literal["jsonl", "json", "csv", "parquet", "plain"]
SAMPLE_ROWS = 500
COUNTED_ROWS = 1_000
"""So far rows are counted: where there are more, the usual shares hold enough of them out."""
SAMPLE_LINES = 50
TABLE_SUFFIXES = {".csv", ".tsv", ".tab"}
MARKDOWN_SUFFIXES = {".md", ".markdown", ".mdown"}
BESIDE_A_TEXT = {"group", "how", "source", "details", "id", "meta", "metadata", "url", "title", "date", "timestamp"}
"""Keys that a document may have beside its text and that nobody asks for."""


@dataclass(frozen=True)
class Shape:
    """How a file holds its rows, before anybody asks what they mean."""

    layout: Layout
    codec: str
    delimiter: str | None
    reason: str


@dataclass(frozen=True)
class Detection:
    """What a file seems to be. `problems` is empty if it can be used as it is."""

    file: Path
    shape: Shape | None
    format: FormatName | None
    reason: str
    columns: tuple[str, ...] = ()
    input: Guess | None = None
    output: Guess | None = None
    label: Guess | None = None
    group: Guess | None = None
    rows_seen: int = 0
    """Rows that were looked at: the start of the file."""
    rows: int | None = None
    """In the whole file; None: more than a thousand, or it cannot be read to its end."""
    labels: tuple[str, ...] = ()
    """Under the label's column, among the rows that were looked at."""
    sample: tuple[dict[str, Any], ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def delimiter(self) -> str | None:
        """Of a table with separated values."""
        return self.shape.delimiter if self.shape else None


def detect(
    path: Path, *, encoding: str | None = None, delimiter: str | None = None, as_format: FormatName | None = None, where: str | None = None
) -> Detection:
    """What the file at `path` is, by looking at its start; `as_format` is what the user says it is.

    Faults are returned as `problems`, never raised.
    """
    name = where or path.name
    try:
        found = shape_of(path, encoding, delimiter, as_format, name)
        if found.layout == "plain":
            format_: FormatName = "markdown" if path.suffix.lower() in MARKDOWN_SUFFIXES or "headings" in found.reason else "text"
            return Detection(path, found, format_, found.reason)
        every = (row for _, row in raw_rows(path, found, name) if isinstance(row, dict))
        sample = list(itertools.islice(every, SAMPLE_ROWS))
        if not sample:
            fault = next((row for _, row in raw_rows(path, found, name)), None)
            message = (
                f"no row can be read; the first one {fault}" if fault else "has a header but no rows" if found.layout == "csv" else "has no rows"
            )
            raise BadData(message, where=name, expected="at least one row", fix="check how the file was exported")
        return replace(interpret(path, found, sample, name), rows=counted(every, len(sample)))
    except BadData as error:
        return Detection(path, None, None, error.message, problems=error.problems)


def shape_of(path: Path, encoding: str | None, delimiter: str | None, as_format: FormatName | None, where: str) -> Shape:
    """How the file holds its rows, by its first bytes and lines.

    Raises: BadData if it cannot be read at all.
    """
    check_file(path, where)
    with path.open("rb") as file:
        magic = file.read(4)
    is_text = as_format in ("text", "markdown")
    if magic == b"PAR1" and not is_text:
        parquet_columns(path, where)
        return Shape("parquet", "", None, "begins with PAR1: Parquet")
    codec, _ = text_encoding(path, encoding, where)
    lines = [line.text for line in itertools.islice(read_lines(path, codec, where), SAMPLE_LINES)]
    first = next((line.strip() for line in lines if line.strip()), "")
    if not first:
        raise BadData("holds nothing but white space", where=where, expected="rows", fix="check how the file was exported")
    if is_text:
        return Shape("plain", codec, None, f"`format` is {as_format}")
    suffix = path.suffix.lower()
    if first.startswith("[") and suffix not in MARKDOWN_SUFFIXES | TABLE_SUFFIXES:
        return Shape("json", codec, None, "begins with `[`: a JSON array")
    if first.startswith("{") and suffix not in TABLE_SUFFIXES:
        if suffix == ".json" and not first.endswith("}"):
            message = "is one JSON object over several lines"
            raise BadData(
                message, where=where, got=excerpt(first), expected="a list of objects, or one object per line", fix="keep only the list: [ {…}, {…} ]"
            )
        return Shape("jsonl", codec, None, "begins with `{`: one JSON object per line")
    if delimiter is not None:
        return Shape("csv", codec, delimiter, f"`delimiter` is {excerpt(delimiter)}")
    if suffix in MARKDOWN_SUFFIXES and as_format is None:
        return Shape("plain", codec, None, f"named {suffix}: Markdown, cut at headings")
    likely = likely_delimiter(lines)
    if likely and (suffix in TABLE_SUFFIXES or as_format == "table" or suffix not in {".txt", ""} or likely[0] == "\t"):
        return Shape("csv", codec, *likely)
    if suffix in TABLE_SUFFIXES:
        return Shape("csv", codec, ",", f"named {suffix}, with one column")
    return Shape("plain", codec, None, "lines that are neither JSON nor a table: plain text, cut at blank lines")


def raw_rows(path: Path, shape: Shape, where: str, position: Position | None = None) -> Iterator[Row]:
    """(line, dictionary or fault) for every row of a file that holds rows."""
    match shape.layout:
        case "jsonl":
            return json_lines(path, shape.codec, where, position)
        case "json":
            return json_array(path, shape.codec, where, position)
        case "csv":
            return csv_rows(path, shape.codec, where, shape.delimiter or ",", position)
        case "parquet":
            return parquet_rows(path, where, position)
        case "plain":
            raise AssertionError("plain text has no rows")


def counted(rest: Iterator[dict[str, Any]], before: int) -> int | None:
    """How many rows there are, `before` of which were read; None where there are more than are counted, or something behind them cannot be read."""
    try:
        rows = before + sum(1 for _ in itertools.islice(rest, COUNTED_ROWS + 1 - before))
    except BadData:
        return None
    return rows if rows <= COUNTED_ROWS else None


def interpret(path: Path, shape: Shape, sample: list[dict[str, Any]], where: str) -> Detection:
    """What the rows mean, from the keys they have and what stands under them."""
    keys = list(dict.fromkeys(key for row in sample for key in row))
    found = known_format(set(keys), sample)
    if found is not None:
        return Detection(path, shape, found[0], f"{shape.reason}; {found[1]}", tuple(keys), rows_seen=len(sample), sample=tuple(sample[:20]))
    if shape.layout != "csv" and is_documents(keys, sample):
        reason = f"{shape.reason}; rows with `text` and nothing that answers it: documents, as for continued pre-training"
        text = Guess("text", "what each row holds")
        return Detection(path, shape, "text", reason, tuple(keys), input=text, rows_seen=len(sample), sample=tuple(sample[:20]))
    guesses = guess_columns(keys, sample)
    label = guesses.get("label")
    labels = {str(row[label.column]).strip() for row in sample if row.get(label.column) is not None} if label is not None else set()
    problems: tuple[Problem, ...] = ()
    if "input" not in guesses or not ({"output", "label"} & set(guesses)):
        got = ", ".join(excerpt(key, 30) for key in keys[:20])
        problems = (
            Problem(
                "no column looks like a question with its answer or label",
                where,
                got,
                "a column for the input, and one for the output or the label",
                '--input COLUMN and --label COLUMN (or --output); in a project: input = "…" and label = "…" for this source',
            ),
        )
    return Detection(
        path,
        shape,
        "table",
        f"{shape.reason}; columns {', '.join(excerpt(k, 30) for k in keys[:12])}",
        tuple(keys),
        input=guesses.get("input"),
        output=guesses.get("output"),
        label=label,
        group=guesses.get("group"),
        rows_seen=len(sample),
        labels=tuple(sorted(labels)),
        sample=tuple(sample[:20]),
        problems=problems,
    )


def is_documents(keys: list[str], sample: list[dict[str, Any]]) -> bool:
    """True if rows hold one text each, and beside it only what tells where it comes from."""
    return "text" in keys and set(keys) - {"text"} <= BESIDE_A_TEXT and all(isinstance(row.get("text"), str | None) for row in sample)


def known_format(keys: set[str], sample: list[dict[str, Any]]) -> tuple[FormatName, str] | None:
    """(format, why) for rows with these keys; None if they are a table whose columns need a meaning."""
    if keys & {"preferred_output", "preferred_completion"} or {"chosen", "rejected"} <= keys:
        return "preference", "rows with a preferred and a rejected answer"
    verdict = next((key for key in VERDICTS if any(isinstance(row.get(key), bool) for row in sample)), None)
    if verdict and ("messages" in keys or {"prompt", "completion"} <= keys):
        return "rated", f"rows with an answer and whether it was liked (`{verdict}`)"
    if "messages" in keys:
        return "chat", "rows with `messages`"
    if keys & {"conversations", "conversation"}:
        return "sharegpt", "rows with `conversations`"
    if {"instruction", "output"} <= keys:
        return "alpaca", "rows with `instruction` and `output`"
    if {"prompt", "completion"} <= keys:
        return "completion", "rows with `prompt` and `completion`"
    return None
