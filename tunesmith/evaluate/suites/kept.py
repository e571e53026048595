"""A folder with suites.json → the suites. Without torch: the report needs them, and no model."""

from __future__ import annotations

from pathlib import Path

from tunesmith.spec.suite import Suites

SUITES = "suites.json"


def read_suites(folder: Path) -> Suites | None:
    """The suites that lie in `folder`; None where there are none."""
    path = folder / SUITES
    return Suites.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else None
