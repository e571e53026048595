"""Unit vectors around planted centres: what the checks of meaning are tried on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def unit(raw: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows scaled to length 1."""
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), dtype=np.float32)


def around(centres: int, each: int, *, noise: float = 0.3, width: int = 24, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(vectors, the centre that each belongs to): `each` rows around every one of `centres` random directions."""
    random = np.random.default_rng(seed)
    middle = unit(random.normal(size=(centres, width)))
    of = np.repeat(np.arange(centres), each)
    return unit(middle[of] + noise * unit(random.normal(size=(len(of), width))) * random.random((len(of), 1))), of
