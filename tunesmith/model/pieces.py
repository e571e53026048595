"""A packed forest → the pieces that attention computes together, and where their queries and keys lie: the same for all layers.

The packed sequence is cut into pieces of at most `PIECE` tokens of one node; those of similar size make a bucket. The keys of a tree's root, which
all its branches see, are not copied to each of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tunesmith.model.forest import Forest
from tunesmith.model.memory import PIECE

LEAST_ROOT = 192
"""Tokens from which a tree's root is worth a product of its own; a shorter one is copied to its branches."""


@dataclass(frozen=True)
class Piece:
    """Tokens of one node, at most `PIECE`, and what they see."""

    start: int
    length: int
    before: np.ndarray
    """Packed places of the keys before it that are gathered for it."""
    root: tuple[int, int]
    """(start, length) of the keys that it shares with every other branch of its tree; length 0: none."""


def pieces(forest: Forest, behind: int = 0) -> Iterator[Piece]:
    """The pieces of a forest, node by node, without the first `behind` tokens, which all rows share."""
    root, shared = 0, (0, 0)
    for index, node in enumerate(forest.nodes):
        if node.parent is None:
            root, shared = index, (node.start, node.length) if node.below > index + 1 and node.length >= LEAST_ROOT else (0, 0)
        before = forest.before(index)[0 if index == root else shared[1] :]
        skipped = behind if index == 0 else 0
        count = -(-(node.length - skipped) // PIECE)
        cuts = [skipped + (node.length - skipped) * i // count for i in range(count + 1)] if count else []
        for first, last in itertools.pairwise(cuts):
            seen = np.concatenate([before, np.arange(node.start, node.start + first)])
            yield Piece(node.start + first, last - first, seen, (0, 0) if index == root else shared)


@dataclass(frozen=True, eq=False)
class Bucket:
    """B pieces that are computed together: L queries each, against P shared keys and S of their own."""

    size: tuple[int, int, int]
    """(B, L, S)."""
    root: tuple[int, int]
    """(start, P)."""
    queries: Tensor
    """[Hkv·B·G·L] rows of the queries [T·H, D]; a place beyond a piece repeats its last token."""
    keys: Tensor
    """[Hkv·B·S] rows of the keys and values [T·Hkv, D]."""
    valid: Tensor | None
    """[1, B, 1, L, 1] 1 where there is a query, 0 beyond a piece; None: everywhere."""
    mask: Tensor
    """[1, B or 1, 1, L, S] to be added to the scores: 0 or -inf."""
    root_mask: Tensor | None
    """[1, B, 1, L, P], where a window cuts what is seen of the root."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything about a forest that attention needs and that is the same for all layers."""

    heads: int
    kv_heads: int
    buckets: tuple[Bucket, ...]
    outputs: Tensor
    """[T·H] for each token and head its place among the buckets' queries."""
    used: Tensor
    """[T·Hkv] for each token and key head a place among the buckets' keys where it was used, or one past the last place."""
    more: tuple[tuple[Tensor, Tensor], ...]
    """Further uses: (tokens and key heads, each at most once; places where they were used)."""


def plan_for(forest: Forest, heads: int, kv_heads: int, window: int | None, dtype: torch.dtype, behind: int = 0) -> Plan:
    """The plan for these sizes and the tokens from `behind` on, made once per forest."""
    name = (heads, kv_heads, window, dtype, behind)
    if name not in forest.plans:
        forest.plans[name] = _make(forest, heads, kv_heads, window, dtype, behind)
    plan: Plan = forest.plans[name]
    return plan


def _make(forest: Forest, heads: int, kv_heads: int, window: int | None, dtype: torch.dtype, behind: int) -> Plan:
    groups, total = heads // kv_heads, len(forest.ids)
    together: dict[tuple[tuple[int, int], int, int], list[Piece]] = {}
    for piece in pieces(forest, behind):
        together.setdefault((piece.root, _step(len(piece.before)), _step(piece.length)), []).append(piece)
    positions = forest.positions.numpy()
    buckets, places, used = [], np.zeros((total, heads), np.int64), []
    query_base = key_base = 0
    for (root, _, _), members in together.items():
        B, L, A = len(members), max(p.length for p in members), max(len(p.before) for p in members)
        queries = np.stack([p.start + np.minimum(np.arange(L), p.length - 1) for p in members])  # [B, L]
        before = np.stack([np.pad(p.before, (A - len(p.before), 0)) for p in members]).astype(np.int64)  # [B, A]
        keys = np.concatenate([before, queries], 1)  # [B, S]
        valid = np.stack([np.arange(L) < p.length for p in members])
        real = np.concatenate([np.stack([np.arange(A) >= A - len(p.before) for p in members]), valid], 1)
        q_at, k_at = positions[queries], positions[keys]
        sees = (k_at[:, None, :] <= q_at[:, :, None]) & real[:, None, :]
        if window is not None:
            sees &= q_at[:, :, None] - k_at[:, None, :] < window
        if A == 0 and window is None:
            sees = np.tril(np.ones((1, L, L), bool))  # places beyond a piece are above the diagonal of every real query
        rows = queries[None, :, None, :] * heads + (np.arange(kv_heads)[:, None, None, None] * groups + np.arange(groups)[None, None, :, None])
        wanted = np.broadcast_to(valid[None, :, None, :], rows.shape).ravel()
        places.ravel()[rows.ravel()[wanted]] = query_base + np.flatnonzero(wanted)
        columns = keys[None] * kv_heads + np.arange(kv_heads)[:, None, None]  # [Hkv, B, S]
        wanted = np.broadcast_to(real[None], columns.shape).ravel()
        used.append((columns.ravel()[wanted], key_base + np.flatnonzero(wanted)))
        query_base, key_base = query_base + rows.size, key_base + columns.size
        far = None
        if window is not None and root[1]:
            far = _added(q_at[:, :, None] - positions[root[0] : root[0] + root[1]][None, None, :] < window, dtype)
        buckets.append(
            Bucket(
                (B, L, A + L), root, torch.from_numpy(rows.ravel()), torch.from_numpy(columns.ravel()),
                None if valid.all() else torch.from_numpy(valid).to(dtype)[None, :, None, :, None], _added(sees, dtype), far,
            )
        )  # fmt: skip
    return Plan(heads, kv_heads, tuple(buckets), torch.from_numpy(places.ravel()), *_uses(used, total * kv_heads, key_base))


def _step(length: int) -> int:
    """Lengths that are computed together: up to the same multiple of 64, short ones up to a power of two."""
    return -(-length // 64) * 64 if length > 64 else 64 if length > 32 else 32 if length else 0


def _added(sees: np.ndarray, dtype: torch.dtype) -> Tensor:
    """[b, L, S] booleans as what is added to scores."""
    return torch.zeros(sees.shape, dtype=dtype).masked_fill_(torch.from_numpy(~sees), float("-inf"))[None, :, None]


def _uses(used: list[tuple[np.ndarray, np.ndarray]], count: int, missing: int) -> tuple[Tensor, tuple[tuple[Tensor, Tensor], ...]]:
    """(for each of `count` keys a place where it was used, `missing` where there is none; further uses, no key twice in one part)."""
    keys, where = (np.concatenate(parts) for parts in zip(*used, strict=True))
    order = np.argsort(keys, kind="stable")
    keys, where = keys[order], where[order]
    turn = np.arange(len(keys)) - np.searchsorted(keys, np.arange(count))[keys]
    first = np.full(count, missing, np.int64)
    first[keys[turn == 0]] = where[turn == 0]
    more = [(keys[turn == level], where[turn == level]) for level in range(1, int(turn.max()) + 1)]
    return torch.from_numpy(first), tuple((torch.from_numpy(k), torch.from_numpy(w)) for k, w in more)
