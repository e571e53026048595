"""Begun answers and how a model ended them → whether it says training answers by heart.

An answer's first half stands behind its question, and the model's most probable token is compared with the next one at each place of the rest (`answer/continuation.py`).
Where all agree, greedy decoding would write exactly this rest; where 50 in a row do, it copies a piece. Held-out answers show what could be guessed: only the
difference is memory. Source: Carlini et al. 2022 (arXiv 2202.07646), extractable with k tokens of context; evidence.md §3 for half the answer and 50 tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from tunesmith.measure.rates import failure_rate
from tunesmith.spec.report import Metric

Copy = Literal["whole", "long"]


@dataclass(frozen=True)
class Recalled:
    """One begun answer."""

    given: int
    """Tokens of the answer that the model was shown."""
    hits: tuple[bool, ...]
    """For each token of the rest: whether it is the most probable one there."""

    @property
    def tokens(self) -> int:
        """Of the whole answer."""
        return self.given + len(self.hits)

    @property
    def longest(self) -> int:
        """Tokens of the longest run of hits."""
        return longest_run(self.hits)


def longest_run(hits: Sequence[bool]) -> int:
    """Length of the longest run of True.

    >>> longest_run([True, False, True, True])
    2
    """
    return max((len(list(run)) for hit, run in groupby(hits) if hit), default=0)


def copy_of(found: Recalled, *, long: int) -> Copy | None:
    """`whole` if all of the rest was said, `long` if `long` tokens in a row were; None for no copy, and where nothing was left to say."""
    if not found.hits:
        return None
    if all(found.hits):
        return "whole"
    return "long" if found.longest >= long else None


def copied_share(copies: Sequence[Copy | None], clusters: Sequence[str], confidence: float) -> Metric:
    """The share of answers that are copied, of at least one."""
    return failure_rate([float(copy is not None) for copy in copies], confidence, clusters if len(set(clusters)) < len(clusters) else None)
