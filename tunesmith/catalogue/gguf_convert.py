"""One GGUF file → a folder in transformers' layout: config, bfloat16 safetensors, tokenizer, chat template."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunesmith.catalogue.gguf_config import generation_config, model_config
from tunesmith.catalogue.gguf_file import read_gguf
from tunesmith.catalogue.gguf_tensors import write_weights
from tunesmith.catalogue.gguf_tokenizer import tokenizer_config, write_tokenizer

BITS = {"F32": "32-bit", "F16": "16-bit", "BF16": "16-bit"}


@dataclass(frozen=True)
class Converted:
    """What the file said of itself besides its weights."""

    note: str
    licence: str


def convert(source: Path, folder: Path, each: Callable[[int, int], None]) -> Converted:
    """Write the model in `source` into `folder`; `each(done, total)` counts the bytes written.

    Raises: DamagedWeights, Unsupported: see `read_gguf`, `model_config`, `write_tokenizer` and `write_weights`.
    """
    gguf = read_gguf(source)
    config = model_config(gguf)
    write_tokenizer(gguf, folder)
    write_json(folder / "config.json", config)
    write_json(folder / "generation_config.json", generation_config(gguf, config))
    write_json(folder / "tokenizer_config.json", tokenizer_config(gguf, config["max_position_embeddings"]))
    write_weights(gguf, config, folder / "model.safetensors", each)
    return Converted(describe(gguf.quantisation), str(gguf.metadata.get("general.license", "")))


def describe(quantisation: str) -> str:
    """What became of the weights, for the manifest.

    >>> describe("Q4_1")
    'dequantised from Q4_1 (4-bit) weights to bfloat16; not the original release'
    """
    if quantisation == "BF16":
        return ""
    if quantisation in BITS:
        return f"converted from a GGUF file in {quantisation} ({BITS[quantisation]}) to bfloat16"
    digits = next((c for c in quantisation if c.isdigit()), "?")
    return f"dequantised from {quantisation} ({digits}-bit) weights to bfloat16; not the original release"


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write `value` the way model files are written: indented, UTF-8, newline at the end."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
