"""concerns(): silence where all is well, and each likely mistake with its examples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tunesmith.data.concerns import REMARKS, TRAINING, VALIDATION, Findings, Pairs, Sizes, concerns
from tunesmith.data.given_words import Numbers

NONE = Numbers()
FINE = Findings(
    rows={TRAINING: 200, VALIDATION: 20}, duplicates=Pairs(), near=NONE, equal=Pairs(), alike=Pairs(), contradicting=(), contradictions=0,
    sizes={TRAINING: Sizes(512, 500, NONE, NONE)}, labels={}, systems=1, without_system=NONE, personal={}, remarks={TRAINING: {}, VALIDATION: {}},
)  # fmt: skip


def test_all_is_well():
    assert concerns(FINE) == []
    assert concerns(replace(FINE, labels={TRAINING: {"a": 100, "b": 100}, VALIDATION: {"a": 20}})) == []
    assert concerns(replace(FINE, systems=0, without_system=Numbers.of(range(1, 201)))) == [], "no row has a system prompt"
    assert concerns(replace(FINE, systems=190)) == [], "a prompt of its own for each row is part of the data"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rows": {TRAINING: 12}}, "only 12 examples to train on"),
        ({"duplicates": Pairs.of([(5, 2)])}, "1 training examples say the same as an earlier one (5 as 2)"),
        ({"near": Numbers.of([3, 4])}, "2 training examples are near duplicates of others (3, 4)"),
        ({"equal": Pairs.of((i, 1) for i in range(1, 9))}, "8 of 20 validation examples ask the same as a training example (1 as 1, 2 as 1, 3 as 1, 4 as 1, 5 as 1 and 3 more)"),
        ({"alike": Pairs.of([(7, 9)])}, "1 of 20 validation examples ask nearly the same as a training example (7 as 9)"),
        ({"contradicting": ((1, 4),), "contradictions": 1}, "one question has several answers (examples 1 and 4)"),
        ({"contradicting": ((1, 4),), "contradictions": 2}, "2 questions have several answers (examples 1 and 4; …)"),
        ({"contradicting": ((1, 4),), "contradictions": 1, "is_preference": True}, "1 preferences contradict another one (examples 1 and 4)"),
        ({"sizes": {TRAINING: Sizes(512, 900, Numbers.of([3]), NONE)}}, "1 training examples are longer than the 512 tokens that are trained at once (3; the longest has about 900)"),
        ({"sizes": {VALIDATION: Sizes(512, 900, NONE, Numbers.of([3]))}}, "1 validation examples teach nothing (3)"),
        ({"labels": {TRAINING: {"a": 199, "b": 1}}}, "the most frequent and the rarest answer are `a` (199), `b` (1)"),
        ({"labels": {TRAINING: {"a": 200}}}, "every training example has the answer `a` (200)"),
        ({"labels": {TRAINING: {"card lost": 100, "Card_Lost": 100}}}, "the answers `Card_Lost` (100), `card lost` (100) look like one label"),
        ({"labels": {TRAINING: {"a": 100, "b": 100}, VALIDATION: {"c": 1}}}, "1 answers stand only in the validation file (`c` (1))"),
        ({"systems": 3}, "there are 3 different system prompts"),
        ({"without_system": Numbers.of([7])}, "1 training examples have no system prompt and the others have one (7)"),
        ({"personal": {TRAINING: {"IBAN": Numbers.of([2])}}}, "the training file seems to hold personal data or secrets: IBAN in 1 (2)"),
    ],
)  # fmt: skip
def test_each_concern(change: dict[str, Any], words: str):
    (told,) = concerns(replace(FINE, **change))
    assert told.startswith(words)
    assert len(told) > len(words), "and what it means, or what helps"


@pytest.mark.parametrize("kind", REMARKS)
def test_each_remark(kind):
    (told,) = concerns(replace(FINE, remarks={VALIDATION: {kind: Numbers.of([4, 9])}}))
    assert f"2 validation examples (4, 9) {REMARKS[kind]}" == told


def test_the_gravest_comes_first():
    found = concerns(replace(FINE, rows={TRAINING: 12, VALIDATION: 12}, systems=2, equal=Pairs.of([(1, 1)])))
    assert [" ".join(told.split()[: 2 if i == 1 else 1]) for i, told in enumerate(found)] == ["only", "1 of", "there"]
