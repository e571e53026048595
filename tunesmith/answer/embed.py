"""Texts → vectors of length 1: the mean of the encoder's last hidden states over real tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from tunesmith.model.device import Placement
from tunesmith.model.load import load_embedder
from tunesmith.spec.model import LocalModel

ROWS_AT_ONCE = 64
LONGEST = 256
"""In tokens, as the model was trained; the rest of a longer text is not seen."""


class Embedder:
    """A sentence encoder in memory."""

    def __init__(self, local: LocalModel, placement: Placement) -> None:
        self.network, self.tokenizer = load_embedder(local, placement)
        self.device = placement.device
        self.tokens = 0

    @torch.inference_mode()
    def embed(self, texts: Sequence[str], done: Callable[[int], None] = lambda n: None) -> np.ndarray:
        """[N, D] float32 unit vectors, in the texts' order."""
        order = sorted(range(len(texts)), key=lambda i: (len(texts[i]), i))  # similar lengths together: less padding
        vectors = np.zeros((len(texts), int(self.network.config.hidden_size)), dtype=np.float32)
        for start in range(0, len(order), ROWS_AT_ONCE):
            rows = order[start : start + ROWS_AT_ONCE]
            batch = self.tokenizer([texts[i] for i in rows], padding=True, truncation=True, max_length=LONGEST, return_tensors="pt").to(self.device)
            hidden = self.network(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
            vectors[rows] = torch.nn.functional.normalize(mean, dim=-1).cpu().numpy()
            self.tokens += int(batch["attention_mask"].sum())
            done(start + len(rows))
        return vectors
