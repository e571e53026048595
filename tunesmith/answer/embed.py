"""Texts → vectors of length 1: the mean of the encoder's last hidden states over real tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from tunesmith.model.device import Placement
from tunesmith.model.load import load_embedder
from tunesmith.spec.model import LocalModel

ROWS_AT_ONCE = 256
TOKENS_AT_ONCE = 4_096
"""Of a batch, padding included: what its widest layer makes of them should stay in the processor's cache."""
LONGEST = 256
"""In tokens, as the model was trained; the rest of a longer text is not seen."""


class Embedder:
    """A sentence encoder in memory.

    In float32: its vectors are compared with thresholds. `quick` computes in bfloat16 where the placement does: for comparing many texts with
    one another.
    """

    def __init__(self, local: LocalModel, placement: Placement, *, quick: bool = False) -> None:
        self.network, self.tokenizer = load_embedder(local, placement)
        self.dtype = placement.dtype if quick else torch.float32
        self.network.to(self.dtype)
        self.device = placement.device
        self.width = int(self.network.config.hidden_size)
        self.padding: int = self.tokenizer.pad_token_id or 0
        self.tokens = 0

    @torch.inference_mode()
    def embed(self, texts: Sequence[str], done: Callable[[int], None] = lambda n: None) -> np.ndarray:
        """[N, D] float32 unit vectors, in the texts' order."""
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        if not texts:
            return vectors
        tokenised = self.tokenizer(list(texts), truncation=True, max_length=LONGEST, return_attention_mask=False)["input_ids"]
        ids = [row or [self.padding] for row in tokenised]  # a tokenizer without marks of its own makes nothing of an empty text
        ready = 0
        for rows in batches([len(row) for row in ids]):
            vectors[rows] = self._embed([ids[i] for i in rows]).cpu().numpy()
            self.tokens += sum(len(ids[i]) for i in rows)
            ready += len(rows)
            done(ready)
        return vectors

    def _embed(self, rows: list[list[int]]) -> Tensor:
        """[B, D] unit vectors of tokenised texts."""
        lengths = torch.tensor([len(row) for row in rows])
        longest = int(lengths.max())
        ids = torch.tensor([row + [self.padding] * (longest - len(row)) for row in rows], device=self.device)
        if bool((lengths == longest).all()):  # nothing to hide, and attention without a mask is faster
            mean = self.network(input_ids=ids).last_hidden_state.float().mean(1)
        else:
            mask = (torch.arange(longest) < lengths[:, None]).to(self.device)  # [B, L]
            hidden = self.network(input_ids=ids, attention_mask=mask.long()).last_hidden_state.float()
            mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return torch.nn.functional.normalize(mean, dim=-1)


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indices in groups of similar length: at most 256 rows and 4,096 tokens with their padding, but at least one row.

    >>> list(batches([5, 3000, 4, 3000]))
    [[2, 0], [1], [3]]
    """
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if group and (len(group) == ROWS_AT_ONCE or (len(group) + 1) * lengths[index] > TOKENS_AT_ONCE):
            yield group
            group = []
        group.append(index)
    if group:
        yield group
