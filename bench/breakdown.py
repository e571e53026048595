"""Where a training step's time goes: seconds of each part of the engine in matrix products, copies and arithmetic, and how fast its products are.

    python -m bench.breakdown gsm8k        # or banking77, gsm8k-full, gsm8k-dpo → bench/breakdown.csv

32 rows a step, as in bench/train.py. A profiled step is slower than a plain one, by how much is told. Products are held against the peak that
bench/facts.py measures before and after. The pass of DPO's reference, which comes before the steps, is not in it. On a CPU only: on a device these would
be the times of launching. Run nothing beside it.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from bench.facts import BREAKDOWN, BREAKDOWN_FIELDS, append, conditions, measured_peak
from bench.peers import told
from bench.train import RATES, Contest
from bench.work import ROWS_PER_STEP, SEED
from tunesmith.model.device import place
from tunesmith.settings import settings

STEPS = 3


def main() -> None:
    """Print a table of one step and record it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=RATES)
    parser.add_argument("--dry", action="store_true", help="append nothing")
    parser.add_argument("--rows-per-step", type=int, default=ROWS_PER_STEP, help="with --dry: fewer rows, to see whether it runs")
    asked = parser.parse_args()
    if not asked.dry and asked.rows_per_step != ROWS_PER_STEP:
        parser.error(f"what is recorded takes {ROWS_PER_STEP} rows a step: try others with --dry")
    if place(settings()).device.type != "cpu":
        parser.error("this is about CPUs: TUNESMITH_DEVICE=cpu")
    conditions()  # read before anything is measured
    contest = Contest.on(asked.work, STEPS, asked.rows_per_step)
    before = measured_peak()
    plain = contest.run(STEPS).step
    work = contest.told_of(STEPS, contest.lr) | {"seed": SEED}
    found = told([sys.executable, "-m", "bench.ours_breakdown"], work, contest.environment)
    peak = (before + measured_peak()) / 2
    profiled = found["profiled_seconds"] / (STEPS - 1)
    print(f"{asked.work}: a step takes {plain:.2f} s, profiled {profiled:.2f} s; bf16 matrix-product peak {peak / 1e9:.0f} GFLOP/s")
    lines = list(shares(found["parts"], STEPS - 1))
    show(lines, peak / 1e9)
    if not asked.dry:
        for line in lines:
            append({"work": asked.work} | line, BREAKDOWN, BREAKDOWN_FIELDS)


def shares(parts: dict[str, dict[str, list[float]]], steps: int) -> list[dict[str, Any]]:
    """One line per part and kind, of one step; the costliest part first.

    >>> shares({"norms": {"copy": [2.0, 0.0, 8.0]}, "attention": {"product": [6.0, 12e9, 4.0]}}, 2)[0]
    {'part': 'attention', 'kind': 'product', 'seconds': 3.0, 'share': 0.75, 'gflops': 2.0, 'calls': 2.0}
    """
    total = sum(one[0] for kinds in parts.values() for one in kinds.values())
    order = sorted(parts, key=lambda part: -sum(one[0] for one in parts[part].values()))
    return [
        {"part": part, "kind": kind, "seconds": taken / steps, "share": taken / total, "gflops": flop / taken / 1e9 if flop and kind == "product" else None, "calls": calls / steps}
        for part in order
        for kind, (taken, flop, calls) in parts[part].items()
        if taken
    ]  # fmt: skip


def show(lines: list[dict[str, Any]], peak: float) -> None:
    """The table, a part a line."""
    print(f"{'':<36} {'seconds':>8} {'share':>7} {'products':>9} {'copies':>8} {'other':>8} {'GFLOP/s':>9} {'of peak':>8}")
    for part in [*dict.fromkeys(line["part"] for line in lines), None]:
        mine = [line for line in lines if part in (line["part"], None)]
        spent = {kind: sum(line["seconds"] for line in mine if line["kind"] == kind) for kind in ("product", "copy", "arithmetic")}
        rate = sum(line["gflops"] * line["seconds"] for line in mine if line["gflops"]) / spent["product"] if spent["product"] else 0.0
        fast = f"{rate:9.0f} {rate / peak:8.1%}" if rate else ""
        share = sum(line["share"] for line in mine)
        print(
            f"{part or 'all':<36} {sum(spent.values()):8.2f} {share:7.1%} {spent['product']:9.2f} {spent['copy']:8.2f} {spent['arithmetic']:8.2f} {fast}"
        )


if __name__ == "__main__":
    main()
