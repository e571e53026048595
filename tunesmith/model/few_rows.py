"""Large tensors, a few rows at a time, so few that they stay in the processor's cache through all that is done with them; and each row's greatest number.

Arithmetic on two dtypes at once is ten times as slow as a conversion and arithmetic on one (torch 2.13, CPU), and a converted copy of a large tensor is
memory that has to be fetched from the system first. A few rows are converted in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

BYTES = 192 * 1024
"""Of one tensor, on the CPU and for each thread: several such lie in the cache of a core together."""
WIDE = 1024
"""Numbers of a row that are looked at together for the greatest."""


def few_rows(x: Tensor) -> Iterator[slice]:
    """Parts of the rows of x [T, ...] that are computed together; all of them where it is not on the CPU."""
    size = x[:1].numel() * x.element_size()
    at_once = max(1, BYTES * torch.get_num_threads() // size) if size and x.device.type == "cpu" else max(1, len(x))
    return (slice(start, start + at_once) for start in range(0, len(x), at_once))


def add(total: Tensor, more: Tensor) -> Tensor:
    """`total` with `more` of the same shape and any dtype added to it."""
    if total.dtype == more.dtype or total.device.type != "cpu" or not total.dim():
        return total.add_(more)
    for part in few_rows(total):
        total[part] += more[part].to(total.dtype)
    return total


def times(x: Tensor, factor: Tensor, out: Tensor) -> Tensor:
    """x [T, ...] times a number, or one for each row [T, 1], into `out` [T, ...] of any dtype, which may be x itself."""
    for part in few_rows(x):
        out[part] = x[part].to(factor.dtype) * (factor[part] if factor.dim() else factor)
    return out


def greatest(logits: Tensor) -> Tensor:
    """[R] the first place of each row's greatest number, as `argmax` gives; that looks at one number at a time, where `amax` takes many (1 to 8).

    >>> greatest(torch.tensor([[0.0, 2.0, 2.0], [1.0, 0.0, 0.0]])).tolist()
    [1, 0]
    """
    width = min(logits.shape[1] & -logits.shape[1], WIDE)  # the vocabulary's largest divisor that is a power of two
    if width < WIDE // 16:
        return logits.argmax(-1)
    parts = logits.reshape(len(logits), logits.shape[1] // width, width)
    part = parts.amax(-1).argmax(-1)
    return part * width + parts[torch.arange(len(parts), device=parts.device), part].argmax(-1)
