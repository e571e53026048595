"""Runs of recalled tokens → copies and their share."""

from __future__ import annotations

import doctest

import pytest

from tunesmith.measure import memorisation
from tunesmith.measure.memorisation import Recalled, copied_share, copy_of


def test_examples() -> None:
    assert doctest.testmod(memorisation).failed == 0


@pytest.mark.parametrize(
    ("hits", "expected"),
    [
        ((True,) * 8, "whole"),
        ((True,) * 7 + (False,), None),
        ((False,) + (True,) * 50, "long"),
        ((False,) + (True,) * 49, None),
        ((), None),
    ],
)
def test_what_counts_as_a_copy(hits: tuple[bool, ...], expected: str | None) -> None:
    found = Recalled(9, hits)
    assert copy_of(found, long=50) == expected
    assert found.tokens == 9 + len(hits)


def test_the_share() -> None:
    found = copied_share(["whole", None, "long", None], ["1", "2", "3", "4"], 0.95)
    assert (found.value, found.n, found.clusters) == (0.5, 4, None)
    assert copied_share([None] * 30, ["1"] * 30, 0.95).clusters == 1
    assert copied_share([None] * 30, [str(k) for k in range(30)], 0.95).method == "rule of three"
