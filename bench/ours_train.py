"""Tunesmith's training loop on given rows or pairs → seconds and loss of each step, and peak memory: our side of bench/train.py.

python -m bench.ours_train work.json     # as for bench/peers/trl_sft.py, with a "seed" of the adapters' first values

Everything that is chosen automatically in a run is chosen here by the same function. The reference of preference tuning is computed before the first step; its time is shared out over the steps, as one pass over the data would.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers

from bench.work import base
from tunesmith.catalogue.folder import inspect
from tunesmith.model import lora
from tunesmith.model.device import apply, keep_freed_memory, place
from tunesmith.model.load import LoadedModel, load
from tunesmith.settings import settings
from tunesmith.spec.job import Silent
from tunesmith.spec.model import LocalModel
from tunesmith.spec.recipe import AdamW, Budget, Dpo, Full, Lora, Recipe, Schedule, Sft
from tunesmith.train.batches import Order
from tunesmith.train.examples import Pair, TokenRow
from tunesmith.train.loop import Plan, Run, run_loop
from tunesmith.train.methods import objective_of
from tunesmith.train.reference import with_reference
from tunesmith.train.resolve import resolve
from tunesmith.train.state import RunState, Weights


@dataclass
class Clock:
    """A monitor that times steps."""

    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    last: float = 0.0

    def emit(self, event: Any) -> None:
        """Note the end of a step."""
        if event.kind == "reading":
            now = time.perf_counter()
            self.seconds.append(now - self.last)
            self.losses.append(event.values["train_loss"])
            self.last = now

    def stopping(self) -> bool:
        """Never."""
        return False


def main() -> None:
    """Train, and say how it went."""
    print(json.dumps(train(json.loads(Path(sys.argv[1]).read_text()), Clock())))


def train(work: dict[str, Any], clock: Clock) -> dict[str, Any]:
    """What is told of a training of this work, as `clock` saw it."""
    per_step = work["rows_per_step"]
    rows = [example(row) for row in map(json.loads, Path(work["rows"]).read_text().splitlines())][: per_step * work["steps"]]
    placement = place(settings())
    apply(placement)
    keep_freed_memory()
    model = load(at(Path(work["base"])), placement)
    weights = Full() if work["full"] else Lora(r=16, alpha=32, dropout=0.0)
    recipe = Recipe(
        method=Dpo(beta=0.1) if work["dpo"] else Sft(),
        weights=weights,
        optimiser=AdamW(lr=work["lr"], weight_decay=0.0),
        schedule=Schedule(kind="constant", warmup=0),
        budget=Budget(epochs=1, rows_per_step=per_step, patience=0),
        seed=work["seed"],
    )
    recipe, choices = resolve(recipe, model, rows, 2048, None)
    if isinstance(recipe.weights, Lora):
        lora.inject(model.network, recipe.weights, 0.0, recipe.seed)
    else:
        model.network.requires_grad_(True)
    compiled(model.network, os.environ.get("BENCH_COMPILE", ""))
    trained = Weights(model.network, work["lr"], (0.9, 0.999), 1e-8, 0.0)
    assert recipe.budget.tokens_per_batch is not None
    chosen = ", ".join(f"{c.name} {c.value}" for c in (*placement.choices, *choices))
    objective = objective_of(recipe.method)
    with tempfile.TemporaryDirectory() as folder, recomputing(model, bool(recipe.budget.recompute)):
        started = time.perf_counter()
        if objective.has_reference:
            file = Path(folder) / "reference.safetensors"
            rows = with_reference(
                model,
                objective,
                rows,
                [range(k, k + per_step) for k in range(0, len(rows), per_step)],
                recipe.budget.tokens_per_batch,
                file,
                Silent(),
                "train",
            )
        before = (time.perf_counter() - started) / work["steps"]
        plan = Plan(work["steps"], frozenset(), recipe.budget.tokens_per_batch, work["lr"])
        run = Run(model, objective, as_taken(rows, per_step, recipe.seed), [], recipe, plan, trained, Path(folder), clock)
        clock.last = time.perf_counter()
        final = run_loop(run, RunState())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    device_peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    return {
        "device_peak_bytes": device_peak,
        "seconds": [seconds + before for seconds in clock.seconds],
        "losses": clock.losses,
        "peak_bytes": peak,
        "threads": placement.threads,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "chosen": chosen},
        "computed_tokens": final.computed_tokens,
        "logical_tokens": final.logical_tokens,
    }


def compiled(network: Any, how: str) -> None:
    """Each layer of the network compiled, or all of its layers at once (`network`); nothing without a word. The output layer stays as it is.

    Modules of ours, whose backward passes are written by hand over shared buffers, stay whole: the compiler would assume other strides.
    """
    if not how:
        return
    for module in network.modules():
        if type(module).__module__.startswith("tunesmith.") or "forward" in vars(module):  # or given a forward pass of ours
            module.forward = torch.compiler.disable(module.forward)
    layers = [module for module in network.modules() if type(module).__name__.endswith("DecoderLayer")]
    chosen = {"layers": layers, "network": [network.get_decoder()]}[how]  # what training calls
    assert chosen, "nothing to compile"
    for module in chosen:
        module.compile(dynamic=True)


@contextlib.contextmanager
def recomputing(model: LoadedModel, wanted: bool) -> Iterator[None]:
    """Activations are computed again in the backward pass, where that is what was chosen."""
    if not wanted:
        yield
        return
    model.network.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    try:
        yield
    finally:
        model.network.activation_checkpointing_disable()


def at(folder: Path) -> LocalModel:
    """The base of the benchmarks, or the model in another folder."""
    known = base()
    if str(folder) == known.folder:
        return known
    facts = inspect(folder)
    return known.model_copy(update={"id": folder.name, "folder": str(folder), "parameters": facts.parameters, "digest": folder.name})


def example(row: dict[str, Any]) -> Any:
    """A row as the loop knows it."""
    if "prompt" not in row:
        return TokenRow(row["ids"], row["trained"])
    sides = (TokenRow(row["prompt"] + row[name], [False] * len(row["prompt"]) + [True] * len(row[name])) for name in ("chosen", "rejected"))
    return Pair(*sides)


def as_taken(rows: list[Any], rows_per_step: int, seed: int) -> list[Any]:
    """`rows` placed so that the loop's shuffle gives them in their order."""
    order = Order(len(rows), rows_per_step, seed)
    places = [i for step in range(len(rows) // rows_per_step) for i in order.step(step)]
    placed = list(rows)
    for row, index in zip(rows, places, strict=True):
        placed[index] = row
    return placed


if __name__ == "__main__":
    main()
