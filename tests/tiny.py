"""Tiny random models in folders, as the catalogue takes them: for tests of everything that needs a model but not a good one.

    folder = tiny.save(tmp_path / "llama")              # config.json, model.safetensors, tokenizer.json, tokenizer_config.json
    model = tiny.load(folder)                           # LoadedModel in float32

Letters are bytes, so a text's length in tokens is nearly its length in characters; some pairs are merged, as in real tokenizers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import BPE
from transformers import (
    BertConfig,
    BertModel,
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GraniteConfig,
    GraniteForCausalLM,
    Lfm2Config,
    Lfm2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from tunesmith.catalogue.read import local
from tunesmith.model.device import Placement
from tunesmith.model.load import LoadedModel
from tunesmith.model.load import load as load_model
from tunesmith.spec.chat import Conversation, Message
from tunesmith.spec.dataset import Origin, Record
from tunesmith.spec.model import LocalModel

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["h e", "l l", "he ll", "hell o", "Ġ w", "e r", "Ġ t", "t h", "i n"]
ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
TOKENS = [*SPECIALS, *ALPHABET, *(merge.replace(" ", "") for merge in MERGES)]
CHATML = (
    "{% if tools %}<|im_start|>tools\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}"
    "{% for call in m.get('tool_calls') or [] %}<call>{{ call['function'] | tojson }}</call>{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
THINKING = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['role'] == 'assistant' and not loop.last %}{{ m['content'].split('</think>')[-1] }}{% else %}{{ m['content'] }}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Rewrites history: earlier turns lose their thoughts, as reasoning models do."""
CPU = Placement(torch.device("cpu"), torch.float32, 2, ())
MODELS = {
    "llama": (LlamaForCausalLM, LlamaConfig, {}),
    "untied": (LlamaForCausalLM, LlamaConfig, {"tie_word_embeddings": False}),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config, {"head_dim": 16}),
    "granite": (
        GraniteForCausalLM,
        GraniteConfig,
        {"logits_scaling": 4.0, "tie_word_embeddings": False, "embedding_multiplier": 3.0, "residual_multiplier": 0.5, "attention_multiplier": 0.2},
    ),
    "gemma2": (
        Gemma2ForCausalLM,
        Gemma2Config,
        {"tie_word_embeddings": False, "sliding_window": 6, "head_dim": 16, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0},
    ),
    "gemma3": (
        Gemma3ForCausalLM,
        Gemma3TextConfig,
        {
            "tie_word_embeddings": False,
            "sliding_window": 6,
            "head_dim": 16,
            "query_pre_attn_scalar": 16,
            "layer_types": ["sliding_attention", "full_attention"],
        },
    ),
    "lfm2": (
        Lfm2ForCausalLM,
        Lfm2Config,
        {"layer_types": ["conv", "full_attention"], "conv_L_cache": 3, "block_multiple_of": 8, "block_ff_dim": 48, "block_auto_adjust_ff_dim": False},
    ),
}


def tokenizer() -> Tokenizer:
    """Bytes with a few merges, and ChatML's control tokens."""
    merges = [tuple(merge.split()) for merge in MERGES]
    made = Tokenizer(BPE(vocab={token: i for i, token in enumerate(TOKENS)}, merges=merges))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(SPECIALS)
    return made


def save(folder: Path, kind: str = "llama", *, template: str | None = CHATML, seed: int = 0, **changes: Any) -> Path:
    """A random model of that kind in `folder`. Weights are large enough that answers differ from question to question."""
    folder.mkdir(parents=True, exist_ok=True)
    network, config, own = MODELS[kind]
    sizes: dict[str, Any] = {
        "vocab_size": len(TOKENS),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "tie_word_embeddings": True,
    }
    torch.manual_seed(seed)
    model = network(config(**(sizes | own | changes)))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                weight.copy_(torch.randn_like(weight) * (0.3 if "embed" in name else 0.25))
    model.save_pretrained(folder)
    save_tokenizer(folder, template)
    return folder


def save_tokenizer(folder: Path, template: str | None, **changes: Any) -> None:
    """The tokenizer's files; `template` None: a base model that has none."""
    tokenizer().save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 512,
        "clean_up_tokenization_spaces": False,
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
    }
    if template is not None:
        config["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(config | changes))


def found(folder: Path) -> LocalModel:
    """The folder as the catalogue sees it."""
    return local(folder.parent, str(folder))


def load(folder: Path, placement: Placement = CPU, **options: Any) -> LoadedModel:
    """The model in memory."""
    return load_model(found(folder), placement, **options)


def chat(*turns: str, system: str | None = None, weights: tuple[int | None, ...] = ()) -> Conversation:
    """A conversation: question, answer, question, answer …"""
    messages = [] if system is None else [Message(role="system", content=system)]
    for i, turn in enumerate(turns):
        weight = weights[i // 2] if i % 2 and weights else None
        messages.append(Message(role="assistant" if i % 2 else "user", content=turn, weight=weight))  # type: ignore[arg-type]
    return Conversation(messages=tuple(messages))


def record(number: int, question: str, answer: str) -> Record:
    """One row of a data set."""
    return Record(id=f"{number:016x}", conversation=chat(question, answer), label=answer, origin=Origin(file="rows.csv", line=number + 2))


def save_encoder(folder: Path) -> Path:
    """A tiny embedding model."""
    folder.mkdir()
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48, "max_position_embeddings": 512}
    BertModel(BertConfig(vocab_size=len(TOKENS), **sizes)).save_pretrained(folder)
    made = tokenizer()
    made.post_processor = processors.TemplateProcessing(single="<|im_start|> $A <|im_end|>", special_tokens=[("<|im_start|>", 1), ("<|im_end|>", 2)])
    made.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<|endoftext|>", "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder
