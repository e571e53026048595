"""Rows of very different lengths, reading and writing at once → their next hidden states: the session of the service.

Each row's keys and values stand in a place of a shelf, and a shelf holds rows of similar length: a grid [S, Hkv, C, D] per layer with C a power
of two. A row that outgrows its shelf moves to the next. So 50 short rows beside one of 8,000 tokens cost what they need, where one grid would
cost 50 x 8,000, and a step is a few batched products instead of one per row. Rows that are given several tokens (a prompt's next piece)
attend one by one.

A row may begin with keys and values that were computed before (`Kept`): a system prompt, or the conversation so far.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from tunesmith.answer.session import AloneSession, Session
from tunesmith.model import attention
from tunesmith.model.load import LoadedModel

LEAST = 64
"""Tokens of the smallest shelf's rows."""


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


class LiveSession(Session, Protocol):
    """A session into which rows come before anything of them was read."""

    reads_pieces: bool
    """Whether a row's prompt may be read in several steps."""
    states: list[Tensor]
    """[n, D] of each row: the hidden states of the tokens it was given last."""
    lengths: list[int]
    """Tokens of each row that were read."""

    @property
    def bytes(self) -> int:
        """Memory that its rows take."""

    def enter(self, kept: list[Kept | None]) -> None:
        """Add rows at the end, beginning with what was kept."""

    def copy(self, row: int, length: int) -> Kept | None:
        """The row's first `length` tokens, to begin others with; None where states cannot be cut."""


def open_live(model: LoadedModel) -> LiveSession:
    """The session that suits the model."""
    return ShelvedSession(model) if model.shares_prefixes else PatientSession(model)


def capacity(length: int) -> int:
    """Tokens of the shelf for a row of this length.

    >>> capacity(64), capacity(65)
    (64, 128)
    """
    return max(LEAST, 1 << (length - 1).bit_length())


@dataclass(eq=False)
class Shelf:
    """Rows of at most `tokens` tokens: each layer's keys and values [S, Hkv, C, D], of which the first `len(rows)` places are taken."""

    tokens: int
    rows: list[int] = field(default_factory=list)
    """Place → row of the session."""
    layers: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def grids(self, layer: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """A layer's keys and values, with room for all rows; made or made larger as needed. `like` is [Hkv, n, D]."""
        held = self.layers.get(layer)
        if held is None or held[0].shape[0] < len(self.rows):
            places = _places(len(self.rows))
            grown = tuple(like.new_zeros(places, like.shape[0], self.tokens, like.shape[2]) for _ in range(2))
            for new, old in zip(grown, held or (), strict=False):
                new[: old.shape[0]] = old
            held = self.layers[layer] = (grown[0], grown[1])
        return held

    def leave(self, place: int) -> int | None:
        """Free a place; returns the row that took it, so that taken places stay together. Frees memory that is long unused."""
        last = self.rows.pop()
        if place == len(self.rows):
            moved = None
        else:
            self.rows[place] = moved = last
            for pair in self.layers.values():
                for grid in pair:
                    if len(self.rows) < len(grid):  # else it has nothing yet
                        grid[place] = grid[len(self.rows)]
        for layer, pair in list(self.layers.items()):
            if not self.rows:
                del self.layers[layer]
            elif pair[0].shape[0] > 2 * _places(len(self.rows)):
                places = _places(len(self.rows))
                self.layers[layer] = (pair[0][:places].clone(), pair[1][:places].clone())
        return moved


def _places(rows: int) -> int:
    """Places to have for so many rows: a few more, since to grow is to copy."""
    return rows + rows // 4


@dataclass(frozen=True, eq=False)
class Singles:
    """Rows of one shelf that are given one token each."""

    shelf: Shelf
    places: Tensor
    columns: Tensor
    hidden: Tensor
    """[N, C] True where a token sees nothing."""
    span: slice
    """Where they stand among the step's tokens."""


@dataclass(frozen=True, eq=False)
class Several:
    """One row that is given several tokens."""

    shelf: Shelf
    place: int
    start: int
    span: slice


class ShelvedSession:
    """As in `LiveSession`, for models whose rows share nothing but attention."""

    reads_pieces = True

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.computed = 0
        self.shelves: dict[int, Shelf] = {}
        self.places: list[tuple[Shelf, int]] = []
        """Row → its shelf and its place there."""
        self.lengths: list[int] = []
        self.parts: list[Singles | Several] = []
        self.states: list[Tensor] = []

    @property
    def bytes(self) -> int:
        """As in `LiveSession`, of the places that are taken."""
        return sum(shelf.tokens * len(shelf.rows) for shelf in self.shelves.values()) * self.model.shape.cached(self.model.placement.dtype)

    @torch.inference_mode()
    def enter(self, kept: list[Kept | None]) -> None:
        """As in `LiveSession`."""
        for one in kept:
            length = one.length if one else 0
            self.places.append(self._place(len(self.places), length + 1))
            self.lengths.append(length)
            if one is not None:
                self._fill(len(self.places) - 1, one)

    def copy(self, row: int, length: int) -> Kept:
        """As in `LiveSession`."""
        shelf, place = self.places[row]
        return Kept(length, {layer: (k[place, :, :length].clone(), v[place, :, :length].clone()) for layer, (k, v) in shelf.layers.items()})

    def add(self, prompts: list[list[int]], room: int) -> Tensor:
        """As in `Session`; shelves grow, so `room` is not needed."""
        before = len(self.places)
        self.enter([None] * len(prompts))
        return self.extend([[]] * before + prompts)[before:]

    @torch.inference_mode()
    def keep(self, rows: list[int]) -> None:
        """As in `Session`."""
        gone = set(range(len(self.places))) - set(rows)
        for row in sorted(gone):
            self._leave(row)
        numbers = {row: number for number, row in enumerate(rows)}
        for shelf in self.shelves.values():
            shelf.rows = [numbers[row] for row in shelf.rows]
        self.places, self.lengths = [self.places[row] for row in rows], [self.lengths[row] for row in rows]
        self.shelves = {size: shelf for size, shelf in self.shelves.items() if shelf.rows}

    @torch.inference_mode()
    def extend(self, tokens: list[list[int]]) -> Tensor:
        """As in `Session`."""
        for row, new in enumerate(tokens):
            if self.lengths[row] + len(new) > self.places[row][0].tokens:
                self._move(row, self.lengths[row] + len(new))
        order = self._plan(tokens)
        device = self.model.placement.device
        ids = torch.tensor([token for row in order for token in tokens[row]], device=device)
        positions = torch.cat([torch.arange(self.lengths[row], self.lengths[row] + len(tokens[row])) for row in order]).to(device)
        hidden = attention.run(self.model.network.get_decoder(), ids, positions, self)
        self.computed += len(ids)
        self.states = [hidden[:0]] * len(tokens)
        start = 0
        for row in order:
            self.states[row] = hidden[start : start + len(tokens[row])]
            self.lengths[row] += len(tokens[row])
            start += len(tokens[row])
        return torch.stack([states[-1] if len(states) else hidden[0] for states in self.states])

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None, softcap: float | None) -> Tensor:
        """[1, H, T, D] output for the step's T tokens, each seeing its own row up to itself."""
        outs = []
        for part in self.parts:
            q, k, v = query[0][:, part.span], key[0][:, part.span], value[0][:, part.span]
            keys, values = part.shelf.grids(layer, k)
            match part:
                case Singles():
                    keys[part.places, :, part.columns], values[part.places, :, part.columns] = k.transpose(0, 1), v.transpose(0, 1)
                    outs.append(_singles(part, q, keys, values, (scale, window, softcap)))
                case Several():
                    stop = part.start + k.shape[1]
                    keys[part.place, :, part.start : stop], values[part.place, :, part.start : stop] = k, v
                    outs.append(_several(part.start, q, keys[part.place, :, :stop], values[part.place, :, :stop], (scale, window, softcap)))
        return torch.cat(outs, 1)[None]

    def _plan(self, tokens: list[list[int]]) -> list[int]:
        """Rows in the order in which their tokens are packed; what attention has to do stands in `parts`."""
        device, start = self.model.placement.device, 0
        order: list[int] = []
        self.parts = []
        for shelf in self.shelves.values():
            places = [place for place, row in enumerate(shelf.rows) if len(tokens[row]) == 1]
            rows = [shelf.rows[place] for place in places]
            if not rows:
                continue
            columns = torch.tensor([self.lengths[row] for row in rows])
            hidden = torch.arange(int(columns.max()) + 1)[None] > columns[:, None]
            span = slice(start, start + len(rows))
            self.parts.append(Singles(shelf, torch.tensor(places, device=device), columns.to(device), hidden.to(device), span))
            order, start = order + rows, span.stop
        for row, new in enumerate(tokens):
            if len(new) > 1:
                shelf, place = self.places[row]
                self.parts.append(Several(shelf, place, self.lengths[row], slice(start, start + len(new))))
                order, start = [*order, row], start + len(new)
        return order

    def _place(self, row: int, length: int) -> tuple[Shelf, int]:
        shelf = self.shelves.setdefault(capacity(length), Shelf(capacity(length)))
        shelf.rows.append(row)
        return shelf, len(shelf.rows) - 1

    def _leave(self, row: int) -> None:
        shelf, place = self.places[row]
        moved = shelf.leave(place)
        if moved is not None:
            self.places[moved] = (shelf, place)

    def _move(self, row: int, length: int) -> None:
        """To a shelf where `length` tokens have room."""
        kept = self.copy(row, self.lengths[row]) if self.lengths[row] else None  # of what was never read, there is nothing
        self._leave(row)
        self.places[row] = self._place(row, length)
        if kept is not None:
            self._fill(row, kept)

    def _fill(self, row: int, kept: Kept) -> None:
        shelf, place = self.places[row]
        for layer, pair in kept.layers.items():
            for grid, part in zip(shelf.grids(layer, pair[0]), pair, strict=True):
                grid[place, :, : kept.length] = part[:, : kept.length]


Ways = tuple[float, int | None, float | None]
"""Scale, window and soft cap of a layer's scores."""


def _singles(part: Singles, query: Tensor, keys: Tensor, values: Tensor, ways: Ways) -> Tensor:
    """[H, N, D] for one token of each of N rows: all places of the shelf are computed, the others for nothing: it spares a copy of the cache."""
    rows, used, heads = len(part.shelf.rows), part.hidden.shape[1], keys.shape[1]
    every = query.new_zeros(rows, *query.shape[::2])  # [S, H, D]
    every[part.places] = query.transpose(0, 1)
    keys, values = (x[:rows, :, :used].flatten(0, 1) for x in (keys, values))  # [S·Hkv, C, D]
    scores = _capped(torch.bmm(every.view(rows * heads, -1, query.shape[2]), keys.transpose(1, 2)).float(), ways)
    hidden = torch.zeros(rows, used, dtype=torch.bool, device=query.device)
    hidden[part.places] = _far(part.hidden, part.columns[:, None], ways[1])
    weights = scores.view(rows, heads, -1, used).masked_fill_(hidden[:, None, None], float("-inf")).softmax(-1)
    out = torch.bmm(weights.to(values.dtype).flatten(0, 1), values)
    return out.view(rows, -1, query.shape[2])[part.places].transpose(0, 1)


def _several(start: int, query: Tensor, keys: Tensor, values: Tensor, ways: Ways) -> Tensor:
    """[H, n, D] for n tokens of one row, of which all keys [Hkv, C, D] are there."""
    places = torch.arange(start, start + query.shape[1], device=query.device)[:, None]
    hidden = _far(torch.arange(keys.shape[1], device=query.device)[None] > places, places, ways[1])
    return attention.dense(query[None], keys[None], values[None], ~hidden, ways[0], ways[2])[0]


def _far(hidden: Tensor, places: Tensor, window: int | None) -> Tensor:
    """`hidden` [N, C], and what lies outside of the window before each of `places` [N, 1]."""
    return hidden if window is None else hidden | (places - torch.arange(hidden.shape[1], device=hidden.device)[None] >= window)


def _capped(scores: Tensor, ways: Ways) -> Tensor:
    scaled = scores * ways[0]
    return scaled if ways[2] is None else ways[2] * torch.tanh(scaled / ways[2])


class PatientSession(AloneSession):
    """As in `LiveSession`, for models with a state along the sequence: a prompt is read whole, and nothing of it can be kept."""

    reads_pieces = False

    def __init__(self, model: LoadedModel) -> None:
        super().__init__(model)
        self.states: list[Tensor] = []
        self.lengths: list[int] = []

    @property
    def bytes(self) -> int:
        """As in `LiveSession`, by what attention would keep."""
        return sum(self.lengths) * self.model.shape.cached(self.model.placement.dtype)

    def enter(self, kept: list[Kept | None]) -> None:
        """As in `LiveSession`."""
        self.caches += [None] * len(kept)
        self.lengths += [0] * len(kept)

    def copy(self, row: int, length: int) -> None:
        """As in `LiveSession`."""

    @torch.inference_mode()
    def extend(self, tokens: list[list[int]]) -> Tensor:
        """As in `Session`; a new row's prompt at once."""
        nothing = self.model.head.weight.new_zeros(0, self.width)
        self.states = [nothing] * len(tokens)
        for row, new in enumerate(tokens):
            self.lengths[row] += len(new)
            parts = [new] if self.caches[row] is None and new else [[token] for token in new]
            for part in parts:
                states, self.caches[row] = self._states(part, self.caches[row])
                self.states[row] = torch.cat([self.states[row], states])
        some = next(states[-1] for states in self.states if len(states))
        return torch.stack([states[-1] if len(states) else some for states in self.states])

    def keep(self, rows: list[int]) -> None:
        """As in `Session`."""
        super().keep(rows)
        self.lengths = [self.lengths[row] for row in rows]
