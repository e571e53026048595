"""GGUF files become the models they were made from: same tensors, same logits, same tokens."""

from __future__ import annotations

import doctest
import json

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from tunesmith.catalogue import gguf_convert, gguf_tensors, gguf_tokenizer
from tunesmith.catalogue.gguf_config import llama3_factors
from tunesmith.catalogue.gguf_convert import convert
from tunesmith.catalogue.gguf_file import read_gguf
from tunesmith.catalogue.gguf_tensors import bfloat16
from tunesmith.catalogue.gguf_tokenizer import merges_by_score, write_tokenizer
from tunesmith.errors import DamagedWeights, Unsupported

QUANT = gguf.GGMLQuantizationType
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500_000.0,
    "factor": 32.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


def ignore(done: int, total: int) -> None:
    """A listener that does not care."""


def logits_of(folder, tokens):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        return model(tokens).logits


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("llama", {}),
        ("llama", {"attention_bias": False, "tie_word_embeddings": False, "num_key_value_heads": 4}),
        ("qwen2", {}),
        ("qwen3", {}),
        ("gemma3", {}),
    ],
)
def test_the_converted_model_gives_the_source_model_s_logits(kind, changes, tmp_path, tiny, as_gguf):
    source = tiny(kind, **changes)
    as_gguf(source, kind, tmp_path / "m.gguf")
    folder = tmp_path / "out"
    folder.mkdir()
    convert(tmp_path / "m.gguf", folder, ignore)
    tokens = torch.randint(0, source.config.vocab_size, (2, 40), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = source(tokens).logits
    assert expected.std() > 0.1  # else equal logits would prove little
    assert torch.allclose(expected, logits_of(folder, tokens), atol=1e-5)


def test_llama_3_s_frequency_scaling_is_recovered(tmp_path, tiny, as_gguf):
    source = tiny("llama", rope_parameters=LLAMA3, max_position_embeddings=131_072)
    factors = llama3_factors(500_000.0, 32, 32.0).astype(np.float32)
    as_gguf(source, "llama", tmp_path / "m.gguf", tensors=lambda t: t.update({"rope_freqs.weight": factors}))
    folder = tmp_path / "out"
    folder.mkdir()
    convert(tmp_path / "m.gguf", folder, ignore)
    assert json.loads((folder / "config.json").read_text())["rope_parameters"] == LLAMA3
    tokens = torch.arange(60).reshape(1, 60)
    with torch.no_grad():
        assert torch.allclose(source(tokens).logits, logits_of(folder, tokens), atol=1e-5)


def test_llama_3_s_factors_are_those_transformers_computes(tiny):
    scaled = tiny("llama", rope_parameters=LLAMA3, max_position_embeddings=131_072).model.rotary_emb.inv_freq
    plain = 1 / 500_000.0 ** (torch.arange(0, 32, 2) / 32)
    assert np.allclose((plain / scaled).numpy(), llama3_factors(500_000.0, 32, 32.0), rtol=1e-5)


@pytest.mark.parametrize("quant", [QUANT.F32, QUANT.F16, QUANT.BF16, QUANT.Q8_0, QUANT.Q4_1])
def test_each_tensor_is_the_nearest_bfloat16_of_what_the_file_holds(quant, tmp_path, tiny, as_gguf):
    source = tiny("llama")
    as_gguf(source, "llama", tmp_path / "m.gguf", quant=quant)
    folder = tmp_path / "out"
    folder.mkdir()
    convert(tmp_path / "m.gguf", folder, ignore)
    found = load_file(folder / "model.safetensors")
    expected = {name: weight for name, weight in source.state_dict().items() if name != "lm_head.weight"}
    assert set(expected) == set(found)
    for name, weight in expected.items():
        assert found[name].dtype == torch.bfloat16
        if weight.ndim == 1 or quant == QUANT.F32:
            assert torch.equal(weight.bfloat16(), found[name]), name
            continue
        again = gguf.dequantize(gguf.quants.quantize(in_file(name, weight), quant), quant)
        assert torch.equal(torch.from_numpy(out_of_file(name, again)).bfloat16(), found[name]), name


def in_file(name, weight):
    """Rows of q and k in llama.cpp's order: element by element, so that it shares nothing with the code."""
    rows = weight.numpy().copy()
    return rows[order(name, len(rows))] if ".q_proj" in name or ".k_proj" in name else rows


def out_of_file(name, rows):
    return rows[np.argsort(order(name, len(rows)))] if ".q_proj" in name or ".k_proj" in name else rows


def order(name, rows, width=32):
    """File row 2i of a head is the head's row i, file row 2i + 1 is its row i + half."""
    return [head * width + i // 2 + (i % 2) * width // 2 for head in range(rows // width) for i in range(width)]


def test_rounding_is_torch_s():
    values = torch.randn(20_000, generator=torch.Generator().manual_seed(0)) * torch.logspace(-40, 38, 20_000)
    values[:5] = torch.tensor([0.0, -0.0, float("inf"), -float("inf"), 3.4e38])
    expected = values.bfloat16().view(torch.int16).numpy().view(np.uint16)
    assert (expected == bfloat16(values.numpy())).all()
    assert np.isnan(torch.tensor(bfloat16(np.array([np.nan], dtype=np.float32)).view(np.int16)).view(torch.bfloat16).float().numpy()).all()


def test_tokens_template_and_stop_tokens_arrive(tmp_path, gguf_file):
    made = convert(gguf_file, tmp_path, ignore)
    assert made.note == "converted from a GGUF file in F32 (32-bit) to bfloat16"
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    text = "<|im_start|>hello world 1234 naïve 你好\n\t<|im_end|>"
    ids = tokenizer(text).input_ids
    assert text == tokenizer.decode(ids)
    assert (ids[0], ids[-1]) == (1, 2)
    assert "hello" in tokenizer.convert_ids_to_tokens(ids)
    assert tokenizer.tokenize("1234") == ["1", "2", "3", "4"]
    rendered = tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)
    assert rendered == "<|im_start|>user\nhi<|im_end|>\n"
    assert json.loads((tmp_path / "generation_config.json").read_text()) == {
        "do_sample": False,
        "eos_token_id": 2,
        "bos_token_id": 1,
        "pad_token_id": 2,
    }


def test_sentencepiece_merges_come_in_order_of_score():
    assert merges_by_score({"a": -3.0, "b": -4.0, "c": -5.0, "ab": -1.0, "abc": -2.0}) == [("a", "b"), ("ab", "c")]


PIECES = [
    "<pad>",
    "<eos>",
    "<bos>",
    "<unk>",
    *(f"<0x{byte:02X}>" for byte in range(256)),
    "\n\n",
    "  ",
    "\u2581",
    *"helowrd",
    "he",
    "ll",
    "\u2581w",
    "hell",
    "or",
]


def test_a_sentencepiece_vocabulary_keeps_spaces_bytes_and_user_s_tokens(tmp_path):
    """By hand: `hello` merges he, ll, hell by score; two spaces are one token; what has no piece becomes bytes."""
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "gemma3")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(PIECES)
    writer.add_token_types([3, 3, 3, 2] + [6] * 256 + [4, 4] + [1] * (len(PIECES) - 262))
    writer.add_token_scores([0.0] * 262 + [-float(i) for i in range(len(PIECES) - 262)])
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(3)
    writer.add_add_space_prefix(False)
    writer.add_tensor("x", np.zeros((4, 4), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    write_tokenizer(read_gguf(tmp_path / "m.gguf"), tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    text = "hello world  \n\né"
    found = tokenizer.encode(text)
    assert found.tokens == ["<bos>", "hell", "o", "\u2581w", "or", "l", "d", "\u2581\u2581", "\n\n", "<0xC3>", "<0xA9>"]
    assert tokenizer.decode(found.ids) == text


def rewrite(tmp_path, tiny, as_gguf, **changes):
    as_gguf(tiny("llama"), "llama", tmp_path / "bad.gguf", **changes)
    return tmp_path / "bad.gguf"


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"metadata": lambda w: w.add_expert_count(4)}, Unsupported, "a mixture of experts"),
        ({"metadata": lambda w: w.add_rope_scaling_type(gguf.RopeScalingType.YARN)}, Unsupported, "rotary scaling `yarn`"),
        ({"words": "novel-rule"}, Unsupported, "word rule `novel-rule`"),
        ({"tensors": lambda t: t.pop("blk.1.ffn_up.weight")}, DamagedWeights, "no blk.1.ffn_up.weight"),
        ({"tensors": lambda t: t.update({"blk.0.ffn_up.weight": np.zeros((64, 64), np.float32)})}, DamagedWeights, "blk.0.ffn_up.weight is (64, 64)"),
        ({"tensors": lambda t: t.update({"blk.0.mystery.weight": np.zeros((4, 4), np.float32)})}, Unsupported, "blk.0.mystery.weight"),
        ({"tensors": lambda t: t["output_norm.weight"].fill(np.nan)}, DamagedWeights, "NaN or infinity"),
        ({"tensors": lambda t: t.update({"rope_freqs.weight": np.full(16, 7, np.float32)})}, Unsupported, "unknown rotary frequency factors"),
    ],
)
def test_what_cannot_be_carried_over_is_refused(changes, error, words, tmp_path, tiny, as_gguf):
    path = rewrite(tmp_path, tiny, as_gguf, **changes)
    with pytest.raises(error) as caught:
        convert(path, tmp_path, ignore)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_an_unknown_architecture_names_the_known_ones(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "mamba")
    writer.add_tensor("token_embd.weight", np.zeros((4, 4), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(Unsupported, match=r"(?s)architecture `mamba`.*llama, qwen2, qwen3, gemma3"):
        convert(tmp_path / "m.gguf", tmp_path, ignore)


@pytest.mark.parametrize("share", [0.001, 0.05, 0.3, 0.9, 0.999])
def test_a_file_cut_off_anywhere_is_damaged(share, tmp_path, gguf_file):
    whole = gguf_file.read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: max(4, int(len(whole) * share))])
    with pytest.raises(DamagedWeights):
        convert(tmp_path / "cut.gguf", tmp_path, ignore)


def test_another_file_under_that_name_is_not_gguf(tmp_path):
    (tmp_path / "x.gguf").write_bytes(b"\x80\x04\x95pickle")
    with pytest.raises(DamagedWeights, match="not a GGUF file"):
        convert(tmp_path / "x.gguf", tmp_path, ignore)


@pytest.mark.parametrize("module", [gguf_convert, gguf_tensors, gguf_tokenizer])
def test_examples_in_docstrings_hold(module):
    result = doctest.testmod(module, extraglobs={"np": np})
    assert (result.failed, result.attempted > 0) == (0, True)
