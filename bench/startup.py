"""How long a user waits before anything happens; 1 above a limit.

    python -m bench.startup

`tunesmith --help` against `python -c 'import typer'`: median seconds of fresh processes, taken in turns, and their ratio (limit: 5). Then the embedded
base: median seconds of loading it in a fresh process, from `load` to a model that can answer, without the imports, which are told beside it (limit: 2 s).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

from tunesmith.settings import worker_environment

RATIO, LOAD_S = 5, 2.0
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import typer": ["-c", "import typer"],
    "tunesmith --help": ["-m", "tunesmith", "--help"],
    "tunesmith jobs list --help": ["-m", "tunesmith", "jobs", "list", "--help"],
}


def main() -> int:
    """Print medians and the ratio; 1 above a limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="of the commands; the base is loaded a third as often")
    parser.add_argument("--load", action="store_true", help="load the base in this process and print JSON")
    asked = parser.parse_args()
    if asked.load:
        print(json.dumps(loading()))
        return 0
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(asked.rounds):
        for name, arguments in COMMANDS.items():
            taken[name].append(seconds(arguments))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    for name, median in medians.items():
        print(f"{name:<28} {median * 1000:7.1f} ms   {median / medians['import typer']:5.2f} × import typer")
    loads = [fresh_loading() for _ in range(max(1, asked.rounds // 3))]
    found = {name: statistics.median(one[name] for one in loads) for name in ("imports", "load", "process")}
    print(
        f"the embedded base: {found['load']:.2f} s (limit {LOAD_S}) after {found['imports']:.2f} s of imports; the whole process {found['process']:.2f} s"
    )
    return int(medians["tunesmith --help"] > RATIO * medians["import typer"] or found["load"] > LOAD_S)


def seconds(arguments: list[str]) -> float:
    """Wall-clock seconds of one process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def fresh_loading() -> dict[str, float]:
    """Seconds of a fresh worker's process that loads the base: its imports, the loading, and the whole process."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "bench.startup", "--load"], check=True, capture_output=True, text=True, env=worker_environment())
    found: dict[str, float] = json.loads(done.stdout)
    return found | {"process": time.perf_counter() - start}


def loading() -> dict[str, float]:
    """Seconds of imports and of loading the base, in this process."""
    start = time.perf_counter()
    from bench.work import base
    from tunesmith.model.device import apply, place
    from tunesmith.model.load import load
    from tunesmith.settings import settings

    imported = time.perf_counter()
    placement = place(settings())
    apply(placement)
    load(base(), placement)
    return {"imports": imported - start, "load": time.perf_counter() - imported}


if __name__ == "__main__":
    sys.exit(main())
