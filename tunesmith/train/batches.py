"""Examples → those of each optimiser step, and a step's micro-batches.

The seed alone fixes which rows meet in a step: permutations of all rows one after the other, cut every `rows_per_step` rows, so that no
step is short. Within a step examples that share more than all of them do stay together, the rest is sorted by length, and the whole is cut by a
token budget in which shared tokens count once. Neither changes the gradient: the loss is a sum over trained tokens, divided by the step's number of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tunesmith.model.forest import LEAST_GAIN, families, pack
from tunesmith.model.likelihood import needed
from tunesmith.train.examples import Example


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


def micro_batches(examples: Sequence[Example], budget: int, shares: bool = True) -> list[list[int]]:
    """Indices of `examples` in groups of at most `budget` computed tokens (one example may be longer).

    Those that share a beginning of their own (turns of one conversation) stay together; such families and single ones come shortest first.
    `shares` False: the model computes every sequence alone, padded to the longest of its group.
    """
    if not shares:
        return _padded(examples, budget)
    sizes = [packed_size(example) for example in examples]
    firsts = [needed(example.sequences[0]) for example in examples]
    found = families(firsts)
    common = found.common
    certain = found.trunk if found.trunk >= LEAST_GAIN else 0  # counted only where `pack` shares it for certain: no batch outgrows its budget
    groups: list[list[int]] = []
    used = 0
    for family in sorted(found.members, key=lambda members: max(sizes[i] for i in members)):
        shared: int | None = None  # tokens that the family's examples in the last group have in common
        for row in family:
            size = sizes[row]
            known = certain if shared is None else min(shared, common[row])
            if not groups or used + size - known > budget:
                groups.append([])
                used, known, shared = 0, 0, None
            groups[-1].append(row)
            used += size - known
            whole = len(firsts[row])
            shared = whole if shared is None else min(shared, common[row])
    return groups


def packed_size(example: Example) -> int:
    """Tokens that go through the model for one example alone."""
    sequences = [needed(row) for row in example.sequences]
    return len(sequences[0]) if len(sequences) == 1 else len(pack(sequences).ids)


def _padded(examples: Sequence[Example], budget: int) -> list[list[int]]:
    """Groups of at most `budget` cells, shortest examples first."""
    groups: list[list[int]] = []
    count = 0
    longest = [max(len(needed(row)) for row in example.sequences) for example in examples]
    for index in sorted(range(len(examples)), key=lambda i: (longest[i], i)):
        more = len(examples[index].sequences)
        if not groups or (count + more) * longest[index] > budget:
            groups.append([])
            count = 0
        groups[-1].append(index)
        count += more
    return groups


def packed_tokens(examples: Sequence[Example], budget: int, shares: bool = True) -> int:
    """Tokens that go through the model for these examples."""
    groups = [[needed(row) for i in group for row in examples[i].sequences] for group in micro_batches(examples, budget, shares)]
    if shares:
        return sum(len(pack(group).ids) for group in groups)
    return sum(len(group) * max(len(ids) for ids in group) for group in groups)


def step_seed(seed: int, step: int) -> int:
    """The seed of everything random inside one step (dropout): a resumed run needs no state of a generator."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{step}".encode()).digest()[:7], "big")
