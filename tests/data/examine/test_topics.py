"""Planted topics are found, counted and named by their own words, in any language."""

from __future__ import annotations

import numpy as np
import pytest

from tests.data.examine.planted import around, unit
from tunesmith.data.examine.topics import assign, k_means, name_topics, outliers, silhouette, terms, topics
from tunesmith.spec.job import Silent

WORDS = ["card", "Überweisung", "prêt", "password", "погода"]


def planted(centres: int = 5, each: int = 60, noise: float = 0.3):
    """Vectors around centres, with texts whose words tell them apart."""
    vectors, of = around(centres, each, noise=noise, seed=4)
    random = np.random.default_rng(0)
    filler = ["how do I", "was ist mit", "je veux", "please what about", "my the a of"]
    return vectors, of, [f"{filler[random.integers(5)]} {WORDS[topic]} {random.integers(1000)}?" for topic in of.tolist()]


def test_planted_topics_are_found_and_named():
    vectors, of, texts = planted()
    found = topics(vectors, texts, Silent())
    assert len(found.topics) == 5
    assert {topic.name.split(",")[0] for topic in found.topics} == {word.casefold() for word in WORDS}
    for place, topic in enumerate(found.topics):
        rows = np.flatnonzero(found.of == place)
        assert (topic.rows, topic.share, len(set(of[rows].tolist()))) == (60, pytest.approx(0.2), 1)
        assert topic.centre in rows
        assert not topic.is_small
    assert "5 topics of 2, 3" in found.reason
    again = topics(vectors, texts, Silent())
    assert (again.topics, again.of.tolist()) == (found.topics, found.of.tolist())


def test_small_topics_and_outliers_are_told():
    vectors, _, texts = planted(3, 400)
    lone, _ = around(1, 8, noise=0.05, seed=77)
    found = topics(np.concatenate([vectors, lone]), texts + ["quantum lattice gauge"] * 8, Silent())
    small = [topic for topic in found.topics if topic.is_small]
    assert small == list(found.topics[-len(small) :]) if small else set(range(1200, 1208)) <= set(found.outliers.tolist())


def test_outliers_stand_far_below_their_topics_usual_cosine():
    cosine = np.array([0.9, 0.91, 0.89, 0.9, 0.2, 0.5, 0.5, 0.5, 0.5, 0.5], dtype=np.float32)
    assert outliers(np.repeat([0, 1], 5), cosine).tolist() == [4]


def test_few_rows_are_one_topic_and_no_rows_are_none():
    vectors, _, texts = planted(1, 12)
    found = topics(vectors, texts, Silent())
    assert [topic.rows for topic in found.topics] == [12]
    assert "too few" in found.reason
    assert topics(vectors[:0], [], Silent()).topics == ()


def test_equal_rows_do_not_upset_anything():
    vectors = np.repeat(unit(np.ones((1, 8))), 100, axis=0)
    found = topics(vectors, ["same words here"] * 100, Silent())
    assert sum(topic.rows for topic in found.topics) == 100
    assert len(found.outliers) == 0


def test_centres_stand_in_the_middle_of_their_rows():
    vectors, of = around(4, 50, seed=9)
    centres = k_means(vectors, 4, np.random.default_rng(0))
    number, cosine = assign(vectors, centres)
    assert all(len(set(of[number == n].tolist())) == 1 for n in range(4))
    np.testing.assert_allclose(centres, unit(np.stack([vectors[number == n].sum(axis=0) for n in range(4)])), atol=1e-5)
    np.testing.assert_allclose(cosine, np.einsum("nd,nd->n", vectors, centres[number]), atol=1e-5)
    assert silhouette(vectors, centres) > silhouette(vectors, k_means(vectors, 3, np.random.default_rng(0)))


def test_silhouette_by_hand():
    centres = unit(np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert silhouette(unit(np.array([[1.0, 0.0], [1.0, 1.0]])), centres) == pytest.approx(0.5)  # (1 - 0) / 1 and (0.29 - 0.29) / 0.29


def test_names_take_what_is_frequent_here_and_rare_elsewhere():
    texts = ["the card is lost"] * 10 + ["the rain is cold"] * 10
    names = name_topics(texts, np.repeat([0, 1], 10), 2, np.random.default_rng(0))
    assert "card" in names[0]
    assert not {"the", "is"} & {word for name in names for word in name.replace(",", "").split()}


def test_terms_of_scripts_without_spaces_are_characters_and_pairs():
    assert {"銀行", "my bank"} <= terms("my bank 銀行")
