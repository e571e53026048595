"""Vectors and their texts → what a file is about: topics named by their own terms, their shares, and the rows that belong to none.

k-means on the unit sphere; the number of topics is the one whose rows stand nearest to their own centre and farthest from the next one
(simplified silhouette). A topic's name are the terms that are frequent in it and rare elsewhere: a class-based TF-IDF with the term's lift
in place of the inverse frequency, so that function words of any language drop out by themselves, without a list.
Source: Grootendorst 2022 (arXiv 2203.05794) §3.3 for class-based TF-IDF; Hruschka et al. 2004 for the simplified silhouette.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array

from tunesmith.data.examine.meaning import F32, I64, Vectors
from tunesmith.data.examine.misfits import MAD_TO_SIGMA
from tunesmith.data.intake import look
from tunesmith.measure.text import UNSPACED, words
from tunesmith.spec.job import Monitor

COUNTS = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20)
"""Numbers of topics that are tried."""
FEWEST_ROWS = 15
"""Rows per topic, on average, that there must be."""
LEARNT_ROWS = 10_000
"""Rows that the centres are learnt from; all rows are then given to them."""
JUDGED_ROWS = 4_000
ROUNDS = 25
STARTS = 2
DRAWS = 4
"""Rows drawn for each start."""
NAMED_ROWS = 20_000
"""Rows that names are made from."""
TERMS = 4
FEWEST_TIMES = 3
"""Times that a term must occur in a topic to name it."""
LEAST_LIFT = 0.4
"""How much of the log of its greatest possible lift a term, and each of its words, must have: function words of any language have next to none."""
SMALL_SHARE = 0.01
OUTLIER_Z = 5.0
"""Robust standard deviations below its topic's usual cosine from which a row belongs nowhere."""
BLOCK = 8_192


@dataclass(frozen=True)
class Topic:
    """Rows about one thing."""

    name: str
    """Its terms, the most telling first."""
    rows: int
    share: float
    centre: int
    """The row nearest to its middle."""
    is_small: bool


@dataclass(frozen=True)
class Topics:
    """What N rows are about."""

    topics: tuple[Topic, ...]
    """The largest first."""
    of: I64
    """[N] each row's topic, by its place in `topics`."""
    outliers: I64
    """Rows that belong to no topic, the farthest first."""
    reason: str
    """Why so many topics."""


def topics(vectors: Vectors, texts: Sequence[str], monitor: Monitor, seed: int = 0) -> Topics:
    """The topics of N rows.

    Raises: Interrupted once the user wants a stop.
    """
    random = np.random.default_rng(seed)
    if not len(vectors):
        return Topics((), np.zeros(0, np.int64), np.zeros(0, np.int64), "there are no rows")
    sample = np.sort(random.choice(len(vectors), min(len(vectors), LEARNT_ROWS), replace=False))
    learnt = np.asarray(vectors[sample], dtype=np.float32)
    centres, reason = best_centres(learnt, monitor, random)
    number, cosine = assign(vectors, centres)
    order = np.argsort(-np.bincount(number, minlength=len(centres)), kind="stable")
    place = np.argsort(order, kind="stable")
    of = place[number]
    names = name_topics(texts, of, len(centres), random)
    found = []
    for topic, name in enumerate(names):
        rows = np.flatnonzero(of == topic)
        if len(rows):
            share = len(rows) / len(of)
            found.append(Topic(name, len(rows), share, int(rows[cosine[rows].argmax()]), share < SMALL_SHARE))
    return Topics(tuple(found), of, outliers(of, cosine), reason)


def best_centres(vectors: F32, monitor: Monitor, random: np.random.Generator) -> tuple[F32, str]:
    """([K, D] centres of the number of topics that suits these rows best, why that number)."""
    counts = [count for count in COUNTS if count * FEWEST_ROWS <= len(vectors)]
    if not counts:
        mean = vectors.mean(axis=0, keepdims=True)
        return mean / max(float(np.linalg.norm(mean)), 1e-12), f"one topic: {len(vectors)} rows are too few for more"
    judged = vectors[random.choice(len(vectors), min(len(vectors), JUDGED_ROWS), replace=False)]
    scored = []
    for tried, count in enumerate(counts):
        look(monitor, "looking for topics", tried, len(counts), "numbers of topics")
        runs = [k_means(vectors, count, random) for _ in range(STARTS)]
        centres = max(runs, key=lambda run: float((vectors @ run.T).max(axis=1).sum()))
        scored.append((silhouette(judged, centres), -count, centres))
    value, minus, centres = max(scored, key=lambda one: one[:2])
    return centres, f"{-minus} topics of {', '.join(map(str, counts))}: silhouette {value:.3f}"


def k_means(vectors: F32, count: int, random: np.random.Generator, rounds: int = ROUNDS) -> F32:
    """[count, D] unit centres, so that rows are near to theirs: k-means++ starts, then as many rounds as change anything."""
    centres = _starts(vectors, count, random)
    before = np.full(len(vectors), -1)
    for _ in range(rounds):
        cosines = vectors @ centres.T
        number = cosines.argmax(axis=1)
        if (number == before).all():
            break
        before = number
        members = csr_array((np.ones(len(vectors), np.float32), number, np.arange(len(vectors) + 1)), shape=(len(vectors), count))
        sums = np.asarray(members.T @ vectors, dtype=np.float32)
        empty = np.flatnonzero(np.bincount(number, minlength=count) == 0)
        if len(empty):  # it gets a row that stands far from its own centre
            sums[empty] = vectors[np.argsort(cosines.max(axis=1), kind="stable")[: len(empty)]]
        centres = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return centres


def _starts(vectors: F32, count: int, random: np.random.Generator) -> F32:
    """Rows far from one another: of some drawn by their distance from those before, the one that brings all rows nearest.

    Source: Arthur & Vassilvitskii 2007, k-means++, with the greedy choice of its section 6.
    """
    chosen = [int(random.integers(len(vectors)))]
    apart = np.maximum(1 - vectors @ vectors[chosen[0]], 0).astype(np.float64)
    for _ in range(count - 1):
        total = float(apart.sum())
        if total <= 0:  # every row stands where one was chosen
            chosen.append(int(random.integers(len(vectors))))
            continue
        drawn = random.choice(len(vectors), DRAWS, p=apart / total)
        left = np.minimum(apart[:, None], np.maximum(1 - vectors @ vectors[drawn].T, 0))
        best = int(left.sum(axis=0).argmin())
        chosen.append(int(drawn[best]))
        apart = left[:, best]
    return vectors[chosen].copy()


def silhouette(vectors: F32, centres: F32) -> float:
    """The mean of (b - a) / max(a, b), with a and b a row's distances 1 - cosine from its own centre and from the next one."""
    apart = np.sort(np.maximum(1 - vectors @ centres.T, 0), axis=1)[:, :2]
    return float(((apart[:, 1] - apart[:, 0]) / np.maximum(apart[:, 1], 1e-12)).mean())


def assign(vectors: Vectors, centres: F32) -> tuple[I64, F32]:
    """([N] the nearest centre of each row, [N] its cosine)."""
    number, cosine = np.zeros(len(vectors), np.int64), np.zeros(len(vectors), np.float32)
    for start in range(0, len(vectors), BLOCK):
        block = np.asarray(vectors[start : start + BLOCK], dtype=np.float32) @ centres.T
        number[start : start + BLOCK], cosine[start : start + BLOCK] = block.argmax(axis=1), block.max(axis=1)
    return number, cosine


def outliers(of: I64, cosine: F32) -> I64:
    """Rows that stand far farther from their topic's centre than its rows usually do, the farthest first."""
    z = np.zeros(len(of))
    for topic in np.unique(of):
        rows = np.flatnonzero(of == topic)
        apart = cosine[rows] - np.median(cosine[rows])
        spread = MAD_TO_SIGMA * float(np.median(np.abs(apart)))
        z[rows] = apart / spread if spread > 0 else 0.0
    found = np.flatnonzero(z <= -OUTLIER_Z)
    return found[np.lexsort((found, z[found]))]


def name_topics(texts: Sequence[str], of: I64, count: int, random: np.random.Generator) -> list[str]:
    """A name for each topic: up to four of its terms."""
    rows = np.arange(len(of)) if len(of) <= NAMED_ROWS else np.sort(random.choice(len(of), NAMED_ROWS, replace=False))
    within: list[Counter[str]] = [Counter() for _ in range(count)]
    for row in rows.tolist():
        within[int(of[row])].update(terms(texts[row]))
    everywhere: Counter[str] = Counter()
    for counter in within:
        everywhere.update(counter)
    sizes = np.bincount(of[rows], minlength=count)
    return [_name(counter, everywhere, int(size), len(rows)) or f"topic {i + 1}" for i, (counter, size) in enumerate(zip(within, sizes, strict=True))]


def terms(text: str) -> set[str]:
    """Words of at least two letters and pairs of neighbouring words, each once; in scripts without spaces, characters and pairs of them."""
    found = words(text)
    single = {word for word in found if len(word) > 1 and not word.isdigit()}
    return single | {a + b if UNSPACED.fullmatch(a) and UNSPACED.fullmatch(b) else f"{a} {b}" for a, b in pairwise(found)}


def _name(within: Counter[str], everywhere: Counter[str], size: int, total: int) -> str:
    """Terms by (share of the topic's rows) · log(that share / share of all rows); a word within a chosen term is not said twice."""
    most = math.log(total / size) if 0 < size < total else 1.0  # of a term that occurs nowhere else

    def lift(term: str) -> float:
        return math.log(within[term] * total / (everywhere[term] * size)) if term in within else 0.0

    frequent = [term for term, times in within.items() if times >= min(FEWEST_TIMES, size)]
    telling = [term for term in frequent if all(lift(word) >= LEAST_LIFT * most for word in {term, *term.split()})]
    chosen: list[str] = []
    for term in sorted(telling, key=lambda one: (-within[one] * lift(one), one)):
        if not any(set(term.split()) & set(other.split()) for other in chosen):
            chosen.append(term)
        if len(chosen) == TERMS:
            break
    return ", ".join(chosen)
