"""Label errors: our list against cleanlab as it is used by hand, and what mending is worth to the model that is trained.

    python -m bench.label_errors banking77 --seeds 5                        # 10 % of the labels flipped at random: 3 minutes
    python -m bench.label_errors banking77 --clean --clinc data_full.json   # rows of undamaged data that a person would be shown: 2 minutes
    python -m bench.label_errors banking77 --train --seeds 5                # macro-F1 on the untouched test split: damaged, mended, clean: 4 minutes
    python -m bench.label_errors banking77 --train --tuned --seeds 1        # the same with SmolLM2-135M tuned on 3,000 of the rows: about an hour a seed

`banking77` is a folder with the public data set's train.csv and test.csv (10,003 and 3,080 rows; CC BY 4.0), CLINC150's file is its data_full.json
(CC BY 3.0). Neither is shipped whole.

Both sides get the same vectors. By hand: LogisticRegression, cross_val_predict in five folds, find_label_issues for the list, and all rows
ranked by get_label_quality_scores (self-confidence; that is kinder to it than its list first). Precision and recall are those of the first 10 %.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from bench.label_errors_tuned import tuned
from bench.readers import banking77, clinc150, numbered
from bench.vectors import same_question, vectors
from tunesmith.data.examine.suspects import Suspects, suspects
from tunesmith.measure.quantities import Quantity, macro_f1_of
from tunesmith.measure.statistics import interval, paired_difference
from tunesmith.spec.job import Silent

I64 = NDArray[np.int64]
F32 = NDArray[np.float32]
FLIPPED = 0.1
EPOCHS = 2.0
"""Of fine-tuning."""


@dataclass(frozen=True)
class Found:
    """What one side says, and how well it says it."""

    precision: float
    recall: float
    listed: int
    listed_precision: float
    listed_recall: float
    seconds: float


def damage(labels: I64, share: float, seed: int) -> tuple[I64, NDArray[np.bool_]]:
    """(labels of which `share` were replaced by another one at random, which rows)."""
    luck = np.random.default_rng(seed)
    count = int(labels.max()) + 1
    wrong = np.zeros(len(labels), bool)
    wrong[luck.choice(len(labels), round(share * len(labels)), replace=False)] = True
    other = (labels + luck.integers(1, count, len(labels))) % count
    return np.where(wrong, other, labels), wrong


def judge(ranked: I64, listed: I64, wrong: NDArray[np.bool_], seconds: float) -> Found:
    """Precision and recall of the first tenth of the ranking, and of the list."""
    first = ranked[: round(FLIPPED * len(wrong))]
    hits, on_list = int(wrong[first].sum()), int(wrong[listed].sum())
    total = max(1, int(wrong.sum()))
    return Found(hits / len(first), hits / total, len(listed), on_list / max(1, len(listed)), on_list / total, seconds)


def by_hand(known: F32, labels: I64) -> tuple[I64, I64]:
    """(all rows ranked, rows that cleanlab reports) the way its tutorials do it."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        chances = cross_val_predict(LogisticRegression(max_iter=400), known, labels, cv=folds, method="predict_proba")
    issues = find_label_issues(labels, chances, return_indices_ranked_by="self_confidence", n_jobs=1)
    return np.argsort(get_label_quality_scores(labels, chances), kind="stable"), issues


def ours(known: F32, labels: I64, groups: I64) -> Suspects:
    """Our list."""
    return suspects(known, labels, groups, Silent())


def compare(folder: Path, seeds: Sequence[int]) -> None:
    """The table of both sides over the seeds."""
    texts, labels, _ = numbered(banking77(folder).train)
    known, groups = vectors(texts, "banking77-train").every(), same_question(texts)
    taken: dict[str, list[Found]] = {"tunesmith": [], "cleanlab by hand": []}
    right = []
    for seed in seeds:
        damaged, wrong = damage(labels, FLIPPED, seed)
        started = time.perf_counter()
        found = ours(known, damaged, groups)
        taken["tunesmith"].append(judge(found.ranked, found.listed, wrong, time.perf_counter() - started))
        hits = found.listed[wrong[found.listed]]
        right.append(float((found.suggested[hits] == labels[hits]).mean()))
        started = time.perf_counter()
        taken["cleanlab by hand"].append(judge(*by_hand(known, damaged), wrong, time.perf_counter() - started))
        for side, runs in taken.items():
            print(f"seed {seed}  {side:<17} {_line(runs[-1])}", flush=True)
    for side, runs in taken.items():
        mean = Found(*(float(np.mean([getattr(run, name) for run in runs])) for name in Found.__dataclass_fields__))
        print(f"mean of {len(seeds):<4} {side:<17} {_line(mean)}")
    print(f"suggested labels of listed rows that were really wrong: {np.mean(right):.1%} right")


def _line(found: Found) -> str:
    return (
        f"first 10 %: precision {found.precision:.1%} recall {found.recall:.1%}   "
        f"list of {found.listed:5.0f}: precision {found.listed_precision:.1%} recall {found.listed_recall:.1%}   {found.seconds:5.1f} s"
    )


def clean(folder: Path, path: Path | None, shown: int) -> None:
    """How many rows of undamaged data are listed, and the first of BANKING77's."""
    work = {known.name: numbered(known.train) for known in (banking77(folder), *([clinc150(path)] if path else []))}
    for name, (texts, labels, names) in work.items():
        known = vectors(texts, f"{name.lower()}-train").every()
        found = ours(known, labels, same_question(texts))
        plain = by_hand(known, labels)[1]
        print(f"{name}: {len(found.listed)} of {len(texts)} rows listed ({len(found.listed) / len(texts):.2%}); cleanlab by hand {len(plain)}")
        for row in found.listed[:shown].tolist():
            print(f"  {found.chance[row]:.3f}  {names[labels[row]]} → {names[found.suggested[row]]}: {texts[row][:110]!r}")


@dataclass(frozen=True)
class School:
    """BANKING77, and who learns from its rows."""

    texts: list[str]
    labels: I64
    names: list[str]
    known: F32
    asked: list[str]
    references: I64
    unseen: F32

    @classmethod
    def of(cls, folder: Path) -> School:
        """The whole of it."""
        given = banking77(folder)
        texts, labels, names = numbered(given.train)
        asked, references, _ = numbered(given.test)
        return cls(texts, labels, names, vectors(texts, "banking77-train").every(), asked, references, vectors(asked, "banking77-test").every())

    def classifier(self, rows: I64, labels: I64) -> Quantity:
        """Macro-F1 on the test rows of a logistic regression trained on these rows with these labels [all rows]."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            answers = LogisticRegression(C=10.0, max_iter=400).fit(self.known[rows], labels[rows]).predict(self.unseen)
        count = int(self.references.max()) + 1
        has, said = np.eye(count)[self.references], np.eye(count)[answers]
        return Quantity(np.concatenate([has * said, has, said], axis=1), macro_f1_of)

    def tuned(self, rows: I64, labels: I64, judging: I64, folder: Path) -> Quantity:
        """The same of SmolLM2-135M, fine-tuned, on some of the test rows."""
        given = [(self.texts[i], self.names[labels[i]]) for i in rows.tolist()]
        return tuned(folder, given, [(self.asked[i], self.names[self.references[i]]) for i in judging.tolist()], self.names, EPOCHS)


def train(folder: Path, seeds: Sequence[int], with_tuned: bool, limits: tuple[int, int]) -> None:
    """Macro-F1 on the test split after training on damaged, mended and clean rows; `limits`: rows that are tuned on, rows that judge that."""
    school = School.of(folder)
    groups, every = same_question(school.texts), np.arange(len(school.texts))
    gains: dict[str, list[float]] = {}
    sound = school.classifier(every, school.labels)
    print(f"clean      {interval(sound).value:.4f} (classifier)")
    for seed in seeds:
        damaged, wrong = damage(school.labels, FLIPPED, seed)
        found = ours(school.known, damaged, groups)
        mended = damaged.copy()
        mended[found.listed] = found.suggested[found.listed]
        kept = np.setdiff1d(every, found.listed)
        print(f"seed {seed}  {int(wrong.sum())} labels wrong, {int((mended != school.labels).sum())} after relabelling")
        if with_tuned:
            luck = np.random.default_rng(seed)
            some, judging = (
                np.sort(luck.choice(n, min(n, most), replace=False)) for n, most in zip((len(every), len(school.asked)), limits, strict=True)
            )
            with tempfile.TemporaryDirectory() as home:
                worse, better = (
                    school.tuned(some, labels, judging, Path(home) / side) for side, labels in (("damaged", damaged), ("mended", mended))
                )
            _tell("tuned, relabelled", better, worse, gains)
            continue
        worse = school.classifier(every, damaged)
        _tell("relabelled", school.classifier(every, mended), worse, gains, sound)
        _tell("dropped", school.classifier(kept, damaged), worse, gains, sound)
    for side, some_gains in gains.items():
        print(
            f"mean of {len(some_gains)} seeds, {side}: {np.mean(some_gains):+.4f} over damaged, from {min(some_gains):+.4f} to {max(some_gains):+.4f}"
        )


def _tell(side: str, better: Quantity, worse: Quantity, gains: dict[str, list[float]], sound: Quantity | None = None) -> None:
    gain = paired_difference(better, worse)
    gains.setdefault(side, []).append(gain.value)
    lost = paired_difference(better, sound) if sound is not None else None
    behind = f"   over clean {lost.value:+.4f} [{lost.low:+.4f}, {lost.high:+.4f}]" if lost else ""
    print(
        f"  {side:<17} {better.value():.4f}, damaged {worse.value():.4f}: {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]{behind}", flush=True
    )


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("banking", type=Path, help="folder with BANKING77's train.csv and test.csv")
    parser.add_argument("--seeds", type=int, default=3, help="how many; each is drawn afresh")
    parser.add_argument("--seed", type=int, action="append", help="these instead")
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--clinc", type=Path, help="CLINC150's data_full.json")
    parser.add_argument("--shown", type=int, default=30)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--tuned", action="store_true", help="with --train: fine-tune the model instead of a classifier")
    parser.add_argument("--rows", type=int, default=3_000, help="with --tuned: rows that are tuned on")
    parser.add_argument("--test-rows", type=int, default=1_000, help="with --tuned: rows that judge it")
    options = parser.parse_args()
    seeds = options.seed or [random.SystemRandom().randrange(10**6) for _ in range(options.seeds)]
    if options.clean:
        clean(options.banking, options.clinc, options.shown)
    elif options.train:
        train(options.banking, seeds, options.tuned, (options.rows, options.test_rows))
    else:
        compare(options.banking, seeds)


if __name__ == "__main__":
    main()
