"""What the data doctor says of more rows, against the truth: does twice as many bring what it says?

    python -m bench.enough --clinc data_full.json --banking banking77 --seeds 10       # 4 minutes

Every seed draws 2n rows. The doctor sees the first n of them; the truth is how much better the same classifier is on the rows that are left over, once
learnt from all 2n instead of n. Labels with too few rows to be judged are left out on both sides. Said for both data sets: how often the truth lies in the
interval, how wide that is, how far off its middle, and what was said against what came true. CLINC150's file is its data_full.json (CC BY 3.0),
`banking77` is a folder with train.csv and test.csv (CC BY 4.0). Neither is shipped whole.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from bench.readers import Known, banking77, clinc150, numbered
from bench.vectors import same_question, vectors
from tunesmith.data.examine.enough import enough
from tunesmith.data.examine.meaning import F32, I64
from tunesmith.data.examine.suspects import STEPS, STRENGTH, suspects
from tunesmith.spec.job import Silent

PARTS = (16, 8, 4, 3)
"""The doctor sees one of so many parts of the rows; what two leave over judges."""


def score(vectors_: F32, labels: I64, asked: F32, references: I64) -> float:
    """Share of right answers of the doctor's classifier."""
    with warnings.catch_warnings(), threadpool_limits(limits=1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        learnt = LogisticRegression(C=STRENGTH, max_iter=STEPS).fit(vectors_, labels)
        return float((learnt.predict(asked) == references).mean())


def measure(corpus: Known, seeds: int) -> None:
    """Print one line for each number of rows."""
    texts, labels, names = numbered(corpus.train)
    known = vectors(texts, f"{corpus.name.lower()}-train").every()
    groups = same_question(texts)
    print(f"{corpus.name}: {len(texts):,} rows")
    for part in PARTS:
        size, inside, widths, misses, spoken, begun = len(texts) // part, 0, [], [], [], time.monotonic()
        for seed in range(seeds):
            order = np.random.default_rng(seed).permutation(len(texts))
            seen, both, judging = order[:size], order[: 2 * size], order[2 * size :]
            judged = suspects(known[seen], labels[seen], groups[seen], Silent(), seed)
            found = enough(known[seen], labels[seen], judged, names, Silent(), seed)
            if found is None:
                continue
            twice = found.curve.gain(2 * found.curve.now)
            spoken_of = np.unique(labels[seen][judged.fold >= 0])
            mine, other, fair = (some[np.isin(labels[some], spoken_of)] for some in (seen, both, judging))
            after, before = (score(known[some], labels[some], known[fair], labels[fair]) for some in (other, mine))
            truth = after - before
            inside += twice.low <= truth <= twice.high
            widths.append(twice.high - twice.low)
            misses.append(twice.value - truth)
            spoken.append((found.curve.helps(), truth))
        if not spoken:
            print(f"  {size:6,} rows  nothing is said: too few of a label")
            continue
        said = {word: [round(100 * truth, 1) for answer, truth in spoken if answer == word] for word in ("yes", "hardly", "cannot tell")}
        print(
            f"  {size:6,} rows  inside {inside} of {len(spoken)}  width {100 * np.median(widths):.1f}  off by {100 * np.mean(np.abs(misses)):.2f} "
            f"(bias {100 * np.mean(misses):+.2f})  {(time.monotonic() - begun) / seeds:.1f} s  helps: {said}",
            flush=True,
        )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clinc", type=Path)
    parser.add_argument("--banking", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    for path, read in ((given.clinc, clinc150), (given.banking, banking77)):
        if path is not None:
            measure(read(path), given.seeds)


if __name__ == "__main__":
    main()
