"""A stored linear classifier and vectors → labels with their probabilities."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors import safe_open

FILE = "classifier.safetensors"


class LinearClassifier:
    """A stored classifier."""

    def __init__(self, folder: Path) -> None:
        with safe_open(folder / FILE, framework="numpy") as file:
            self.weight, self.bias = file.get_tensor("weight"), file.get_tensor("bias")
            self.labels: list[str] = json.loads(file.metadata()["labels"])

    def answer(self, vectors: np.ndarray) -> list[tuple[str, float]]:
        """Label and its probability for each of [N, D] vectors."""
        logits = (vectors @ self.weight.T + self.bias).astype(np.float64)
        odds = np.exp(logits - logits.max(1, keepdims=True))
        chances = odds / odds.sum(1, keepdims=True)
        return [(self.labels[int(i)], float(row[i])) for i, row in zip(chances.argmax(1), chances, strict=True)]
