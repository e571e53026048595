"""Training against TRL and LitGPT: the same rows in the same order, in turns, medians of the rounds.

    python -m bench.train gsm8k --rounds 3        # or banking77, gsm8k-full, gsm8k-dpo; --sweep finds the peer's best settings first

Both sides must show the same loss trajectory, or the comparison is void. Run nothing beside it: spinning threads ruin both sides.
Results are appended to bench/results.csv. Steps of 32 rows; the first step of each run warms up and is not counted, unless it is the only one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import dataclass
from typing import Any

from bench.facts import append, matmul_peak
from bench.peers import child, python
from bench.work import ROOT, ROWS_PER_STEP, base, write_pairs, write_rows
from tunesmith.settings import worker_environment

RATES = {"gsm8k": 1e-3, "banking77": 1e-3, "gsm8k-full": 5e-5, "gsm8k-dpo": 1e-4}
"""Work → learning rate of both sides."""
DEFAULTS: dict[str, Any] = {"options": {}, "dtype": None}
SWEEP: dict[str, dict[str, Any]] = {
    "trl defaults": DEFAULTS,
    **{
        f"trl batch {size}, bf16 weights, no checkpointing": {
            "options": {"per_device_train_batch_size": size, "gradient_checkpointing": False},
            "dtype": "bfloat16",
        }
        for size in (1, 2, 4, 8, 16)
    },
    **{
        f"trl batch {size}, autocast, no checkpointing": {
            "options": {"per_device_train_batch_size": size, "gradient_checkpointing": False, "bf16": True},
            "dtype": None,
        }
        for size in (2, 8)
    },
    "trl batch 4, float32, no checkpointing": {
        "options": {"per_device_train_batch_size": 4, "gradient_checkpointing": False, "bf16": False},
        "dtype": None,
    },
    "trl batch 4, bf16 weights, padding-free": {
        "options": {"per_device_train_batch_size": 4, "gradient_checkpointing": False, "padding_free": True},
        "dtype": "bfloat16",
    },
}
LITGPT: dict[str, dict[str, Any]] = {
    f"litgpt micro-batch {size}, bf16": {"options": {"micro_batch": size, "precision": "bf16-true"}, "peer": "litgpt"} for size in (1, 4)
}
"""LitGPT trains whole models only where TRL does: its default size of a micro-batch, and a larger one."""
AGREE = 0.05
"""Relative difference of two mean losses up to which the trajectories are the same within noise."""


@dataclass(frozen=True)
class Outcome:
    """One run of one side."""

    seconds: list[float]
    losses: list[float]
    peak_bytes: int

    @classmethod
    def of(cls, told: dict[str, Any]) -> Outcome:
        """What a script said."""
        return cls(told["seconds"], told["losses"], told["peak_bytes"])

    @property
    def step(self) -> float:
        """Median seconds of a step, the first one left out."""
        return statistics.median(self.seconds[1:] or self.seconds)


def main() -> int:
    """Run the comparison; 1 when it is void."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=RATES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--peer-steps", type=int, default=None, help="the peers' steps in each round, where one of theirs takes minutes")
    parser.add_argument("--sweep", action="store_true", help="measure all of the peer's settings before the rounds")
    parser.add_argument(
        "--best", default="trl batch 4, bf16 weights, no checkpointing", help="the peer's settings to compare with, beside its defaults"
    )
    asked = parser.parse_args()
    full, dpo = asked.work.endswith("-full"), asked.work.endswith("-dpo")
    rows = write_pairs(asked.steps) if dpo else write_rows(asked.work.removesuffix("-full"), asked.steps)
    tokens = sum(tokens_of(json.loads(line)) for line in rows.read_text().splitlines()) / asked.steps
    work = {"rows": str(rows), "base": base().folder, "steps": asked.steps, "lr": RATES[asked.work], "full": full, "dpo": dpo}
    theirs = work | {"steps": asked.peer_steps or asked.steps}
    best = asked.best
    if asked.sweep:
        found = {}
        for name, settings in SWEEP.items():
            one = attempt(name, work | {"steps": min(2, asked.steps)} | settings)
            if one is not None:
                found[name] = one.step
                print(f"{name:<48} {ROWS_PER_STEP / one.step:6.2f} rows/s  {one.peak_bytes / 1e9:5.1f} GB", flush=True)
        best = min((name for name in found if name != "trl defaults"), key=found.__getitem__)
    sides = {"tunesmith": None, "trl defaults": DEFAULTS, best: SWEEP[best]} | (LITGPT if full else {})
    taken: dict[str, list[Outcome]] = {name: [] for name in sides}
    for turn in range(asked.rounds):
        for name, settings in sides.items():
            one = ours(work) if settings is None else attempt(name, theirs | settings)
            if one is None:
                return 1
            taken[name].append(one)
            print(f"round {turn + 1}  {name:<48} {ROWS_PER_STEP / one.step:6.2f} rows/s  losses {[round(x, 3) for x in one.losses]}", flush=True)
    return show(asked.work, taken, tokens)


def tokens_of(row: dict[str, Any]) -> int:
    """Tokens of a row as a trainer without sharing counts them: both sides of a pair with their question."""
    return len(row["ids"]) if "ids" in row else sum(len(row["prompt"]) + len(row[name]) for name in ("chosen", "rejected"))


def ours(work: dict[str, Any]) -> Outcome:
    """Our side, in the environment that a worker gets."""
    told = child([sys.executable, "-m", "bench.ours_train"], work | {"options": {}}, worker_environment())
    assert told is not None
    return Outcome.of(told)


def attempt(name: str, work: dict[str, Any]) -> Outcome | None:
    """The peer's side; None where these settings do not run, with the reason on standard error."""
    peer = work.get("peer", "trl")
    script = "litgpt_full.py" if peer == "litgpt" else "trl_dpo.py" if work["dpo"] else "trl_sft.py"
    told = child([str(python(peer)), str(ROOT / "bench" / "peers" / script)], work, None)
    if told is None:
        print(f"{name}: does not run", file=sys.stderr)
        return None
    return Outcome.of(told)


def record(work: str, side: str, step: float, tokens: float, ratio: float, peak_gb: float, loss: float, rounds: int, **more: float) -> None:
    """A side's line of the results: `step` in seconds, `tokens` of a step."""
    speed = {"rows_per_s": ROWS_PER_STEP / step, "tokens_per_s": tokens / step, "slower_than_ours": ratio}
    append({"work": work, "side": side} | speed | {"peak_gb": peak_gb, "mean_loss": loss, "rounds": rounds} | more)


def show(work: str, taken: dict[str, list[Outcome]], tokens: float) -> int:
    """The table; 1 when the losses part."""
    peak = matmul_peak()
    medians = {name: statistics.median(one.step for one in runs) for name, runs in taken.items()}
    common = min(len(one.losses) for runs in taken.values() for one in runs)  # the same rows on every side
    mean = {name: statistics.mean(loss for one in runs for loss in one.losses[:common]) for name, runs in taken.items()}
    print(f"\n{work}: {tokens / ROWS_PER_STEP:.0f} tokens a row, bf16 matrix-product peak {peak / 1e9:.0f} GFLOP/s")
    print(f"{'':<48} {'rows/s':>7} {'tokens/s':>9} {'ratio':>6} {'peak GB':>8} {'mean loss':>10}")
    void = False
    for name, runs in taken.items():
        memory = statistics.median(one.peak_bytes for one in runs) / 1e9
        ratio = medians[name] / medians["tunesmith"]
        apart = abs(mean[name] / mean["tunesmith"] - 1)
        void |= apart > AGREE
        print(f"{name:<48} {ROWS_PER_STEP / medians[name]:7.2f} {tokens / medians[name]:9.0f} {ratio:6.2f} {memory:8.2f} {mean[name]:10.4f}")
        record(work, name, medians[name], tokens, ratio, memory, mean[name], len(runs), matmul_gflops=peak / 1e9)
    if void:
        print(f"VOID: mean losses are more than {AGREE:.0%} apart")
    return int(void)


if __name__ == "__main__":
    sys.exit(main())
