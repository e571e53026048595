"""GGUF tensors → model.safetensors in bfloat16, one tensor in memory at a time.

The file is written by hand (eight bytes of length, a JSON header, the raw values) because the library's writer wants all tensors at once: a
3B model would need 6 GB of memory to convert instead of one embedding table.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from gguf import ReaderTensor, dequantize

from tunesmith.catalogue.gguf_file import FETCH_AGAIN, GgufFile
from tunesmith.errors import DamagedWeights, Unsupported

Floats = np.ndarray[Any, np.dtype[np.float32]]
Shape = tuple[int, ...]

WHOLE = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight", "output.weight": "lm_head.weight"}
IN_LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
NORM_AFTER_ATTENTION = {"ffn_norm": "post_attention_layernorm"}
HEAD_NORMS = {"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"}
SANDWICH_NORMS = {
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}
BY_ARCHITECTURE = {
    "llama": IN_LAYER | NORM_AFTER_ATTENTION,
    "qwen2": IN_LAYER | NORM_AFTER_ATTENTION,
    "qwen3": IN_LAYER | NORM_AFTER_ATTENTION | HEAD_NORMS,
    "gemma3": IN_LAYER | SANDWICH_NORMS | HEAD_NORMS,
}
CARRIED_BY_CONFIG = {"rope_freqs.weight"}


def write_weights(gguf: GgufFile, config: dict[str, Any], path: Path, each: Callable[[int, int], None]) -> None:
    """Write all tensors of the model to `path`; `each(done, total)` is called after every tensor with bytes written.

    Raises: DamagedWeights if a tensor is missing, misshapen or not finite. Unsupported for foreign tensors and unknown quantisations.
    """
    named = rename(gguf, config)
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, (_, shape) in named.items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)  # values start at a multiple of eight, as the format asks
    done = 0
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(head)))
        stream.write(head)
        for name, (tensor, shape) in named.items():
            raw = bfloat16(values(gguf, config, tensor, name, shape)).tobytes()
            stream.write(raw)
            done += len(raw)
            each(done, offset)


def rename(gguf: GgufFile, config: dict[str, Any]) -> dict[str, tuple[ReaderTensor, Shape]]:
    """Transformers' name → (GGUF tensor, shape it must have), in the order of the file.

    Raises: DamagedWeights for missing or misshapen tensors, all at once. Unsupported for tensors that have no place.
    """
    wanted = shapes(gguf.architecture, config)
    found = {t.name: t for t in gguf.tensors if t.name not in CARRIED_BY_CONFIG}
    foreign = sorted(set(found) - set(wanted))
    if foreign:
        expected = f"the tensors of {config['architectures'][0]}"
        raise Unsupported("unknown tensors", where=str(gguf.path), got=", ".join(foreign[:5]), expected=expected, fix="pull the original safetensors")
    faults = [f"no {name}" for name in wanted if name not in found]
    for name, tensor in found.items():
        shape = tuple(int(n) for n in reversed(tensor.shape.tolist()))
        if shape != wanted[name][1]:
            faults.append(f"{name} is {shape}, not {wanted[name][1]}")
    if faults:
        got = "; ".join(faults[:5]) + (f" and {len(faults) - 5} more" if len(faults) > 5 else "")
        raise DamagedWeights("does not hold the model it describes", where=str(gguf.path), got=got, expected="every tensor", fix=FETCH_AGAIN)
    return {wanted[name][0]: (tensor, wanted[name][1]) for name, tensor in found.items()}


def shapes(architecture: str, config: dict[str, Any]) -> dict[str, tuple[str, Shape]]:
    """GGUF name → (transformers' name, shape) of every tensor the configuration asks for."""
    width, inner, vocabulary = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    queries = config["num_attention_heads"] * config["head_dim"]
    keys = config["num_key_value_heads"] * config["head_dim"]
    matrices = {
        "attn_q": (queries, width),
        "attn_k": (keys, width),
        "attn_v": (keys, width),
        "attn_output": (width, queries),
        "ffn_gate": (inner, width),
        "ffn_up": (inner, width),
        "ffn_down": (width, inner),
    }
    result: dict[str, tuple[str, Shape]] = {name: (ours, (vocabulary, width)) for name, ours in WHOLE.items()}
    result["output_norm.weight"] = ("model.norm.weight", (width,))
    if config["tie_word_embeddings"]:
        del result["output.weight"]
    biased = {"attn_q", "attn_k", "attn_v"} if config["attention_bias"] else set()
    for i in range(config["num_hidden_layers"]):
        for name, ours in BY_ARCHITECTURE[architecture].items():
            shape: Shape = matrices.get(name, (config["head_dim"],) if name in HEAD_NORMS else (width,))
            result[f"blk.{i}.{name}.weight"] = (f"model.layers.{i}.{ours}.weight", shape)
            if name in biased:
                result[f"blk.{i}.{name}.bias"] = (f"model.layers.{i}.{ours}.bias", shape[:1])
    return result


def values(gguf: GgufFile, config: dict[str, Any], tensor: ReaderTensor, name: str, shape: Shape) -> Floats:
    """The tensor's values as transformers wants them: dequantised, rotary halves un-interleaved (Llama), norms without their + 1 (Gemma)."""
    try:
        array: Floats = np.asarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32).reshape(shape)
    except NotImplementedError as error:
        kind = tensor.tensor_type.name
        fix = "use a Q4_0, Q4_K, Q5_K, Q6_K, Q8_0, F16 or BF16 file"
        raise Unsupported(
            "unknown quantisation", where=f"{gguf.path}: {tensor.name}", got=kind, expected="one that can be undone", fix=fix
        ) from error
    if not np.isfinite(array).all():
        raise DamagedWeights("not a number", where=f"{gguf.path}: {tensor.name}", got="NaN or infinity", expected="finite weights", fix=FETCH_AGAIN)
    if gguf.architecture == "llama" and ".self_attn.q_proj." in name:
        return uninterleave(array, config["num_attention_heads"])
    if gguf.architecture == "llama" and ".self_attn.k_proj." in name:
        return uninterleave(array, config["num_key_value_heads"])
    if gguf.architecture == "gemma3" and name.endswith("norm.weight"):
        return array - np.float32(1)
    return array


def uninterleave(array: Floats, heads: int) -> Floats:
    """Rows of each head from llama.cpp's order (pairs side by side) to transformers' (first halves, then second halves).

    >>> uninterleave(np.arange(4, dtype=np.float32), heads=1).tolist()
    [0.0, 2.0, 1.0, 3.0]

    Source: the inverse of LlamaModel.permute in ggml-org/llama.cpp convert_hf_to_gguf.py.
    """
    half = array.shape[0] // heads // 2
    return array.reshape(heads, half, 2, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)


def bfloat16(array: Floats) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """The bits of the nearest bfloat16 values, ties to even; not-a-number stays not-a-number.

    >>> [hex(bits) for bits in bfloat16(np.array([1.0, 1.00390625, -2.0], dtype=np.float32))]
    ['0x3f80', '0x3f80', '0xc000']
    """
    bits = np.ascontiguousarray(array, dtype=np.float32).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    nan = (bits & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)
    return (np.where(nan, bits | np.uint32(0x400000), rounded) >> np.uint32(16)).astype(np.uint16)
