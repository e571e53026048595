"""The likelihood of plain texts against transformers' own logits."""

from __future__ import annotations

import json

import pytest
import torch

from tests import tiny
from tunesmith.answer.prose import plain, prose_losses

TEXTS = ["hello world", "The hill is far.", "one letter x", "<|im_end|> is only text here"]


@pytest.mark.parametrize("kind", ["llama", "lfm2"])
def test_every_token_but_the_first_counts(tmp_path, kind) -> None:
    model = tiny.load(tiny.save(tmp_path / kind, kind))
    for text, (nll, tokens) in zip(TEXTS, prose_losses(model, TEXTS), strict=True):
        ids = model.template.guard.plain(text)
        with torch.no_grad():
            logits = model.network(input_ids=torch.tensor([ids]), use_cache=False).logits[0].double().log_softmax(-1)
        assert tokens == len(ids) - 1
        assert nll == pytest.approx(-sum(float(logits[i - 1, token]) for i, token in enumerate(ids) if i), rel=1e-4)


def test_a_control_token_in_the_text_is_only_text(tmp_path) -> None:
    model = tiny.load(tiny.save(tmp_path / "m"))
    assert not set(plain(model, TEXTS[-1]).ids) & model.template.guard.ids


def test_what_the_tokenizer_puts_first_comes_first(tmp_path) -> None:
    folder = tiny.save(tmp_path / "m")
    raw = json.loads((folder / "tokenizer.json").read_text())
    raw["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<|im_start|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<|im_start|>": {"id": "<|im_start|>", "ids": [1], "tokens": ["<|im_start|>"]}},
    }
    (folder / "tokenizer.json").write_text(json.dumps(raw))
    row = plain(tiny.load(folder), "hello")
    assert row.ids[0] == 1
    assert row.trained == [False, *[True] * (len(row.ids) - 1)]


def test_a_text_longer_than_the_context_is_cut(tmp_path) -> None:
    model = tiny.load(tiny.save(tmp_path / "m"))
    [(_, tokens)] = prose_losses(model, ["z" * 2_000])
    assert tokens == model.context - 1
