"""A batch of prompts → their last hidden states, then one more hidden state per row and appended tokens: the state of decoding.

Two ways with one face. `SharedSession` keeps the common beginning of all prompts once and each row's own keys and values in a
preallocated grid. `AloneSession` is for models that cannot share: rows of equal length go through transformers' own cache.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from tunesmith.model import attention
from tunesmith.model.attention import ForestLayout
from tunesmith.model.load import LoadedModel


class Session(Protocol):
    """Rows being decoded; they come and go."""

    computed: int
    """Tokens that went through the model so far."""

    def add(self, prompts: list[list[int]], room: int) -> Tensor:
        """[R, D] hidden state after each new prompt; the new rows stand behind those there are. Each can take `room` more tokens."""

    def extend(self, tokens: list[list[int]]) -> Tensor:
        """[R, D] hidden state of each row after its own new tokens; a row without any waits, and what stands for it means nothing."""

    def keep(self, rows: list[int]) -> None:
        """Go on with these rows only, in this order."""


def open_session(model: LoadedModel, trunk: int) -> Session:
    """The session that suits the model; every prompt that will be added begins with the same `trunk` tokens."""
    return SharedSession(model, trunk) if model.shares_prefixes else AloneSession(model)


class SharedSession:
    """The trunk's keys and values once, and for what each row has of its own a cache [R·Hkv, C, D] per layer."""

    def __init__(self, model: LoadedModel, trunk: int) -> None:
        self.model = model
        self.computed = 0
        self.trunk = trunk
        self.lengths = torch.zeros(0, dtype=torch.long)
        self.shared: dict[int, tuple[Tensor, Tensor]] = {}
        self.own: dict[int, tuple[Tensor, Tensor]] = {}
        self.places: tuple[Tensor, Tensor] = (self.lengths, self.lengths)
        self.every = False
        self.mask = torch.empty(0)

    def add(self, prompts: list[list[int]], room: int) -> Tensor:
        """As in `Session`."""
        forest = self.model.pack(prompts)
        kept: dict[int, tuple[Tensor, Tensor]] = {}
        hidden = self.model.hidden(forest, ForestLayout(forest, kept))
        device = hidden.device
        paths = [torch.from_numpy(forest.path(row)).to(device) for row in range(len(prompts))]
        new = torch.tensor([len(path) - self.trunk for path in paths])
        there, capacity = len(self.lengths), int(torch.cat([self.lengths, new]).max()) + room
        row = torch.repeat_interleave(torch.arange(len(prompts)), new).to(device)
        column = torch.cat([torch.arange(n) for n in new.tolist()]).to(device)
        taken = torch.cat([path[self.trunk :] for path in paths])
        for layer, pair in kept.items():
            if not there:
                self.shared[layer] = (pair[0][0].index_select(1, paths[0][: self.trunk]), pair[1][0].index_select(1, paths[0][: self.trunk]))
            old = self.own.get(layer, (None, None))
            self.own[layer] = tuple(_grown(o, there, x[0], (row, column), taken, len(prompts), capacity) for o, x in zip(old, pair, strict=True))  # type: ignore[assignment]
        self.lengths = torch.cat([self.lengths, new])
        self.computed += len(forest.ids)
        return hidden[torch.stack([path[-1] for path in paths])]

    def extend(self, tokens: list[list[int]]) -> Tensor:
        """As in `Session`. With one token at most for each row all rows are computed, waiting ones for nothing: it spares a copy of the cache."""
        device = self.model.placement.device
        counts = [len(row) for row in tokens]
        self.every = max(counts) == 1
        if self.every:
            rows, columns = torch.arange(len(tokens)), self.lengths.clamp(max=next(iter(self.own.values()))[0].shape[1] - 1)
            ids = torch.tensor([row[0] if row else 0 for row in tokens], device=device)
        else:
            rows = torch.tensor([r for r, n in enumerate(counts) for _ in range(n)])
            columns = torch.cat([self.lengths[r] + torch.arange(n) for r, n in enumerate(counts)])
            ids = torch.tensor([token for row in tokens for token in row], device=device)
        self.places = (rows.to(device), columns.to(device))
        used = int(columns.max()) + 1
        self.mask = (torch.arange(used)[None] <= columns[:, None]).to(device)  # [N, C]: a new token sees its row up to itself
        hidden = attention.run(self.model.network.get_decoder(), ids, self.places[1] + self.trunk, self)
        self.lengths = self.lengths + torch.tensor(counts)
        self.computed += sum(counts)
        return hidden if self.every else hidden[(torch.tensor(counts, device=device).cumsum(0) - 1).clamp(min=0)]

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None, softcap: float | None) -> Tensor:
        """[1, H, N, D] output for N new tokens: the trunk's keys once for all, and each token's own row."""
        rows, columns = self.places
        keys, values = self.own[layer]
        N, heads, used, P = len(rows), key.shape[1], self.mask.shape[1], self.trunk
        for cache, new in ((keys, key), (values, value)):
            cache.view(-1, heads, *cache.shape[1:])[rows, :, columns] = new[0].transpose(0, 1)
        if not self.every:
            keys, values = (x.view(-1, heads, *x.shape[1:])[rows].flatten(0, 1) for x in (keys, values))
        keys, values = keys[:, :used], values[:, :used]  # [N·Hkv, C, D]
        queries = query[0].transpose(0, 1).reshape(N * heads, -1, query.shape[3])  # [N·Hkv, G, D]
        scores = _capped(torch.bmm(queries, keys.transpose(1, 2)).float() * scale, softcap).view(N, heads, -1, used)
        hidden = ~self.mask if window is None else ~self.mask | (columns[:, None] - torch.arange(used, device=columns.device)[None] >= window)
        scores = scores.masked_fill_(hidden[:, None, None], float("-inf"))
        if P:
            trunk_key, trunk_value = self.shared[layer]
            flat = queries.view(N, heads, -1, queries.shape[2]).transpose(0, 1).flatten(1, 2)  # [Hkv, N·G, D]
            shared = _capped(torch.bmm(flat, trunk_key.transpose(1, 2)).float() * scale, softcap)
            shared = shared.view(heads, N, -1, P).transpose(0, 1)  # [N, Hkv, G, P]
            if window is not None:
                far = (columns[:, None] + P - torch.arange(P, device=columns.device)[None]) >= window
                shared = shared.masked_fill(far[:, None, None], float("-inf"))
            scores = torch.cat([shared, scores], -1)
        weights = scores.softmax(-1).to(value.dtype).flatten(0, 1)  # [N·Hkv, G, P + C]
        out = torch.bmm(weights[..., P:], values)
        if P:
            part = torch.bmm(weights[..., :P].view(N, heads, -1, P).transpose(0, 1).flatten(1, 2), trunk_value)  # [Hkv, N·G, D]
            out = out + part.view(heads, N, -1, part.shape[2]).transpose(0, 1).reshape(out.shape)
        return out.view(N, -1, out.shape[2]).transpose(0, 1)[None]

    def keep(self, rows: list[int]) -> None:
        """As in `Session`."""
        chosen = torch.tensor(rows, dtype=torch.long)
        self.lengths = self.lengths[chosen]
        chosen = chosen.to(self.model.placement.device)
        self.own = {layer: (_rows(key, chosen, self), _rows(value, chosen, self)) for layer, (key, value) in self.own.items()}


def _grown(old: Tensor | None, there: int, new: Tensor, cells: tuple[Tensor, Tensor], taken: Tensor, count: int, capacity: int) -> Tensor:
    """[(there + count)·Hkv, C, D] the cache with `count` more rows, filled from `new` [Hkv, T, D] at the places `taken`."""
    heads, _, D = new.shape
    capacity = max(capacity, old.shape[1] if old is not None else 0)
    grid = new.new_zeros(there + count, heads, capacity, D)
    if old is not None:
        grid[:there, :, : old.shape[1]] = old.view(there, heads, old.shape[1], D)
    row, column = cells
    grid[there + row, :, column] = new.index_select(1, taken).transpose(0, 1)
    return grid.flatten(0, 1)


def _rows(cache: Tensor, chosen: Tensor, session: SharedSession) -> Tensor:
    """The cache of some rows."""
    heads = next(iter(session.shared.values()))[0].shape[0]
    return cache.view(-1, heads, *cache.shape[1:]).index_select(0, chosen).flatten(0, 1)


def _capped(scores: Tensor, softcap: float | None) -> Tensor:
    return scores if softcap is None else softcap * torch.tanh(scores / softcap)


class AloneSession:
    """One row at a time in transformers' own cache, which also holds recurrent states: slow, and right for every architecture."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.computed = 0
        self.width = model.shape.width
        self.caches: list[object] = []

    def add(self, prompts: list[list[int]], room: int) -> Tensor:
        """As in `Session`; `room` is not needed, the caches grow."""
        outputs = [self._run(prompt, None) for prompt in prompts]
        self.caches += [cache for _, cache in outputs]
        return torch.stack([hidden for hidden, _ in outputs])

    def extend(self, tokens: list[list[int]]) -> Tensor:
        """As in `Session`. Token by token: with a state in the cache, recurrent layers take one at a time."""
        found: list[Tensor | None] = [None] * len(tokens)
        for r, row in enumerate(tokens):
            for token in row:
                found[r], self.caches[r] = self._run([token], self.caches[r])
        nothing = next(last for last in found if last is not None).new_zeros(())
        return torch.stack([nothing.expand(self.width) if last is None else last for last in found])

    def keep(self, rows: list[int]) -> None:
        """As in `Session`."""
        self.caches = [self.caches[r] for r in rows]

    def _run(self, ids: list[int], cache: object) -> tuple[Tensor, object]:
        states, cache = self._states(ids, cache)
        return states[-1], cache

    def _states(self, ids: list[int], cache: object) -> tuple[Tensor, object]:
        """([n, D] hidden states of `ids`, the cache after them)."""
        output = self.model.network.get_decoder()(
            input_ids=torch.tensor([ids], device=self.model.placement.device), past_key_values=cache, use_cache=True
        )
        self.computed += len(ids)
        return output.last_hidden_state[0], output.past_key_values
