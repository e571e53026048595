"""A step's rows and the model's shape → the floating-point operations that the step cannot do without.

Two per weight and token forward; as many backward for the activations' gradients, and once more for the weights' where they are trained. The output
layer counts for trained tokens only. Recomputed activations, padding and logits that nobody asks for are no useful work: a side that does them shows a
smaller share of the peak, which is what the share is for. Tokens that ours shares are computed once and so counted once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tunesmith.model.memory import Shape


@dataclass(frozen=True)
class Step:
    """What one optimiser step takes in."""

    tokens: int
    """Of all rows, each taken alone; of pairs both sides with their question."""
    keys: int
    """Sum over those tokens of the tokens that each attends to."""
    trained: int

    @classmethod
    def of(cls, rows: list[dict[str, Any]]) -> Step:
        """From rows or pairs as bench/work.py writes them."""
        sides = [side for row in rows for side in sides_of(row)]
        return cls(sum(n for n, _ in sides), sum(n * (n + 1) // 2 for n, _ in sides), sum(trained for _, trained in sides))


def sides_of(row: dict[str, Any]) -> list[tuple[int, int]]:
    """(tokens, trained tokens) of a row, or of both sides of a pair.

    >>> sides_of({"ids": [1, 2, 3], "trained": [False, False, True]})
    [(3, 1)]
    >>> sides_of({"prompt": [1, 2], "chosen": [3], "rejected": [4, 5]})
    [(3, 1), (4, 2)]
    """
    if "ids" in row:
        return [(len(row["ids"]), sum(row["trained"][1:]))]
    return [(len(row["prompt"]) + len(row[name]), len(row[name])) for name in ("chosen", "rejected")]


def of_step(shape: Shape, step: Step, computed: float, *, full: bool, dpo: bool, rank: int = 16) -> float:
    """FLOP of one step in which `computed` tokens go through the layers (as many as `step.tokens` where nothing is shared).

    The keys of computed tokens are counted in proportion, which is too few for ours: the tokens it leaves out stand at the beginning of their rows.
    A reference of DPO adds one forward pass.
    """
    heads, kv = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    layer = shape.width * (2 * heads + 2 * kv + 3 * shape.inner)
    attention = 2 * heads * step.keys * computed / step.tokens  # multiply-adds of scores and of their sums over values
    forward = 2 * (shape.layers * (layer * computed + attention) + shape.width * shape.vocabulary * step.trained)
    adapters = 0.0 if full else 2 * rank * shape.linear_sizes * computed
    return forward * ((3 if full else 2) + dpo) + 3 * adapters
