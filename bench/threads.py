"""How OpenMP threads should wait, and whether pinning them or a sluggish allocator pays: seconds of a training step in turns, medians of the rounds.

    python -m bench.threads --rounds 3        # → bench/results.csv

BANKING77 rows, 32 a step, alone and beside two busy processes. What a worker gets is "N looks, then asleep" (`tunesmith.settings.worker_environment`).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

from bench.facts import append, conditions, measured_peak
from bench.outcome import Outcome
from bench.train import Contest
from bench.work import recorded
from tunesmith.settings import SPINS

SLEEPY = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": SPINS}
CHOSEN = f"{SPINS} looks, then asleep"
WAYS: dict[str, dict[str, str]] = {
    "the library's own": {},
    "asleep at once": {"OMP_WAIT_POLICY": "PASSIVE"},
    "2000 looks, then asleep": SLEEPY | {"GOMP_SPINCOUNT": "2000"},
    CHOSEN: SLEEPY,
    "20000 looks, then asleep": SLEEPY | {"GOMP_SPINCOUNT": "20000"},
    f"{CHOSEN}, pinned": SLEEPY | {"OMP_PROC_BIND": "close", "OMP_PLACES": "cores"},
    f"{CHOSEN}, freed memory given back": SLEEPY | {"MALLOC_TRIM_THRESHOLD_": "131072"},
    f"{CHOSEN}, 1 thread": SLEEPY | {"TUNESMITH_THREADS": "1"},
}
"""Way → environment. glibc's name for its allocator, and its own value: whoever sets one keeps us from setting ours."""
OURS_TO_SET = {name for way in WAYS.values() for name in way}
STEPS = 3


def main() -> None:
    """Print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked = recorded(parser, rounds=3)
    conditions()  # read before anything is measured
    plain = {name: value for name, value in os.environ.items() if name not in OURS_TO_SET}
    contest = Contest.on("banking77", STEPS, asked.rows_per_step)
    before = measured_peak()
    taken: dict[tuple[str, int], list[Outcome]] = {}
    for _ in range(asked.rounds):
        for beside in (0, 2):
            busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(beside)]
            try:
                for name, variables in WAYS.items():
                    contest.environment = plain | variables
                    taken.setdefault((name, beside), []).append(contest.run(STEPS))
            finally:
                for process in busy:
                    process.kill()
                    process.wait()
    peaks = {"matmul_gflops_before": before / 1e9, "matmul_gflops": measured_peak() / 1e9}
    for (name, beside), runs in taken.items():
        place = "beside 2 busy processes" if beside else "alone"
        step = statistics.median(one.step for one in runs)
        print(f"{name:<44} {place:<24} {step:7.2f} s a step of {len(runs)} rounds")
        if not asked.dry:
            own = statistics.median(taken[CHOSEN, beside][i].step for i in range(len(runs)))
            counts = {"rounds": len(runs), "rows": sum(runs[0].rows), "steps": STEPS, "warm_up": runs[0].warm_up, "threads": runs[0].threads}
            memory = statistics.median(one.peak_bytes for one in runs) / 1e9
            figures = {"rows_per_s": asked.rows_per_step / step, "slower_than_ours": step / own, "peak_gb": memory}
            append({"work": f"threads, banking77, {place}", "side": name} | counts | figures | peaks)


if __name__ == "__main__":
    main()
