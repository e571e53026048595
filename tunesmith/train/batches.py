"""Tokenised rows → the rows of each optimiser step, and a step's micro-batches.

The seed alone fixes which rows meet in a step: permutations of all rows one after the other, cut every `rows_per_step` rows, so that no
step is short. Within a step rows are sorted by length (little padding in the attention's grid) and cut by a token budget in which shared
tokens count once. Neither changes the gradient: the loss is a sum over trained tokens, divided by the step's number of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tunesmith.model.forest import common_prefix


@dataclass(frozen=True)
class TokenRow:
    """One row to train or evaluate on."""

    ids: list[int]
    trained: list[bool]

    @property
    def targets(self) -> int:
        """Tokens with a loss on them. The first token of a row has nothing before it that could predict it."""
        return sum(self.trained[1:])


@dataclass(frozen=True)
class Order:
    """Which rows meet in which step."""

    rows: int
    rows_per_step: int
    seed: int

    def step(self, number: int) -> list[int]:
        """Indices of the rows of step `number` (0-based)."""
        first = number * self.rows_per_step
        places = range(first, first + self.rows_per_step)
        return [int(_permutation(self.seed, place // self.rows, self.rows)[place % self.rows]) for place in places]

    def steps(self, epochs: float) -> int:
        """Optimiser steps in `epochs` passes over the rows, at least 1."""
        return max(1, round(epochs * self.rows / self.rows_per_step))


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(count)


def micro_batches(rows: Sequence[TokenRow], budget: int, shares: bool = True) -> list[list[int]]:
    """Indices of `rows` in groups of at most `budget` computed tokens (one row may be longer), shortest rows first.

    `shares` False: the model computes every row alone, padded to the longest of its group, so nothing is counted once.
    """
    order = sorted(range(len(rows)), key=lambda i: (len(rows[i].ids), i))
    shared = common_prefix([row.ids for row in rows]) if shares else 0
    groups: list[list[int]] = []
    used = 0
    for index in order:
        length = len(rows[index].ids)
        grown = used + length - shared if shares else (len(groups[-1]) + 1 if groups else 1) * length
        if not groups or grown > budget:
            groups.append([])
            grown = length
        groups[-1].append(index)
        used = grown
    return groups


def packed_tokens(rows: Sequence[TokenRow], budget: int, shares: bool = True) -> int:
    """Tokens that go through the model for these rows."""
    total = 0
    for group in micro_batches(rows, budget, shares):
        lengths = [len(rows[i].ids) for i in group]
        shared = common_prefix([rows[i].ids for i in group])
        total += shared + sum(lengths) - shared * len(group) if shares else max(lengths) * len(group)
    return total


def step_seed(seed: int, step: int) -> int:
    """The seed of everything random inside one step (dropout): a resumed run needs no state of a generator."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{step}".encode()).digest()[:7], "big")
