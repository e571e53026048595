"""Tiny random models, written as GGUF the way llama.cpp writes them and as folders the way transformers does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from gguf.quants import quantize
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from tunesmith.spec.job import Progress

ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["h e", "l l", "he ll", "hell o", "Ġ w"]
TOKENS = SPECIALS + ALPHABET + ["he", "ll", "hell", "hello", "Ġw"]
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
ARCHITECTURES = {"llama": gguf.MODEL_ARCH.LLAMA, "qwen2": gguf.MODEL_ARCH.QWEN2, "qwen3": gguf.MODEL_ARCH.QWEN3, "gemma3": gguf.MODEL_ARCH.GEMMA3}


class Log:
    """A monitor that keeps what it hears; `stop_at` is the label at which it asks for a stop."""

    def __init__(self, stop_at: str = "") -> None:
        self.events: list[Any] = []
        self.stop_at = stop_at

    def emit(self, event: Any) -> None:
        self.events.append(event)

    def stopping(self) -> bool:
        return bool(self.stop_at) and any(isinstance(e, Progress) and e.label.startswith(self.stop_at) for e in self.events)

    def texts(self) -> list[str]:
        return [event.text for event in self.events if event.kind == "note"]


@pytest.fixture
def log() -> Callable[[str], Log]:
    return Log


def make_model(kind: str, *, seed: int = 0, **changes: Any) -> PreTrainedModel:
    """A random model whose weights bfloat16 holds exactly and whose norms are not all alike."""
    torch.manual_seed(seed)
    sizes: dict[str, Any] = {
        "vocab_size": len(TOKENS),
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "max_position_embeddings": 256,
        "rms_norm_eps": 1e-5,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
        "tie_word_embeddings": kind != "qwen2",
    } | changes
    match kind:
        case "llama":
            model: PreTrainedModel = LlamaForCausalLM(LlamaConfig(**sizes))
        case "qwen2":
            sizes |= {"head_dim": 16}
            model = Qwen2ForCausalLM(Qwen2Config(**sizes))
        case "qwen3":
            model = Qwen3ForCausalLM(Qwen3Config(**sizes))
        case _:
            sizes |= {"num_hidden_layers": 7, "sliding_window": 8, "query_pre_attn_scalar": 32, "rms_norm_eps": 1e-6}
            model = Gemma3ForCausalLM(Gemma3TextConfig(**sizes))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            centre = 1.0 if name.endswith("norm.weight") and kind != "gemma3" else 0.0
            weight.copy_(torch.randn_like(weight) * 0.2 + centre)
            if kind == "gemma3" and name.endswith("norm.weight"):
                weight.copy_((weight * 64).round() / 64)  # so that + 1 - 1 loses nothing
            weight.copy_(weight.bfloat16().float())
    return model.eval()


def interleave(array: np.ndarray, heads: int) -> np.ndarray:
    """LlamaModel.permute of llama.cpp's converter, as it stands there."""
    return array.reshape(heads, 2, array.shape[0] // heads // 2, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)


def write_gguf(
    model: PreTrainedModel,
    kind: str,
    path: Path,
    *,
    quant: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32,
    metadata: Callable[[gguf.GGUFWriter], None] = lambda _: None,
    tensors: Callable[[dict[str, np.ndarray]], None] = lambda _: None,
    words: str = "smollm",
) -> dict[str, np.ndarray]:
    """Write the model as llama.cpp's converter would. Returns transformers' name → the values that the file really holds."""
    config = model.config
    names = gguf.get_tensor_name_map(ARCHITECTURES[kind], config.num_hidden_layers)
    writer = gguf.GGUFWriter(path, kind)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    if kind in ("qwen3", "gemma3"):
        writer.add_key_length(config.head_dim)
    if kind == "llama":
        writer.add_rope_dimension_count(config.head_dim)
    if kind == "gemma3":
        writer.add_sliding_window(config.sliding_window)
        writer.add_rope_freq_base(1_000_000.0)
    else:
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(words)
    writer.add_token_list(TOKENS)
    writer.add_token_types([3] * 3 + [1] * (len(TOKENS) - 3))
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    metadata(writer)
    held: dict[str, np.ndarray] = {}
    stored: dict[str, np.ndarray] = {}
    kinds: dict[str, gguf.GGMLQuantizationType] = {}
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        values = weight.numpy().astype(np.float32)
        for part, heads in (("q_proj", config.num_attention_heads), ("k_proj", config.num_key_value_heads)):
            if kind == "llama" and part in name:
                values = interleave(values, heads)
        if kind == "gemma3" and name.endswith("norm.weight"):
            values = values + 1
        stem, suffix = name.rsplit(".", 1)
        theirs = f"{names.get_name(stem)}.{suffix}"
        kinds[theirs] = quant if values.ndim > 1 else gguf.GGMLQuantizationType.F32
        stored[theirs] = values
        held[name] = theirs  # type: ignore[assignment]
    tensors(stored)
    for theirs, values in stored.items():
        as_type = kinds.get(theirs, gguf.GGMLQuantizationType.F32)
        raw = values if as_type == gguf.GGMLQuantizationType.F32 else quantize(values, as_type)
        writer.add_tensor(theirs, raw, raw_dtype=as_type)
        kinds[theirs] = as_type
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return {ours: stored.get(theirs) for ours, theirs in held.items()}  # type: ignore[misc, call-overload]


def write_folder(folder: Path, model: PreTrainedModel | None = None) -> Path:
    """A whole chat model in transformers' layout."""
    (model or make_model("llama")).save_pretrained(folder)
    tokenizer = Tokenizer(BPE(vocab={token: i for i, token in enumerate(TOKENS)}, merges=[tuple(m.split(" ")) for m in MERGES]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIALS)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": "x"}')
    return folder


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One tiny chat model; tests that change it copy it first."""
    return write_folder(tmp_path_factory.mktemp("source") / "tiny")


@pytest.fixture(scope="session")
def gguf_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One tiny chat model as GGUF."""
    path = tmp_path_factory.mktemp("gguf") / "Tiny-Model.F32.gguf"
    write_gguf(make_model("llama"), "llama", path)
    return path


@pytest.fixture(scope="session")
def tiny() -> Callable[..., PreTrainedModel]:
    return make_model


@pytest.fixture(scope="session")
def as_gguf() -> Callable[..., dict[str, np.ndarray]]:
    return write_gguf


@pytest.fixture(scope="session")
def as_folder() -> Callable[..., Path]:
    return write_folder
