"""Small projects whose questions are all different, prepared."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tunesmith.data.run import prepare
from tunesmith.spec.dataset import Cleaning, Dataset, Source, SplitRule
from tunesmith.spec.job import Silent
from tunesmith.spec.project import Project
from tunesmith.spec.task import Task

LABELS = ("lost", "pin", "rate")
WORDS = [
    "alpha",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliet",
    "kilo",
    "lima",
    "mike",
    "november",
    "oscar",
    "papa",
    "quebec",
    "romeo",
    "sierra",
    "tango",
]


def question(i: int) -> str:
    return f"about {WORDS[i % 20]} {WORDS[i // 20 % 20]} {WORDS[(i * 7 + i // 3) % 20]} case {i}"


def table(path: Path, rows, header=("text", "label")) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def good_rows(n=90):
    return [(question(i), LABELS[i % 3]) for i in range(n)]


def go(tmp_path, *sources, cleaning=None, split=None, task=None, monitor=None, folder="out") -> Dataset:
    project = Project(
        name="p",
        sources=sources or (Source(file="a.csv"),),
        cleaning=Cleaning(**(cleaning or {})),
        split=SplitRule(**(split or {})),
        task=Task(**(task or {})),
    )
    (tmp_path / folder).mkdir(exist_ok=True)
    return prepare(project, tmp_path, tmp_path / folder, monitor or Silent(), None)


def rejected(tmp_path, folder="out"):
    return [json.loads(line) for line in (tmp_path / folder / "rejected.jsonl").read_text().splitlines()]


def write(tmp_path, name, content):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def chat(q, a):
    return {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
