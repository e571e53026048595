"""Rows with some labels → how well the fine-tuned SmolLM2-135M does on unseen rows: the same command that a user runs, one store for each side.

`bench/label_errors.py --train --tuned` calls this for damaged, mended and clean labels of the same rows. The test rows stand in a source of their own, so that
`tunesmith run` keeps them locked and takes rows that leak into them out of training, the same ones on every side.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.checked import told
from tunesmith.evaluate.answers import ANSWERS
from tunesmith.measure.quantities import Quantity, macro_f1_of
from tunesmith.spec.report import Report, Scored
from tunesmith.store.artifacts import Store

I64 = NDArray[np.int64]
PROJECT = """name = "labels"
model = "smollm2-135m-instruct"

[[sources]]
file = "train.csv"
input = "text"
label = "label"

[[sources]]
file = "test.csv"
input = "text"
label = "label"
split = "test"

[task]
kind = "classify"
instruction = "Name the intent of the customer's message."

[cleaning]
personal_data = "keep"

[split]
dev = 200

[rivals]
prompts = false
few_shot = 0
few_shot_retrieved = 0

[decide]
pilots = []
search = 0
prompt_search = 0
seeds = 1

[train.budget]
epochs = {epochs}
"""


def tuned(folder: Path, rows: Sequence[tuple[str, str]], unseen: Sequence[tuple[str, str]], names: Sequence[str], epochs: float) -> Quantity:
    """Macro-F1 on the unseen rows, in their order, of the model that is tuned on `rows` (text, label)."""
    folder.mkdir()
    for name, some in (("train.csv", rows), ("test.csv", unseen)):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *some])
    (folder / "project.toml").write_text(PROJECT.format(epochs=epochs), encoding="utf-8")
    told(["run", "project.toml"], folder)
    answers = sorted(test_answers(folder / "home"), key=lambda row: row.origin.line)
    place = {name: number for number, name in enumerate(names)}
    has = np.eye(len(names))[[place[row.reference] for row in answers]]
    said = np.eye(len(names))[[place[row.answer] for row in answers]]
    return Quantity(np.concatenate([has * said, has, said], axis=1), macro_f1_of)


def test_answers(home: Path) -> list[Scored]:
    """What the tuned model answered on the test split."""
    store = Store.open(home)
    try:
        found = [one for one in store.artifacts("evaluation") if (report := one.load(Report)).split == "test" and report.candidate.kind == "tuned"]
        return [Scored.model_validate_json(line) for line in (found[0].path / ANSWERS).read_text(encoding="utf-8").splitlines()]
    finally:
        store.close()
