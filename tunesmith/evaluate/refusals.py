"""A dataset's rows → how refusals are recognised in its task: for every metric, suite and threshold in the same way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain, islice

from tunesmith.measure.refusal import Refusals, refusals_of
from tunesmith.spec.dataset import Dataset, Record

RIGHT_ANSWERS = 5_000
"""So many right answers are looked through for ways of declining: one in a hundred matters, and that many tell."""


def refusals_in(dataset: Dataset, train: Sequence[Record], dev: Sequence[Record]) -> Refusals:
    """What declines, by the project's out-of-scope answer, the refusals among the training rows, and the right answers of both splits.

    Never by the test split: what marks its answers must not come from it.
    """
    outside = dataset.out_of_scope

    def declines(row: Record) -> bool:
        return outside is not None and outside in (row.label, reference_of(row))

    counts = Counter(reference_of(row) for row in train if declines(row))
    right = (answer for row in chain(dev, train) if not declines(row) and (answer := reference_of(row)))
    return refusals_of(dataset.kind, outside, sorted(counts, key=lambda text: (-counts[text], text)), list(islice(right, RIGHT_ANSWERS)))


def reference_of(row: Record) -> str:
    """The right answer; empty where there is none."""
    return (row.conversation.answer() if row.conversation is not None else None) or ""
