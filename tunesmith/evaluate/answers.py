"""The folders of an evaluation and of the answers that it marks → their rows; finished parts of a work → resume points. Without torch."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from tunesmith.spec.noun import Noun
from tunesmith.spec.report import Predicted, Scored
from tunesmith.store.disk import disk_faults, write_json

N = TypeVar("N", bound=Noun)
ANSWERS = "answers.jsonl"
"""Marked: of an evaluation."""
PREDICTIONS = "predictions.jsonl"
"""As they were given."""


def read_answers(folder: Path) -> list[Scored]:
    """The scored rows of an evaluation artifact."""
    with (folder / ANSWERS).open(encoding="utf-8") as file:
        return [Scored.model_validate_json(line) for line in file]


def read_predictions(folder: Path) -> list[Predicted]:
    """What was said to each row, in their order."""
    with (folder / PREDICTIONS).open(encoding="utf-8") as file:
        return [Predicted.model_validate_json(line) for line in file]


def found_part(path: Path, noun: type[N]) -> N | None:
    """The finished part of a work that an earlier process left at `path`; None where there is none that can be read."""
    try:
        return noun.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def keep_part(path: Path, part: Noun) -> None:
    """Leave a finished part; it is on the disk when this returns, and never half of it.

    Raises: StoreUnusable on a full or read-only disk.
    """
    with disk_faults(path):
        write_json(path, part.model_dump(mode="json"))
