"""Doors start light: what a fresh process loads for a module of a door."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tunesmith

ROOT = Path(tunesmith.__file__).parents[1]
CLI = sorted(p.stem for p in (Path(tunesmith.__file__).parent / "cli").glob("*.py") if p.stem != "__init__")
HEAVY = {"torch", "transformers", "peft", "sklearn", "scipy", "sacrebleu", "huggingface_hub"}
HELP_ONLY = HEAVY | {"pydantic", "sqlalchemy", "alembic", "pyarrow", "numpy", "jinja2"}


def loaded(code: str) -> set[str]:
    """First-level modules that a fresh process has after running `code`."""
    shown = subprocess.run(
        [sys.executable, "-c", code + "\nimport sys; print(*{m.split('.')[0] for m in sys.modules}, file=sys.stderr)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return set(shown.stderr.split())


def test_all_modules_of_the_door_start_without_the_weight_of_the_line():
    assert set() == loaded("\n".join(f"import tunesmith.cli.{name}" for name in CLI)) & HEAVY


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]], ids=str)
def test_the_first_help_loads_the_parser_and_nothing_else(arguments):
    assert set() == loaded(f"from tunesmith.cli.main import main; main({arguments!r})") & HELP_ONLY
