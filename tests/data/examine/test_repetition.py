"""Duplicates, reordered words and templates are found; rows that only look alike are not."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.examine.rows_of import read, table
from tests.ears import Ears
from tunesmith.data.duplicates import first_of_equals
from tunesmith.data.examine.repetition import SLIP_SHINGLES, across, framed, near_with_same_answer, repeats, repetition, slips, templates
from tunesmith.data.neighbours import Tally, one_slip


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


LONG = "natalia sold clips to 48 of her friends in april and then she sold half as many clips in may how many clips did natalia sell altogether in april and may"
OTHER = (
    "a robe takes 2 bolts of blue fiber and half that much white fiber so how many bolts in total does it take if nobody makes a mistake on the way"
)


@pytest.mark.parametrize("place", [0, 3, 40, 60, 75, 76, 77, 100, 149, 151])
@pytest.mark.parametrize("kind", ["missing", "more", "other", "swapped"])
def test_one_slip_in_a_longer_text_is_near_wherever_it_is(tmp_path, place, kind):
    tail = LONG[place + 1 :]
    slipped = {
        "missing": LONG[:place] + tail,
        "more": f"{LONG[:place]}q{LONG[place:]}",
        "other": f"{LONG[:place]}q{tail}",
        "swapped": LONG[:place] + tail[:1] + LONG[place] + tail[1:],
    }[kind]
    _, one = found(tmp_path, [(LONG, "72"), (OTHER, "3"), (slipped, "72")])
    as_digits = [[c for c in text if c.isdigit()] for text in (LONG, slipped)]
    assert one.near.tolist() == ([0, 1, 0] if as_digits[0] == as_digits[1] else [0, 1, 2])


def test_longer_texts_with_two_slips_or_other_numbers_are_not_joined(tmp_path):
    changed = [LONG.replace("friends", "freinds").replace("altogether", "altogther"), LONG.replace("48", "84"), LONG.replace("half", "twice")]
    _, one = found(tmp_path, [(LONG, "72"), *((text, "72") for text in changed)])
    assert one.near.tolist() == [0, 1, 2, 3]


def test_what_the_complete_join_does_not_look_for_is_found_across_files(tmp_path):
    train = [
        (LONG.replace("clips", "clisp", 1), "72"),
        ("please how do i block my card right now", "card"),
        ("an unrelated line about the weather in may", "b"),
    ]
    test = [(LONG, "72"), ("how do i block my card right now please", "card"), ("an unrelated line about the weather in may", "b")]
    rows = read(tmp_path, table(tmp_path / "train.csv", train), table(tmp_path / "test.csv", test))
    assert across(rows, rows.of_file("test.csv")) == [(0, 3), (1, 4)]
    assert across(rows, np.zeros(len(rows), bool)) == []


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200), st.integers(0, 3)), min_size=2, max_size=12))
def test_slips_are_those_of_comparing_all_pairs(tmp_path_factory, changes):
    texts = []
    for base, place, kind in changes:
        text = (LONG, OTHER, f"x{LONG}", OTHER.replace("2", "3"))[base]
        place %= len(text) - 1
        texts.append(
            (
                text,
                text[:place] + text[place + 1 :],
                text[:place] + "q" + text[place:],
                text[:place] + text[place + 1] + text[place] + text[place + 2 :],
            )[kind]
        )
    root = tmp_path_factory.mktemp("slips")
    rows = read(root, table(root / "a.csv", [(text, "a") for text in texts]))
    folded = rows.texts.folded()
    distinct = np.unique(first_of_equals(rows.facts.asked))
    sizes = np.diff(rows.texts.shingle_offsets)
    wanted = {(a, b) for a, b in itertools.combinations(distinct.tolist(), 2) if one_slip(folded, a, b) and max(sizes[a], sizes[b]) < SLIP_SHINGLES}
    assert set(slips(rows, distinct, Tally())) == wanted
