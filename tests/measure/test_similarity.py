"""Metrics between two texts against examples worked by hand, and what holds for all of them."""

from __future__ import annotations

import doctest
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.measure import similarity as module
from tunesmith.measure.similarity import Similarity, aligned, cosine, fuzzy_match, gleu, meteor, rouge_n, similarity

METRICS: list[Any] = [name for name in get_args(Similarity) if name != "cosine"]
TEXTS = st.lists(st.sampled_from(["the", "cat", "sat", "on", "mat", "dog"]), max_size=8).map(" ".join)


def test_examples_of_the_module() -> None:
    assert doctest.testmod(module).failed == 0


@settings(max_examples=30)
@given(TEXTS, TEXTS)
def test_every_metric_is_a_share(first: str, second: str) -> None:
    for metric in METRICS:
        assert 0 <= similarity(metric, first, second) <= 1, metric


@pytest.mark.parametrize("metric", METRICS)
def test_equal_texts_are_alike_and_others_less_so(metric: Any) -> None:
    text = "the quick brown fox jumps over the lazy dog near the river bank"
    same, near, far = (similarity(metric, other, text) for other in (text, text.replace("lazy", "old"), "completely different words here now indeed"))
    assert same == pytest.approx(1.0, abs=0.001)
    assert same > near > far


def test_rouge_by_hand() -> None:
    # runs of two words: {the cat, cat sat} and {the cat, cat is}: one in common, 2·1/(2+2)
    assert rouge_n("the cat sat", "the cat is", 2) == 0.5
    assert rouge_n("a", "a", 5) == 1.0
    assert rouge_n("a", "b", 5) == 0.0


def test_gleu_by_hand() -> None:
    # 3+2+1 runs of the answer, 2+1 of the reference, 2+1 in common: the smaller of 3/6 and 3/3
    assert gleu("the cat sat", "the cat") == 0.5
    assert gleu("", "") == 1.0
    assert gleu("", "a") == 0.0


def test_meteor_by_hand() -> None:
    # one run of three equal words: F = 1, penalty 0.5·(1/3)³
    assert meteor("the cat sat", "the cat sat") == pytest.approx(1 - 0.5 / 27)
    # precision 1, recall 2/4: F = 0.5/(0.9 + 0.1·0.5); one run of two words: penalty 0.5/8
    assert meteor("the cat", "the cat sat down") == pytest.approx(0.5 / 0.95 * (1 - 0.5 / 8))
    assert meteor("cat the", "the cat") < meteor("the cat", "the cat")
    assert aligned(["a", "b", "a"], ["a", "a", "b"]) == [(0, 0), (1, 2), (2, 1)]


def test_cosine_and_fuzzy() -> None:
    assert cosine([1, 1], [1, 0]) == pytest.approx(0.5**0.5)
    assert cosine([0, 0], [1, 0]) == 0.0
    assert fuzzy_match("", "") == 1.0
    assert fuzzy_match("fuzzy wuzzy was a bear", "wuzzy fuzzy was a bear") == pytest.approx(0.95)
