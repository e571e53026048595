"""Attention over a forest on CUDA devices: FlexAttention under block masks, and variable-length flash attention where rows share nothing.

A token sees another exactly when the other's node is its own or an ancestor (a node's subtree is the range `index … below - 1`) and it stands
no later on the path. Blocks of tokens that see nothing of one another are skipped. What a device or a model's head width does not allow
takes the dense mask instead; `REFUSED` says why, and the log once, at whatever work it was found out.

Sources: FlexAttention (Dong et al. 2024, arXiv 2412.05496); FlashAttention-2 (Dao 2023, arXiv 2307.08691).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch.nn.attention.varlen import varlen_attn

from tunesmith.model.forest import Forest, pack

LOG = logging.getLogger(__name__)
REFUSED: dict[tuple[str, int, torch.dtype], str] = {}
"""(way, head width, dtype) → why it cannot be taken here."""
PROVEN: set[tuple[str, int, torch.dtype]] = set()
"""Of which a gradient was asked for, and came."""
SMALL = [[0, 1, 2, 3], [4, 5, 6]]
"""Rows that a backward pass is tried on: a refusal inside one's own backward pass could not be caught where it is known what to do instead."""


def attend(query: Tensor, key: Tensor, value: Tensor, forest: Forest, window: int | None, scale: float, softcap: float | None) -> Tensor | None:
    """[1, H, T, D] output for query [1, H, T, D] and key, value [1, Hkv, T, D]; None where no way of this module can be taken."""
    halves = query.dtype in (torch.bfloat16, torch.float16)
    alone = query.device.type == "cuda" and halves and softcap is None and all(node.parent is None for node in forest.nodes)
    ways = {"flash attention": flash} if alone else {}
    for name, way in (ways | {"FlexAttention": flex}).items():
        asked = (name, query.shape[-1], query.dtype)
        if asked in REFUSED:
            continue
        try:
            if torch.is_grad_enabled() and query.requires_grad and asked not in PROVEN:
                _try_gradient(way, query, key, window, scale, softcap)
                PROVEN.add(asked)
            return way(query, key, value, forest, window, scale, softcap)
        except torch.cuda.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, NotImplementedError) as error:  # a kernel that does not know this width, dtype or device
            REFUSED[asked] = f"{name} does not take heads of {query.shape[-1]} in {query.dtype} here: {str(error).splitlines()[0][:160]}"
            LOG.warning("attention takes a slower way: %s", REFUSED[asked])
    return None


def _try_gradient(way: Callable[..., Tensor], query: Tensor, key: Tensor, window: int | None, scale: float, softcap: float | None) -> None:
    """Nothing, if the way gives gradients for a few tokens of heads like these.

    Raises: what the kernel's backward pass raises.
    """
    forest = pack(SMALL, query.device)
    draw = torch.Generator(query.device).manual_seed(0)  # of its own: a step's dropout does not depend on whether this was tried
    few = [
        torch.randn(1, like.shape[1], len(forest.ids), like.shape[-1], dtype=like.dtype, device=like.device, generator=draw).requires_grad_()
        for like in (query, key, key)
    ]
    way(*few, forest, window, scale, softcap).sum().backward()  # type: ignore[no-untyped-call]


def flex(query: Tensor, key: Tensor, value: Tensor, forest: Forest, window: int | None, scale: float, softcap: float | None) -> Tensor:
    """As in `attend`, by block masks made once per forest and window."""
    name = ("blocks", window)
    if name not in forest.plans:
        sees, total = forest.sees(window), len(forest.ids)
        forest.plans[name] = create_block_mask(lambda b, h, q, k: sees(q, k), None, None, total, total, device=query.device)

    way = _compiled() if query.device.type == "cuda" else flex_attention
    grouped = query.shape[1] != key.shape[1]
    options: dict[str, Any] = {"block_mask": forest.plans[name], "scale": scale, "enable_gqa": grouped}
    out: Tensor = way(query, key, value, score_mod=None if softcap is None else _cap(softcap), **options)
    return out


@cache
def _cap(softcap: float) -> Callable[..., Tensor]:
    """The function that caps scores: one for each cap, since another function would be compiled anew."""

    def capped(score: Tensor, b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return softcap * torch.tanh(score / softcap)

    return capped


@cache
def _compiled() -> Any:
    """FlexAttention as a kernel; packed lengths change from batch to batch and must not compile anew."""
    return torch.compile(flex_attention, dynamic=True)


def flash(query: Tensor, key: Tensor, value: Tensor, forest: Forest, window: int | None, scale: float, softcap: float | None) -> Tensor:
    """As in `attend`, for rows that share nothing."""
    if "ends" not in forest.plans:
        ends = torch.tensor([0, *(node.start + node.length for node in forest.nodes)], dtype=torch.int32)
        forest.plans["ends"] = ends.to(query.device)
    ends = forest.plans["ends"]
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    longest = forest.longest
    out = varlen_attn(
        q, k, v, ends, ends, longest, longest, scale=scale, window_size=(-1 if window is None else window - 1, 0),
        enable_gqa=query.shape[1] != key.shape[1],
    )  # fmt: skip
    assert isinstance(out, Tensor)
    return out.transpose(0, 1)[None]
