"""The rows of small trainings: nested, of every label alike, and hanging on nothing but ids and seed."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.decide.conftest import make_record
from tunesmith.decide.shares import share_of

LABELS = ["card", "pin", "pin", "other"]
ROWS = [make_record(k, f"q {k}", LABELS[k % 4], LABELS[k % 4]) for k in range(400)]


@given(small=st.floats(0.01, 1), large=st.floats(0.01, 1), seed=st.integers(0, 3))
def test_smaller_shares_are_part_of_larger_ones(small: float, large: float, seed: int) -> None:
    few, many = (share_of(ROWS, share, seed) for share in sorted((small, large)))
    assert {row.id for row in few} <= {row.id for row in many}
    assert len(many) == max(1, round(max(small, large) * len(ROWS)))
    assert many == [row for row in ROWS if row in many]


def test_every_label_gives_its_share() -> None:
    assert Counter(row.label for row in share_of(ROWS, 0.1, 0)) == {"card": 10, "pin": 20, "other": 10}


def test_the_order_of_the_rows_does_not_matter_and_the_seed_does() -> None:
    other = random.Random(0).sample(ROWS, len(ROWS))
    first, again, another = ({row.id for row in share_of(rows, 0.25, seed)} for rows, seed in ((ROWS, 0), (other, 0), (ROWS, 1)))
    assert first == again != another


def test_all_rows_and_free_text() -> None:
    assert share_of(ROWS, 1.0, 0) == ROWS
    free = [make_record(k, f"q {k}", f"a {k}") for k in range(50)]
    assert len(share_of(free, 0.5, 0)) == 25
    assert len(share_of(free[:1], 0.01, 0)) == 1
