"""Every benchmark can at least be loaded: what they take from the project and from one another is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_module_loads() -> None:
    names = sorted(f"bench.{path.stem}" for path in (ROOT / "bench").glob("*.py") if path.stem != "__init__")
    assert len(names) > 30
    script = f"import importlib\nfor name in {names!r}: importlib.import_module(name)"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
