"""What rows have in common, and the sentence about where they are weak."""

from __future__ import annotations

import doctest

import pytest

from tests.evaluate.suites.scripted import OUTSIDE, answered, data, material, row
from tunesmith.evaluate.suites import slicing
from tunesmith.evaluate.suites.material import Material
from tunesmith.evaluate.suites.slicing import length_quarters, marks_of, score_name, slices
from tunesmith.spec.suite import Slices, SuiteLimits

DATASET = data(labels=("a", "b", "c", OUTSIDE))
ROWS = [row(k, " ".join(["word"] * (3 + k % 9)), "abc"[k % 3]) for k in range(90)]
WEAK = {one.id: "b" for k, one in enumerate(ROWS) if k % 3 == 2 and k % 2}


def test_examples() -> None:
    assert doctest.testmod(slicing).failed == 0


def test_the_weak_label_is_named() -> None:
    found = slices(material(DATASET, ROWS, WEAK))
    assert isinstance(found, Slices)
    assert found.worst is not None
    assert (found.worst.column, found.worst.value, found.worst.outcome) == ("label", "c", "worse")
    assert found.worst.metric.value == 0.5
    assert "the lowest is label “c”: exact match 50.0 %" in found.sentence
    assert "worse beyond chance" in found.sentence
    assert {one.wanted for one in found.examples} == {"c"}
    assert "source" not in {one.column for one in found.slices}  # one file only


def test_no_weakness_is_said() -> None:
    found = slices(material(DATASET, ROWS, {ROWS[4].id: "c", ROWS[9].id: "b"}))
    assert isinstance(found, Slices)
    assert "No slice is worse than the rest beyond what chance gives" in found.sentence
    assert len(found.examples) <= 1


def test_the_user_s_own_columns() -> None:
    found = material(
        DATASET, ROWS, languages={one.id: "de" if k % 4 == 0 else "en" for k, one in enumerate(ROWS)}, columns={"shop": {ROWS[0].id: "x"}}
    )
    marks = marks_of(found.dev_answers, found)
    assert marks[0]["language"] == "de"
    assert marks[0]["shop"] == "x"
    assert "shop" not in marks[1]
    assert set(marks[0]) == {"label", "length of the question", "language", "shop"}


def test_the_weak_value_of_a_column_is_named_and_corrected_for_all_slices() -> None:
    region = {one.id: "north" if k % 5 == 0 else "south" if k % 5 == 1 else "east" for k, one in enumerate(ROWS)}
    found = slices(material(DATASET, ROWS, {one.id: OUTSIDE for k, one in enumerate(ROWS) if k % 5 == 0}, columns={"region": region}))
    assert isinstance(found, Slices)
    assert found.worst is not None
    assert (found.worst.column, found.worst.value, found.worst.outcome, found.worst.metric.n) == ("region", "north", "worse", 18)
    assert {one.column for one in found.slices} == {"label", "length of the question", "region"}
    assert found.worst.p_adjusted == pytest.approx(found.worst.p_value * len(found.slices))


def test_a_column_of_the_user_s_beats_what_is_known_under_its_name() -> None:
    own = {ROWS[0].id: "Deutsch", ROWS[1].id: "English"}
    found = material(DATASET, ROWS[:3], columns={"language": own}, languages={one.id: "de" for one in ROWS[:3]})
    assert [mark.get("language") for mark in marks_of(found.dev_answers, found)] == ["Deutsch", "English", None]


def test_columns_that_make_no_slices_are_said() -> None:
    columns = {"ticket": {one.id: f"T-{k}" for k, one in enumerate(ROWS)}, "shop": {one.id: "one" for one in ROWS}, "empty": {}}
    found = slices(material(DATASET, ROWS, WEAK, columns=columns))
    assert isinstance(found, Slices)
    assert found.left_out == {
        "ticket": "90 different values, more than 50 (examine.slice_values)",
        "shop": "all rows have the same value",
        "empty": "no row has a value",
    }
    assert {one.column for one in found.slices} == {"label", "length of the question"}
    assert "ticket" not in found.too_small
    assert "The column “ticket” makes no slices: 90 different values, more than 50" in found.sentence
    more = slices(material(DATASET, ROWS, WEAK, columns=columns, limits=SuiteLimits(slice_values=90)))
    assert isinstance(more, Slices)
    assert more.too_small["ticket"] == 90


def test_the_label_of_free_text_is_its_row_s() -> None:
    dataset = data("chat", (), None)
    rows = [row(k, f"q {k}", f"answer {k}", label="fees" if k % 2 else "cards") for k in range(20)]
    found = material(dataset, rows, metric="token_f1")
    assert [mark["label"] for mark in marks_of(found.dev_answers, found)][:2] == ["cards", "fees"]


def test_rows_out_of_scope_are_no_slice_of_what_is_in_scope() -> None:
    rows = [*ROWS, *(row(200 + k, "who won", OUTSIDE) for k in range(10))]
    found = slices(material(DATASET, rows, {one.id: "a" for one in rows[90:]}))
    assert isinstance(found, Slices)
    assert OUTSIDE not in {one.value for one in found.slices}


@pytest.mark.parametrize(
    ("metric", "task", "expected"),
    [
        ("exact_match", "classify", "exact_match"),
        ("macro_f1", "classify", "exact_match"),
        ("chrf", "chat", "chrf"),
        ("perplexity", "chat", "exact_match"),
    ],
)
def test_which_score(metric, task: str, expected: str) -> None:
    rows = [answered(one, "x", data(task, ("a", "b", "c"), None)) for one in ROWS[:3]]
    assert score_name(metric, rows) == expected
    assert score_name(metric, []) is None


def test_where_lower_is_better_the_score_is_turned() -> None:
    rows = [answered(one, OUTSIDE if k < 20 else "abc"[k % 3], DATASET) for k, one in enumerate(ROWS)]
    found = slices(Material(DATASET, "d", "false_refusal_rate", (), ROWS, rows))
    assert isinstance(found, Slices)
    assert found.score == "1 − refused"
    assert found.worst is not None
    assert found.worst.metric.value < 1


def test_quarters() -> None:
    assert set(length_quarters([5] * 9)) == {"up to 5 words"}
    assert length_quarters([]) == []
    many = length_quarters(list(range(1, 101)))
    assert {name: many.count(name) for name in many} == {"up to 25 words": 25, "26 to 50 words": 25, "51 to 75 words": 25, "over 75 words": 25}


def test_nothing_to_compare_by() -> None:
    rows = [answered(one, "a", DATASET).model_copy(update={"scores": {}}) for one in ROWS]
    assert slices(Material(DATASET, "d", "exact_match", (), ROWS, rows)) == "the rows have no score that stands for exact match"
