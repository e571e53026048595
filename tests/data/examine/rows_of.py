"""Rows written in a test → what the examination reads of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.ears import Ears
from tunesmith.data.examine.rows import Rows, read_rows_of
from tunesmith.data.intake import plans
from tunesmith.spec.dataset import Source


def table(path: Path, rows: list[tuple[str, str]], columns: tuple[str, str] = ("text", "label")) -> Source:
    """A CSV file with these rows; its source."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return Source(file=path.name, input=columns[0], **{("label" if columns[1] == "label" else "output"): columns[1]})


def chats(path: Path, rows: list[tuple[str, str]], system: str | None = None) -> Source:
    """A JSONL file with one conversation a row."""
    with path.open("w", encoding="utf-8") as file:
        for question, answer in rows:
            turns = [{"role": "system", "content": system}] if system else []
            file.write(json.dumps({"messages": [*turns, {"role": "user", "content": question}, {"role": "assistant", "content": answer}]}) + "\n")
    return Source(file=path.name)


def read(root: Path, *sources: Source) -> Rows:
    """What is read of these sources."""
    return read_rows_of(plans(sources, root), root / "scratch", Ears())
