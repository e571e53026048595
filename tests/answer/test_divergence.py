"""Forward KL against softmaxes written out, and against transformers' own logits for a whole pair of models."""

from __future__ import annotations

import math

import pytest
import torch

from tests import tiny
from tunesmith.answer import divergence as module
from tunesmith.answer.divergence import continuations, continued, divergence, forward_kl, remembered
from tunesmith.answer.engine import Engine
from tunesmith.errors import Unsupported
from tunesmith.model.load import Head, LoadedModel
from tunesmith.spec.candidate import Answer

QUESTIONS = [tiny.chat("hello"), tiny.chat("hello there, who is it?"), tiny.chat("one", "1", "two"), tiny.chat("count", system="be short")]


def head(vocabulary: int, seed: int, softcap: float | None = None, *, bias: bool = True) -> Head:
    made = torch.Generator().manual_seed(seed)
    weight = torch.randn(vocabulary, 6, generator=made)
    return Head(weight, torch.randn(vocabulary, generator=made) if bias else None, 0.7, softcap)


def plain(hidden: torch.Tensor, one: Head, other: torch.Tensor, another: Head) -> torch.Tensor:
    first, second = one.logits(hidden).double().log_softmax(-1), another.logits(other).double().log_softmax(-1)
    return (first.exp() * (first - second)).sum(-1)


def test_a_pair_of_coins_by_hand() -> None:
    """p = (1/2, 1/2), q = (3/4, 1/4): KL = ½·ln(½ / ¾) + ½·ln(½ / ¼) = ½·ln(4/3)."""
    one = torch.ones(1, 1)
    even, odd = Head(torch.zeros(2, 1), None, 1, None), Head(torch.tensor([[math.log(3.0)], [0.0]]), None, 1, None)
    assert forward_kl(one, even, one, odd).tolist() == pytest.approx([0.5 * math.log(4 / 3)], rel=1e-6)


@pytest.mark.parametrize("vocabulary", [5, 7, 50])
@pytest.mark.parametrize("softcap", [None, 2.0])
@pytest.mark.parametrize("bias", [True, False])
def test_blocks_of_the_vocabulary_and_of_the_tokens_change_nothing(monkeypatch, vocabulary, softcap, bias) -> None:
    monkeypatch.setattr(module, "VOCABULARY_AT_ONCE", 7)
    monkeypatch.setattr(module, "CHUNK_TOKENS", 4)
    hidden, other = torch.randn(11, 6) * 3, torch.randn(11, 6) * 3
    first, second = head(vocabulary, 1, softcap, bias=bias), head(vocabulary, 2, softcap, bias=bias)
    torch.testing.assert_close(forward_kl(hidden, first, other, second), plain(hidden, first, other, second), rtol=1e-6, atol=1e-9)


def test_it_is_never_negative_zero_for_equal_models_and_not_symmetric() -> None:
    hidden, other = torch.randn(64, 6), torch.randn(64, 6)
    one, another = head(30, 1), head(30, 2)
    there, back = forward_kl(hidden, one, other, another), forward_kl(other, another, hidden, one)
    assert bool((there >= 0).all())
    assert not torch.allclose(there, back)
    assert forward_kl(hidden, one, hidden, one).abs().max() < 1e-12
    assert forward_kl(hidden[:0], one, other[:0], another).shape == (0,)


def whole(model: LoadedModel, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.network(input_ids=torch.tensor([ids]), use_cache=False).logits[0].double().log_softmax(-1)
    return found


@pytest.mark.parametrize("kind", ["llama", "gemma2", "lfm2"])
def test_two_models_row_by_row(tmp_path, kind) -> None:
    base = tiny.load(tiny.save(tmp_path / "base", kind))
    tuned = tiny.load(tiny.save(tmp_path / "tuned", kind, seed=1))
    rows = continuations(Engine(base), QUESTIONS, tokens=6, seed=0, stop=lambda: False)
    assert len(rows) == len(QUESTIONS)
    found = divergence(remembered(base, rows), tuned)
    for row, (nats, tokens) in zip(rows, found, strict=True):
        places = [i - 1 for i in range(1, len(row.ids)) if row.trained[i]]
        first, second = whole(base, row.ids)[places], whole(tuned, row.ids)[places]
        assert tokens == len(places) > 0
        assert nats == pytest.approx(float((first.exp() * (first - second)).sum()), rel=2e-3)


def test_a_model_has_not_moved_from_itself(tmp_path) -> None:
    model = tiny.load(tiny.save(tmp_path / "m"))
    rows = continuations(Engine(model), QUESTIONS, tokens=6, seed=0, stop=lambda: False)
    assert all(abs(nats) < 1e-9 for nats, _ in divergence(remembered(model, rows), model))


def test_the_continuations_are_the_bases_own_and_follow_the_seed(tmp_path) -> None:
    engine = Engine(tiny.load(tiny.save(tmp_path / "m")))
    first, again, other = (continuations(engine, QUESTIONS, tokens=6, seed=seed, stop=lambda: False) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert continuations(engine, [], tokens=6, seed=0, stop=lambda: False) == []


def test_an_answer_that_was_cut_has_no_end(tmp_path) -> None:
    model = tiny.load(tiny.save(tmp_path / "m"))
    cut = continued(model, QUESTIONS[0], Answer(text="a b", finish="length"))
    ended = continued(model, QUESTIONS[0], Answer(text="a b", finish="stop"))
    assert cut.ids == ended.ids
    assert sum(ended.trained) - sum(cut.trained) == 1
    assert ended.ids[max(i for i, mark in enumerate(ended.trained) if mark)] == model.template.end_id


def test_a_question_without_room_is_left_out(tmp_path) -> None:
    engine = Engine(tiny.load(tiny.save(tmp_path / "m")))
    rows = continuations(engine, [tiny.chat("z" * 600), tiny.chat("hello")], tokens=4, seed=0, stop=lambda: False)
    assert len(rows) == 1


def test_models_with_different_words_are_not_compared(tmp_path) -> None:
    base = tiny.load(tiny.save(tmp_path / "base"))
    tuned = tiny.load(tiny.save(tmp_path / "tuned", vocab_size=len(tiny.TOKENS) + 8))
    rows = continuations(Engine(base), QUESTIONS, tokens=4, seed=0, stop=lambda: False)
    with pytest.raises(Unsupported, match="different vocabularies"):
        divergence(remembered(base, rows), tuned)
