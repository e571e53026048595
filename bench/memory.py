"""The memory estimate against the measured peak of a training process, for micro-batches of several sizes.

python -m bench.memory

Each line is a process of its own that trains two steps on rows of random tokens; its peak is the resident memory that the kernel reports.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import resource
import sys
from typing import Any

from bench.peers import child
from bench.work import base
from tunesmith.model import lora, memory
from tunesmith.model.device import apply, place
from tunesmith.model.load import load
from tunesmith.settings import settings, worker_environment
from tunesmith.spec.recipe import Full, Lora
from tunesmith.train.examples import TokenRow
from tunesmith.train.methods.sft import Supervised
from tunesmith.train.state import Weights

CASES = [
    *itertools.product(["lora", "full"], [512, 2048], [64, 256], [0.0]),
    *itertools.product(["lora"], [2048], [1024, 2048], [0.0]),
    ("lora", 2048, 256, 0.05),
    ("lora", 512, 512, 0.05),
]
"""(what is trained, tokens of a micro-batch, tokens of a row, dropout)."""


def main() -> None:
    """Print a table, or be one of its processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", nargs="?", help="a file with one case: measure it and print JSON")
    asked = parser.parse_args()
    if asked.case:
        with open(asked.case) as file:
            print(json.dumps(measure(**json.load(file))))
        return
    worst = 0.0
    print(f"{'trained':<8} {'tokens':>6} {'row':>6} {'dropout':>8} {'measured GB':>12} {'estimated GB':>13} {'off':>7}")
    for kind, tokens, length, dropout in CASES:
        case = {"kind": kind, "tokens": tokens, "length": length, "dropout": dropout}
        told = child([sys.executable, "-m", "bench.memory"], case, worker_environment())
        assert told is not None
        off = told["estimate"] / told["peak"] - 1
        worst = max(worst, abs(off))
        print(
            f"{kind:<8} {tokens:6} {length:6} {dropout:8.2f} {told['peak'] / 1e9:12.2f} {told['estimate'] / 1e9:13.2f} {off:+7.1%}  {told['parts']}",
            flush=True,
        )
    print(f"furthest from the truth: {worst:.1%}")


def measure(kind: str, tokens: int, length: int, dropout: float) -> dict[str, Any]:
    """Peak bytes of this process after two steps, and what was expected."""
    placement = place(settings())
    apply(placement)
    model = load(base(), placement)
    spec: Lora | Full = Lora(dropout=dropout) if kind == "lora" else Full()
    if isinstance(spec, Lora):
        lora.inject(model.network, spec, dropout, 0)
    else:
        model.network.requires_grad_(True)
    weights = Weights(model.network, 1e-4, (0.9, 0.999), 1e-8, 0.0)
    model.network.train()
    draw = random.Random(0)
    for _ in range(2):
        for _ in range(2):
            rows = [
                TokenRow([draw.randrange(300, 20000) for _ in range(length)], [i > length // 2 for i in range(length)])
                for _ in range(tokens // length)
            ]
            loss = Supervised().loss(model, rows, None)
            (loss.total / 100).backward()
            weights.collect()
        weights.clip(1.0)
        weights.step(1e-4)
    found = memory.to_train(model.shape, spec, placement.dtype, tokens, length)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"peak": peak, "estimate": found.total, "parts": {name: round(size / 1e9, 2) for name, size in found.parts.items()}}


if __name__ == "__main__":
    main()
