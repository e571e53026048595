"""Vectors and their labels → the rows whose label is likely wrong, worst first, each with the label it probably should have.

Each row is judged by a classifier that has seen neither it nor anything that asks the same, and by its nearest neighbours; what counts is how
its own label stands against the most probable other one. cleanlab says how many labels are wrong in all (confident learning).
On CLINC150 with 10 % of the labels flipped the first tenth of this order is 98.6 % wrong labels, that of cleanlab as it is used by hand (its order
by self-confidence, over the same vectors) 98.3 %; flipped within the domain 97.3 % and 94.9 %, with 20 rows a label 97.7 % and 96.0 %. And the rows
below UNLIKELY hold 92 to 99 % of the flipped ones, where cleanlab's own list, pruned by its estimate of the noise, holds 79 to 85 %.
Source: Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels" (2021).
"""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from cleanlab.filter import find_label_issues
from numpy.typing import NDArray
from scipy.sparse import coo_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from tunesmith.data.examine.closest import Kin, Tick, nearest
from tunesmith.data.examine.meaning import F32, I64, Vectors
from tunesmith.data.intake import look
from tunesmith.spec.job import Monitor

FOLDS = 5
FEWEST = 5
"""Rows of a label, each asking something else; below that nothing can be said about its rows."""
STRENGTH = 3.0
"""Inverse regularisation of the logistic regression: of 1, 3, 10 and 30 the best on CLINC150 with wrong labels in it."""
STEPS = 100
NEIGHBOURS = 20
VOTE = 0.3
"""Weight of the neighbours' vote; the classifier has the rest."""
SHARPNESS = 10.0
"""A neighbour's vote is exp(SHARPNESS · cosine)."""
UNLIKELY = 0.05
"""Chance of a row's own label against the best other one below which a person should look: on CLINC150 as it is, 0.15 % of the rows."""
LEAST = 1e-6


@dataclass(frozen=True)
class Suspects:
    """What is known about the labels of N rows."""

    ranked: I64
    """All rows that could be judged, the most suspect first."""
    chance: NDArray[np.float64]
    """[N] p / (p + q): the row's own label against the most probable other one; NaN where it could not be judged."""
    suggested: I64
    """[N] the most probable label; -1 where the row could not be judged."""
    believed: I64
    """Rows whose label cleanlab believes wrong, the most suspect first."""
    listed: I64
    """Rows that a person should look at, the most suspect first."""
    left_out: tuple[tuple[int, int], ...]
    """(label, its rows) for labels with too few rows to be judged."""
    fold: I64
    """[N] the fold in which a row was judged; -1 where it could not be."""
    told: I64
    """[N] the label that the classifier gives the row, which has seen nothing of its fold; -1 where the row could not be judged."""


def suspects(vectors: Vectors, labels: I64, groups: I64, monitor: Monitor, seed: int = 0) -> Suspects:
    """What is known about `labels` [N] of rows with these vectors; rows of one number in `groups` [N] ask the same and are never set against one another.

    Raises: Interrupted once the user wants a stop.
    """
    enough = judged(labels, groups)
    rows = np.flatnonzero(np.isin(labels, enough))
    names, own = np.unique(labels[rows], return_inverse=True)
    left_out = tuple((int(label), int((labels == label).sum())) for label in np.setdiff1d(labels, names))
    chance, (suggested, fold, told) = np.full(len(labels), np.nan), np.full((3, len(labels)), -1, np.int64)
    if len(names) < 2:
        nobody = np.zeros(0, np.int64)
        return Suspects(nobody, chance, suggested, nobody, nobody, left_out, fold, told)
    known = np.asarray(vectors[rows], dtype=np.float32)
    together = VOTE * neighbour_votes(known, own, groups[rows], monitor)
    fold[rows] = folds(own, groups[rows], seed)
    alone = out_of_fold(known, own, fold[rows], others(fold[rows]), lambda done, total: look(monitor, "judging labels", done, total, "folds"))
    together += (1 - VOTE) * alone
    suggested[rows], told[rows] = names[together.argmax(axis=1)], names[alone.argmax(axis=1)]
    wrong = find_label_issues(own, together, filter_by="prune_by_noise_rate", n_jobs=1)
    against = own_against_others(together, own)
    chance[rows] = against
    ranked = np.lexsort((rows, against))
    return Suspects(
        ranked=rows[ranked],
        chance=chance,
        suggested=suggested,
        believed=rows[ranked[wrong[ranked]]],
        listed=rows[ranked[against[ranked] < UNLIKELY]],
        left_out=left_out,
        fold=fold,
        told=told,
    )


def own_against_others(chances: F32, labels: I64) -> NDArray[np.float64]:
    """[N] p / (p + q), with p the probability of the row's label and q that of the most probable other one.

    >>> own_against_others(np.array([[0.1, 0.3, 0.6]], np.float32), np.array([1])).round(3).tolist()
    [0.333]
    """
    rows = np.arange(len(labels))
    own = chances[rows, labels].astype(np.float64)
    others = chances.copy()
    others[rows, labels] = 0
    return np.asarray((own + LEAST) / (own + others.max(axis=1) + 2 * LEAST), dtype=np.float64)


def judged(labels: I64, groups: I64) -> I64:
    """The labels with enough rows that ask different things."""
    pairs = np.unique(np.stack([labels, groups]), axis=1)
    names, counts = np.unique(pairs[0], return_counts=True)
    return names[counts >= FEWEST]


def folds(labels: I64, groups: I64, seed: int, count: int = FOLDS) -> I64:
    """[N] each row's fold, 0 … count - 1. A group lies in one fold; each label's groups are dealt out to the folds in turn."""
    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    random = np.random.default_rng(seed)
    label = labels[first]  # of a group's first row
    order = np.lexsort((random.random(len(first)), label))
    starts = np.flatnonzero(np.r_[True, label[order][1:] != label[order][:-1]])
    sizes = np.diff(np.r_[starts, len(order)])
    place = np.arange(len(order)) - np.repeat(starts, sizes)
    begin = random.integers(0, count, len(starts))  # else the first folds would get what is left over of every label
    dealt = np.zeros(len(first), np.int64)
    dealt[order] = (place + np.repeat(begin, sizes)) % count
    return dealt[member]


def others(fold: I64) -> NDArray[np.bool_]:
    """[F, N] for each fold the rows of all others."""
    return np.asarray(fold != np.arange(int(fold.max()) + 1)[:, None])


def out_of_fold(vectors: F32, labels: I64, fold: I64, learnt: NDArray[np.bool_], tick: Tick) -> F32:
    """[N, K] each row's probabilities of the labels 0 … K - 1, by a logistic regression on the rows that its fold learns from: `learnt` [F, N].

    The folds are learnt side by side, each with one thread: such products are too small to share, and two threads take longer than one.
    """
    chances = np.zeros((len(vectors), int(labels.max()) + 1), np.float32)

    def learn(rows: NDArray[np.bool_]) -> LogisticRegression:
        return LogisticRegression(C=STRENGTH, max_iter=STEPS).fit(vectors[rows], labels[rows])

    with warnings.catch_warnings(), threadpool_limits(limits=1), ThreadPoolExecutor(min(len(learnt), os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore", ConvergenceWarning)  # a hundred steps rank the rows as well as a thousand
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)  # a row or two of each label
        models = [pool.submit(learn, rows) for rows in learnt]
        try:
            for number, model in enumerate(models):
                tick(number, len(models))
                held, fitted = fold == number, model.result()
                chances[np.ix_(held, fitted.classes_)] = fitted.predict_proba(vectors[held])
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    tick(len(models), len(models))
    return chances


def neighbour_votes(vectors: F32, labels: I64, groups: I64, monitor: Monitor) -> F32:
    """[N, K] the share of each label among the nearest rows that ask something else, nearer ones counting more."""

    def tick(done: int, total: int) -> None:
        look(monitor, "looking for neighbours", done, total)

    found, cosines = nearest(vectors, vectors, NEIGHBOURS, Kin(groups, groups), tick)
    there = found >= 0
    voters = np.broadcast_to(np.arange(len(vectors))[:, None], found.shape)[there]
    weight = np.exp(SHARPNESS * (cosines[there] - 1))
    votes = coo_array((weight, (voters, labels[found[there]])), shape=(len(vectors), int(labels.max()) + 1)).toarray().astype(np.float32)
    total = votes.sum(axis=1, keepdims=True)
    return np.where(total > 0, votes / np.maximum(total, 1e-12), np.float32(1 / votes.shape[1]))
