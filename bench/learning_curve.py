"""The learning curve against real data: fitted on up to half of the rows, where does it put the score on all of them, and how wide is its interval?

    python -m bench.learning_curve --clinc data_full.json --banking banking77 --seeds 5       # the embedding classifier
    python -m bench.learning_curve --clinc data_full.json --tuned --rows 3000 --dev 1500      # SmolLM2-135M, tuned on the same shares (hours)

Every seed draws its own rows, nested from share to share, trains on each share, and fits one curve through these points alone, as a run of the
line would. Exit code 0 if no interval is wider than ±5 points and the truth lies in nearly all of them. The truth is the score of a training on all rows: on the dev rows that the curve was fitted on, and on test rows it never saw.
CLINC150's file is its data_full.json (CC BY 3.0), `banking77` is a folder with train.csv and test.csv (CC BY 4.0). Neither is shipped whole.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from bench.readers import Known, Row, banking77, clinc150
from bench.vectors import vectors
from bench.work import base
from tunesmith.measure.curve import Point, fit
from tunesmith.measure.statistics import wilson
from tunesmith.model.device import apply, place
from tunesmith.settings import settings
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.dataset import Origin, Record
from tunesmith.spec.job import Silent
from tunesmith.spec.recipe import Budget, Recipe
from tunesmith.train.run import Inputs, Start, train

I64 = NDArray[np.int64]
WIDEST = 0.05
"""The farther end of a curve's interval lies at most so far from its value, from half of the rows on."""
MISSED = 0.05
"""Of nominal 95 % intervals; of few seeds one at most."""
BANKING_DEV = 1_500
"""BANKING77 has no dev split: so many training rows are held out."""


@dataclass(frozen=True)
class Corpus:
    """Texts with labels in three splits."""

    name: str
    texts: dict[str, list[str]]
    labels: dict[str, I64]
    names: list[str]


Learner = Callable[[I64, int, float], dict[str, float]]
"""(Training rows, seed, share) → share of right answers on each held-out split."""


def corpora(path: Path | None, folder: Path | None) -> Iterator[Corpus]:
    """The data sets that were given."""
    if path is not None:
        yield corpus(clinc150(path))
    if folder is not None:
        found = banking77(folder)
        order = np.random.default_rng(0).permutation(len(found.train))
        held, kept = ([found.train[i] for i in np.sort(part)] for part in (order[:BANKING_DEV], order[BANKING_DEV:]))
        yield corpus(found._replace(train=kept, dev=held))


def corpus(found: Known) -> Corpus:
    """A public data set with its labels as numbers."""
    splits: dict[str, Sequence[Row]] = {"train": found.train, "dev": found.dev, "test": found.test}
    names = sorted({row.answer for row in found.train})
    texts = {split: [row.question for row in rows] for split, rows in splits.items()}
    return Corpus(found.name.lower(), texts, {split: np.array([names.index(row.answer) for row in rows]) for split, rows in splits.items()}, names)


def classifier(corpus: Corpus) -> Learner:
    """Logistic regression over the embedded encoder's vectors."""
    known = {split: vectors(texts, f"curve-{corpus.name}-{split}").every() for split, texts in corpus.texts.items()}

    def learn(rows: I64, seed: int, share: float) -> dict[str, float]:
        with warnings.catch_warnings(), threadpool_limits(limits=1):
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = LogisticRegression(C=10.0, max_iter=100).fit(known["train"][rows], corpus.labels["train"][rows])
            return {split: float((model.predict(known[split]) == corpus.labels[split]).mean()) for split in ("dev", "test")}

    return learn


def tuned(corpus: Corpus, dev: int) -> Learner:
    """SmolLM2-135M with LoRA by our recipe; its score is the share of dev rows that it gets exactly right, by teacher forcing."""
    prompt = Prompt(name="tuned", system="Name the intent of the message.\nLabels: " + ", ".join(corpus.names))
    recipe = Recipe(budget=Budget(dev_rows=dev, evaluations_per_epoch=1, patience=0))
    placement = place(settings())
    apply(placement)
    held = np.random.default_rng(0).permutation(len(corpus.texts["dev"]))[:dev]

    def learn(rows: I64, seed: int, share: float) -> dict[str, float]:
        inputs = Inputs(
            records(corpus, "train", rows),
            records(corpus, "dev", np.sort(held)),
            corpus.name,
            prompt,
            recipe.model_copy(update={"seed": seed}),
            Start(base()),
        )
        with tempfile.TemporaryDirectory() as folder:
            made, scratch = Path(folder) / "made", Path(folder) / "scratch"
            made.mkdir()
            scratch.mkdir()
            found = train(inputs, made, scratch, placement, Silent(), settings().memory_bytes)
        assert found.best_dev_metric is not None
        return {"dev": found.best_dev_metric}

    return learn


def records(corpus: Corpus, split: str, rows: I64) -> list[Record]:
    """Rows as conversations."""
    found = []
    for row in rows.tolist():
        label = corpus.names[corpus.labels[split][row]]
        turns = (Message(role="user", content=corpus.texts[split][row]), Message(role="assistant", content=label))
        found.append(Record(id=f"{row:016x}", conversation=Conversation(messages=turns), label=label, origin=Origin(file=split, line=row + 1)))
    return found


def check(corpus: Corpus, learner: Learner, shares: Sequence[float], seeds: int, rows: int | None, dev: int) -> bool:
    """The curves of all seeds beside the truth, how often and how narrowly they hold it, and whether that is as often and as narrowly as wanted."""
    whole = len(corpus.texts["train"])
    count = min(rows or whole, whole)
    held, spans, seconds = [], [], []
    for seed in range(seeds):
        order = np.random.default_rng(1_000 + seed).permutation(whole)[:count]
        points, started = [], time.perf_counter()
        for share in shares:
            score = learner(np.sort(order[: round(share * count)]), seed, share)["dev"]
            points.append(Point(round(share * count), score, *wilson(score * dev, dev), seed))
        seconds.append(time.perf_counter() - started)
        truth = learner(np.sort(order), seed, 1.0)
        found = fit(points, count)
        assert found is not None
        value, low, high = found.at(count)
        inside = {split: low <= score <= high for split, score in truth.items()}
        held.append(list(inside.values()))
        spans.append(max(high - value, value - low))
        shown = ", ".join(f"{point.rows:,}: {point.score:.1%}" for point in points)
        told = ", ".join(f"{split} {score:.1%} {'inside' if inside[split] else 'OUTSIDE'}" for split, score in truth.items())
        print(
            f"{corpus.name} seed {seed}: {shown} → at {count:,} {value:.1%} [{low:.1%}, {high:.1%}], ±{100 * spans[-1]:.1f}; truth: {told}",
            flush=True,
        )
        print(f"    {found.words()}", flush=True)
    print(
        f"{corpus.name}: truth inside {np.mean([one[0] for one in held]):.0%} (dev){f', {np.mean([one[1] for one in held]):.0%} (test)' if len(held[0]) > 1 else ''}; "
        f"farther end of the interval ±{100 * np.mean(spans):.1f} points on average, ±{100 * max(spans):.1f} at most; {np.mean(seconds):.0f} s of pilots"
    )
    missed = sum(not one[0] for one in held)
    return max(spans) <= WIDEST and missed <= max(1, round(MISSED * len(held)))


def main() -> int:
    """Run what was asked for; 0 if every curve is as narrow as wanted, and holds the truth as often."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clinc", type=Path, help="CLINC150's data_full.json")
    parser.add_argument("--banking", type=Path, help="folder with BANKING77's train.csv and test.csv")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.1, 0.25, 0.5])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, help="as if there were only so many training rows")
    parser.add_argument("--dev", type=int, default=1_500, help="dev rows that tuned models are judged by")
    parser.add_argument("--tuned", action="store_true", help="tune SmolLM2-135M instead of fitting a classifier")
    options = parser.parse_args()
    kept = True
    for corpus in corpora(options.clinc, options.banking):
        dev = min(options.dev, len(corpus.texts["dev"])) if options.tuned else len(corpus.texts["dev"])
        learner = tuned(corpus, dev) if options.tuned else classifier(corpus)
        kept &= check(corpus, learner, options.shares, options.seeds, options.rows, dev)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
