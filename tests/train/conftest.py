"""A tiny model, rows it can learn, and monitors that stop, fail or listen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from tests import tiny
from tunesmith.model.device import Placement
from tunesmith.spec.chat import Prompt
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.dataset import Record
from tunesmith.spec.job import Note, Reading, Silent
from tunesmith.spec.recipe import Recipe
from tunesmith.train.run import Inputs, Start, train

PROMPT = Prompt(name="tuned", system="Name the first letter.")
ONE_THREAD = Placement(torch.device("cpu"), torch.float32, 1, ())
"""Faster than two on matrices this small; what must hold on two is tested with `tiny.CPU`."""
WORDS = ["apple", "bread", "cherry", "date", "egg", "fig"]


@dataclass
class Log(Silent):
    """A monitor that keeps what it hears, and is asked to stop once `stop_when` holds for its number of readings."""

    stop_when: Callable[[int], bool] = lambda n: False
    events: list[Any] = field(default_factory=list)

    def emit(self, event: Any) -> None:
        self.events.append(event)

    def stopping(self) -> bool:
        return self.stop_when(len(self.readings("train_loss")))

    def notes(self, level: str | None = None) -> list[str]:
        return [e.text for e in self.events if isinstance(e, Note) and level in (None, e.level)]

    def readings(self, name: str) -> list[float]:
        return [e.values[name] for e in self.events if isinstance(e, Reading) and name in e.values]


def rows(count: int, offset: int = 0) -> list[Record]:
    """Questions of one word, answered by its first letter."""
    return [tiny.record(i, f"{WORDS[i % 6]} {'x' * ((i + offset) % 5)}{i % 7}", WORDS[i % 6][0]) for i in range(offset, offset + count)]


@dataclass
class Bench:
    """Where a test trains."""

    model: Path
    folder: Path

    def inputs(self, recipe: Recipe, train_rows: int = 24, dev_rows: int = 6, **start: Any) -> Inputs:
        return Inputs(rows(train_rows), rows(dev_rows, 100), "dataset-0", PROMPT, recipe, Start(tiny.found(self.model), **start))

    def train(
        self,
        recipe: Recipe,
        name: str = "run",
        *,
        monitor: Any = None,
        placement: Placement = ONE_THREAD,
        inputs: Inputs | None = None,
        **options: Any,
    ) -> Checkpoint:
        """Train into `folder/name`; a second call with the same name goes on with what the first left."""
        out, scratch = self.folder / name, self.folder / f"{name}.scratch"
        out.mkdir(exist_ok=True)
        scratch.mkdir(exist_ok=True)
        return train(inputs or self.inputs(recipe, **options), out, scratch, placement, monitor or Silent())

    def weights(self, name: str = "run") -> bytes:
        """The bytes of the trained weights."""
        return next((self.folder / name).glob("*.safetensors")).read_bytes()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model folder for all tests."""
    return tiny.save(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def bench(tiny_folder: Path, tmp_path: Path) -> Bench:
    """A bench of this test's own."""
    return Bench(tiny_folder, tmp_path)


@pytest.fixture
def log() -> type[Log]:
    """The monitor's class."""
    return Log


def recipe(**changes: Any) -> Recipe:
    """Small, quick, with dropout; `budget.x` style keys are written with two underscores."""
    raw: dict[str, Any] = {
        "weights": {"kind": "lora", "r": 4, "alpha": 8, "dropout": 0.1},
        "optimiser": {"lr": 0.02},
        "budget": {"rows_per_step": 6, "tokens_per_batch": 128, "epochs": 3, "patience": None, "dev_time_share": 1.0},
        "seed": 3,
    }
    for key, value in changes.items():
        place, _, leaf = key.partition("__")
        if leaf:
            raw[place] = raw.get(place, {}) | {leaf: value}
        else:
            raw[place] = value
    return Recipe.model_validate(raw)


@pytest.fixture(name="recipe")
def recipe_fixture() -> Callable[..., Recipe]:
    """The function above."""
    return recipe
