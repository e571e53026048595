"""An evaluation's folder → its scored rows. Without torch: the report needs them, and no model."""

from __future__ import annotations

from pathlib import Path

from tunesmith.spec.report import Scored

ANSWERS = "answers.jsonl"


def read_answers(folder: Path) -> list[Scored]:
    """The scored rows of an evaluation artifact."""
    with (folder / ANSWERS).open(encoding="utf-8") as file:
        return [Scored.model_validate_json(line) for line in file]
