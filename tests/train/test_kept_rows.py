"""Tokenised examples of every kind come back as they were, and only for the same inputs."""

from __future__ import annotations

import pytest

from tunesmith.train.examples import Pair, Rated, TokenRow
from tunesmith.train.kept_rows import kept
from tunesmith.train.rows import Tokenised

ROWS = [TokenRow([1, 2, 3], [False, True, True]), TokenRow([4, 5], [False, True]), TokenRow([300_000], [False])]


@pytest.mark.parametrize(
    "examples",
    [ROWS, [Pair(ROWS[0], ROWS[1]), Pair(ROWS[1], ROWS[2])], [Rated(ROWS[0], True, ROWS[1]), Rated(ROWS[1], False, ROWS[0])], []],
    ids=["rows", "pairs", "ratings", "none"],
)
def test_what_was_kept_comes_back(tmp_path, examples):
    made = Tokenised(examples, 2, 1)
    asked = []

    def make() -> Tokenised:
        asked.append(1)
        return made

    assert kept(tmp_path, "train", {"length": 1}, make) is made
    assert kept(tmp_path, "train", {"length": 1}, make) == made
    assert len(asked) == 1
    kept(tmp_path, "train", {"length": 2}, make)
    kept(tmp_path, "dev", {"length": 1}, make)
    assert len(asked) == 3, "other inputs, other rows"
