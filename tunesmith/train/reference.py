"""Examples and the model as training finds it → the same examples with the log-probabilities that they have before it.

Computed once per run, kept beside the run's state: what is there is not computed again after an interruption.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from tunesmith.errors import Interrupted
from tunesmith.model.likelihood import score
from tunesmith.model.load import LoadedModel
from tunesmith.model.tensors import read, write
from tunesmith.spec.job import Monitor, Progress
from tunesmith.train.batches import micro_batches
from tunesmith.train.examples import Pair, Rated, TokenRow
from tunesmith.train.state import AGAIN

Scored = TypeVar("Scored", Pair, Rated)
AT_ONCE = 64
"""Examples whose sequences are packed together."""
SAVE_SECONDS = 30.0


def with_reference(
    model: LoadedModel, examples: Sequence[Scored], used: Collection[int], budget: int, file: Path, monitor: Monitor, label: str
) -> list[Scored]:
    """`examples` with `reference` set on those numbered in `used`; the numbers are kept in `file`.

    Raises: Interrupted when the monitor wants a stop; what is computed is saved.
    """
    known = read(file, AGAIN)["logp"] if file.exists() else torch.full((len(examples), 2), torch.nan, dtype=torch.float64)
    missing = [i for i in sorted(used) if bool(known[i].isnan().any())]
    saved = time.monotonic()
    for start in range(0, len(missing), AT_ONCE):
        part = missing[start : start + AT_ONCE]
        monitor.emit(Progress(label=f"reference of {label}", done=start, total=len(missing), unit="rows"))
        known[part] = log_probabilities(model, [row for i in part for row in examples[i].scored], budget).view(-1, 2)
        stop = monitor.stopping()
        if stop or time.monotonic() - saved > SAVE_SECONDS or start + AT_ONCE >= len(missing):
            write({"logp": known}, file)
            saved = time.monotonic()
        if stop:
            raise Interrupted("stopped while the reference was computed; what is done is saved", where="training", fix="run the same command again")
    return [replace(example, reference=tuple(values)) for example, values in zip(examples, known.tolist(), strict=True)]


@torch.no_grad()
def log_probabilities(model: LoadedModel, rows: Sequence[TokenRow], budget: int) -> Tensor:
    """[R] float64 log-probabilities (nats) of the rows' trained tokens, without dropout, in passes of at most `budget` tokens."""
    found = torch.empty(len(rows), dtype=torch.float64)
    was_training = model.network.training
    model.network.eval()
    for group in micro_batches(rows, budget, model.shares_prefixes):
        found[group] = -score(model, [rows[i] for i in group]).sums(len(group)).cpu()
    model.network.train(was_training)
    return found
