"""Token sequences that begin alike → one packed sequence in which every common beginning stands once.

Sequences with a common beginning share a node, nodes nest, and each row is a path from a root to a leaf. The packed sequence has T tokens
and no padding: nodes stand one after the other, a parent before its children. Positions are counted along the path. A token sees exactly
the tokens before it on its own path. Every layer but attention works on single tokens and needs no change; the gradient is that of the
separate rows, because a shared token's activations receive the sum of its branches' gradients.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

LEAST_GAIN = 16
"""Tokens that a shared beginning must save; below that a node of its own costs attention more than it saves everywhere else."""


@dataclass(frozen=True)
class Node:
    """Tokens that the same rows share, in one piece of the packed sequence."""

    start: int
    """First token in the packed sequence."""
    length: int
    parent: int | None
    """Index of the node before it on the path, None for a root."""
    depth: int
    """Tokens before it on the path."""
    below: int
    """One more than the index of its last descendant: nodes `index … below - 1` are its subtree."""


@dataclass(frozen=True, eq=False)
class Forest:
    """One packed micro-batch of R rows. `eq=False`: tensors have no single truth value."""

    ids: Tensor
    """[T] token ids."""
    positions: Tensor
    """[T] position of each token on its path."""
    nodes: tuple[Node, ...]
    """Depth first: a parent before its children."""
    leaves: tuple[int, ...]
    """For each row the node it ends in."""
    lengths: tuple[int, ...]
    """For each row the tokens on its path."""
    plans: dict[Any, Any] = field(default_factory=dict)
    """What attention made of this forest, to be used by every layer."""

    @property
    def longest(self) -> int:
        """Tokens on the longest path."""
        return max(self.lengths)

    @property
    def trunk(self) -> int:
        """Tokens at the beginning of the packed sequence that all rows share; 0 for a single row."""
        first = self.nodes[0]
        return first.length if len(self.leaves) > 1 and first.below == len(self.nodes) else 0

    def before(self, node: int) -> np.ndarray:
        """Packed places of the tokens on the path before `node`."""
        parts = []
        above = self.nodes[node].parent
        while above is not None:
            one = self.nodes[above]
            parts.append(np.arange(one.start, one.start + one.length))
            above = one.parent
        return np.concatenate(parts[::-1]) if parts else np.arange(0)

    def path(self, row: int) -> np.ndarray:
        """Packed places of the row's tokens, in its order."""
        leaf = self.nodes[self.leaves[row]]
        return np.concatenate([self.before(self.leaves[row]), np.arange(leaf.start, leaf.start + leaf.length)])

    def sees(self, window: int | None) -> Callable[[Tensor, Tensor], Tensor]:
        """A function of packed places (of a query, of a key) that is True where the one may see the other; a window counts along the path.

        A node is another's ancestor exactly when its subtree holds the other.
        """
        counts = torch.tensor([node.length for node in self.nodes])
        index = torch.repeat_interleave(torch.arange(len(self.nodes)), counts).to(self.ids.device)
        below = torch.repeat_interleave(torch.tensor([node.below for node in self.nodes]), counts).to(self.ids.device)
        positions = self.positions

        def found(query: Tensor, key: Tensor) -> Tensor:
            distance = positions[query] - positions[key]
            on_path = (index[key] <= index[query]) & (index[query] < below[key]) & (distance >= 0)
            return on_path if window is None else on_path & (distance < window)

        return found

    def dense_mask(self, window: int | None) -> Tensor:
        """[T, T] True where the token of the row may see the token of the column."""
        if window not in self.plans:
            places = torch.arange(len(self.ids), device=self.ids.device)
            self.plans[window] = self.sees(window)(places[:, None], places[None, :])
        mask: Tensor = self.plans[window]
        return mask


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """Tokens that both begin with.

    >>> common_prefix([1, 2, 3], [1, 2, 4, 5])
    2
    >>> common_prefix([1, 2], [1, 2, 3])
    2
    """
    limit = min(len(one), len(other))
    if one[:limit] == other[:limit]:
        return limit
    low, high = 0, limit  # one[:low] is common, one[:high] is not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle)
    return low


def shared_by_all(rows: Sequence[list[int]]) -> int:
    """Tokens that all rows begin with; 0 for a single row."""
    return common_prefix(min(rows), max(rows)) if len(rows) > 1 else 0


def in_order(rows: Sequence[list[int]]) -> tuple[list[int], list[int]]:
    """(indices of `rows` in lexicographic order, tokens each begins with like the one before it in that order).

    In this order the distinct prefixes of all rows are as many as their tokens less those common with the row before.
    """
    order = sorted(range(len(rows)), key=lambda i: rows[i])
    return order, [0, *(common_prefix(rows[a], rows[b]) for a, b in itertools.pairwise(order))][: len(order)]


@dataclass(frozen=True)
class Families:
    """Rows that share a beginning of their own, beside what all of them share, and rows without such a relation: each alone."""

    members: list[list[int]]
    """Indices of the rows of each family; within it, and from one family to the next, in lexicographic order."""
    common: list[int]
    """For each row the tokens it begins with like the row before it in that order."""
    trunk: int
    """Tokens that all rows begin with; 0 for a single row."""


def families(rows: Sequence[list[int]], least_share: float = 0.0) -> Families:
    """The families of `rows`: neighbours in lexicographic order that share at least 16 tokens beyond what all share.

    These have to be `least_share` of the longer row's own, as well: where little is shared, other orders are worth more.
    """
    order, ordered = in_order(rows)
    trunk = min(ordered[1:], default=0)
    members, common = list[list[int]](), [0] * len(rows)
    for place, row in enumerate(order):
        common[row] = ordered[place]
        shared = ordered[place] - trunk
        own = max(len(rows[order[place - 1]]), len(rows[row])) - trunk
        if place == 0 or shared < LEAST_GAIN or shared < least_share * own:
            members.append([])
        members[-1].append(row)
    return Families(members, common, trunk)


def pack(rows: Sequence[list[int]], device: torch.device | str = "cpu", least: int = LEAST_GAIN) -> Forest:
    """The forest of `rows` (each at least one token).

    A beginning that several rows share becomes a node where that saves at least `least` tokens over its rows' own copies.
    """
    order, common = in_order(rows)
    nodes: list[Node] = []
    ids: list[int] = []
    positions: list[int] = []
    leaves = [0] * len(rows)

    def add(tokens: list[int], parent: int | None, depth: int) -> int:
        nodes.append(Node(len(ids), len(tokens), parent, depth, 0))
        ids.extend(tokens)
        positions.extend(range(depth, depth + len(tokens)))
        return len(nodes) - 1

    waiting: list[tuple[int, int, int | None]] = [(0, len(rows), None)]  # a range of `order`, and the node it hangs from
    while waiting:
        first, last, parent = waiting.pop()
        depth = 0 if parent is None else nodes[parent].depth + nodes[parent].length
        row = rows[order[first]]
        shared = min(common[first + 1 : last], default=len(row))
        if last - first == 1:
            leaves[order[first]] = add(row[depth:], parent, depth) if len(row) > depth or parent is None else parent
            continue
        if shared > depth and (last - first - 1) * (shared - depth) >= least:
            parent = add(row[depth:shared], parent, depth)
        cuts = [first, *(i for i in range(first + 1, last) if common[i] == shared), last]
        waiting += [(a, b, parent) for a, b in itertools.pairwise(cuts)][::-1]
    below = list(range(1, len(nodes) + 1))
    for index in reversed(range(len(nodes))):
        above = nodes[index].parent
        if above is not None:
            below[above] = max(below[above], below[index])
    return Forest(
        ids=torch.tensor(ids, device=device),
        positions=torch.tensor(positions, device=device),
        nodes=tuple(Node(n.start, n.length, n.parent, n.depth, end) for n, end in zip(nodes, below, strict=True)),
        leaves=tuple(leaves),
        lengths=tuple(len(row) for row in rows),
    )
