"""How OpenMP threads should wait: seconds of a training step, alone and beside two busy processes, in turns, medians of the rounds.

python -m bench.threads --rounds 3
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

from bench.peers import child
from bench.train import Outcome
from bench.work import base, write_rows
from tunesmith.settings import SPINS

WAYS: dict[str, dict[str, str]] = {
    "the library's own": {},
    "asleep at once": {"OMP_WAIT_POLICY": "PASSIVE"},
    f"{SPINS} looks, then asleep": {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": SPINS},
}
STEPS = 2


def main() -> None:
    """Print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    plain = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    work = {
        "rows": str(write_rows("banking77", STEPS)),
        "base": base().folder,
        "steps": STEPS,
        "lr": 1e-3,
        "full": False,
        "dpo": False,
        "options": {},
    }
    taken: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for beside in (0, 2):
            busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(beside)]
            try:
                for name, variables in WAYS.items():
                    told = child([sys.executable, "-m", "bench.ours_train"], work, plain | variables)
                    assert told is not None
                    taken.setdefault((name, beside), []).append(Outcome.of(told).step)
            finally:
                for process in busy:
                    process.kill()
                    process.wait()
    for (name, beside), seconds in taken.items():
        print(
            f"{name:<28} {'beside 2 busy processes' if beside else 'alone':<24} {statistics.median(seconds):7.2f} s a step of {len(seconds)} rounds"
        )


if __name__ == "__main__":
    main()
