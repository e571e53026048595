"""Near and far by vectors and by words: equal to the plain way, and sound on the limits that are stated."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from tests.data.make.rows_of import bank
from tunesmith.data.make import outside_distance
from tunesmith.data.make.outside_distance import NEAR, TERMS, VECTORS, Domain, Limits, Nearness, closest, own_topics

OWN = [row.conversation.messages[0].content for row in bank()]


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 99), st.booleans())
def test_the_closest_are_found(questions, own, seed, is_sparse):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(questions, 4)).astype(np.float32), rng.normal(size=(own, 4)).astype(np.float32)
    best, which = closest(csr_matrix(a), csr_matrix(b)) if is_sparse else closest(a, b)
    plain = a @ b.T
    for row in range(questions):
        order = np.argsort(-plain[row])[: min(3, own)]
        np.testing.assert_allclose(best[row], plain[row][order], rtol=1e-5)
        np.testing.assert_allclose(plain[row][which[row]], plain[row][order], rtol=1e-5)


def test_blocks_change_nothing(monkeypatch):
    vectors = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
    whole = closest(vectors, vectors)
    monkeypatch.setattr(outside_distance, "BLOCK", 7)
    for one, other in zip(whole, closest(vectors, vectors), strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_an_encoder_words_decide():
    domain = Domain(OWN, ["Who won the cup?", "What is the capital of Peru?"], None)
    near = domain.nearness(["How do I block my card?", "how can i block the card", "Who won the cup last year?"])
    assert TERMS.least <= near.limits.in_scope <= TERMS.most
    assert near.similarity[0] > 0.99
    assert near.may_be_asked()[:2].all()
    assert near.similarity[2] < near.limits.near
    assert not near.is_near()[2]
    assert near.neighbours(0)[0] == OWN.index("How do I block my card?")
    assert near.neighbours(2) == []


def test_a_vector_encoder_is_used_where_there_is_one():
    def embed(texts):
        return np.asarray([[1.0, 0.0] if "card" in text else [0.4, np.sqrt(1 - 0.16)] for text in texts], dtype=np.float32)

    near = Domain(["my card", "your card"], [], embed).nearness(["a card", "a dog"])
    assert near.limits == Limits(VECTORS.most, NEAR * VECTORS.most), "equal vectors: the bound holds"
    assert near.may_be_asked().tolist() == [True, False]
    assert near.is_near().tolist() == [False, True]


def test_topics_of_the_users_own():
    similarities = np.asarray([[0.9], [0.1], [0.1], [0.1], [0.1], [0.7], [0.8]], np.float32)
    near = Nearness(similarities, np.zeros((7, 1), np.int64), Limits(in_scope=0.6, near=0.3))
    assert own_topics(["a", "a", "a", "a", "a", "b", "b"], near) == {"b": 1.0}


def test_the_limit_follows_how_densely_the_rows_lie():
    def embed(spread):
        def vectors(texts):
            angles = np.asarray([spread * int(text.split()[0]) for text in texts])
            return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

        return vectors

    own = [f"{i} x" for i in range(5)]
    for spread, limit in ((0.1, VECTORS.most), (1.0, np.cos(1.0)), (1.5, VECTORS.least)):
        assert abs(Domain(own, [], embed(spread)).limits.in_scope - limit) < 1e-3
    assert Domain(own * 3, [], embed(1.0)).limits == Domain(own, [], embed(1.0)).limits, "a row is no fellow of itself, however often it stands there"
    assert Domain(["0 x"], [], embed(1.0)).limits.in_scope == VECTORS.most
