"""Half an answer and its end: what one pass says is what greedy decoding writes."""

from __future__ import annotations

import pytest
import torch

from tests import tiny
from tests.answer.learnt import learn
from tunesmith.answer.candidate import ConstantAnswerer, ModelAnswerer
from tunesmith.answer.continuation import begun, recall
from tunesmith.answer.engine import Engine
from tunesmith.spec.chat import Conversation, Prompt

KINDS = ["llama", "qwen3", "gemma3", "lfm2"]
PROMPT = Prompt(name="tuned", system="You know a lot about bread.")
ROWS = [
    tiny.chat("hello", "the weather in the north is well known to be rather cold and wet"),
    tiny.chat("why?", "because it is so"),
    tiny.chat("what is the meaning of this rather long question about bread?", "hello world, hello hello hello hello"),
]


def greedy(loaded, row: Conversation) -> tuple[list[int], list[int], list[int]]:
    """(prompt and first half, the rest, what the model itself writes in its place), token by token through the whole model."""
    template = loaded.template
    prompt = template.prompt(PROMPT.apply(row.question()))
    tokens = [t for t in template.answer(row.answer() or "") if t not in template.stop_ids]
    half = len(tokens) // 2
    ids, written = prompt + tokens[:half], []
    for _ in tokens[half:]:
        with torch.no_grad():
            written.append(int(loaded.network(input_ids=torch.tensor([ids + written]), use_cache=False).logits[0, -1].argmax()))
    return prompt + tokens[:half], tokens[half:], written


@pytest.mark.invariant
@pytest.mark.parametrize("kind", KINDS)
def test_hits_are_what_greedy_decoding_would_write(model, kind):
    loaded = model(kind)
    found = recall(ModelAnswerer(Engine(loaded), PROMPT), ROWS)
    assert found is not None
    for one, row in zip(found, ROWS, strict=True):
        _, rest, written = greedy(loaded, row)
        first = next((i for i, (a, b) in enumerate(zip(rest, written, strict=True)) if a != b), len(rest))
        assert len(one.hits) == len(rest)
        assert list(one.hits[:first]) == [True] * first
        assert first == len(rest) or not one.hits[first]


def test_what_was_learnt_by_heart_is_recalled_whole(tmp_path):
    loaded = tiny.load(tiny.save(tmp_path / "m"))
    learn(loaded, [PROMPT.apply(row) for row in ROWS[:2]])
    found = recall(ModelAnswerer(Engine(loaded), PROMPT), ROWS)
    assert found is not None
    assert [all(one.hits) for one in found] == [True, True, False]


def test_only_the_second_half_of_the_last_answer_is_asked(model):
    loaded = model("llama")
    row = tiny.chat("one", "first answer", "two", "second answer")
    made = begun(Engine(loaded), row)
    tokens = [t for t in loaded.template.answer("second answer") if t not in loaded.template.stop_ids]
    assert made.given == len(tokens) // 2
    assert [token for token, said in zip(made.ids, made.trained, strict=True) if said] == tokens[len(tokens) // 2 :]


def test_rows_alone_and_together_agree(model):
    answerer = ModelAnswerer(Engine(model("llama")), PROMPT)
    alone = [recall(answerer, [row]) for row in ROWS]
    assert recall(answerer, ROWS) == [found[0] for found in alone if found]


def test_progress_stop_and_count(model):
    engine = Engine(model("llama"))
    heard: list[int] = []
    assert len(recall(ModelAnswerer(engine, PROMPT), ROWS, done=heard.append) or ()) == 3
    assert heard == [3]
    assert engine.usage.computed_tokens > 0
    assert recall(ModelAnswerer(engine, PROMPT), ROWS, stop=lambda: True) == []


def test_an_empty_answer_has_nothing_to_recall(model):
    found = recall(ModelAnswerer(Engine(model("llama")), PROMPT), [tiny.chat("hello", ""), ROWS[1]])
    assert found is not None
    assert [len(one.hits) > 0 for one in found] == [False, True]
    assert recall(ModelAnswerer(Engine(model("llama")), PROMPT), []) == []


def test_what_has_no_prompt_cannot_go_on():
    assert recall(ConstantAnswerer("yes"), ROWS) is None
