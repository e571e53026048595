"""A fifth of the rows, chosen or drawn at random: what a classifier learns from it, and how near every row has a chosen one.

    python -m bench.choosing banking77 --seeds 5

Logistic regression (C = 10) on vectors of the embedded encoder, macro-F1 on BANKING77's test split; the difference to each random draw with its
paired bootstrap interval. `banking77` is a folder with train.csv and test.csv. Farthest first (k-centre) stands beside it.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from bench.readers import banking77, numbered
from bench.vectors import vectors
from tunesmith.data.examine.choose import choose, shortfall
from tunesmith.data.examine.closest import nearest
from tunesmith.measure.quantities import Quantity, macro_f1_of
from tunesmith.measure.statistics import paired_difference
from tunesmith.spec.job import Silent

I64 = NDArray[np.int64]
F32 = NDArray[np.float32]
SHARE = 0.2


def macro_f1(known: F32, labels: I64, unseen: F32, references: I64) -> Quantity:
    """Macro-F1 on the test rows of a logistic regression trained on these rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        answers = LogisticRegression(C=10.0, max_iter=400).fit(known, labels).predict(unseen)
    count = int(references.max()) + 1
    has, said = np.eye(count)[references], np.eye(count)[answers]
    return Quantity(np.concatenate([has * said, has, said], axis=1), macro_f1_of)


def farthest_first(known: F32, count: int) -> I64:
    """Rows each of which is the farthest from those before it."""
    chosen = [0]
    cosine = known @ known[0]
    for _ in range(count - 1):
        chosen.append(int(cosine.argmin()))
        cosine = np.maximum(cosine, known @ known[chosen[-1]])
    return np.sort(np.array(chosen))


def coverage(known: F32, rows: I64) -> str:
    """Mean and worst distance of the other rows to the nearest of these."""
    left = np.setdiff1d(np.arange(len(known)), rows)
    apart = 1 - nearest(known[left], known[rows], 1)[1]
    return f"distance of the others {apart.mean():.3f}, worst {apart.max():.3f}"


def main() -> None:
    """Print every choice and its difference to the random draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("banking", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--share", type=float, default=SHARE)
    options = parser.parse_args()
    given = banking77(options.banking)
    texts, labels, _ = numbered(given.train)
    asked, references, _ = numbered(given.test)
    known, unseen = vectors(texts, "banking77-train").every(), vectors(asked, "banking77-test").every()
    count = round(options.share * len(texts))
    drawn = [np.sort(np.random.default_rng(1_000 + seed).choice(len(texts), count, replace=False)) for seed in range(options.seeds)]
    random = [macro_f1(known[rows], labels[rows], unseen, references) for rows in drawn]
    whole = macro_f1(known, labels, unseen, references)
    print(f"all {len(texts):,} rows {whole.value():.4f}; {count:,} at random {np.mean([q.value() for q in random]):.4f}; {coverage(known, drawn[0])}")
    choices = {"chosen": None, "chosen, labels alike": labels}
    for name, groups in choices.items():
        started = time.perf_counter()
        rows = choose(known, count, Silent(), groups).rows
        _tell(name, time.perf_counter() - started, (known, labels, rows), macro_f1(known[rows], labels[rows], unseen, references), random)
    started = time.perf_counter()
    rows = farthest_first(known, count)
    _tell("farthest first", time.perf_counter() - started, (known, labels, rows), macro_f1(known[rows], labels[rows], unseen, references), random)


def _tell(name: str, seconds: float, choice: tuple[F32, I64, I64], found: Quantity, random: list[Quantity]) -> None:
    known, labels, rows = choice
    lost = shortfall(labels, rows)
    print(f"{name:<21} {found.value():.4f}  {seconds:5.1f} s  {coverage(known, rows)}; labels lost {len(lost.lost)}, halved {len(lost.halved)}")
    for seed, other in enumerate(random):
        gain = paired_difference(found, other)
        print(f"    over random draw {seed}: {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]", flush=True)


if __name__ == "__main__":
    main()
