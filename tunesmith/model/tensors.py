"""A safetensors file ↔ its tensors, with errors that name the file."""

from __future__ import annotations

import os
import re
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
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


def write(tensors: dict[str, Tensor], path: Path) -> None:
    """Write a file whole or not at all; it is on the disk when this returns.

    Raises: OSError, also where the library would raise an error of its own, so that a full disk is known by its number.
    """
    making = path.with_name(path.name + ".making")
    try:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, making, metadata={"format": "pt"})
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), str(error), str(path)) from None
    with making.open("rb") as file:
        os.fsync(file.fileno())
    making.replace(path)
