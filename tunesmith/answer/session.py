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
    """Rows being decoded."""

    computed: int
    """Tokens that went through the model so far."""

    def start(self, prompts: list[list[int]], room: int) -> Tensor:
        """[R, D] hidden state after each prompt; up to `room` tokens can be appended to each row."""

    def extend(self, tokens: list[list[int]]) -> Tensor:
        """[R, D] hidden state of each row after its own new tokens (at least one each)."""

    def keep(self, rows: list[int]) -> None:
        """Go on with these rows only, in this order."""


def open_session(model: LoadedModel) -> Session:
    """The session that suits the model."""
    return SharedSession(model) if model.shares_prefixes else AloneSession(model)


class SharedSession:
    """One trunk, computed once, and a cache of shape [R, Hkv, C, D] per layer for what each row has of its own."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.computed = 0
        self.trunk = 0
        self.lengths: Tensor = torch.empty(0)
        self.shared: dict[int, tuple[Tensor, Tensor]] = {}
        self.own: dict[int, tuple[Tensor, Tensor]] = {}
        self.mask: Tensor = torch.empty(0)
        self.places: tuple[Tensor, Tensor] = (torch.empty(0), torch.empty(0))
        self.new: Tensor = torch.empty(0)

    def start(self, prompts: list[list[int]], room: int) -> Tensor:
        """As in `Session`."""
        forest = self.model.pack(prompts)
        kept: dict[int, tuple[Tensor, Tensor]] = {}
        hidden = self.model.hidden(forest, ForestLayout(forest, kept))
        self.trunk = P = forest.trunk
        paths = [torch.from_numpy(forest.path(row)[P:]) for row in range(len(prompts))]
        self.lengths = torch.tensor([len(path) for path in paths])
        R, capacity = len(prompts), int(self.lengths.max()) + room
        taken = torch.cat(paths).to(hidden.device)
        row = torch.repeat_interleave(torch.arange(R), self.lengths).to(hidden.device)
        column = torch.cat([torch.arange(len(path)) for path in paths]).to(hidden.device)
        for layer, (key, value) in kept.items():
            self.shared[layer] = (key[:, :, :P], value[:, :, :P])
            grids = []
            for tensor in (key, value):
                grid = tensor.new_zeros(R, tensor.shape[1], capacity, tensor.shape[3])
                grid[row, :, column] = tensor[0].index_select(1, taken).transpose(0, 1)
                grids.append(grid)
            self.own[layer] = (grids[0], grids[1])
        self.computed += len(forest.ids)
        last = torch.tensor([int(forest.path(row)[-1]) for row in range(R)], device=hidden.device)
        return hidden[last]

    def extend(self, tokens: list[list[int]]) -> Tensor:
        """As in `Session`."""
        device = self.model.placement.device
        counts = [len(row) for row in tokens]
        rows = torch.tensor([r for r, n in enumerate(counts) for _ in range(n)])
        columns = torch.cat([self.lengths[r] + torch.arange(n) for r, n in enumerate(counts)])
        ids = torch.tensor([token for row in tokens for token in row], device=device)
        self.places = (rows.to(device), columns.to(device))
        used = int(columns.max()) + 1
        self.mask = (torch.arange(used)[None] <= columns[:, None]).to(device)  # [N, C]: a new token sees its row up to itself
        hidden = attention.run(self.model.network.get_decoder(), ids, self.places[1] + self.trunk, self)
        self.lengths = self.lengths + torch.tensor(counts)
        self.computed += len(ids)
        return hidden[torch.tensor(counts, device=device).cumsum(0) - 1]

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None, softcap: float | None) -> Tensor:
        """[1, H, N, D] output for N new tokens: the trunk's keys once for all, and each token's own row."""
        rows, columns = self.places
        keys, values = self.own[layer]
        keys[rows, :, columns] = key[0].transpose(0, 1)
        values[rows, :, columns] = value[0].transpose(0, 1)
        used = self.mask.shape[1]
        groups = query.shape[1] // key.shape[1]
        queries = query[0].reshape(-1, groups, *query.shape[2:]).permute(2, 0, 1, 3)  # [N, Hkv, G, D]
        picked = slice(None) if len(rows) == len(keys) and bool((rows == torch.arange(len(rows), device=rows.device)).all()) else rows
        scores = _capped((queries @ keys[picked, :, :used].transpose(-1, -2)).float() * scale, softcap)  # [N, Hkv, G, C]
        hidden = ~self.mask if window is None else ~self.mask | (columns[:, None] - torch.arange(used, device=columns.device)[None] >= window)
        scores = scores.masked_fill(hidden[:, None, None], float("-inf"))
        if self.trunk:
            shared_key, shared_value = self.shared[layer]
            flat = queries.permute(1, 0, 2, 3).reshape(key.shape[1], -1, query.shape[3])  # [Hkv, N·G, D]
            shared = _capped((flat @ shared_key[0].transpose(-1, -2)).float() * scale, softcap)
            shared = shared.reshape(shared.shape[0], -1, groups, self.trunk).transpose(0, 1)  # [N, Hkv, G, P]
            if window is not None:
                far = (columns[:, None] + self.trunk - torch.arange(self.trunk, device=columns.device)[None]) >= window
                shared = shared.masked_fill(far[:, None, None], float("-inf"))
            scores = torch.cat([shared, scores], -1)
        weights = scores.softmax(-1).to(value.dtype)
        out = weights[..., self.trunk :] @ values[picked, :, :used]
        if self.trunk:
            part = weights[..., : self.trunk].transpose(0, 1).flatten(1, 2) @ shared_value[0]  # [Hkv, N·G, D]
            out = out + part.reshape(part.shape[0], -1, groups, part.shape[2]).transpose(0, 1)
        return out.flatten(1, 2).transpose(0, 1)[None]

    def keep(self, rows: list[int]) -> None:
        """As in `Session`."""
        chosen = torch.tensor(rows)
        self.lengths = self.lengths[chosen]
        chosen = chosen.to(self.model.placement.device)
        self.own = {layer: (key[chosen], value[chosen]) for layer, (key, value) in self.own.items()}


def _capped(scores: Tensor, softcap: float | None) -> Tensor:
    return scores if softcap is None else softcap * torch.tanh(scores / softcap)


class AloneSession:
    """One row at a time in transformers' own cache, which also holds recurrent states: slow, and right for every architecture."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.computed = 0
        self.caches: list[object] = []

    def start(self, prompts: list[list[int]], room: int) -> Tensor:
        """As in `Session`; `room` is not needed, the caches grow."""
        outputs = [self._run(prompt, None) for prompt in prompts]
        self.caches = [cache for _, cache in outputs]
        return torch.stack([hidden for hidden, _ in outputs])

    def extend(self, tokens: list[list[int]]) -> Tensor:
        """As in `Session`. Token by token: with a state in the cache, recurrent layers take one at a time."""
        hidden = []
        for r, row in enumerate(tokens):
            for token in row:
                last, self.caches[r] = self._run([token], self.caches[r])
            hidden.append(last)
        return torch.stack(hidden)

    def keep(self, rows: list[int]) -> None:
        """As in `Session`."""
        self.caches = [self.caches[r] for r in rows]

    def _run(self, ids: list[int], cache: object) -> tuple[Tensor, object]:
        output = self.model.network.get_decoder()(
            input_ids=torch.tensor([ids], device=self.model.placement.device), past_key_values=cache, use_cache=True
        )
        self.computed += len(ids)
        return output.last_hidden_state[0, -1], output.past_key_values
