"""A safetensors file → its tensors, or an error that names the file."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tunesmith.errors import DamagedWeights


def read(path: Path, fix: str) -> dict[str, Tensor]:
    """All tensors in `path`, on the CPU. `fix` says what helps if it cannot be read.

    Raises: DamagedWeights if the file is missing, cut off or not safetensors.
    """
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise DamagedWeights("not a sound safetensors file", where=str(path), got=str(error)[:200], expected="a whole file", fix=fix) from None
    return tensors
