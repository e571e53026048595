"""The loss of an answer with its question and without it, against transformers' own logits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests import tiny
from tunesmith.answer.engine import Engine
from tunesmith.answer.losses import answer_losses, without_question
from tunesmith.model.load import LoadedModel
from tunesmith.spec.chat import Conversation


def plain(model: LoadedModel, conversation: Conversation) -> float:
    prompt, answer = model.template.prompt(conversation.question()), model.template.answer(conversation.answer() or "")
    with torch.no_grad():
        logits = model.network(input_ids=torch.tensor([prompt + answer]), use_cache=False).logits[0].double().log_softmax(-1)
    return -sum(float(logits[len(prompt) + i - 1, token]) for i, token in enumerate(answer))


def test_both_losses_are_those_of_the_rendered_rows(tmp_path: Path):
    model = tiny.load(tiny.save(tmp_path / "llama"))
    rows = [tiny.chat("hello", "world", system="be kind"), tiny.chat("one", "1", "two", "a longer answer"), tiny.chat("hello", "world")]
    found = answer_losses(Engine(model), rows)
    for row, loss in zip(rows, found, strict=True):
        assert loss.asked == pytest.approx(plain(model, row), rel=1e-4)
        assert loss.alone == pytest.approx(plain(model, tiny.chat("", row.answer() or "")), rel=1e-4)
        assert loss.tokens == len(model.template.answer(row.answer() or ""))
    assert found[0].alone == pytest.approx(found[2].alone, rel=1e-6)


def test_without_its_question_nothing_but_the_answer_is_left():
    row = tiny.chat("one", "1", "two", "2", system="be kind", weights=(1, 0))
    bare = without_question(row)
    assert [(m.role, m.content) for m in bare.messages] == [("user", ""), ("assistant", "2")]
