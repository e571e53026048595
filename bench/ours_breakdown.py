"""As bench/ours_train.py, with what each part of a step took: our side of bench/breakdown.py.

python -m bench.ours_breakdown work.json

The first step is left out. Every operation's own time goes to the part of the engine that asked for it, and is a matrix product, a copy or arithmetic.
What the operations do not account for is Python between them.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.profiler import ProfilerActivity, profile, record_function

from bench.ours_train import Clock, train
from tunesmith.train.state import Weights

UPDATE = "update of the weights"
PARTS = {
    "Adapted": "linear layers with adapters", "_Whole": "MLP with adapters", "_Pieces": "attention", "_Norm": "norms", "_Gate": "gated activation",
    "_Rotary": "rotary embedding", "_ChunkedCrossEntropy": "output layer and loss", "aten::linear": "linear layers", "MmBackward0": "linear layers",
    "AddmmBackward0": "linear layers", UPDATE: UPDATE, "torch::autograd::AccumulateGrad": UPDATE,
}  # fmt: skip
"""Beginning of an operation's name → the part of the engine that it, and all that it asks for, belongs to; the outermost counts."""
REST = "residuals, embedding and the rest"
OUTSIDE = "Python between operations"
PRODUCTS = {"aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", "aten::addmm_"}
COPIES = {
    "aten::copy_", "aten::cat", "aten::index_select", "aten::index", "aten::index_put_", "aten::_index_put_impl_", "aten::clone", "aten::gather",
    "aten::zero_", "aten::fill_", "aten::index_add_", "aten::constant_pad_nd", "aten::embedding",
}  # fmt: skip
KINDS = ("product", "copy", "arithmetic")


@dataclass
class Profiled(Clock):
    """A clock that profiles the steps behind the first one."""

    profiler: Any = None

    def emit(self, event: Any) -> None:
        """Begin when the first step has ended."""
        super().emit(event)
        if event.kind == "reading" and self.profiler is None:
            self.profiler = profile(activities=[ProfilerActivity.CPU], record_shapes=True, with_flops=True)
            self.profiler.__enter__()
            self.last = time.perf_counter()  # its start is no part of the next step


def kind_of(name: str) -> str:
    """What an operation does.

    >>> kind_of("aten::bmm"), kind_of("aten::cat"), kind_of("aten::silu")
    ('product', 'copy', 'arithmetic')
    """
    return "product" if name in PRODUCTS else "copy" if name in COPIES else "arithmetic"


def part_of(event: Any) -> str:
    """The part of the engine that an operation belongs to."""
    found = REST
    while event is not None:
        name = event.name.removeprefix("autograd::engine::evaluate_function: ")
        found = next((part for begin, part in PARTS.items() if name.startswith(begin)), found)
        event = event.cpu_parent
    return found


def named(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, seen by the profiler as a part of the update."""

    @functools.wraps(method)
    def call(*args: Any) -> Any:
        with record_function(UPDATE):
            return method(*args)

    return call


def main() -> None:
    """Train, and say where the time went: part → kind → [seconds, FLOP, calls] over the profiled steps."""
    for name in ("collect", "clip", "step"):
        setattr(Weights, name, named(getattr(Weights, name)))
    clock = Profiled()
    told = train(json.loads(Path(sys.argv[1]).read_text()), clock)
    clock.profiler.__exit__(None, None, None)
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: {kind: [0.0, 0.0, 0.0] for kind in KINDS})
    for event in clock.profiler.events():
        sums = found[part_of(event)][kind_of(event.name)]
        for i, value in enumerate((event.self_cpu_time_total / 1e6, event.flops or 0, 1)):
            sums[i] += value
    spent = sum(one[0] for kinds in found.values() for one in kinds.values())
    taken = sum(clock.seconds[1:])
    found[OUTSIDE]["arithmetic"][0] = max(0.0, taken - spent)
    print(json.dumps(told | {"parts": found, "profiled_seconds": taken}))


if __name__ == "__main__":
    main()
