"""Duplicates, reordered words and templates are found; rows that only look alike are not."""

import numpy as np
import pytest

from tests.data.examine.rows_of import read, table
from tests.ears import Ears
from tunesmith.data.examine.repetition import framed, near_with_same_answer, repeats, repetition, templates


def found(tmp_path, rows):
    known = read(tmp_path, table(tmp_path / "a.csv", rows))
    return known, repetition(known, Ears())


def test_exact_repeats_are_told_by_their_first_row(tmp_path):
    rows, one = found(tmp_path, [("Where is my card?", "a"), ("Something else here", "b"), ("where  is MY card?", "a"), ("Where is my card?", "b")])
    assert one.exact.tolist() == [0, 1, 0, 3]
    assert repeats(rows, one.exact) == (pytest.approx(np.array([2])), [(0, 2)])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("how can i get my money back from the shop", "how can i get my mony back from the shop"),
        ("how do i block my card right now please", "please how do i block my card right now"),
    ],
)
def test_a_slip_and_another_order_of_words_are_near(tmp_path, first, second):
    rows, one = found(tmp_path, [(first, "a"), ("an unrelated line about the weather in may", "b"), (second, "a")])
    assert near_with_same_answer(rows, one).tolist() == [0, 1, 0]


def test_near_rows_with_other_answers_repeat_nothing(tmp_path):
    rows, one = found(tmp_path, [("how can i get my money back", "a"), ("how can i get my mony back", "b")])
    assert one.near.tolist() == [0, 0]
    assert near_with_same_answer(rows, one).tolist() == [0, 1]


def test_a_template_is_recognised(tmp_path):
    cities = ["Oslo", "Lima", "Rome", "Kyiv", "Bonn", "Cairo", "Delhi", "Quito", "Accra", "Minsk", "Hanoi", "Sofia"]
    filled = [(f"what is the population of {city} at the moment", "a") for city in cities]
    free = [(f"my neighbour {name} asked about {thing}", "b") for name, thing in zip("klmnopqrst", "abcdefghij", strict=True)]
    rows, _ = found(tmp_path, [*filled, *free])
    frames = templates(rows, Ears())
    assert [(f.frame, f.rows) for f in frames][:1] == [("what is the population of … at the moment", tuple(range(12)))]


def test_a_frame_needs_words_that_stay():
    assert framed(["a", "b", "x"], {"a"}) == (["a", "…"], 1)
