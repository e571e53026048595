"""Findings that need a person → a file to edit in any tool, CSV or JSON lines; the edited file → decisions about rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tunesmith.data.mend.plan import Reviewed
from tunesmith.data.sources.detection import raw_rows, shape_of
from tunesmith.data.sources.fault import RowFault
from tunesmith.errors import BadData, Problem, excerpt
from tunesmith.spec.finding import Examination

COLUMNS = ("decision", "new_answer", "suggestion", "kind", "score", "file", "line", "question", "answer", "note")
DECISIONS = ("keep", "drop", "answer")
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would run what begins with one of these."""


def write_review(rows: Iterable[Mapping[str, Any]], path: Path) -> int:
    """Write the review file; CSV if it is called so, else JSON lines. How many rows it has.

    Raises: OSError if it cannot be written.
    """
    is_table = path.suffix.lower() == ".csv"
    count = 0
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_table:
            writer.writerow(COLUMNS)
        for row in rows:
            count += 1
            whole = {"decision": "", "new_answer": "", **row}
            if is_table:
                writer.writerow([tame(whole.get(name)) for name in COLUMNS])
            else:
                file.write(json.dumps({name: whole.get(name) for name in COLUMNS}, ensure_ascii=False) + "\n")
    fresh.replace(path)
    return count


def is_untouched(path: Path) -> bool:
    """True for a review file in which nobody has decided anything yet, and for an empty file."""
    if path.is_file() and not path.stat().st_size:
        return True
    try:
        shape = shape_of(path, None, None, "table" if path.suffix.lower() == ".csv" else None, path.name)
        rows = [row for _, row in raw_rows(path, shape, path.name)] if shape.layout != "plain" else [RowFault("bad_row", "is text")]
    except BadData:
        return False
    if not rows:
        return path.read_bytes().strip() == ",".join(COLUMNS).encode()
    return all(not isinstance(row, RowFault) and set(row) == set(COLUMNS) and not (row["decision"] or row["new_answer"]) for row in rows)


def tame(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula.

    >>> tame("=1+1"), tame(None), tame("card_lost")
    ("'=1+1", '', 'card_lost')
    """
    text = "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"'{text}" if text.startswith(FORMULAS) else text


def untamed(text: str) -> str:
    """What stood in the cell before `tame`."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULAS) else text


def read_review(path: Path, where: str, found: Examination) -> list[Reviewed]:
    """What a person decided in a review file; rows without a decision are left out.

    Raises: BadData with every row that cannot be understood.
    """
    shape = shape_of(path, None, None, "table" if path.suffix.lower() == ".csv" else None, where)
    if shape.layout == "plain":
        raise BadData("is no review file", where=where, got="plain text", expected="the file that `tunesmith data check --review` wrote, edited")
    problems: list[Problem] = []
    decided: list[Reviewed] = []
    for line, row in raw_rows(path, shape, where):
        if isinstance(row, RowFault):
            problems.append(Problem(str(row), f"{where} line {line}"))
            continue
        try:
            one = _one(row, f"{where} line {line}", found.files)
        except BadData as error:
            problems += error.problems
            continue
        if one is not None:
            decided.append(one)
    problems += list(_twice(decided))
    if problems:
        raise BadData("the review file cannot be used as it is", problems=problems)
    return decided


def _one(row: Mapping[str, Any], where: str, known: Collection[str]) -> Reviewed | None:
    """The decision of one row.

    Raises: BadData.
    """
    missing = [name for name in ("decision", "file", "line") if name not in row]
    if missing:
        raise BadData(f"has no column {' and no column '.join(missing)}", where=where, expected="the columns of the review file as it was written")
    decision = str(row["decision"] or "").strip().lower()
    if not decision:
        return None
    if decision not in DECISIONS:
        raise BadData("is no decision", where=where, got=excerpt(decision), expected="keep, drop, answer, or nothing", fix="correct the cell")
    file, line = str(row["file"]), str(row["line"]).strip()
    if file not in known or not line.isdecimal():
        raise BadData(
            "names no row that was examined",
            where=where,
            got=f"{excerpt(file)} line {excerpt(line)}",
            fix="leave `file` and `line` as they were written",
        )
    answer = untamed(str(row.get("new_answer") or "").strip()) or untamed(str(row.get("suggestion") or "").strip())
    if decision == "answer" and not answer:
        raise BadData(
            "has no answer to put there", where=where, expected="text under `new_answer`, or a suggestion", fix="write it under `new_answer`"
        )
    return Reviewed(file, int(line), decision, answer if decision == "answer" else "", where, untamed(str(row.get("question") or "")))


def _twice(decided: list[Reviewed]) -> Iterator[Problem]:
    """Rows about which two different things were decided."""
    first: dict[tuple[str, int], Reviewed] = {}
    for one in decided:
        other = first.setdefault((one.file, one.line), one)
        if (other.decision, other.answer) != (one.decision, one.answer):
            yield Problem(
                "decides otherwise about a row than an earlier line does",
                one.where,
                one.decision,
                f"{other.decision}, as in {other.where}",
                "leave one of the two",
            )


def review_rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """The rows that an examination asks about."""
    with path.open(encoding="utf-8", errors="surrogatepass") as lines:
        for line in lines:
            yield json.loads(line)
