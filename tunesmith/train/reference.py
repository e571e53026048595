"""Examples and the model as training finds it → the same examples with the log-probabilities that they have before it.

Computed once per run, kept beside the run's state: what is there is not computed again after an interruption. The examples of a step are asked together, in
the very micro-batches that they will be trained in: other neighbours in a product round otherwise in bfloat16, by some nats over a long answer, and the first
loss would not be that of a model that has not moved.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from tunesmith.errors import Interrupted
from tunesmith.model.likelihood import score
from tunesmith.model.load import LoadedModel
from tunesmith.model.tensors import read, write
from tunesmith.spec.job import Monitor, Progress
from tunesmith.train.batches import micro_batches
from tunesmith.train.examples import Example, Pair, Rated
from tunesmith.train.state import AGAIN

Scored = TypeVar("Scored", Pair, Rated)
SAVE_SECONDS = 30.0


class Starts(Protocol):
    """A method that needs a reference."""

    def start(self, model: LoadedModel, examples: Sequence[Scored], budget: int) -> Tensor:
        """[E, 2] log-probabilities (nats) that the model gives these examples of one step, as its loss will ask for them."""


def with_reference(
    model: LoadedModel,
    method: Starts,
    examples: Sequence[Scored],
    steps: Iterable[Sequence[int]],
    budget: int,
    file: Path,
    monitor: Monitor,
    label: str,
) -> list[Scored]:
    """`examples` with `reference` set on those numbered in `steps`, of which each holds what is asked together; the numbers are kept in `file`.

    Raises: Interrupted when the monitor wants a stop; what is computed is saved.
    """
    known = read(file, AGAIN)["logp"] if file.exists() else torch.full((len(examples), 2), torch.nan, dtype=torch.float64)
    asked = [list(step) for step in steps]
    missing = {i for step in asked for i in step if bool(known[i].isnan().any())}
    total, saved = len(missing), time.monotonic()
    for step in asked:
        if missing.isdisjoint(step):
            continue
        monitor.emit(Progress(label=f"reference of {label}", done=total - len(missing), total=total, unit="rows"))
        for i, values in zip(step, method.start(model, [examples[i] for i in step], budget), strict=True):
            if i in missing:
                known[i] = values
        missing -= set(step)
        stop = monitor.stopping()
        if stop or not missing or time.monotonic() - saved > SAVE_SECONDS:
            write({"logp": known}, file)
            saved = time.monotonic()
        if stop:
            raise Interrupted("stopped while the reference was computed; what is done is saved", where="training", fix="run the same command again")
    return [replace(example, reference=tuple(values)) for example, values in zip(examples, known.tolist(), strict=True)]


@torch.no_grad()
def log_probabilities(model: LoadedModel, examples: Sequence[Example], budget: int) -> Tensor:
    """[E, S] float64 log-probabilities (nats) of the trained tokens of the S sequences that each example has, without dropout, in a step's micro-batches."""
    found = torch.empty(len(examples), len(examples[0].sequences), dtype=torch.float64)
    was_training = model.network.training
    model.network.eval()
    for group in micro_batches(examples, budget, model.shares_prefixes):
        rows = [row for i in group for row in examples[i].sequences]
        found[group] = -score(model, rows).sums(len(rows)).view(len(group), -1).cpu()
    model.network.train(was_training)
    return found
