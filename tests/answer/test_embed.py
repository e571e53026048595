"""Sentence vectors: the mean over real tokens, of length 1, whatever stands beside a text."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests import tiny
from tunesmith.answer import embed as module
from tunesmith.answer.embed import Embedder
from tunesmith.model.device import Placement
from tunesmith.spec.model import LocalModel

TEXTS = ["hello", "a longer sentence about the weather", "", "why?", "hello", "hell " * 200]


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    folder = tiny.save_encoder(tmp_path_factory.mktemp("models") / "bert")
    facts = {"use": "embed", "architecture": "BertModel", "parameters": 10**5, "context": 512, "licence": "", "origin": "", "note": "", "files": {}}
    return Embedder(LocalModel(id="bert", folder=str(folder), digest="", **facts), tiny.CPU)


def plain(embedder: Embedder, text: str) -> np.ndarray:
    ids = embedder.tokenizer(text, truncation=True, max_length=module.LONGEST)["input_ids"]
    with torch.no_grad():
        mean = embedder.network(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0).numpy()
    return np.asarray(mean / np.linalg.norm(mean))


def test_vectors_are_the_mean_over_real_tokens(embedder):
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (6, 32)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(vector, plain(embedder, text), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)
    assert len({tuple(v.round(3)) for v in vectors}) == 5


def test_a_vector_does_not_depend_on_its_batch(embedder, monkeypatch):
    together = embedder.embed(TEXTS)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 2)
    ready: list[int] = []
    np.testing.assert_allclose(embedder.embed(TEXTS, ready.append), together, atol=1e-6)
    assert ready == [2, 4, 6]


def test_tokens_are_counted_without_padding(embedder):
    before = embedder.tokens
    embedder.embed(["hello", "hello hello"])
    assert embedder.tokens - before == 3 + 5  # hello; hello, a space, hello; and two marks each
    assert embedder.embed([]).shape == (0, 32)


def test_batches_hold_texts_of_like_length_within_their_bounds(monkeypatch):
    monkeypatch.setattr(module, "TOKENS_AT_ONCE", 20)
    found = list(module.batches([3, 9, 4, 30, 10, 3]))
    assert found == [[0, 5, 2], [1, 4], [3]]
    assert list(module.batches([])) == []


def test_quick_vectors_point_the_same_way(tmp_path):
    folder = tiny.save_encoder(tmp_path / "bert")
    facts = {"use": "embed", "architecture": "BertModel", "parameters": 10**5, "context": 512, "licence": "", "origin": "", "note": "", "files": {}}
    local = LocalModel(id="bert", folder=str(folder), digest="", **facts)
    half = Placement(torch.device("cpu"), torch.bfloat16, 2, ())
    exact, quick = Embedder(local, half).embed(TEXTS), Embedder(local, half, quick=True).embed(TEXTS)
    assert exact.dtype == quick.dtype == np.float32
    assert (exact * quick).sum(1).min() > 0.999
    np.testing.assert_allclose(exact, Embedder(local, tiny.CPU).embed(TEXTS), atol=1e-6)
