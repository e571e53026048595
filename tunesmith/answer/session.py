"""Rows that come and go, some reading prompts and some writing → their next hidden states: the state of decoding, in evaluation and in the service.

Two ways with one face. `SharedSession` keeps a common beginning of all rows once, and what each row has of its own on shelves. `AloneSession`
is for models that cannot share: each row goes alone through transformers' own cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from tunesmith.answer.shelves import Kept, Section, Shelves
from tunesmith.model import attention
from tunesmith.model.attention import ForestLayout
from tunesmith.model.forest import LEAST_GAIN
from tunesmith.model.load import LoadedModel

LEAST_TRUNK = 64
"""Tokens from which a common beginning is kept apart; a shorter one is copied to each row, which costs less than to join two parts of scores."""
FEW = 8
"""New tokens that a row may have beside others with one each; with more it attends apart from its section."""


class Session(Protocol):
    """Rows being read or decoded; they come and go."""

    reads_pieces: bool
    """Whether a row's prompt may be read in several steps."""
    computed: int
    """Tokens that went through the model so far."""
    lengths: list[int]
    """Tokens of each row that were read, a common beginning not counted."""

    def add(self, prompts: list[list[int]]) -> Tensor:
        """[R, D] hidden state after each new prompt, read at once; the new rows stand behind those there are."""

    def enter(self, kept: list[Kept | None], needs: list[int]) -> None:
        """Add rows at the end that begin with what was kept, and are about to have so many tokens; nothing is read yet."""

    def extend(self, tokens: list[list[int]]) -> Tensor:
        """[R, D] hidden state of each row after its own new tokens; a row without any waits, and what stands for it means nothing."""

    def states(self, row: int) -> Tensor:
        """[n, D] the hidden states of the n tokens that a row was given last."""

    def keep(self, rows: list[int]) -> None:
        """Go on with these rows only, in this order."""

    def copy(self, row: int, length: int) -> Kept | None:
        """The row's first `length` tokens, to begin others with; None where states cannot be cut."""

    def bytes(self, *more: int) -> int:
        """Memory for the tokens that its rows have or are about to have, and for further rows of so many."""


def open_session(model: LoadedModel, trunk: int = 0) -> Session:
    """The session that suits the model; every prompt that will be added begins with the same `trunk` tokens."""
    return SharedSession(model, trunk) if model.shares_prefixes else AloneSession(model)


@dataclass(frozen=True, eq=False)
class Turn:
    """What a step gives to B neighbouring places of a section: n tokens in a grid of L for each place."""

    section: Section
    span: slice
    """The B places."""
    seen: int
    """C: tokens of the cache that are read."""
    tokens: slice
    """Where they stand among the step's tokens."""
    places: Tensor
    """[n] of each token its place in the section."""
    columns: Tensor
    """[n] of each token its place in its row's cache."""
    at: Tensor
    """[B, L] the same for every spot of the grid."""
    grid: tuple[Tensor, Tensor] | None
    """([B·L] for each spot of the grid a token, [n] for each token its spot); None: the tokens fill it in order."""
    spots: dict[int, Tensor] = field(default_factory=dict)
    """Number of key heads → [n·Hkv] of each token and head its row among those of the section's keys [B·Hkv·C, D]."""
    masks: dict[int | None, Tensor] = field(default_factory=dict)
    """Window → what is added to scores."""

    def rows(self, heads: int) -> Tensor:
        """[n·Hkv] where the tokens' keys belong; made once for all layers."""
        if heads not in self.spots:
            head = torch.arange(heads, device=self.places.device)
            self.spots[heads] = ((self.places[:, None] * heads + head) * self.section.tokens + self.columns[:, None]).flatten()
        return self.spots[heads]

    def mask(self, window: int | None, like: Tensor) -> Tensor:
        """[B, 1, L, 1, C] 0 where a token sees a place of the cache, else -inf; made once for all layers."""
        if window not in self.masks:
            column, at = torch.arange(self.seen, device=like.device), self.at[:, :, None]
            hidden = column > at if window is None else (column > at) | (at - column >= window)
            self.masks[window] = like.new_zeros(hidden.shape).masked_fill_(hidden, float("-inf"))[:, None, :, None]
        return self.masks[window]


class SharedSession:
    """The trunk's keys and values once, and on shelves what each row has of its own.

    Where rows of a section are given different numbers of tokens, spots of the grid that are left over are computed for nothing, as is what
    stands in free places: it spares a copy of the cache.
    """

    reads_pieces = True

    def __init__(self, model: LoadedModel, trunk: int = 0) -> None:
        self.model = model
        self.computed = 0
        self.trunk = trunk
        self.lengths: list[int] = []
        self.shared: dict[int, tuple[Tensor, Tensor]] = {}
        """Layer → keys and values [Hkv, P, D] of the trunk."""
        self.shelves = Shelves()
        self.turns: list[Turn] = []
        self.hidden = torch.zeros(0)
        """[T, D] of the last step's tokens."""
        self.spans: list[slice] = []
        """Where each row's stand among them."""

    @torch.inference_mode()
    def add(self, prompts: list[list[int]]) -> Tensor:
        """As in `Session`. The trunk goes through the model with the first prompts only; each prompt has a token behind it."""
        forest = self.model.pack(prompts, min(LEAST_GAIN, max(1, self.trunk)))  # so that the trunk is its beginning
        packed: dict[int, tuple[Tensor, Tensor]] = {}
        behind = self.trunk if self.shared else 0
        layout = ForestLayout(forest, packed, self.shared)
        hidden = attention.run(self.model.network.get_decoder(), forest.ids[behind:], forest.positions[behind:], layout)
        kept = {layer: (key[0], value[0]) for layer, (key, value) in packed.items()}
        paths = [torch.from_numpy(forest.path(row)).to(hidden.device) for row in range(len(prompts))]
        if self.trunk and not self.shared:
            trunk = paths[0][: self.trunk]
            self.shared = {layer: (key.index_select(1, trunk), value.index_select(1, trunk)) for layer, (key, value) in kept.items()}
        first, own = len(self.lengths), [path[self.trunk :] for path in paths]
        self._stand([len(path) for path in own])
        for section in self.shelves.sections:
            new = {place: own[row - first] for place, row in enumerate(section.rows) if row is not None and row >= first}
            if new:
                section.fill(list(new), list(new.values()), kept)
        self.lengths[first:] = [len(path) for path in own]
        self.computed += len(hidden)
        return hidden[torch.stack([path[-1] for path in paths]) - behind]

    @torch.inference_mode()
    def enter(self, kept: list[Kept | None], needs: list[int]) -> None:
        """As in `Session`."""
        first = len(self.lengths)
        self._stand(needs)
        for row, one in enumerate(kept, first):
            if one is not None:
                section, place = self.shelves.where()[row]
                section.fill([place], [torch.arange(one.length, device=self.model.placement.device)], one.layers)
                self.lengths[row] = one.length

    @torch.inference_mode()
    def extend(self, tokens: list[list[int]]) -> Tensor:
        """As in `Session`."""
        device = self.model.placement.device
        self.shelves.reserve([length + len(new) for length, new in zip(self.lengths, tokens, strict=True)])
        order = self._plan(tokens)
        ids = torch.tensor([token for row in order for token in tokens[row]], device=device)
        positions = torch.cat([turn.columns for turn in self.turns]) + self.trunk
        self.hidden = attention.run(self.model.network.get_decoder(), ids, positions, self)
        self.computed += len(ids)
        self.spans, start = [slice(0, 0)] * len(tokens), 0
        for row in order:
            self.spans[row] = slice(start, start + len(tokens[row]))
            start += len(tokens[row])
        self.lengths = [length + len(new) for length, new in zip(self.lengths, tokens, strict=True)]
        return self.hidden[torch.tensor([max(span.stop - 1, 0) for span in self.spans], device=device)]

    def states(self, row: int) -> Tensor:
        """As in `Session`."""
        return self.hidden[self.spans[row]]

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None, softcap: float | None) -> Tensor:
        """[1, H, N, D] output for N new tokens: the trunk's keys once for all, and each token's own row."""
        queries, new_keys, new_values = (x[0].transpose(0, 1) for x in (query * scale, key, value))  # [N, H or Hkv, D]
        outs = []
        for turn in self.turns:
            keys, values = turn.section.grids(layer, key[0])
            D, rows = keys.shape[3], turn.rows(keys.shape[1])
            keys.view(-1, D).index_copy_(0, rows, new_keys[turn.tokens].reshape(-1, D))
            values.view(-1, D).index_copy_(0, rows, new_values[turn.tokens].reshape(-1, D))
            outs.append(self._mixed(turn, queries[turn.tokens], layer, window, softcap))
        return (outs[0] if len(outs) == 1 else torch.cat(outs)).transpose(0, 1)[None]

    def _mixed(self, turn: Turn, queries: Tensor, layer: int, window: int | None, softcap: float | None) -> Tensor:
        """[n, H, D] output for a turn's tokens."""
        held = turn.section.layers[layer]
        heads, D = held[0].shape[1], held[0].shape[3]
        keys, values = (x[turn.span, :, : turn.seen].flatten(0, 1) for x in held)  # [B·Hkv, C, D]
        shape = queries.shape
        if turn.grid is not None:
            queries = queries.index_select(0, turn.grid[0])
        grid = queries.view(len(turn.at), -1, heads, shape[1] // heads, D).transpose(1, 2)  # [B, Hkv, L, G, D]
        flat = grid.reshape(len(keys), -1, D)
        scores = torch.bmm(flat, keys.transpose(1, 2))
        P = self.trunk
        if P:
            far = _among(flat, heads, lambda one: torch.bmm(one, self.shared[layer][0].transpose(1, 2)))
            scores = torch.cat([far, scores], 2)
        if softcap is not None:
            scores = scores.div_(softcap).tanh_().mul_(softcap)
        parts = scores.view(*grid.shape[:4], -1)
        parts[..., P:] += turn.mask(window, scores)
        if P and window is not None:
            behind = turn.at[:, :, None] + P - torch.arange(P, device=scores.device)
            parts[..., :P].masked_fill_((behind >= window)[:, None, :, None], float("-inf"))
        weights = scores.softmax(-1)
        out = torch.bmm(weights[..., P:], values)
        if P:
            out += _among(weights[..., :P], heads, lambda one: torch.bmm(one, self.shared[layer][1]))
        out = out.view(grid.shape).transpose(1, 2).reshape(-1, *shape[1:])
        return out if turn.grid is None else out.index_select(0, turn.grid[1])

    @torch.inference_mode()
    def keep(self, rows: list[int]) -> None:
        """As in `Session`."""
        self.shelves.keep(rows)
        self.lengths = [self.lengths[row] for row in rows]

    @torch.inference_mode()
    def copy(self, row: int, length: int) -> Kept:
        """As in `Session`."""
        return self.shelves.copy(row, length)

    def bytes(self, *more: int) -> int:
        """As in `Session`."""
        return self.shelves.room(more) * self.model.shape.cached(self.model.placement.dtype)

    def _stand(self, needs: list[int]) -> None:
        """Places for rows of which nothing was read."""
        self.shelves.enter(needs)
        self.lengths = [*self.lengths, *[0] * len(needs)]

    def _plan(self, tokens: list[list[int]]) -> list[int]:
        """Rows in the order in which their tokens are packed; what attention has to do stands in `turns`."""
        order: list[int] = []
        self.turns = []
        start = 0
        for section in self.shelves.sections:
            counts = [0 if row is None else len(tokens[row]) for row in section.rows]
            most = max(counts)
            few = most if most * len(counts) <= 2 * sum(counts) else FEW
            together = [count if count <= few else 0 for count in counts]
            parts = [(0, together)] if any(together) else []
            parts += [(place, [count]) for place, count in enumerate(counts) if count > few]
            for place, given in parts:
                rows = section.rows[place : place + len(given)]
                lengths = [0 if row is None else self.lengths[row] for row in rows]
                self.turns.append(_turn(section, place, lengths, given, start, self.model.placement.device))
                order += [row for row, count in zip(rows, given, strict=True) if row is not None and count]
                start = self.turns[-1].tokens.stop
        return order


def _turn(section: Section, first: int, lengths: list[int], given: list[int], start: int, device: torch.device) -> Turn:
    """The turn of a section's places from `first` on, whose rows have `lengths` and are given so many tokens, from `start` among the step's."""
    held, counts = torch.tensor(lengths), torch.tensor(given)
    wide = max(given)
    rows = torch.repeat_interleave(torch.arange(len(given)), counts)
    nth = torch.arange(len(rows)) - (counts.cumsum(0) - counts)[rows]  # among its row's new tokens
    grid = None
    if len(rows) < len(given) * wide:
        spots, filled = rows * wide + nth, torch.zeros(len(given) * wide, dtype=torch.long)
        filled[spots] = torch.arange(len(rows))
        grid = (filled.to(device), spots.to(device))
    seen = section.tokens if len(given) == len(section.rows) else lengths[0] + given[0]
    span, tokens = slice(first, first + len(given)), slice(start, start + len(rows))
    columns, at = held[rows] + nth, held[:, None] + torch.arange(wide)
    return Turn(section, span, seen, tokens, (rows + first).to(device), columns.to(device), at.to(device), grid)


def _among(rows: Tensor, heads: int, product: Callable[[Tensor], Tensor]) -> Tensor:
    """[B·Hkv, N, Y] for rows [B·Hkv, N, X]: a product [Hkv, B·N, X] → [Hkv, B·N, Y] that all rows of a key head have in common."""
    _, N, X = rows.shape
    out = product(rows.reshape(-1, heads, N, X).transpose(0, 1).reshape(heads, -1, X))
    return out.view(heads, -1, N, out.shape[2]).transpose(0, 1).reshape(-1, N, out.shape[2])


class AloneSession:
    """One row at a time in transformers' own cache, which also holds recurrent states: slow, and right for every architecture.

    A prompt is read whole, and nothing of it can be kept for others.
    """

    reads_pieces = False

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.computed = 0
        self.lengths: list[int] = []
        self.caches: list[object] = []
        """None: nothing was read."""
        self.given: list[Tensor] = []
        """[n, D] of each row, as `states` says."""

    def add(self, prompts: list[list[int]]) -> Tensor:
        """As in `Session`."""
        before = len(self.caches)
        self.enter([None] * len(prompts), [])
        return self.extend([[]] * before + prompts)[before:]

    def enter(self, kept: list[Kept | None], needs: list[int]) -> None:
        """As in `Session`."""
        self.caches += [None] * len(kept)
        self.lengths = [*self.lengths, *[0] * len(kept)]

    @torch.inference_mode()
    def extend(self, tokens: list[list[int]]) -> Tensor:
        """As in `Session`. A new row's prompt at once, and token by token then: with a state in the cache, recurrent layers take one at a time."""
        nothing = self.model.head.weight.new_zeros(0, self.model.shape.width)
        self.given = []
        for row, new in enumerate(tokens):
            self.lengths[row] += len(new)
            parts = [new] if self.caches[row] is None and new else [[token] for token in new]
            self.given.append(torch.cat([nothing, *(self._read(row, part) for part in parts)]))
        some = next(states[-1] for states in self.given if len(states))
        return torch.stack([states[-1] if len(states) else some for states in self.given])

    def states(self, row: int) -> Tensor:
        """As in `Session`."""
        return self.given[row]

    def keep(self, rows: list[int]) -> None:
        """As in `Session`."""
        self.caches = [self.caches[row] for row in rows]
        self.lengths = [self.lengths[row] for row in rows]

    def copy(self, row: int, length: int) -> None:
        """As in `Session`."""

    def bytes(self, *more: int) -> int:
        """As in `Session`, by what attention would keep."""
        return (sum(self.lengths) + sum(more)) * self.model.shape.cached(self.model.placement.dtype)

    def _read(self, row: int, ids: list[int]) -> Tensor:
        """[n, D] hidden states of a row's next tokens."""
        device = self.model.placement.device
        output = self.model.network.get_decoder()(input_ids=torch.tensor([ids], device=device), past_key_values=self.caches[row], use_cache=True)
        self.caches[row] = output.past_key_values
        self.computed += len(ids)
        states: Tensor = output.last_hidden_state[0]
        return states
