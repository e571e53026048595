"""What a full training in bf16 learns, by how its masters are rounded into the weights, against the same training in float32.

    python -m bench.rounding --steps 60

BANKING77's messages with their intents as answers, no labels in the prompt; the held-out loss is that of the weights as they would be shipped.
"to the nearest" is what autocast over float32 weights does in every forward pass of TRL's defaults.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from bench.facts import conditions
from bench.ours_train import Clock
from bench.work import DATA, SEED, base
from tunesmith.model.device import Placement, apply, keep_freed_memory, place
from tunesmith.model.load import load
from tunesmith.settings import settings
from tunesmith.spec.chat import Conversation, Message
from tunesmith.spec.recipe import AdamW, Budget, Full, Recipe, Schedule
from tunesmith.train import state
from tunesmith.train.examples import TokenRow
from tunesmith.train.loop import Plan, Run, run_loop
from tunesmith.train.methods import objective_of
from tunesmith.train.state import RunState, Weights

WAYS = {"float32": torch.float32, "bf16, own thresholds": torch.bfloat16, "bf16, to the nearest": torch.bfloat16}
NEAREST = "bf16, to the nearest"
ROWS_PER_STEP = 16
TOKENS = 1024
HELD = 200
EVALUATIONS = 4


@dataclass
class Heard(Clock):
    """A clock that hears dev losses as well."""

    dev: list[float] = field(default_factory=list)

    def emit(self, event: Any) -> None:
        """As in `Clock`."""
        if event.kind == "reading" and "dev_loss" in event.values:
            self.dev.append(event.values["dev_loss"])
        elif event.kind == "reading":
            super().emit(event)


def main() -> None:
    """Train each way, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--lr", type=float, default=3.5e-5)
    asked = parser.parse_args()
    print({name: value for name, value in conditions().items() if name in ("commit", "processor", "cores", "load", "torch")})
    placement = place(settings())
    apply(placement)
    keep_freed_memory()
    for name, dtype in WAYS.items():
        began = time.perf_counter()
        with to_the_nearest(name == NEAREST):
            heard = train(replace(placement, dtype=dtype), asked.steps, asked.lr)
        losses = f"steps {[round(x, 3) for x in heard.losses[:5]]} … {sum(heard.losses[-8:]) / 8:.4f}"
        print(
            f"{name:<22} {losses}  held out {[round(x, 4) for x in heard.dev]}  {(time.perf_counter() - began) / asked.steps:.2f} s a step",
            flush=True,
        )


@contextmanager
def to_the_nearest(is_wanted: bool) -> Iterator[None]:
    """Masters rounded as `copy_` does, where that is wanted."""

    def nearest(master: Tensor, out: Tensor) -> None:
        out.copy_(master)

    with patch.object(state, "publish", nearest) if is_wanted else patch.object(state, "publish", state.publish):
        yield


def train(placement: Placement, steps: int, lr: float) -> Heard:
    """What a training of all weights says of itself."""
    model = load(base(), placement)
    model.network.requires_grad_(True)
    rows = {
        name: [TokenRow(row.ids, row.trained) for c in messages(name, count) for row in model.template.rows(c, 512)]
        for name, count in (("train", steps * ROWS_PER_STEP), ("test", HELD))
    }
    recipe = Recipe(
        weights=Full(),
        optimiser=AdamW(lr=lr, weight_decay=0.0),
        schedule=Schedule(kind="constant", warmup=0),
        budget=Budget(epochs=1, rows_per_step=ROWS_PER_STEP, tokens_per_batch=TOKENS, patience=0, recompute=False),
        seed=SEED,
    )
    weights = Weights(model.network, lr, (0.9, 0.999), 1e-8, 0.0)
    at = frozenset({4, 8, *(steps * (i + 1) // EVALUATIONS for i in range(EVALUATIONS))})
    heard = Heard()
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(steps, at, TOKENS, lr)
        run_loop(Run(model, objective_of(recipe.method), rows["train"], rows["test"], recipe, plan, weights, Path(folder), heard), RunState())
    return heard


def messages(name: str, count: int) -> list[Conversation]:
    """So many of the file's messages in an order that the seed gives, each with its intent as the answer."""
    with (DATA / f"banking77-{name}.csv").open() as file:
        lines = list(csv.DictReader(file))
    order = torch.randperm(len(lines), generator=torch.Generator().manual_seed(SEED + 1)).tolist()[:count]
    system = Message(role="system", content="Name the intent of the message.")
    said = [(Message(role="user", content=lines[i]["text"]), Message(role="assistant", content=lines[i]["category"])) for i in order]
    return [Conversation(messages=(system, *pair)) for pair in said]


if __name__ == "__main__":
    main()
