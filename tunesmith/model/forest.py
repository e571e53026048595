"""Token sequences with a common beginning → one packed sequence in which that beginning stands once.

The layout is `[trunk | branch 1 | branch 2 | …]`, T tokens, no padding. Positions are counted along the path from the root, so a branch
goes on where the trunk ends. A token sees exactly the tokens before it on its own path. Every layer but attention works on single tokens
and needs no change; the gradient is that of the separate rows, because the trunk's activations receive the sum of its branches' gradients.

What is shared here is one trunk per micro-batch. On 160 shared and 25 own tokens a row that is 7 times less work than row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Forest:
    """One packed micro-batch of R rows. `eq=False`: tensors have no single truth value."""

    ids: Tensor
    """[T] token ids: P trunk tokens, then the N tokens of all branches."""
    positions: Tensor
    """[T] position of each token on its path."""
    trunk: int
    """P, may be 0."""
    lengths: tuple[int, ...]
    """Branch lengths, each at least 1; their sum is N = T - P."""
    grid: Tensor
    """[R, L] index into the N branch tokens; a cell beyond its row repeats the row's last token."""
    cells: Tensor
    """[N] cell of the grid (row-major) in which each branch token stands."""
    masks: dict[int | None, Tensor] = field(default_factory=dict)
    """Window → [T, T] mask, made on demand for layouts that need a dense one."""

    @property
    def longest(self) -> int:
        """Tokens on the longest path."""
        return self.trunk + max(self.lengths)

    def source(self, row: int, position: int) -> int:
        """Index in the packed sequence of `row`'s token at `position` on its path."""
        return position if position < self.trunk else self.trunk + sum(self.lengths[:row]) + position - self.trunk

    def dense_mask(self, window: int | None) -> Tensor:
        """[T, T] True where the token of the row may see the token of the column; a window counts along the path."""
        if window not in self.masks:
            rows = torch.full((len(self.ids),), -1, device=self.ids.device)
            rows[self.trunk :] = torch.repeat_interleave(
                torch.arange(len(self.lengths), device=self.ids.device), torch.tensor(self.lengths, device=self.ids.device)
            )
            distance = self.positions[:, None] - self.positions[None, :]
            sees = ((rows[:, None] == rows[None, :]) | (rows[None, :] == -1)) & (distance >= 0)
            self.masks[window] = sees if window is None else sees & (distance < window)
        return self.masks[window]


def common_prefix(rows: Sequence[list[int]]) -> int:
    """Length of the longest beginning that all rows share, short of using up any row; 0 for a single row.

    >>> common_prefix([[1, 2, 3], [1, 2, 4, 5]])
    2
    >>> common_prefix([[1, 2], [1, 2]])
    1
    >>> common_prefix([[1, 2, 3]])
    0
    """
    if len(rows) < 2:
        return 0
    low, high = min(rows), max(rows)  # the lexicographically smallest and largest differ first where any two differ first
    limit = min(len(row) for row in rows) - 1
    return next((i for i in range(limit) if low[i] != high[i]), limit)


def pack(rows: Sequence[list[int]], device: torch.device | str = "cpu", trunk: int | None = None) -> Forest:
    """The forest of `rows` (each at least one token), in their order, sharing their common beginning.

    `trunk` forces how many tokens are shared; None takes the longest possible.
    """
    shared = common_prefix(rows) if trunk is None else trunk
    own = [row[shared:] for row in rows]
    lengths = tuple(len(row) for row in own)
    longest = max(lengths)
    ids = rows[0][:shared] + [token for row in own for token in row]
    positions = list(range(shared)) + [shared + i for n in lengths for i in range(n)]
    starts = list(accumulate(lengths, initial=0))[:-1]
    grid = [[start + min(i, n - 1) for i in range(longest)] for start, n in zip(starts, lengths, strict=True)]
    cells = [r * longest + i for r, n in enumerate(lengths) for i in range(n)]
    return Forest(
        ids=torch.tensor(ids, device=device),
        positions=torch.tensor(positions, device=device),
        trunk=shared,
        lengths=lengths,
        grid=torch.tensor(grid, device=device),
        cells=torch.tensor(cells, device=device),
    )
