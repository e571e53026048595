"""A dataset's rows → how refusals are recognised in its task: for every metric, suite and threshold in the same way."""

from __future__ import annotations

from collections.abc import Iterable

from tunesmith.measure.refusal import Refusals, refusals_of
from tunesmith.spec.dataset import Dataset, Record


def refusals_in(dataset: Dataset, dev: Iterable[Record]) -> Refusals:
    """What declines, by the project's out-of-scope answer and the right answers of dev.

    Never by the test split: what marks its answers must not come from it.
    """
    right = [answer for row in dev if (answer := reference_of(row)) and answer != dataset.out_of_scope]
    return refusals_of(dataset.kind, dataset.out_of_scope, right)


def reference_of(row: Record) -> str:
    """The right answer; empty where there is none."""
    return (row.conversation.answer() if row.conversation is not None else None) or ""
