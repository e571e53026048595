"""An answer's likelihood against transformers' own logits, row by row."""

import pytest
import torch

from tests import tiny
from tunesmith.answer import engine as module
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


def test_a_question_is_computed_once_for_all_its_given_answers(tmp_path, monkeypatch):
    """Answers of very different lengths: by length alone they would be computed apart."""
    monkeypatch.setattr(module, "TOKENS_AT_ONCE", 250)
    model = tiny.load(tiny.save(tmp_path / "m"))
    asked = [conversation([letter * 100, "no " * count]) for count in (1, 9, 20) for letter in "xyz"]
    together = Engine(model)
    found = together.likelihood(asked)
    lengths = [len(model.template.prompt(one.question())) for one in asked[:3]]
    ends = sum(tokens for _, tokens in found)
    assert together.usage.computed_tokens < 1.1 * (sum(lengths) + ends)
    assert [nll for nll, _ in found] == pytest.approx([Engine(model).likelihood([one])[0][0] for one in asked], rel=1e-4)


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
