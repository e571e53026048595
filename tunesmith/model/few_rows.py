"""Large tensors, a few rows at a time: so few that they stay in the processor's cache through all that is done with them.

Arithmetic on two dtypes at once is ten times as slow as a conversion and arithmetic on one (torch 2.13, CPU), and a converted copy of a large tensor is
memory that has to be fetched from the system first. A few rows are converted in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

BYTES = 192 * 1024
"""Of one tensor, on the CPU and for each thread: several such lie in the cache of a core together."""


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


def times(x: Tensor, factor: Tensor, dtype: torch.dtype) -> Tensor:
    """x [T, ...] times a number, or one for each row [T, 1], rounded to another dtype."""
    out = torch.empty_like(x, dtype=dtype)
    for part in few_rows(x):
        out[part] = x[part].to(factor.dtype) * (factor[part] if factor.dim() else factor)
    return out
