"""Does any file crash the data doctor, or lose a row in silence?

    python -m bench.fuzz --files 5000        # about 10 minutes on one core; --seed for others than the last time

Files of every format (CSV, TSV, JSON Lines and arrays with chat, completion, Alpaca, ShareGPT, preference and rated rows, Parquet, text, Markdown), damaged
in their bytes, are checked and mended; `tests/data/fuzz_doctor.py` says what must hold. The first file that breaks a rule is made as small as it can be and shown.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.data.fuzz_doctor import fate_of
from tests.data.fuzzed import Fuzzed, anything


def main() -> None:
    """Fuzz, and tell what became of the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    fates: Counter[str] = Counter()
    formats: Counter[str] = Counter()
    rows, started = 0, time.perf_counter()

    @seed(options.seed)
    @settings(
        max_examples=options.files,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(anything)
    def every(file: Fuzzed) -> None:
        nonlocal rows
        with tempfile.TemporaryDirectory() as folder:
            fate, count = fate_of(Path(folder), file)
        fates[fate] += 1
        formats[file.name] += 1
        rows += count
        if fates.total() % 500 == 0:
            print(f"{fates.total():,} files, {time.perf_counter() - started:.0f} s", flush=True)

    print(f"seed {options.seed}", flush=True)
    every()
    told = ", ".join(f"{count:,} {fate}" for fate, count in fates.most_common())
    print(f"{fates.total():,} files in {time.perf_counter() - started:.0f} s, {rows:,} rows: {told}; no crash, no row lost")
    print(", ".join(f"{name} {count:,}" for name, count in formats.most_common()))


if __name__ == "__main__":
    main()
