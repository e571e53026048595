"""What a measurement stands on: the machine, the commit, and how fast this processor multiplies matrices."""

from __future__ import annotations

import csv
import datetime
import subprocess
import time
from pathlib import Path
from typing import Any

import torch

from tunesmith.model.device import cpu_flags

RESULTS = Path(__file__).resolve().parent / "results.csv"
FIELDS = ("date", "commit", "cpu", "threads", "torch", "work", "side", "rows_per_s", "tokens_per_s", "slower_than_ours", "peak_gb", "mean_loss", "rounds", "matmul_gflops")  # fmt: skip


def append(figures: dict[str, Any]) -> None:
    """One line of bench/results.csv, with the facts of this machine."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=RESULTS.parent).stdout.strip()
    named = sorted(cpu_flags() & {"avx2", "avx512f", "avx512_bf16", "amx_bf16"})
    facts = {
        "date": datetime.date.today().isoformat(),
        "commit": commit,
        "cpu": " ".join(named),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    new = not RESULTS.exists()
    with RESULTS.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if new:
            writer.writeheader()
        writer.writerow(facts | {key: f"{value:.4g}" if isinstance(value, float) else value for key, value in figures.items()})


def matmul_peak(size: int = 2048, dtype: torch.dtype = torch.bfloat16) -> float:
    """FLOP/s of the best of ten square products: what this machine can do at most."""
    one, other = torch.randn(size, size, dtype=dtype), torch.randn(size, size, dtype=dtype)
    best = float("inf")
    for _ in range(10):
        started = time.perf_counter()
        one @ other
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best
