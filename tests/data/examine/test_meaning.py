"""Vectors of texts: each different text once, in order, kept over a stop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.examine import meaning as module
from tunesmith.data.examine.meaning import F32, Encoder, distinct, meanings
from tunesmith.errors import Interrupted
from tunesmith.spec.job import Silent, Spoken

WIDTH = 4


class Letters:
    """An encoder that counts vowels, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> F32:
        self.asked += texts
        raw = np.array([[text.count(letter) + 1 for letter in "aeiu"] for text in texts], dtype=np.float32)
        return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), dtype=np.float32)

    def encoder(self, digest: str = "letters") -> Encoder:
        return Encoder(self.embed, WIDTH, digest)


class Impatient:
    """A monitor whose user wants a stop after so many looks."""

    def __init__(self, looks: int) -> None:
        self.left = looks

    def emit(self, event: Spoken) -> None:
        """Nobody listens."""

    def stopping(self) -> bool:
        self.left -= 1
        return self.left < 0


@given(st.lists(st.sampled_from(["a", "b", "", "c d"]), max_size=12))
def test_distinct_texts_are_numbered_by_their_first_appearance(texts):
    number, first = distinct(texts)
    different = list(dict.fromkeys(texts))
    assert [texts[i] for i in first.tolist()] == different
    assert [different[n] for n in number.tolist()] == texts


def test_equal_texts_are_embedded_once(tmp_path: Path) -> None:
    letters = Letters()
    texts = ["aaa", "e", "aaa", "", "e"]
    found = meanings(texts, letters.encoder(), tmp_path / "v", Silent())
    assert letters.asked == ["aaa", "e", ""]
    assert found.vectors.shape == (3, WIDTH)
    np.testing.assert_allclose(found.every(), Letters().embed(texts), atol=1e-3)
    np.testing.assert_array_equal(found.of(np.array([2, 0])), found.every()[[2, 0]])
    assert found.first.tolist() == [0, 1, 3]


def test_a_stopped_call_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TEXTS_AT_ONCE", 2)
    texts = [letter * n for letter in "aei" for n in range(1, 4)]
    before, after = Letters(), Letters()
    with pytest.raises(Interrupted):
        meanings(texts, before.encoder(), tmp_path / "v", Impatient(2))
    assert before.asked == texts[:4]
    found = meanings(texts, after.encoder(), tmp_path / "v", Silent())
    assert after.asked == texts[4:]
    np.testing.assert_allclose(found.every(), Letters().embed(texts), atol=1e-3)


def test_other_texts_and_other_encoders_do_not_share_vectors(tmp_path: Path) -> None:
    meanings(["a", "e"], Letters().encoder(), tmp_path / "v", Silent())
    same, other, encoder = Letters(), Letters(), Letters()
    meanings(["a", "e"], same.encoder(), tmp_path / "v", Silent())
    assert same.asked == []
    meanings(["a", "e"], encoder.encoder("another"), tmp_path / "v", Silent())
    assert encoder.asked == ["a", "e"]
    meanings(["ae", ""], other.encoder("another"), tmp_path / "v", Silent())
    assert other.asked == ["ae", ""]


def test_no_texts_and_lone_surrogates(tmp_path: Path) -> None:
    assert meanings([], Letters().encoder(), tmp_path / "none", Silent()).every().shape == (0, WIDTH)
    assert meanings(["\ud800"], Letters().encoder(), tmp_path / "half", Silent()).every().shape == (1, WIDTH)
