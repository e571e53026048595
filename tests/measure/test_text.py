"""Text scores against slow plain references, published examples and sacrebleu itself."""

from __future__ import annotations

import doctest
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF

from tests.waiting import computing
from tunesmith.measure import text
from tunesmith.measure.text import (
    bleu,
    bleu_counts,
    bleu_of,
    chrf,
    chrf_counts,
    chrf_of,
    common_subsequence,
    is_json,
    normalise,
    rouge_l,
    same_json,
    token_f1,
    words,
)

WORDS = st.lists(st.sampled_from(["the", "cat", "sat", "on", "a", "mat", "and", "then", "it", "left", "42"]), max_size=30).map(" ".join)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(text).failed == 0


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("The  Quick, brown fox!", "quick brown fox"),
        ("An apple a day", "apple day"),
        ("Straße", "strasse"),
        ("cafe\u0301", "caf\u00e9"),
        ("«Да», сказал он…", "да сказал он"),
        ("5 €", "5 €"),
        ("...", ""),
    ],
)
def test_normalise(raw: str, expected: str) -> None:
    assert normalise(raw) == expected


def test_scripts_without_spaces_count_by_character() -> None:
    assert words("银行卡 lost") == ["银", "行", "卡", "lost"]
    assert token_f1("银行卡", "银行") == pytest.approx(0.8)  # 2 shared of 3 and 2: 2 × 2 / 5


def test_combining_marks_stay_with_their_letter() -> None:
    assert words("हिन्दी भाषा") == ["हिन्दी", "भाषा"]


def test_token_f1_by_hand() -> None:
    # reference: reset, card, now; answer: reset, card, today, please: precision 2/4, recall 2/3, F1 = 4/7
    assert token_f1("Reset the card today, please.", "reset card now") == pytest.approx(4 / 7)
    assert token_f1("card card", "card") == pytest.approx(2 / 3)  # a repeated word is not found twice
    assert (token_f1("", ""), token_f1("", "x"), token_f1("x", "")) == (1.0, 0.0, 0.0)


def longest_by_table(first: list[str], second: list[str]) -> int:
    """The textbook table: O(n × m)."""
    row = [0] * (len(second) + 1)
    for one in first:
        above = row[:]
        for j, other in enumerate(second):
            row[j + 1] = above[j] + 1 if one == other else max(above[j + 1], row[j])
    return row[-1]


@given(WORDS, WORDS)
@settings(max_examples=200, deadline=None)
def test_common_subsequence_equals_the_table(first: str, second: str) -> None:
    assert common_subsequence(first.split(), second.split()) == longest_by_table(first.split(), second.split())


def test_rouge_l_by_hand() -> None:
    # "police kill the gunman" against "police killed the gunman": the subsequence is police the gunman, 3 of 4 both ways (Lin 2004)
    assert rouge_l("police kill the gunman", "police killed the gunman") == pytest.approx(0.75)
    assert rouge_l("the gunman kill police", "police killed the gunman") == pytest.approx(0.5)
    assert (rouge_l("", ""), rouge_l("", "x")) == (1.0, 0.0)


def test_rouge_l_of_long_answers_is_quick() -> None:
    generator = random.Random(0)
    long = [" ".join(str(generator.randrange(500)) for _ in range(20_000)) for _ in range(2)]
    with computing(10):  # the table takes minutes
        assert 0 < rouge_l(*long) < 1


def corpus() -> tuple[list[str], list[str]]:
    generator = random.Random(1)
    vocabulary = ["how", "do", "I", "reset", "my", "PIN", "?", "please", "wait", ",", "the", "card", "is", "blocked", ".", "call", "us", "today", "!"]
    references = [" ".join(generator.choices(vocabulary, k=generator.randrange(1, 25))) for _ in range(60)]
    answers = [" ".join(w for w in r.split() if generator.random() < 0.8) + generator.choice(["", " indeed", " x y z"]) for r in references]
    return answers, references


def test_corpus_scores_equal_sacrebleu() -> None:
    answers, references = corpus()
    chrf_sums = np.array([chrf_counts(a, r) for a, r in zip(answers, references, strict=True)]).sum(axis=0)
    bleu_sums = np.array([bleu_counts(a, r) for a, r in zip(answers, references, strict=True)]).sum(axis=0)
    assert 100 * chrf_of(chrf_sums) == pytest.approx(CHRF().corpus_score(answers, [references]).score)
    assert 100 * bleu_of(bleu_sums) == pytest.approx(BLEU().corpus_score(answers, [references]).score)


@pytest.mark.parametrize(("answer", "reference"), [("a b c d e f", "a b x d e y"), ("a b", "a b"), ("", "a b c d"), ("q w e r t", "a s d f g")])
def test_corpora_with_nothing_in_common_or_too_short_equal_sacrebleu(answer: str, reference: str) -> None:
    assert 100 * bleu_of(np.array(bleu_counts(answer, reference))) == pytest.approx(BLEU().corpus_score([answer], [[reference]]).score)
    assert 100 * chrf_of(np.array(chrf_counts(answer, reference))) == pytest.approx(CHRF().corpus_score([answer], [[reference]]).score)


def test_sentence_scores_equal_sacrebleu() -> None:
    for answer, reference in zip(*corpus(), strict=True):
        assert 100 * chrf(answer, reference) == pytest.approx(CHRF().sentence_score(answer, [reference]).score)
        assert 100 * bleu(answer, reference) == pytest.approx(BLEU(effective_order=True).sentence_score(answer, [reference]).score)


@pytest.mark.parametrize("good", ["{}", " [1, 2.5e3, null] ", '"text"', "0"])
def test_is_json(good: str) -> None:
    assert is_json(good)


@pytest.mark.parametrize(
    "bad", ["", "{", "NaN", "[Infinity]", "{'a': 1}", "```json\n{}\n```", '{"a": 1} done', '{"a": 1, "a": 2}', "[" * 200_000, "9" * 5_000]
)
def test_is_not_json(bad: str) -> None:
    assert not is_json(bad)


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ('{"a": 1, "b": [1, 2]}', '{ "b": [1, 2.0], "a": 1 }', True),
        ("[1, 2]", "[2, 1]", False),
        ("[true]", "[1]", False),
        ('{"a": null}', "{}", False),
        ('"A"', '"a"', False),
        ("oops", "oops", False),
    ],
)
def test_same_json(answer: str, reference: str, expected: bool) -> None:
    assert same_json(answer, reference) is expected


def test_json_nested_too_deep_to_walk_is_compared_as_text() -> None:
    deep = '{"a":' * 700 + "1" + "}" * 700
    assert same_json(deep, deep + " ")
