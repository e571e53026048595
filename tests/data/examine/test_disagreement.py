"""Contradictions are told with what the majority says; differences that change the question are none."""

import pytest

from tests.data.examine.rows_of import chats, read, table
from tests.ears import Ears
from tunesmith.data.examine.disagreement import asks_the_same, differ, disagreements
from tunesmith.data.examine.repetition import repetition


def told(tmp_path, source):
    rows = read(tmp_path, source)
    return disagreements(rows, repetition(rows, Ears()))


def test_equal_questions_with_other_labels(tmp_path):
    one = told(tmp_path, table(tmp_path / "a.csv", [("card gone", "lost"), ("hello there", "hi"), ("Card gone", "stolen"), ("card  gone", "lost")]))
    assert [(d.rows, d.answers, d.is_exact, d.losers) for d in one] == [((0, 2, 3), 2, True, (2,))]
    assert one[0].proposal == "the majority (2 of 3 rows) answers as a.csv line 2"


def test_without_a_majority_the_newest_is_proposed(tmp_path):
    one = told(tmp_path, table(tmp_path / "a.csv", [("card gone", "lost"), ("card gone", "stolen")]))
    assert one[0].proposal == "no majority; the newest row answers as a.csv line 3"
    assert one[0].losers == (0,)


def test_nearly_equal_questions(tmp_path):
    rows = [("when will my new card arrive at home", "arrival"), ("when will my new card arive at home", "delivery")]
    assert [(d.rows, d.is_exact) for d in told(tmp_path, table(tmp_path / "a.csv", rows))] == [((0, 1), False)]


def test_long_answers_that_say_the_same_do_not_contradict(tmp_path):
    base = "You can send it back within thirty days if it has not been used, and we pay the postage for it in every case"
    rows = [("can i send my order back to the shop", base + "."), ("can i send my order bck to the shop", base + " today.")]
    assert told(tmp_path, chats(tmp_path / "a.jsonl", rows)) == []


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("what is 3 plus 4?", "what is 3 plus 5?", False),
        ("can i pay by card in the shop", "can't i pay by card in the shop", False),
        ("is it open on monday", "is it not open on monday", False),
        ("where is my crad now, please", "where is my card now, please", True),
        ("my card where is", "where is my card", True),
        ("can i create my own functions in c?", "can i create my own functions in c++?", False),
    ],
)
def test_what_asks_the_same(first, second, same):
    assert asks_the_same(first, second) is same


def test_the_last_number_of_an_answer_counts():
    assert differ("The sum is, after all of it, 41", "The sum is, after all of it, 42")
    assert not differ("The sum is, after all of it, 41", "The sum is after all of it 41")
