"""The memory estimate against the measured peak of a training process, for micro-batches of several sizes; 1 where one is more than 20 % off.

python -m bench.memory     # --only TEXT: cases whose line holds it

Each line is a process of its own that trains two steps on rows of random tokens; its peak is the resident memory that the kernel reports. Preference
tuning is measured with its reference; recomputed activations and float32 as a recipe or a processor would ask for them.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench.ours_train import recomputing
from bench.peers import DoesNotRun, told
from bench.work import base
from tunesmith.model import lora, memory
from tunesmith.model.device import apply, keep_freed_memory, place
from tunesmith.model.load import load
from tunesmith.settings import settings, worker_environment
from tunesmith.spec.job import Silent
from tunesmith.spec.recipe import Dpo, Full, Lora, Sft
from tunesmith.train.batches import micro_batches
from tunesmith.train.examples import Pair, TokenRow
from tunesmith.train.methods import objective_of
from tunesmith.train.reference import with_reference
from tunesmith.train.state import Weights

ALLOWED = 0.2
"""How far the estimate may be from the measured peak, either way."""


@dataclass(frozen=True)
class Case:
    """One kind of training."""

    kind: str
    """`lora` or `full`."""
    tokens: int
    """Of a micro-batch."""
    length: int
    """Of a row; of both sides of a pair with their question."""
    dropout: float = 0.0
    recompute: bool = False
    dpo: bool = False
    dtype: str = "bfloat16"

    def words(self) -> str:
        """The case in one line."""
        more = [f"dropout {self.dropout}"] if self.dropout else []
        more += [name for name, is_so in (("recompute", self.recompute), ("dpo", self.dpo)) if is_so]
        return f"{self.kind:<5} {self.tokens:>5} tokens, rows of {self.length:>4}, {self.dtype}{''.join(f', {one}' for one in more)}"


PLAIN = Case("lora", 2048, 256)
CASES = (
    *(Case(kind, tokens, length) for kind in ("lora", "full") for tokens in (512, 2048) for length in (64, 256)),
    replace(PLAIN, length=1024),
    replace(PLAIN, length=2048),
    replace(PLAIN, dropout=0.05),
    Case("lora", 512, 512, dropout=0.05),
    Case("full", 1536, 256),
    replace(PLAIN, recompute=True),
    replace(PLAIN, length=2048, recompute=True),
    Case("full", 1536, 256, recompute=True),
    replace(PLAIN, dpo=True),
    Case("full", 1536, 256, dpo=True),
    replace(PLAIN, dtype="float32"),
    Case("full", 1536, 256, dtype="float32"),
)


def main() -> int:
    """Print a table, or be one of its processes; 1 where an estimate is too far off or a case does not run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="?", help="a file with one case: measure it and print JSON")
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    if asked.case:
        print(json.dumps(measure(Case(**json.loads(Path(asked.case).read_text())))))
        return 0
    wrong = []
    print(f"{'case':<64} {'measured GB':>12} {'estimated GB':>13} {'off':>7}")
    for case in CASES:
        if asked.only not in case.words():
            continue
        try:
            found = told([sys.executable, "-m", "bench.memory"], asdict(case), worker_environment() | {"TUNESMITH_DTYPE": case.dtype})
        except DoesNotRun as error:
            print(f"{case.words():<64} does not run: {str(error).splitlines()[-1]}", flush=True)
            wrong.append(case)
            continue
        off = found["estimate"] / found["peak"] - 1
        if is_wrong(found["estimate"], found["peak"]):
            wrong.append(case)
        print(f"{case.words():<64} {found['peak'] / 1e9:12.2f} {found['estimate'] / 1e9:13.2f} {off:+7.1%}  {found['parts']}", flush=True)
    print(f"{len(wrong)} of the cases are more than {ALLOWED:.0%} off or do not run" if wrong else f"all are within {ALLOWED:.0%}")
    return int(bool(wrong))


def is_wrong(estimate: float, peak: float) -> bool:
    """Whether an estimate is too far from a measured peak.

    >>> is_wrong(1.25e9, 1e9), is_wrong(1.15e9, 1e9), is_wrong(0.75e9, 1e9)
    (True, False, True)
    """
    return abs(estimate / peak - 1) > ALLOWED


def measure(case: Case) -> dict[str, Any]:
    """Peak bytes of this process after two steps of two micro-batches, and what was expected."""
    placement = place(settings())
    apply(placement)
    keep_freed_memory()  # as training does
    model = load(base(), placement)
    spec: Lora | Full = Lora(dropout=case.dropout) if case.kind == "lora" else Full()
    if isinstance(spec, Lora):
        lora.inject(model.network, spec, case.dropout, 0)
    else:
        model.network.requires_grad_(True)
    objective = objective_of(Dpo() if case.dpo else Sft())
    weights = Weights(model.network, 1e-4, (0.9, 0.999), 1e-8, 0.0)
    draw = random.Random(0)
    wanted = 2 * case.tokens // case.length  # two micro-batches
    examples: list[Any] = [pair(draw, case.length) if case.dpo else row(draw, case.length) for _ in range(wanted)]
    with tempfile.TemporaryDirectory() as folder, recomputing(model, case.recompute):
        if objective.has_reference:
            file = Path(folder) / "reference.safetensors"
            examples = with_reference(model, objective, examples, [range(wanted)], case.tokens, file, Silent(), "train")
        model.network.train()
        for _ in range(2):
            before = objective.before(model, examples, case.tokens)
            for group in micro_batches(examples, case.tokens, model.shares_prefixes):
                loss = objective.loss(model, [examples[i] for i in group], before)
                (loss.total / 100).backward()
                weights.collect()
            weights.clip(1.0)
            weights.step(1e-4)
    longest = case.length
    found = memory.to_train(model.shape, spec, placement.dtype, case.tokens, longest, case.recompute)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"peak": peak, "estimate": found.total, "parts": {name: round(size / 1e9, 2) for name, size in found.parts.items()}}


def row(draw: random.Random, length: int) -> TokenRow:
    """Random tokens, of which the second half are trained."""
    return TokenRow([draw.randrange(300, 20000) for _ in range(length)], [place > length // 2 for place in range(length)])


def pair(draw: random.Random, length: int) -> Pair:
    """A question of a third of `length` and two answers of a third each: so many tokens go through the model."""
    third = length // 3
    question = [draw.randrange(300, 20000) for _ in range(length - 2 * third)]
    better, worse = ([draw.randrange(300, 20000) for _ in range(third)] for _ in range(2))
    trained = [False] * len(question) + [True] * third
    return Pair(TokenRow(question + better, trained), TokenRow(question + worse, trained))


if __name__ == "__main__":
    sys.exit(main())
