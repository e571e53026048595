"""Conversations and their losses under the base model → how much each row has to teach: too easy, hard, or nothing that its question helps with.

Instruction-following difficulty (IFD) is the perplexity of an answer given its question over that of the answer alone, on trained tokens
only. Near 0: the question gives the answer away. Under 1 and high: the question matters, and the base does not yet use it well; such rows
teach most. 1 or more: the question makes the answer no more probable, so answer and question do not belong together, or the base cannot tell.
Source: Li et al. 2024, "Superfiltering" (arXiv 2402.00530) §3: IFD by perplexities, and that a small model ranks rows like a large one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunesmith.answer.losses import AnswerLoss
from tunesmith.data.examine.kept import KeptRows
from tunesmith.data.examine.meaning import I64
from tunesmith.data.intake import look
from tunesmith.spec.chat import Conversation
from tunesmith.spec.job import Monitor
from tunesmith.spec.noun import digest

F64 = NDArray[np.float64]
Measure = Callable[[Sequence[Conversation]], Sequence[AnswerLoss]]
FORMAT = 1
MOST_ROWS = 1_000
"""Rows that are measured, drawn at random where there are more: the base reads each answer twice."""
ROWS_AT_ONCE = 64
"""Measured and put on the disk together."""
NO_HELP = 1.0
EXTREME = 0.1
"""The easiest and the hardest tenth are looked at."""
EASY_NATS = 0.25
"""Nats per token up to which an answer is easy whatever the others are: the base gives its tokens 78 % each."""


@dataclass(frozen=True)
class Losses:
    """What the base makes of some rows' answers."""

    rows: I64
    """[R] numbers of the rows that were measured, ascending."""
    asked: F64
    """[R] nats per token of the answer, behind its question."""
    alone: F64
    """[R] nats per token of the answer, without its question."""
    tokens: I64
    """[R] tokens of the answer; where there are none, its row has no IFD."""
    of: int
    """Rows there are."""

    @property
    def ifd(self) -> F64:
        """[R] instruction-following difficulty; NaN for an answer without tokens."""
        return np.where(self.tokens > 0, np.exp(np.minimum(self.asked - self.alone, 50.0)), np.nan)

    @property
    def is_sample(self) -> bool:
        """Some rows were not measured."""
        return len(self.rows) < self.of


@dataclass(frozen=True)
class Usefulness:
    """Rows by what they have to teach; numbers of rows, the most extreme first."""

    no_help: I64
    """IFD of 1 or more: the prompt does not help."""
    trivial: I64
    """In the easiest tenth, and easy in itself."""
    hard: I64
    """In the hardest tenth of those that their prompt helps."""
    median: float
    """Of the IFD; NaN where nothing was measured."""


def measured(
    conversations: Sequence[Conversation], measure: Measure, model: str, path: Path, monitor: Monitor, *, seed: int = 0, most: int = MOST_ROWS
) -> Losses:
    """The losses of the rows' last answers, of a sample where there are more than `most`; kept in files beside `path` and gone on with after a kill.

    `model` is a digest of the base's weights and of how it computes.

    Raises: Interrupted once the user wants a stop; StoreUnusable on a full or read-only disk.
    """
    rows = sampled(len(conversations), most, seed)
    inputs = {"format": FORMAT, "model": model, "rows": [conversations[i].content_digest() for i in rows.tolist()]}
    kept = KeptRows(path, digest(inputs), 3, np.float64)
    look(monitor, "measuring usefulness", kept.done, len(rows))
    while kept.done < len(rows):
        some = rows[kept.done : kept.done + ROWS_AT_ONCE]
        found = measure([conversations[i] for i in some.tolist()])
        kept.add(np.array([[one.asked, one.alone, one.tokens] for one in found]))
        look(monitor, "measuring usefulness", kept.done, len(rows))
    asked, alone, tokens = kept.read().T
    each = np.maximum(tokens, 1)
    return Losses(rows, asked / each, alone / each, tokens.astype(np.int64), len(conversations))


def sampled(count: int, most: int, seed: int) -> I64:
    """All rows, or `most` of them drawn at random, ascending.

    >>> sampled(3, 5, 0).tolist()
    [0, 1, 2]
    """
    return np.arange(count) if count <= most else np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def usefulness(losses: Losses) -> Usefulness:
    """Which of the measured rows teach little, and which most."""
    ifd = losses.ifd
    sound = np.flatnonzero(~np.isnan(ifd))
    if not len(sound):
        nothing = np.zeros(0, np.int64)
        return Usefulness(nothing, nothing, nothing, float("nan"))
    order = sound[np.lexsort((losses.rows[sound], ifd[sound]))]  # the easiest first
    helped = order[ifd[order] < NO_HELP]
    tenth = int(len(order) * EXTREME)
    easiest = order[:tenth]
    trivial = easiest[losses.asked[easiest] <= EASY_NATS]
    hard = helped[::-1][: int(len(helped) * EXTREME)]
    return Usefulness(
        no_help=losses.rows[order[ifd[order] >= NO_HELP][::-1]],
        trivial=losses.rows[trivial],
        hard=losses.rows[hard],
        median=float(np.median(ifd[sound])),
    )
