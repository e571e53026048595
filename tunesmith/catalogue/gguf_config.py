"""GGUF metadata → the same model's config.json and generation_config.json in transformers' layout.

Written by hand rather than taken from transformers' own GGUF loader: that one drops Llama 3's frequency scaling, Gemma 3's sliding pattern, local
rotary base and query scale, and needs torch. Four architectures are covered, each checked against the reference implementation's logits.
Source: ggml-org/llama.cpp convert_hf_to_gguf.py, read backwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tunesmith.catalogue.gguf_file import GgufFile
from tunesmith.errors import Unsupported

ARCHITECTURES = {
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "gemma3": "Gemma3ForCausalLM",
}
MODEL_TYPES = {"gemma3": "gemma3_text"}

GEMMA3_PATTERN = 6
"""Every sixth layer attends to everything; GGUF does not say so, the architecture does."""
GEMMA3_LOCAL_THETA = 10_000.0
GEMMA3_27B_LAYERS = 62
"""Only the 27B model scales queries by hidden width / heads instead of by the head's width."""
LLAMA3_LOW, LLAMA3_HIGH, LLAMA3_TRAINED = 1.0, 4.0, 8192
"""Llama 3.1's frequency scaling; GGUF stores only its outcome, `rope_freqs.weight`."""


def model_config(gguf: GgufFile) -> dict[str, Any]:
    """config.json of the model. Raises: Unsupported for an architecture or a variant that would be converted wrongly; DamagedWeights."""
    refuse_variants(gguf)
    heads = int(gguf.need("attention.head_count"))
    width = int(gguf.need("embedding_length"))
    head_width = int(gguf.own("attention.key_length") or gguf.own("rope.dimension_count") or width // heads)
    names = {tensor.name for tensor in gguf.tensors}
    rows = next((int(t.shape[-1]) for t in gguf.tensors if t.name == "token_embd.weight"), 0)
    config: dict[str, Any] = {
        "architectures": [ARCHITECTURES[gguf.architecture]],
        "model_type": MODEL_TYPES.get(gguf.architecture, gguf.architecture),
        "vocab_size": rows,
        "hidden_size": width,
        "intermediate_size": int(gguf.need("feed_forward_length")),
        "num_hidden_layers": int(gguf.need("block_count")),
        "num_attention_heads": heads,
        "num_key_value_heads": int(gguf.own("attention.head_count_kv", heads)),
        "head_dim": head_width,
        "max_position_embeddings": int(gguf.need("context_length")),
        "rms_norm_eps": gguf.need("attention.layer_norm_rms_epsilon"),
        "tie_word_embeddings": "output.weight" not in names,
        "attention_bias": "blk.0.attn_q.bias" in names,
        "attention_dropout": 0.0,
        "use_cache": True,
        "dtype": "bfloat16",
        **token_ids(gguf),
    }
    return config | (gemma3(gguf, config) if gguf.architecture == "gemma3" else silu_family(gguf, config))


def generation_config(gguf: GgufFile, config: dict[str, Any]) -> dict[str, Any]:
    """generation_config.json: greedy, stopping at the end of the text and at the end of a turn."""
    ends = [gguf.metadata.get(f"tokenizer.ggml.{name}_token_id") for name in ("eos", "eot")]
    tokens = gguf.metadata.get("tokenizer.ggml.tokens", [])
    # Gemma's files name only <eos>, but its tuned models end a turn with <end_of_turn>.
    ends += [tokens.index("<end_of_turn>")] if gguf.architecture == "gemma3" and "<end_of_turn>" in tokens else []
    stops = list(dict.fromkeys(int(end) for end in ends if end is not None))
    ids = {name: config[name] for name in ("bos_token_id", "pad_token_id") if config.get(name) is not None}
    return {"do_sample": False, "eos_token_id": stops[0] if len(stops) == 1 else stops, **ids}


def refuse_variants(gguf: GgufFile) -> None:
    """Raises: Unsupported unless every part of the architecture can be carried over."""
    kind = gguf.architecture
    reasons = []
    if kind not in ARCHITECTURES:
        reasons.append(f"architecture `{kind}`")
    if gguf.own("expert_count"):
        reasons.append("a mixture of experts")
    if gguf.own("rope.scaling.type") not in (None, "none") and not (kind == "gemma3" and gguf.own("rope.scaling.type") == "linear"):
        reasons.append(f"rotary scaling `{gguf.own('rope.scaling.type')}`")
    if kind != "gemma3" and gguf.own("attention.sliding_window"):
        reasons.append("sliding-window attention")
    if isinstance(gguf.own("attention.head_count_kv"), list) or isinstance(gguf.own("feed_forward_length"), list):
        reasons.append("layers of different widths")
    if kind == "gemma3" and gguf.own("final_logit_softcapping"):
        reasons.append("capped logits")
    if reasons:
        raise Unsupported(
            "cannot be converted from GGUF",
            where=str(gguf.path),
            got=" and ".join(reasons),
            expected=f"one of the architectures {', '.join(ARCHITECTURES)} in its plain form",
            fix="pull the original safetensors instead: `tunesmith models pull OWNER/NAME`",
        )


def token_ids(gguf: GgufFile) -> dict[str, int | None]:
    """Ids of the begin, end and padding tokens; padding falls back to the end token, which is masked wherever it pads."""
    found = {name: gguf.metadata.get(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos", "padding")}
    pad = found["padding"] if found["padding"] is not None else found["eos"]
    return {"bos_token_id": found["bos"], "eos_token_id": found["eos"], "pad_token_id": pad}


def silu_family(gguf: GgufFile, config: dict[str, Any]) -> dict[str, Any]:
    """What Llama, Qwen 2 and Qwen 3 add."""
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": gguf.own("rope.freq_base", 10_000.0)}
    rope |= llama3_scaling(gguf, rope["rope_theta"], config["head_dim"])
    extra: dict[str, Any] = {"hidden_act": "silu", "rope_parameters": rope}
    return extra | ({"mlp_bias": False} if gguf.architecture == "llama" else {"use_sliding_window": False})


def llama3_scaling(gguf: GgufFile, theta: float, head_width: int) -> dict[str, Any]:
    """Llama 3.1's rotary scaling, recovered from the frequency factors it left in the file; empty if there are none.

    Raises: Unsupported if the factors are not those of Llama 3.1's formula.
    """
    stored = next((np.asarray(t.data, dtype=np.float32).ravel() for t in gguf.tensors if t.name == "rope_freqs.weight"), None)
    if stored is None:
        return {}
    factor = float(stored.max())
    if stored.shape != (head_width // 2,) or not np.allclose(stored, llama3_factors(theta, head_width, factor), rtol=1e-3):
        raise Unsupported(
            "unknown rotary frequency factors",
            where=str(gguf.path),
            got=f"`rope_freqs.weight` from {stored.min():g} to {factor:g}",
            expected="those of Llama 3.1 and 3.2",
            fix="pull the original safetensors instead: `tunesmith models pull OWNER/NAME`",
        )
    return {
        "rope_type": "llama3",
        "factor": factor,
        "low_freq_factor": LLAMA3_LOW,
        "high_freq_factor": LLAMA3_HIGH,
        "original_max_position_embeddings": LLAMA3_TRAINED,
    }


def llama3_factors(theta: float, head_width: int, factor: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """By how much each rotary frequency is slowed: 1 for short waves, `factor` for long ones, a blend between.

    Source: ggml-org/llama.cpp convert_hf_to_gguf.py, LlamaModel.generate_extra_tensors.
    """
    waves = 2 * np.pi * theta ** (np.arange(0, head_width, 2) / head_width)
    share = np.clip((LLAMA3_TRAINED / waves - LLAMA3_LOW) / (LLAMA3_HIGH - LLAMA3_LOW), 0.0, 1.0)
    result: np.ndarray[Any, np.dtype[np.float64]] = 1 / ((1 - share) / factor + share)
    return result


def gemma3(gguf: GgufFile, config: dict[str, Any]) -> dict[str, Any]:
    """What Gemma 3's text model adds."""
    layers = config["num_hidden_layers"]
    whole: dict[str, Any] = {"rope_type": "default", "rope_theta": gguf.own("rope.freq_base", 1_000_000.0)}
    if gguf.own("rope.scaling.type") == "linear":
        whole |= {"rope_type": "linear", "factor": gguf.need("rope.scaling.factor")}
    is_27b = layers == GEMMA3_27B_LAYERS
    return {
        "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": config["hidden_size"] // config["num_attention_heads"] if is_27b else config["head_dim"],
        "sliding_window": int(gguf.need("attention.sliding_window")),
        "layer_types": ["sliding_attention" if (i + 1) % GEMMA3_PATTERN else "full_attention" for i in range(layers)],
        "rope_parameters": {"full_attention": whole, "sliding_attention": {"rope_type": "default", "rope_theta": GEMMA3_LOCAL_THETA}},
        "final_logit_softcapping": None,
        "attn_logit_softcapping": None,
        "use_bidirectional_attention": False,
    }
