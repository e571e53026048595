"""Public data sets, as their authors publish them → rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Row(NamedTuple):
    """A question and its answer or label."""

    question: str
    answer: str


class Known(NamedTuple):
    """A public data set."""

    name: str
    train: list[Row]
    test: list[Row]
    """Empty: its authors publish none."""
    has_labels: bool
    dev: Sequence[Row] = ()
    """Empty: its authors publish none."""


def banking77(folder: Path) -> Known:
    """BANKING77 (CC BY 4.0): 10,003 and 3,080 rows."""
    return Known("BANKING77", *([Row(row["text"], row["category"]) for row in table(folder / f"{split}.csv")] for split in ("train", "test")), True)


def gsm8k(folder: Path) -> Known:
    """GSM8K (MIT): 7,473 and 1,319 rows."""
    return Known("GSM8K", *([Row(row["question"], row["answer"]) for row in lines(folder / f"{split}.jsonl")] for split in ("train", "test")), False)


def clinc150(path: Path) -> Known:
    """CLINC150 (CC BY 3.0): 15,000, 4,500 and (dev) 3,000 rows, without those that are out of scope; `path` is its data_full.json."""
    found = json.loads(path.read_text(encoding="utf-8"))
    train, test, dev = ([Row(text, intent) for text, intent in found[split]] for split in ("train", "test", "val"))
    return Known("CLINC150", train, test, True, dev)


def numbered(rows: Sequence[Row]) -> tuple[list[str], NDArray[np.int64], list[str]]:
    """(questions, numbers of their labels, names of the labels)."""
    names = sorted({row.answer for row in rows})
    place_of = {name: i for i, name in enumerate(names)}
    return [row.question for row in rows], np.array([place_of[row.answer] for row in rows]), names


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
