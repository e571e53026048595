"""A GGUF file → its metadata as plain values and its tensors as views, or the reason why it cannot be used."""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader, LlamaFileType, ReaderTensor

from tunesmith.errors import DamagedWeights, Unsupported

MAGIC = b"GGUF"
# What the reader and numpy raise on a file that ends too early or whose counts are nonsense.
MALFORMED = (ValueError, KeyError, IndexError, TypeError, OverflowError, UnicodeDecodeError, MemoryError, struct.error)


@dataclass(frozen=True)
class GgufFile:
    """One opened file. Tensors are views on the mapped file: nothing is in memory until it is dequantised."""

    path: Path
    metadata: dict[str, Any]
    tensors: tuple[ReaderTensor, ...]

    @property
    def architecture(self) -> str:
        """As llama.cpp names it: `llama`, `qwen2`, `gemma3` …"""
        return str(self.metadata["general.architecture"])

    @property
    def quantisation(self) -> str:
        """What the file calls its mixture of types: `Q4_1`, `Q4_K_M`, `F16` …; without such a name, the commonest type."""
        number = self.metadata.get("general.file_type")
        if number is not None and int(number) in list(LlamaFileType):
            return str(LlamaFileType(int(number)).name).removeprefix("MOSTLY_").removeprefix("ALL_")
        return Counter(str(t.tensor_type.name) for t in self.tensors if len(t.shape) > 1).most_common(1)[0][0]

    def own(self, key: str, default: Any = None) -> Any:
        """The architecture's own value: `own("block_count")` is `llama.block_count`. A float32 becomes the decimal it was written as."""
        value = self.metadata.get(f"{self.architecture}.{key}", default)
        return float(str(np.float32(value))) if isinstance(value, float) else value

    def need(self, key: str) -> Any:
        """Like `own`, for a value without which there is no model. Raises: DamagedWeights."""
        value = self.own(key)
        if value is None:
            name = f"{self.architecture}.{key}"
            raise DamagedWeights("metadata is missing", where=str(self.path), got=f"no `{name}`", expected=f"a value for `{name}`", fix=FETCH_AGAIN)
        return value


FETCH_AGAIN = "fetch the file again, or convert the model again"


def read_gguf(path: Path) -> GgufFile:
    """The opened file.

    Raises: DamagedWeights if it is not a sound GGUF file. Unsupported if it is only one of several shards.
    """
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic != MAGIC:
        raise DamagedWeights("not a GGUF file", where=str(path), got=f"first bytes {magic!r}", expected="`GGUF`", fix=FETCH_AGAIN)
    try:
        reader = GGUFReader(path)
        metadata = {name: field.contents() for name, field in reader.fields.items()}
        short = [t.name for t in reader.tensors if t.data.nbytes != int(t.n_bytes)]
    except MALFORMED as error:
        cause = f"{type(error).__name__}: {error}"[:200]
        raise DamagedWeights("cannot be read to its end", where=str(path), got=cause, expected="a whole GGUF file", fix=FETCH_AGAIN) from error
    if short or not reader.tensors or "general.architecture" not in metadata:
        got = f"tensor {short[0]} is cut off" if short else "no tensors or no architecture"
        raise DamagedWeights("holds no whole model", where=str(path), got=got, expected="a whole GGUF model", fix=FETCH_AGAIN)
    if int(metadata.get("split.count", 0)) > 1:
        count = metadata["split.count"]
        fix = "merge the shards first (`llama-gguf-split --merge FIRST.gguf whole.gguf`)"
        raise Unsupported("one shard of several", where=str(path), got=f"shard of {count}", expected="one whole file", fix=fix)
    return GgufFile(path, metadata, tuple(reader.tensors))
