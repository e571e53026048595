"""Questions and answers as vectors → rows whose answer does not fit its question.

An answer fits if it is nearer to its question than other answers of the file are, and the question nearer than other questions. The margin of
a pair is its cosine less what the nearest others reach from either side; it is set against the file's own margins, by median and spread.
Where the file's pairs are hardly nearer than answers dealt at random (labels, JSON, numbers), vectors say nothing, and this says so.
A base model gives a second opinion: an answer that its question makes no more probable does not follow from it.
Source: the margin is that of Artetxe & Schwenk 2019 (arXiv 1811.01136), with which pairs of sentences are mined and filtered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.answer.losses import AnswerLoss
from tunesmith.data.examine.closest import Tick, silent
from tunesmith.data.examine.meaning import F32, I64, Vectors

F64 = NDArray[np.float64]
REFERENCES = 2_048
"""Other rows, drawn at random, that a pair is compared with."""
NEAREST = 4
"""Of those, how many count."""
ROWS_AT_ONCE = 4_096
FEWEST = 50
"""Rows below which a file's own spread says nothing."""
SEPARABLE = 0.9
"""Share of pairs whose own answer must be nearer than one dealt at random, for vectors to say anything about this file."""
FAR = -4.0
"""Robust z of the margin from which an answer counts as far from its question: none of 1,500 of GSM8K's own pairs lies below, 99.5 % of exchanged ones do."""
DOUBTFUL = -3.0
LEAST_NEARER = 0.02
"""From DOUBTFUL on it counts if so large a share of the other answers is nearer to the question: of the Python FAQ's exchanged answers 36 % lie below FAR and 80 %
are found so, and still none of the sound ones of either file (`bench/misfits.py`)."""
LEAST_HELP = 0.02
"""Nats per token by which a question must help its answer; below that it does not."""
MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class Misfits:
    """How well N answers fit their questions."""

    z: F64
    """[N] the margin in robust standard deviations from the file's median; low: does not fit."""
    share_nearer: F64
    """[N] of the answers dealt at random, the share that is nearer to the question than its own: next to 0 for a fitting one."""
    separable: float
    """Share of rows whose own answer is nearer than one dealt at random."""
    flagged: I64
    """Rows to be looked at, worst first."""
    remark: str = ""
    """Why nothing is flagged, where the check cannot be made."""


def misfits(questions: Vectors, answers: Vectors, seed: int = 0, tick: Tick = silent) -> Misfits:
    """How well each of N answers fits the question in the same row; texts that are equal must not be set against one another's pairs too often.

    The reference rows are drawn by `seed`.
    """
    count = len(questions)
    nothing = np.zeros(0, np.int64)
    if count < FEWEST:
        return Misfits(np.zeros(count), np.zeros(count), 1.0, nothing, f"fewer than {FEWEST} rows: what is usual in this file cannot be told")
    random = np.random.default_rng(seed)
    chosen = np.sort(random.choice(count, min(count, REFERENCES), replace=False))
    asked, said = np.asarray(questions[chosen], dtype=np.float32), np.asarray(answers[chosen], dtype=np.float32)
    margin, nearer, beats = np.zeros(count), np.zeros(count), np.zeros(count, bool)
    dealt = random.permutation(len(chosen))
    for start in range(0, count, ROWS_AT_ONCE):
        rows = np.arange(start, min(start + ROWS_AT_ONCE, count))
        question, answer = np.asarray(questions[rows], dtype=np.float32), np.asarray(answers[rows], dtype=np.float32)
        own = np.einsum("rd,rd->r", question, answer)
        others, owners = question @ said.T, answer @ asked.T
        itself = np.searchsorted(chosen, rows)
        inside = (itself < len(chosen)) & (chosen[np.minimum(itself, len(chosen) - 1)] == rows)
        others[inside, itself[inside]] = owners[inside, itself[inside]] = -np.inf
        margin[rows] = own - (_top(others) + _top(owners)) / 2
        nearer[rows] = (others > own[:, None]).mean(axis=1)
        beats[rows] = own > others[np.arange(len(rows)), dealt[rows % len(dealt)]]
        tick(int(rows[-1]) + 1, count)
    z = robust_z(margin)
    separable = float(beats.mean())
    if separable < SEPARABLE:
        why = f"only {separable:.0%} of the answers are nearer to their question than one dealt at random: vectors say nothing about such answers"
        return Misfits(z, nearer, separable, nothing, why)
    far = np.flatnonzero((z <= FAR) | ((z <= DOUBTFUL) & (nearer >= LEAST_NEARER)))
    return Misfits(z, nearer, separable, far[np.lexsort((far, z[far]))])


def _top(cosines: F32) -> F32:
    """[R] the mean of the highest cosines of each row."""
    count = min(NEAREST, cosines.shape[1] - 1)
    return np.asarray(np.partition(cosines, -count, axis=1)[:, -count:].mean(axis=1))


def robust_z(values: F64) -> F64:
    """Distances from the median in robust standard deviations; 0 everywhere where nothing varies.

    >>> robust_z(np.array([1.0, 2.0, 3.0, 4.0, 100.0])).round(2).tolist()
    [-1.35, -0.67, 0.0, 0.67, 65.43]
    """
    apart = values - np.median(values)
    spread = MAD_TO_SIGMA * float(np.median(np.abs(apart)))
    return apart / spread if spread > 0 else np.zeros_like(apart)


def unhelped(losses: Sequence[AnswerLoss]) -> NDArray[np.bool_]:
    """True where the base model finds an answer no more probable with its question than without."""
    gains = np.array([(one.alone - one.asked) / max(1, one.tokens) for one in losses])
    return np.asarray((gains < LEAST_HELP) & np.array([one.tokens > 0 for one in losses], dtype=bool))
