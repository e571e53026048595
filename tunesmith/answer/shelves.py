"""What a model remembers of rows that are answered together: their keys and values, in few grids that are read whole.

A grid [B, Hkv, C, D] per layer holds up to 64 rows, and C is little more than the longest of them has. It is read whole, because a part of
it would be copied by the product that reads it, which was a third of a decoding step. So the places that rows left, and what lies beyond a
short row's end, are computed for nothing: rows of similar length stand together, whoever comes takes a free place, and once all takes a
quarter more than it need, rows are put in order again. 50 short rows beside one of 8,000 tokens thus cost what they need.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

SECTION = 64
"""Rows that stand together at most: with half as many a step has too many products to start, with twice as many it is no faster."""
STEP = 32
"""Tokens by which grids grow."""
ASIDE = 512
"""Tokens that could be read in the time that a section takes beside its tokens, to start its products."""
SLACK = 1.25
"""How many times what they need the sections may take before rows move."""


@dataclass(frozen=True, eq=False)
class Kept:
    """The first tokens of some row as each layer remembers them."""

    length: int
    layers: dict[int, tuple[Tensor, Tensor]]
    """Layer → keys and values [Hkv, n, D] with n ≥ `length`."""

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return sum(x.numel() * x.element_size() for pair in self.layers.values() for x in pair)


def rounded(tokens: int) -> int:
    """Room for so many tokens.

    >>> rounded(1), rounded(64), rounded(65)
    (32, 64, 96)
    """
    return -(-tokens // STEP) * STEP


def grouped(needs: Sequence[int]) -> list[list[int]]:
    """Rows that need room for so many tokens, in the sections that together take least: neighbours in length, at most 64.

    >>> grouped([40, 700, 50])
    [[0, 2], [1]]
    """
    order = sorted(range(len(needs)), key=lambda row: needs[row])
    cost, begin = [0], [0]  # of the best sections for the first rows in order: what they take, and where the last one begins
    for stop in range(1, len(order) + 1):
        room = rounded(needs[order[stop - 1]])
        least, start = min((cost[start] + (stop - start) * room + ASIDE, start) for start in range(max(0, stop - SECTION), stop))
        cost.append(least)
        begin.append(start)
    groups, stop = list[list[int]](), len(order)
    while stop:
        groups.append(order[begin[stop] : stop])
        stop = begin[stop]
    return groups[::-1]


@dataclass(eq=False)
class Section:
    """Rows whose keys and values stand together."""

    tokens: int
    """C: what each row has room for."""
    rows: list[int | None]
    """Place → row of the session; None: free."""
    layers: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """Layer → keys and values [B, Hkv, C, D]; none before something was read."""

    def grids(self, layer: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """A layer's keys and values; `like` is [Hkv, n, D]."""
        if layer not in self.layers:
            size = (len(self.rows), like.shape[0], self.tokens, like.shape[2])
            self.layers[layer] = (like.new_zeros(size), like.new_zeros(size))
        return self.layers[layer]

    def grow(self, tokens: int) -> None:
        """Make room for rows of this length."""
        more = rounded(tokens) - self.tokens
        if more > 0:
            self.tokens += more
            for layer, (keys, values) in self.layers.items():
                self.layers[layer] = (_longer(keys, more), _longer(values, more))

    def fill(self, places: list[int], paths: Sequence[Tensor], layers: dict[int, tuple[Tensor, Tensor]]) -> None:
        """Put tokens into these places, which stand at `paths` [n] of each layer's keys and values [Hkv, T, D]."""
        most = max(len(path) for path in paths)
        taken = torch.stack([nn.functional.pad(path, (0, most - len(path))) for path in paths])  # beyond a row: anything, it is masked
        for layer, pair in layers.items():
            for grid, x in zip(self.grids(layer, pair[0]), pair, strict=True):
                grid[places, :, :most] = x.index_select(1, taken.flatten()).view(x.shape[0], *taken.shape, x.shape[2]).transpose(0, 1)


class Shelves:
    """All sections of a session."""

    def __init__(self) -> None:
        self.sections: list[Section] = []
        self.needs: list[int] = []
        """Tokens that each row has or is about to have."""
        self.is_settled = True
        """Whether nobody has come or gone since the sections were last looked at."""

    def enter(self, needs: Sequence[int]) -> None:
        """Rows at the end, each in the smallest free place that has room for it, or in a new one."""
        first, others = len(self.needs), list[int]()
        self.needs += needs
        self.is_settled = False
        for row in range(first, len(self.needs)):
            free = [section for section in self.sections if None in section.rows and section.tokens >= self.needs[row]]
            if free:
                section = min(free, key=lambda section: section.tokens)
                section.rows[section.rows.index(None)] = row
            else:
                others.append(row)
        for group in grouped([self.needs[row] for row in others]):
            self.sections.append(Section(rounded(max(self.needs[others[i]] for i in group)), [others[i] for i in group]))

    def keep(self, rows: list[int]) -> None:
        """These rows only, in this order; the others' places are free."""
        numbers: dict[int | None, int] = {row: number for number, row in enumerate(rows)}
        for section in self.sections:
            section.rows = [numbers.get(row) for row in section.rows]
        self.sections = [section for section in self.sections if any(row is not None for row in section.rows)]
        self.needs = [self.needs[row] for row in rows]
        self.is_settled = False

    def reserve(self, lengths: list[int]) -> None:
        """Room for rows of these lengths; their order is changed where it takes too much."""
        self.needs = [max(need, length) for need, length in zip(self.needs, lengths, strict=True)]
        needed = [max(self.needs[row] for row in section.rows if row is not None) for section in self.sections]
        if self.is_settled and all(section.tokens >= need for section, need in zip(self.sections, needed, strict=True)):
            return
        self.is_settled = True
        groups = grouped(self.needs)
        taken = sum(len(section.rows) * max(section.tokens, rounded(need)) + ASIDE for section, need in zip(self.sections, needed, strict=True))
        if taken > SLACK * (_size(groups, self.needs) + ASIDE * len(groups)):
            self._arrange(groups)
            return
        for section, need in zip(self.sections, needed, strict=True):
            section.grow(need)

    def room(self, more: Sequence[int] = ()) -> int:
        """Tokens of all grids where rows are in order, with further ones that need so many; the grids take a quarter more at most."""
        needs = [*self.needs, *more]
        return _size(grouped(needs), needs)

    def where(self) -> dict[int, tuple[Section, int]]:
        """Row → its section, and its place there."""
        return {row: (section, place) for section in self.sections for place, row in enumerate(section.rows) if row is not None}

    def copy(self, row: int, length: int) -> Kept:
        """The row's first `length` tokens."""
        section, place = self.where()[row]
        return Kept(length, {layer: (k[place, :, :length].clone(), v[place, :, :length].clone()) for layer, (k, v) in section.layers.items()})

    def _arrange(self, groups: list[list[int]]) -> None:
        """Give each group a section, the one that it has where that is not too large; one layer after another, for memory's sake."""
        where, before, after, new = self.where(), self.sections, list[Section](), list[Section]()
        for group in groups:
            room, first = rounded(max(self.needs[row] for row in group)), where[group[0]][0]
            if set(first.rows) == set(group) and first.tokens <= room:
                first.grow(room)
                after.append(first)
            else:
                new.append(Section(room, list(group)))
        left = [section for section in before if section not in after]
        for layer in sorted({layer for section in left for layer in section.layers}):
            for section in new:
                _take(section, where, layer)
            for section in left:
                section.layers.pop(layer, None)
        self.sections = [*after, *new]


def _longer(grid: Tensor, more: int) -> Tensor:
    """[B, Hkv, C, D] → [B, Hkv, C + more, D], with zeros behind: what is masked weighs nothing, but nothing times what is no number is none either."""
    B, H, C, D = grid.shape
    out = grid.new_empty(B, H, C + more, D)
    out[:, :, :C] = grid
    out[:, :, C:] = 0
    return out


def _size(groups: list[list[int]], needs: Sequence[int]) -> int:
    """Tokens of room in the sections of these groups."""
    return sum(len(group) * rounded(max(needs[row] for row in group)) for group in groups)


def _take(section: Section, where: dict[int, tuple[Section, int]], layer: int) -> None:
    """Copy a layer's keys and values of a section's rows from where they stand; of what was never read there is nothing."""
    for source in dict.fromkeys(where[row][0] for row in section.rows if row is not None):
        if layer not in source.layers:
            continue
        at = [place for place, row in enumerate(section.rows) if row is not None and where[row][0] is source]
        taken, used = [where[row][1] for row in section.rows if row is not None and where[row][0] is source], min(section.tokens, source.tokens)
        for grid, held in zip(section.grids(layer, source.layers[layer][0][0]), source.layers[layer], strict=True):
            grid[at, :, :used] = held[taken, :, :used]
