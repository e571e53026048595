"""The embedded weights are the models they claim to be. Needs `make setup`, which pulls them."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

from tunesmith.catalogue.read import find, local, verify
from tunesmith.settings import settings

pytestmark = pytest.mark.embedded
TEXT = (
    "The city of Paris is the capital of France. It lies on the river Seine, in the north of the country, and more than two million people live "
    "there. Every year many visitors come to see its museums, its churches and the famous Eiffel Tower."
)
HARD = "  two  spaces\tTabs\n\n\nnewlines 12345 don't WE'RE naïve 你好世界 👍🏽 “quotes” \u00a0x  "
# fmt: off
LLAMA_CPP = {
    "smollm2-135m-instruct": [216, 827, 216, 5600, 197, 68, 7366, 1116, 198, 2241, 5110, 216, 33, 34, 35, 36, 37, 1326, 982, 26587, 23, 3256, 15486, 46494, 216, 18645, 250, 48392, 138, 7906, 240, 178, 239, 230, 15107, 235, 231, 10813, 233, 138, 619, 385, 2346, 573, 216, 15442, 104, 256],
    "gemma-3-270m": [138, 13498, 138, 35220, 255968, 76222, 109, 208697, 236743, 236770, 236778, 236800, 236812, 236810, 1537, 236789, 236745, 19716, 236789, 1357, 120362, 43758, 237389, 12811, 103712, 242713, 999, 52231, 236919, 236743, 432, 398, 236781, 138],
}
# fmt: on
NEXT = {
    "smollm2-135m-instruct": {" Paris": -0.259, " the": -2.765, " London": -4.295},
    "gemma-3-270m": {" the": -1.594, " a": -2.29, " Paris": -2.419, " one": -2.727, " known": -2.998},
}


def embedded(name):
    """The pulled model; `local` says how to pull it if it is not there."""
    return local(settings().home / "models", name)


def load(name):
    model = AutoModelForCausalLM.from_pretrained(embedded(name).folder, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(embedded(name).folder)


def perplexity(model, tokenizer):
    ids = tokenizer(TEXT, return_tensors="pt").input_ids
    with torch.no_grad():
        return float(torch.exp(model(ids, labels=ids).loss))


def answer(model, tokenizer, text, tokens=12):
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids
    with torch.no_grad():
        made = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False)
    return tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True)


@pytest.mark.parametrize("name", ["smollm2-135m-instruct", "gemma-3-270m", "all-minilm-l6-v2"])
def test_the_catalogue_tells_the_truth_about_them(name):
    model, entry = embedded(name), find(name)
    verify(model, full=True)
    assert (entry.id, entry.use, entry.parameters, entry.context) == (model.id, model.use, model.parameters, model.context)
    assert entry.licence == model.licence


def test_smollm2_answers_in_its_own_template():
    model, tokenizer = load("smollm2-135m-instruct")
    assert perplexity(model, tokenizer) < 12  # measured 9.47
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}], tokenize=False, add_generation_prompt=True
    )
    assert prompt == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert "Paris" in answer(model, tokenizer, prompt)
    assert [tokenizer(token).input_ids for token in ("<|im_start|>", "<|im_end|>")] == [[1], [2]]
    assert (model.generation_config.eos_token_id, tokenizer.pad_token_id) == (2, 2)


def test_gemma_goes_on_with_a_text():
    model, tokenizer = load("gemma-3-270m")
    assert perplexity(model, tokenizer) < 12  # measured 8.01
    assert answer(model, tokenizer, "<bos>What is the capital of France? The capital of France is", tokens=1) == " Paris"
    assert [tokenizer(token).input_ids for token in ("<start_of_turn>", "<end_of_turn>")] == [[2, 105], [2, 106]]
    assert tokenizer.chat_template is None
    assert model.config.layer_types.count("full_attention") == 3


@pytest.mark.parametrize("name", ["smollm2-135m-instruct", "gemma-3-270m"])
def test_every_text_survives_its_tokens(name):
    tokenizer = AutoTokenizer.from_pretrained(embedded(name).folder)
    ids = tokenizer(HARD, add_special_tokens=False).input_ids
    assert tokenizer.decode(ids) == HARD


def test_the_tokens_are_llama_cpp_s():
    """Recorded from llama.cpp's own tokenizer (xllamacpp 2026.10.11549, `/tokenize`) on the same GGUF files."""
    for name, expected in LLAMA_CPP.items():
        tokenizer = AutoTokenizer.from_pretrained(embedded(name).folder)
        assert expected == tokenizer(HARD, add_special_tokens=False).input_ids


@pytest.mark.parametrize("name", ["smollm2-135m-instruct", "gemma-3-270m"])
def test_the_next_token_s_probabilities_are_llama_cpp_s(name):
    """Recorded from llama.cpp on the same files. It rounds activations to 8 bits, so the last digits differ."""
    model, tokenizer = load(name)
    ids = tokenizer("The capital of France is", return_tensors="pt").input_ids
    with torch.no_grad():
        found = torch.log_softmax(model(ids).logits[0, -1], dim=-1)
    for token, expected in NEXT[name].items():
        assert float(found[tokenizer(token, add_special_tokens=False).input_ids[0]]) == pytest.approx(expected, abs=0.15)


def test_minilm_puts_paraphrases_together():
    folder = embedded("all-minilm-l6-v2").folder
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    batch = tokenizer(["How do I block my card?", "I want to freeze my bank card.", "The recipe needs two eggs."], padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**batch).last_hidden_state  # (B, T, D)
    mask = batch.attention_mask[:, :, None]
    vectors = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1))
    near, far = float(vectors[0] @ vectors[1]), float(vectors[0] @ vectors[2])
    assert near > 0.5 > 0.3 > far
