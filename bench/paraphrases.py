"""What paraphrases by rule do to labels: does a classifier find the parent's label in them as often as in the row itself, and do they help?

    python -m bench.paraphrases --data banking77 --rows 1500       # a folder with train.csv and test.csv
    python -m bench.paraphrases --use --seeds 3                    # what they are worth, instead of what they preserve

BANKING77. The classifier (logistic regression on sentence vectors) is trained on the training rows; the paraphrased rows are those of the test split,
which it has not seen. Then it is trained on few rows of each label, with and without their paraphrases, and judged by the untouched test split.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from bench.readers import banking77, numbered
from bench.vectors import encoder, vectors
from tunesmith.data.make.paraphrase import KINDS, make_paraphrases
from tunesmith.data.sources.reading import record
from tunesmith.data.sources.rows import exchange
from tunesmith.spec.dataset import Origin, Record
from tunesmith.spec.job import Silent
from tunesmith.spec.making import Made
from tunesmith.spec.making_teacher import ParaphraseWishes

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]


def rows_of(texts: Sequence[str], labels: I64, names: Sequence[str]) -> list[Record]:
    """The rows as a project has them."""
    return [
        record(Origin(file="banking77.csv", line=i + 2), conversation=exchange(text, names[label]), label=names[label])
        for i, (text, label) in enumerate(zip(texts, labels.tolist(), strict=True))
    ]


def question(row: Made) -> str:
    """What a made row asks."""
    assert row.messages is not None
    return next(turn.content or "" for turn in row.messages if turn.role == "user")


def paraphrased(rows: Sequence[Record], **wishes: object) -> tuple[list[Made], float]:
    """(paraphrases without any filter by meaning, seconds)."""
    began = time.perf_counter()
    found = [one for one in make_paraphrases(rows, ParaphraseWishes.model_validate(wishes), Silent()) if isinstance(one, Made)]
    return found, time.perf_counter() - began


def fitted(x: F32, y: I64) -> LogisticRegression:
    """The classifier."""
    return LogisticRegression(C=10.0, max_iter=400).fit(x, y)


def preservation(folder: Path, most: int, changes: Sequence[str]) -> None:
    """Print how often the parent's label is found, by kind of change."""
    given = banking77(folder)
    train, train_labels, names = numbered(given.train)
    test, test_labels, _ = numbered(given.test)
    some = sorted(random.Random(0).sample(range(len(test)), min(most, len(test))))
    test, test_labels = [test[i] for i in some], test_labels[some]
    model = fitted(vectors(train, f"paraphrases-train-{len(train)}").every(), train_labels)
    whole = vectors(test, f"paraphrases-test-{len(test)}").every()
    right = model.predict(whole) == test_labels
    print(
        f"{'change':<14}{'rows':>7}{'of wanted':>11}{'original':>10}{'paraphrase':>12}{'same label':>12}{'cosine p50':>12}{'p5':>6}{'us a row':>10}"
    )
    rows = rows_of(test, test_labels, names)
    place = {row.id: i for i, row in enumerate(rows)}
    examples: dict[str, list[str]] = defaultdict(list)
    for name, wishes in [
        *((kind, {"kinds": (kind,), "strength": "light"}) for kind in KINDS if kind != "casing"),
        *((strength, {"strength": strength}) for strength in ("light", "medium", "strong")),
    ]:
        if changes and name not in changes:
            continue
        found, seconds = paraphrased(rows, **wishes)
        parents = np.asarray([place[str(row.details["parent"])] for row in found])
        made = encoder().embed([question(row) for row in found])
        guess = model.predict(made)
        cosine = (made * whole[parents]).sum(axis=1)
        same = guess == model.predict(whole[parents])
        print(
            f"{name:<14}{len(found):>7}{len(found) / len(rows):>11.1%}{right[parents].mean():>10.1%}{(guess == test_labels[parents]).mean():>12.1%}{same.mean():>12.1%}"
            f"{np.quantile(cosine, 0.5):>12.2f}{np.quantile(cosine, 0.05):>6.2f}{1e6 * seconds / len(rows):>10.0f}"
        )
        for limit in (0.5, 0.6, 0.7, 0.8, 0.9):
            low = cosine < limit
            if name in ("medium", "strong"):
                gold = guess == test_labels[parents]
                print(
                    f"    from cosine {limit:g} on: {1 - low.mean():6.1%} of them; original {right[parents][~low].mean():.1%}, paraphrase {gold[~low].mean():.1%}, same {same[~low].mean():.1%}"
                )
        for number in random.Random(0).sample(range(len(found)), 6):
            examples[name].append(f"{test[parents[number]]}  →  {question(found[number])}   [{found[number].details['kinds']}]")
    for name, some in examples.items():
        print(f"\n{name}")
        for one in some:
            print(f"  {one}")


def use(folder: Path, seeds: int) -> None:
    """Print what few rows of each label are worth with their paraphrases and without."""
    given = banking77(folder)
    train, train_labels, names = numbered(given.train)
    test, test_labels, _ = numbered(given.test)
    known = vectors(train, f"paraphrases-train-{len(train)}").every()
    held_out = vectors(test, f"paraphrases-test-{len(test)}").every()
    for few in (3, 5, 10):
        plain, more = [], []
        for seed in range(seeds):
            rng = random.Random(seed)
            chosen = [i for label in range(len(names)) for i in rng.sample(np.flatnonzero(train_labels == label).tolist(), few)]
            rows = rows_of([train[i] for i in chosen], train_labels[chosen], names)
            made, _ = paraphrased(rows, per_row=3, seed=seed)
            x, y = known[chosen], train_labels[chosen]
            extra = encoder().embed([question(row) for row in made])
            labels = np.asarray([names.index(row.messages[-1].content or "") for row in made if row.messages])
            plain.append(float((fitted(x, y).predict(held_out) == test_labels).mean()))
            more.append(float((fitted(np.r_[x, extra], np.r_[y, labels]).predict(held_out) == test_labels).mean()))
        gain = np.asarray(more) - np.asarray(plain)
        print(
            f"{few:>3} rows a label: {np.mean(plain):.1%} without, {np.mean(more):.1%} with paraphrases; gain {gain.mean():+.2%}, seeds {[f'{one:+.2%}' for one in gain]}"
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv and test.csv of BANKING77")
    parser.add_argument("--rows", type=int, default=1500, help="test rows that are said otherwise")
    parser.add_argument("--changes", nargs="*", default=[], help="only these kinds or strengths")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--use", action="store_true", help="what they are worth, instead of what they preserve")
    given = parser.parse_args()
    if given.use:
        use(given.data, given.seeds)
    else:
        preservation(given.data, given.rows, given.changes)


if __name__ == "__main__":
    main()
