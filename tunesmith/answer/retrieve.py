"""Questions → what an index holds for each, the nearest first: by words (BM25) and by meaning (vectors), fused by reciprocal rank.

Each of the two ranks the entries; an entry's score is the sum of 1 / (60 + rank) over both. So neither scale matters, and what only one of them
finds is found. An entry that shares no word with the question has no rank among the words.

What is found depends on the question and the index alone: similarities are compared after four decimals, below which lies what the encoder rounds
differently when it reads other texts beside, and equals stand in the order of their ids.

Source: Cormack, Clarke, Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods" (2009), k = 60.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tunesmith.answer.embed import Embedder
from tunesmith.answer.index import OpenIndex, plain, words
from tunesmith.spec.index import Entry

K = 60
DEPTH = 100
"""Entries that each ranking gives to the fusion."""
QUESTIONS_AT_ONCE = 256
DECIMALS = 4


@dataclass(frozen=True)
class Query:
    """What is looked for."""

    text: str
    apart: frozenset[str] = frozenset()
    """Marks of entries that must not be found: a training row's own, and its cluster's and group's."""


@dataclass(frozen=True)
class Hit:
    """An entry that was found."""

    entry: Entry
    score: float


class Retriever:
    """Searches one index."""

    def __init__(self, index: OpenIndex, embedder: Embedder) -> None:
        self.index, self.embedder = index, embedder
        self._by_id = {entry.id: entry for entry in index.entries}
        self._places: dict[str, list[int]] = defaultdict(list)
        for place, entry in enumerate(index.entries):
            for mark in entry.marks():
                self._places[mark].append(place)

    def entry(self, ident: str) -> Entry:
        """The entry with this id."""
        return self._by_id[ident]

    def search(self, queries: Sequence[Query], count: int, done: Callable[[int], None] = lambda n: None) -> list[list[Hit]]:
        """For each query its `count` nearest entries, the nearest first; fewer where there are no more."""
        vectors = self.embedder.embed([plain(query.text) for query in queries], done)
        found: list[list[Hit]] = []
        for start in range(0, len(queries), QUESTIONS_AT_ONCE):
            alike = np.round(vectors[start : start + QUESTIONS_AT_ONCE] @ self.index.vectors.T, DECIMALS)  # [Q, N]
            found += [self._one(query, row, count) for query, row in zip(queries[start:], alike, strict=False)]
        return found

    def _one(self, query: Query, alike: np.ndarray, count: int) -> list[Hit]:
        allowed = np.ones(len(alike), dtype=bool)
        for mark in query.apart:
            allowed[self._places.get(mark, [])] = False
        depth = max(DEPTH, count)
        weights = self._weights(query.text)
        rankings = (ranked(weights, allowed & (weights > 0), depth), ranked(alike, allowed, depth))
        return [Hit(self.index.entries[place], score) for place, score in fuse(rankings)[:count]]

    def _weights(self, text: str) -> np.ndarray:
        """[N] how much the words of a text weigh in each entry."""
        known = self.index.weights.get_tokens_ids(words(text))
        scores: np.ndarray = self.index.weights.get_scores_from_ids(known)
        return scores


def ranked(scores: np.ndarray, allowed: np.ndarray, depth: int) -> list[int]:
    """The places that are allowed, the highest score first and equals in order, at most `depth`.

    >>> ranked(np.array([0.1, 0.5, 0.5, 0.9]), np.array([True, True, True, False]), 2)
    [1, 2]
    """
    places = np.flatnonzero(allowed)
    if len(places) > depth:
        least = np.partition(scores[places], len(places) - depth)[len(places) - depth]
        places = places[scores[places] >= least]
    order = np.lexsort((places, -scores[places]))
    first: list[int] = places[order][:depth].tolist()
    return first


def fuse(rankings: Sequence[Sequence[int]], k: int = K) -> list[tuple[int, float]]:
    """(place, score) of all that stands in a ranking, the highest sum of 1 / (k + rank) first, equals in order of place.

    >>> [(place, round(1000 * score, 2)) for place, score in fuse([[7, 3], [3, 5]])]
    [(3, 32.52), (7, 16.39), (5, 16.13)]
    """
    scores: dict[int, float] = defaultdict(float)
    for ranking in rankings:
        for rank, place in enumerate(ranking, 1):
            scores[place] += 1 / (k + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
