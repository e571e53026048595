"""Rows → what `tunesmith data check` says about them: the command itself, in a process and a store of its own; and the data sets that it is tried on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.readers import Known, Row, banking77, gsm8k, lines
from tunesmith.measure.statistics import wilson
from tunesmith.settings import settings


def python_faq(folder: Path, scratch: Path) -> Known:
    """The Python FAQ (PSF licence) as `tunesmith data make questions` makes rows of its nine documents."""
    documents = [str(path) for path in sorted(folder.glob("*.rst*"))]
    told(["data", "make", "questions", *documents, "--out", "faq.jsonl"], scratch)
    found = [[turn["content"] for turn in row["messages"] if turn["role"] != "system"] for row in lines(scratch / "faq.jsonl")]
    return Known("Python FAQ", [Row(*said) for said in found if len(said) == 2], [], False)


def every_set(data: Path, scratch: Path) -> list[Known]:
    """The data sets that no threshold was fixed on; `data` has a folder for each."""
    return [banking77(data / "banking77"), gsm8k(data / "gsm8k"), python_faq(data / "python-faq", scratch)]


def written(path: Path, rows: Iterable[Row]) -> str:
    """Write the rows as lines of JSON, so that row i stands on line i + 1; the file's name."""
    path.write_text("".join(json.dumps(row._asdict(), ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path.name


def surroundings(folder: Path, name: str = "home") -> dict[str, str]:
    """The environment of a command that has its own store in `folder`, and this user's models."""
    home = folder / name
    home.mkdir(exist_ok=True)
    models = settings().home / "models"
    if models.is_dir() and not (home / "models").exists():
        (home / "models").symlink_to(models)
    return {"TUNESMITH_HOME": str(home)}


def told(words: Sequence[str], folder: Path) -> Any:
    """What `tunesmith WORDS --json` prints, run in `folder` with the store `folder`/home and this user's models."""
    command = [sys.executable, "-m", "tunesmith", *words, "--json"]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **surroundings(folder)}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)


def check(folder: Path, rows: Sequence[Row], against: Sequence[Row], *, has_labels: bool, meaning: bool) -> dict[str, Any]:
    """What `tunesmith data check` says about `rows`, with `against` as the file to judge with."""
    train = written(folder / "train.jsonl", rows)
    judging = ["--against", written(folder / "test.jsonl", against)] if against else []
    columns = ["--input", "question", "--label" if has_labels else "--output", "answer"]
    found: dict[str, Any] = told(["data", "check", train, *judging, *columns, "--meaning", "on" if meaning else "off"], folder)
    return found


def lines_of(found: dict[str, Any]) -> dict[str, set[int]]:
    """Kind of finding → the lines that it names."""
    kinds: dict[str, set[int]] = {}
    for finding in found["findings"]:
        kinds.setdefault(finding["kind"], set()).update(finding["lines"])
    return kinds


def rate(part: int, whole: int) -> str:
    """A share with its 95 % interval (Wilson), and of how many."""
    if not whole:
        return "–"
    low, high = wilson(part, whole)
    return f"{100 * part / whole:.1f} % [{100 * low:.1f}, {100 * high:.1f}] of {whole:,}"
