"""The likelihood of answers without their end of turn, against transformers' own logits."""

from __future__ import annotations

import pytest
import torch

from tests import tiny
from tunesmith.answer.options import option_losses, without_end

ROWS = [
    tiny.chat("hello", "world"),
    tiny.chat("hello", "a longer one"),
    tiny.chat("one", "1", "two", "2 2"),
    tiny.chat("count", "x", system="be short"),
]


@pytest.mark.parametrize("kind", ["llama", "lfm2"])
def test_the_words_of_the_last_answer_count_and_nothing_else(tmp_path, kind) -> None:
    model = tiny.load(tiny.save(tmp_path / kind, kind))
    for row, found in zip(ROWS, option_losses(model, ROWS), strict=True):
        prompt, answer = model.template.prompt(row.question()), model.template.answer(row.answer() or "")
        assert answer[-1] == model.template.end_id
        with torch.no_grad():
            logits = model.network(input_ids=torch.tensor([prompt + answer]), use_cache=False).logits[0].double().log_softmax(-1)
        assert found == pytest.approx(-sum(float(logits[len(prompt) + i - 1, token]) for i, token in enumerate(answer[:-1])), rel=1e-4)


def test_nothing_is_asked_of_no_rows(tmp_path) -> None:
    assert option_losses(tiny.load(tiny.save(tmp_path / "m")), []) == []


def test_a_row_that_was_cut_keeps_its_marks(tmp_path) -> None:
    model = tiny.load(tiny.save(tmp_path / "m"))
    cut = model.template.fit(tiny.chat("q", "y" * 600), model.context)
    assert without_end(cut) == cut
    whole = model.template.fit(tiny.chat("q", "y"), model.context)
    assert sum(whole.trained) - sum(without_end(whole).trained) == 1
