"""Which threshold finds answers that were exchanged, and leaves sound pairs alone?

    python -m bench.misfits --data FOLDER --rows 2500 --seeds 5      # about 4 minutes for the vectors, then seconds

GSM8K and the Python FAQ. 5 % of the answers are dealt to other questions, with fresh seeds; for each pair of thresholds (robust z of the margin, share of the
other answers that are nearer to the question) the share of exchanged rows that are named, the share of named rows that were exchanged, and the rows that are
named where nothing was exchanged.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.checked import every_set, rate
from bench.planted import exchanged
from bench.readers import Row
from bench.vectors import vectors
from tunesmith.data.examine.misfits import Misfits, misfits

THRESHOLDS = ((-4.0, 0.0), (-4.0, 0.02), (-3.5, 0.02), (-3.0, 0.0), (-3.0, 0.01), (-3.0, 0.02), (-3.0, 0.05), (-2.5, 0.02))


def named(found: Misfits, far: float, nearer: float) -> set[int]:
    """The rows that these thresholds name."""
    return set(np.flatnonzero((found.z <= far) & (found.share_nearer >= nearer)).tolist())


def compare(name: str, rows: Sequence[Row], seeds: Sequence[int]) -> None:
    """The table of one data set."""
    asked = vectors([row.question for row in rows], f"misfits-{name}-questions").every()
    said = vectors([row.answer for row in rows], f"misfits-{name}-answers").every()
    place = {row.answer: i for i, row in enumerate(rows)}
    sound = misfits(asked, said)
    print(f"\n{name}: {len(rows):,} rows, {sound.separable:.1%} nearer to their question than one dealt at random {sound.remark}")
    runs = []
    for seed in seeds:
        dealt, swapped = exchanged(random.Random(f"{seed} {name}"), list(rows))
        runs.append((misfits(asked, said[[place[row.answer] for row in dealt]], seed), swapped))
    hits, told = (sum(len(set(found.flagged.tolist()) & some) for found, some in runs), sum(len(found.flagged) for found, _ in runs))
    planted = sum(len(swapped) for _, swapped in runs)
    print(f"  as it is: recall {rate(hits, planted)}, precision {rate(hits, told)}, of sound {rate(len(sound.flagged), len(rows))}")
    for far, nearer in THRESHOLDS:
        hits = sum(len(named(found, far, nearer) & swapped) for found, swapped in runs)
        told = sum(len(named(found, far, nearer)) for found, _ in runs)
        print(
            f"  z <= {far:.1f}, nearer >= {nearer:.2f}: recall {rate(hits, planted)}, precision {rate(hits, told)}, of sound {rate(len(named(sound, far, nearer)), len(rows))}"
        )


def main() -> None:
    """Compare the thresholds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the public data sets")
    parser.add_argument("--rows", type=int, default=2_500, help="of GSM8K")
    parser.add_argument("--seeds", type=int, default=5, help="how many; each is drawn afresh")
    options = parser.parse_args()
    seeds = [random.SystemRandom().randrange(10**6) for _ in range(options.seeds)]
    print(f"seeds {seeds}")
    with tempfile.TemporaryDirectory() as folder:
        for known in every_set(options.data, Path(folder)):
            if not known.has_labels:
                compare(known.name, known.train[: options.rows], seeds)


if __name__ == "__main__":
    main()
