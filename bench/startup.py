"""`tunesmith --help` against `python -c 'import typer'`: median seconds of fresh processes, taken in turns, and their ratio (limit: 5)."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 15
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import typer": ["-c", "import typer"],
    "tunesmith --help": ["-m", "tunesmith", "--help"],
    "tunesmith jobs list --help": ["-m", "tunesmith", "jobs", "list", "--help"],
}


def seconds(arguments: list[str]) -> float:
    """Wall-clock seconds of one process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> int:
    """Print medians and the ratio; exit 1 above the limit."""
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, arguments in COMMANDS.items():
            taken[name].append(seconds(arguments))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    for name, median in medians.items():
        print(f"{name:<28} {median * 1000:7.1f} ms   {median / medians['import typer']:5.2f} × import typer")
    return int(medians["tunesmith --help"] > 5 * medians["import typer"])


if __name__ == "__main__":
    sys.exit(main())
