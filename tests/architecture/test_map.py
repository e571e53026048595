"""docs/map.md names exactly the folders that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_map_names_every_folder_and_file_of_the_first_level():
    named = set(re.findall(r"^\| `(tunesmith/[a-z_.]+)` \|", (ROOT / "docs/map.md").read_text(), re.M))
    there = {f"tunesmith/{p.name}" for p in (ROOT / "tunesmith").iterdir() if (p.is_dir() and (p / "__init__.py").exists()) or p.suffix == ".py"}
    assert there - {"tunesmith/__init__.py", "tunesmith/__main__.py"} == named


def test_every_place_that_the_map_points_to_exists():
    pointed = re.findall(r"^\| `([a-z_]+/[a-z_./]+)`", (ROOT / "docs/map.md").read_text().split("## Where do I")[1], re.M)
    assert pointed
    assert [p for p in pointed if not (ROOT / "tunesmith" / p).exists() and not (ROOT / p).exists()] == []
