"""float32 masters → the bf16 weights that the model computes with, so that small updates are not lost.

Weights in bf16 lie on a coarse grid (neighbours 0.4 to 0.8 % apart), and those that training begins with lie exactly on it. Rounded to the nearest, an update
that is smaller than half a step of the grid changes nothing until enough of its kind have come together: early steps move the small weights only,
and a short training learns a quarter less (docs/log.md, 2026-11-24). Here every weight has a threshold of its own between its two neighbours, even over
all weights: of many weights that moved by a tenth of a step, one in ten moves by a whole one, and their products are right on average.

Thresholds are fixed: what is published depends on the masters alone, so that a resumed run and the weights that are shipped have the same bits. Drawn anew
in each step (stochastic rounding: Gupta et al. 2015, arXiv 1502.02551, §4; for masters' copies nobody needs the noise over time) they would not.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

AT_ONCE = 1 << 18
"""Weights that are rounded together, with the same thresholds as all others so far apart: they stay in the processor's cache through all passes."""
LOW = 1 << 16
"""What float32 tells beside bf16: its last 16 bits."""
SEED = 20261124


def publish(master: Tensor, out: Tensor) -> None:
    """Put the values of `master`, float32, into `out` of the same shape: as they are, or in bf16 as the neighbour on whose side of its threshold each lies.

    What bf16 can hold stays exactly what it is; the sign never changes.
    """
    if out.dtype != torch.bfloat16:
        out.copy_(master)
        return
    if not out.is_contiguous():
        publish(master, whole := torch.empty_like(out, memory_format=torch.contiguous_format))
        out.copy_(whole)
        return
    bits, flat, thresholds = master.contiguous().view(-1).view(torch.int32), out.view(-1), _thresholds(master.device)
    for start in range(0, len(bits), AT_ONCE):
        part = bits[start : start + AT_ONCE]
        moved = (part + thresholds[: len(part)]).bitwise_and_(-LOW)
        flat[start : start + AT_ONCE].copy_(moved.view(torch.float32))


@functools.cache
def _thresholds(device: torch.device) -> Tensor:
    """[2^18] int32 from 0 to 65,535, each four times, in an order without a pattern."""
    order = torch.randperm(AT_ONCE, generator=torch.Generator().manual_seed(SEED))
    return (order % LOW).to(torch.int32).to(device)
