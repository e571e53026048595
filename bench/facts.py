"""What a measurement stands on: the machine, the commit, and how fast this processor multiplies matrices.

`python -m bench.facts` prints that speed: benchmarks ask it of a process of its own, so that they keep no spinning threads beside what they measure.
"""

from __future__ import annotations

import csv
import datetime
import os
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import torch

from tunesmith.model.device import CPU_FLAGS, cpu_flags
from tunesmith.settings import worker_environment

HERE = Path(__file__).resolve().parent
RESULTS, SWEEPS, BREAKDOWN = HERE / "results.csv", HERE / "sweeps.csv", HERE / "breakdown.csv"
CONDITIONS = ("date", "commit", "cpu", "threads", "torch")
FIELDS = (
    *CONDITIONS, "work", "side", "rows_per_s", "tokens_per_s", "slower_than_ours", "peak_gb", "mean_loss", "rounds", "matmul_gflops",
    "processor", "cores", "memory_gb", "load", "rows", "steps", "counted", "warm_up", "matmul_gflops_before", "gflops", "share_of_peak",
    "trajectory_gap", "tolerance", "agreement", "right", "versions", "setup_s", "saving_s", "float32_gap",
)  # fmt: skip
"""Columns of bench/results.csv. `rows`: in one round; `steps`: of one round, of which `warm_up` are left out; `counted`: steps of all rounds that count;
`load`: of the last minute before the first round; `matmul_gflops`: after the last round; `gflops`: useful work a second (bench/flops.py), and its share
of the mean of both peaks; `trajectory_gap`, `tolerance` and `float32_gap`: bench/trajectory.py; `agreement`, `right`: bench/answers.py; `setup_s`, `saving_s`: before the first
step and after the last one (bench/growth.py)."""
SWEEP_FIELDS = (*CONDITIONS, "processor", "cores", "load", "work", "side", "peer", "rows_per_s", "peak_gb", "steps", "warm_up", "versions", "failed")
"""Columns of bench/sweeps.csv: one line per setting of a peer that was tried; `failed` is the last line of what it said where it does not run."""
BREAKDOWN_FIELDS = (*CONDITIONS, "processor", "cores", "load", "work", "part", "kind", "seconds", "share", "gflops", "calls")
"""Columns of bench/breakdown.csv: of one step, `share` of its seconds."""


@cache
def conditions() -> dict[str, Any]:
    """The machine and the code, as they are when this is first asked: before the rounds, since results are written while others already stand."""
    return {
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "cpu": " ".join(sorted(cpu_flags() & {"avx2", "avx512f", "avx512_bf16", "amx_bf16"})),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load": round(os.getloadavg()[0], 2),
    }


def commit() -> str:
    """The commit, `-dirty` where a file differs from it or is new; files of results are not counted."""
    here = HERE.parent
    named = subprocess.run(["git", "describe", "--always"], capture_output=True, text=True, cwd=here).stdout.strip()
    recorded = [f":!{path.relative_to(here)}" for path in (RESULTS, SWEEPS, BREAKDOWN)]
    changed = subprocess.run(["git", "status", "--porcelain", "--", ".", *recorded], capture_output=True, text=True, cwd=here).stdout.strip()
    return f"{named}-dirty" if changed else named


def processor() -> str:
    """The processor's name, as the system tells it; empty where it does not."""
    lines = CPU_FLAGS.read_text(errors="replace").splitlines() if CPU_FLAGS.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def append(figures: dict[str, Any], path: Path = RESULTS, fields: tuple[str, ...] = FIELDS) -> None:
    """One line of bench/results.csv (or another record), with the facts of this machine; what `figures` says of them counts.

    Raises: ValueError for a figure that has no column.
    """
    known = {name: value for name, value in conditions().items() if name in fields}
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(known | {key: f"{value:.4g}" if isinstance(value, float) else value for key, value in figures.items()})


def read(path: Path) -> list[dict[str, str]]:
    """The lines of a record; none where there is no file yet."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def matmul_peak(size: int = 2048, dtype: torch.dtype = torch.bfloat16, device: str = "cpu") -> float:
    """FLOP/s of the best of ten square products: what this machine, or its device, can do at most."""
    one, other = torch.randn(size, size, dtype=dtype, device=device), torch.randn(size, size, dtype=dtype, device=device)
    best = float("inf")
    for _ in range(10):
        started = time.perf_counter()
        one @ other
        if device != "cpu":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best


def measured_peak() -> float:
    """`matmul_peak` of a process of its own, in the environment that workers get."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.facts"], capture_output=True, text=True, cwd=HERE.parent, env=worker_environment(), check=True
    )
    return float(done.stdout)


if __name__ == "__main__":
    print(matmul_peak())
