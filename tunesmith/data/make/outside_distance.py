"""A user's questions, and others → how near each is to the domain: what may be asked there, what only looks so, and what is far off.

With a sentence encoder nearness is the cosine to the nearest of the user's questions; without one that of TF-IDF over words and parts of
words. Where a domain ends depends on how densely its rows lie, so the limit is taken from the rows themselves: how near each of them is to its nearest
fellow. Measured with bench/outside_limits.py: CLINC150's ten domains, each the user's in turn, and BANKING77 as a check (docs/log.md).

    CLINC150, share of …                     rows of the domain     1,500    450    150     60
    vectors  held-out questions below the limit                      2.6 %  2.5 %  3.5 %  5.3 %
             questions of other domains below it, which may be used   87 %   85 %   85 %   77 %
    words    held-out questions below the limit                      3.6 %  3.4 %  3.0 %  4.0 %
             questions of other domains below it                      65 %   61 %   53 %   47 %

One fixed limit cannot do that: cosine 0.5 is right for 1,500 rows, and calls 12 % of the domain's own questions foreign where there are 150.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_union

from tunesmith.data.fold import fold

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
Embed = Callable[[Sequence[str]], F32]
"""Texts → [N, D] vectors of length 1, like `answer.embed.Embedder.embed`."""
BLOCK = 256
CLOSEST = 3


@dataclass(frozen=True)
class Limits:
    """Where nearness divides."""

    in_scope: float
    """From here on a question may be one that the domain answers: it is not used."""
    near: float
    """From here on, and below `in_scope`, a question is a near miss; below it is far off."""


@dataclass(frozen=True)
class Rule:
    """How limits are taken from the user's rows."""

    quantile: float
    """Of the rows' nearness to their nearest fellow: so many of them would themselves be taken for foreign."""
    least: float
    most: float
    """Bounds of the limit. Rows full of near duplicates lie closer together than what they will be asked."""

    def limits(self, fellows: F32) -> Limits:
        """The limits for rows of this nearness to one another."""
        found = float(np.quantile(fellows, self.quantile)) if len(fellows) else self.most
        in_scope = min(max(found, self.least), self.most)
        return Limits(in_scope, NEAR * in_scope)


VECTORS = Rule(quantile=0.02, least=0.25, most=0.55)
TERMS = Rule(quantile=0.05, least=0.12, most=0.35)
NEAR = 0.65
"""A question counts as near from this part of the limit on."""
OWN_TOPIC = 0.25
"""Share of a topic's questions at or above the limit from which the topic is taken for the user's business. BANKING77: `banking` 33 %, the next 11 %."""
FELLOWS = 2_000
"""Rows whose nearest fellow is looked for."""


@dataclass(frozen=True)
class Nearness:
    """For each question the user's closest ones, closest first."""

    similarities: F32
    """[N, K]"""
    rows: I64
    """[N, K] their numbers."""
    limits: Limits

    @property
    def similarity(self) -> F32:
        """[N] of the closest."""
        return np.asarray(self.similarities[:, 0])

    def may_be_asked(self) -> NDArray[np.bool_]:
        """True where the domain may answer the question."""
        return np.asarray(self.similarity >= self.limits.in_scope)

    def is_near(self) -> NDArray[np.bool_]:
        """True for near misses."""
        return np.asarray((self.similarity >= self.limits.near) & ~self.may_be_asked())

    def neighbours(self, question: int) -> list[int]:
        """The user's questions close by."""
        close = self.similarities[question] >= self.limits.near
        return [int(row) for row in self.rows[question][close]]


class Domain:
    """A user's questions as vectors. `background` are other questions, by which the weight of words is known where there is no encoder."""

    def __init__(self, own: Sequence[str], background: Sequence[str], embed: Embed | None) -> None:
        self.method = "cosine of sentence vectors" if embed is not None else "cosine of TF-IDF over words and parts of words"
        self._vectors: Callable[[Sequence[str]], Any] = embed if embed is not None else _terms([*own, *background])
        self._own = self._vectors(own)
        self.limits = (VECTORS if embed is not None else TERMS).limits(self._fellows(own))

    def _fellows(self, own: Sequence[str]) -> F32:
        """[at most FELLOWS] how near rows, spread over all, are to the nearest row that asks something else."""
        first = np.asarray(sorted({fold(text): row for row, text in reversed(list(enumerate(own)))}.values()))
        if len(first) < 2:
            return np.zeros(0, np.float32)
        some = first[np.unique(np.linspace(0, len(first) - 1, min(FELLOWS, len(first))).astype(np.int64))]
        best, which = closest(self._own[some], self._own[first])
        return np.where(first[which[:, 0]] == some, best[:, 1], best[:, 0])

    def nearness(self, questions: Sequence[str]) -> Nearness:
        """How near each question is."""
        return Nearness(*closest(self._vectors(questions), self._own), self.limits)


def _terms(texts: Sequence[str]) -> Callable[[Sequence[str]], Any]:
    """What turns texts into sparse vectors of length 1."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    parts = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    both = make_union(words, parts).fit(texts)
    return lambda some: both.transform(some) / np.sqrt(2)


def closest(questions: Any, own: Any) -> tuple[F32, I64]:
    """(the highest products with rows of `own`, those rows) for each row of `questions`, highest first; dense or sparse."""
    count = min(CLOSEST, own.shape[0])
    best = np.zeros((questions.shape[0], count), np.float32)
    which = np.zeros((questions.shape[0], count), np.int64)
    for start in range(0, questions.shape[0], BLOCK):
        product = questions[start : start + BLOCK] @ own.T
        block = np.asarray(product.todense() if hasattr(product, "todense") else product)
        order = np.argsort(-block, axis=1, kind="stable")[:, :count]
        which[start : start + BLOCK] = order
        best[start : start + BLOCK] = np.take_along_axis(block, order, axis=1)
    return best, which


def own_topics(topics: Sequence[str], near: Nearness) -> dict[str, float]:
    """The topics that the user's domain seems to answer: name → share of its questions that may be asked there."""
    asked: Counter[str] = Counter(topic for topic, mine in zip(topics, near.may_be_asked().tolist(), strict=True) if mine)
    sizes = Counter(topics)
    return {topic: asked[topic] / sizes[topic] for topic in sizes if asked[topic] / sizes[topic] >= OWN_TOPIC}
