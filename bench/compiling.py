"""Whether torch.compile pays in a training: seconds of the first step, in which it compiles, and of the later ones, in turns with the plain way.

    python -m bench.compiling gsm8k --rounds 2        # or banking77 → bench/results.csv

32 rows a step; each layer compiled for itself, or the whole network at once, with sizes that may change from step to step, as packed rows do. It pays in a
training of so many steps as it takes for what later steps save to make up for the compiling: that number is printed.
"""

from __future__ import annotations

import argparse
import os
import statistics

from bench.facts import append, conditions, measured_peak
from bench.outcome import Outcome
from bench.peers import DoesNotRun
from bench.train import Contest
from bench.trajectory import gap
from bench.work import recorded

PLAIN = "ours"
WAYS = {PLAIN: "", "ours, each layer compiled": "layers", "ours, the network compiled": "network"}
STEPS = 5
SAME = 0.02
"""Over the mean loss: what compiles to other roundings may be away; whoever is further has trained something else and is not recorded."""


def main() -> None:
    """Print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=("gsm8k", "banking77"))
    asked = recorded(parser, rounds=2)
    conditions()  # read before anything is measured
    contest = Contest.on(asked.work, STEPS, asked.rows_per_step)
    before, plain = measured_peak(), contest.environment or dict(os.environ)
    taken: dict[str, list[Outcome]] = {name: [] for name in WAYS}
    for _ in range(asked.rounds):
        for name, how in WAYS.items():
            contest.environment = {**plain, "BENCH_COMPILE": how}
            try:
                taken[name].append(contest.run(STEPS))
            except DoesNotRun as error:
                print(f"{name} does not run: {str(error).splitlines()[-1]}", flush=True)
    if not taken[PLAIN]:
        return
    peaks = {"matmul_gflops_before": before / 1e9, "matmul_gflops": measured_peak() / 1e9}
    own = median_step(taken[PLAIN])
    for name, runs in taken.items():
        if not runs:
            continue
        apart = gap(taken[PLAIN][0].losses, runs[0].losses)
        step, first = median_step(runs), statistics.median(one.seconds[0] for one in runs)
        saved, dearer = own - step, first - statistics.median(one.seconds[0] for one in taken[PLAIN])
        pays = "" if name == PLAIN else f"; pays from {round(dearer / saved):,} steps on" if saved > 0 else "; never pays"
        print(f"{name:<30} first step {first:7.1f} s, later {step:6.2f} s, losses {apart:.2%} away{pays}")
        if not asked.dry and apart <= SAME:
            counts = {"rounds": len(runs), "rows": sum(runs[0].rows), "steps": STEPS, "warm_up": runs[0].warm_up, "threads": runs[0].threads}
            figures = {"rows_per_s": asked.rows_per_step / step, "slower_than_ours": step / own}
            memory = {"peak_gb": statistics.median(one.peak_bytes for one in runs) / 1e9}
            append({"work": f"compiling, {asked.work}", "side": name} | counts | figures | memory | peaks)


def median_step(runs: list[Outcome]) -> float:
    """Seconds of a step behind the first one, the median of the runs."""
    return statistics.median(one.step for one in runs)


if __name__ == "__main__":
    main()
