"""An answer's likelihood against transformers' own logits, row by row."""

import pytest
import torch

from tests import tiny
from tunesmith.answer.engine import Engine
from tunesmith.spec.chat import Conversation, Message

TURNS = [
    ["hello", "world"],
    ["hello there", "a longer answer, with a comma"],
    ["first", "one", "second", "two"],
    ["same", "x"],
]


def conversation(turns: list[str]) -> Conversation:
    return Conversation(messages=tuple(Message(role="user" if i % 2 == 0 else "assistant", content=text) for i, text in enumerate(turns)))


@pytest.mark.parametrize("kind", ["llama", "lfm2"])
def test_the_last_answer_counts_and_nothing_else(tmp_path, kind):
    model = tiny.load(tiny.save(tmp_path / kind, kind))
    asked = [conversation(turns) for turns in TURNS]
    found = Engine(model).likelihood(asked)
    for one, (nll, tokens) in zip(asked, found, strict=True):
        prompt = model.template.prompt(one.question())
        answer = model.template.answer(one.answer() or "")
        ids = torch.tensor([prompt + answer])
        with torch.no_grad():
            logits = model.network(input_ids=ids, use_cache=False).logits[0].double().log_softmax(-1)
        plain = -sum(float(logits[len(prompt) + i - 1, token]) for i, token in enumerate(answer))
        assert tokens == len(answer)
        assert nll == pytest.approx(plain, rel=1e-4)
