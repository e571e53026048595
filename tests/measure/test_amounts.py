"""Numbers, dates and times: every way they are written, worked by hand."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.measure import amount_words, amounts
from tunesmith.measure.amounts import agree, said_in_words, same_day, stated, values_of


def test_examples():
    assert doctest.testmod(amounts).failed == 0
    assert doctest.testmod(amount_words).failed == 0


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("7", {7}), ("1,234", {1234, 1.234}), ("1.234", {1234, 1.234}), ("1,234,567", {1234567}), ("1.234.567,8", {1234567.8}), ("12,5", {12.5}),
        ("1 234", {1234}), ("1’234’567", {1234567}), ("1\u202f234", {1234}), ("3.11.2", set()), ("0.5", {0.5}), ("1,23,456", set()), ("12.34,56.7", set()),
    ],
)  # fmt: skip
def test_digits_with_separators(written, expected):
    assert set(values_of(written)) == expected


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        ("5 km", "5,000 m", True), ("5km", "5 kilometres", True), ("5 km", "5 miles", False), ("90 minutes", "1.5 hours", True), ("3 kg", "3 hours", False),
        ("12 %", "12 percent", True), ("12%", "0.12", True), ("12 %", "12 km", False), ("1.5 million", "1,500,000", True), ("1.5m", "1 500 000", True),
        ("3.3 million", "3,312,456", True), ("3.4 million", "3,312,456", False), ("about 3,300,000", "3,312,456", True), ("3,300,000", "3,312,456", False),
        ("$5", "5 dollars", True), ("$5", "€5", False), ("€ 5 million", "5,000,000 euros", True), ("2nd", "2", True), ("٣", "3", True), ("5億", "500,000,000", True),
        ("2 years", "24 months", True), ("7 days", "1 week", True), ("100 m", "100 metres", True), ("4K", "4,000", True), ("4 people", "4,000", False), ("3,5", "3.5", True),
    ],
)  # fmt: skip
def test_amounts_that_mean_the_same(mine, theirs, same):
    [first], [second] = stated(mine).amounts, stated(theirs).amounts
    assert agree(first, second) is same


def test_a_range_shares_its_unit():
    first, second = stated("from 2 to 3 million euros").amounts
    assert (first.dimension, second.dimension) == ("eur", "eur")
    assert 2e6 in first.readings


@pytest.mark.parametrize(
    "text",
    ["2024-05-03", "3 May 2024", "May 3, 2024", "3rd of May 2024", "03.05.2024", "3/5/2024", "5/3/24", "3. Mai 2024", "3 de mayo de 2024", "2024年5月3日", "3 мая 2024"],
)  # fmt: skip
def test_one_day_in_many_ways(text):
    found = stated(f"It was {text} there.")
    [day] = found.days
    assert (2024, 5, 3) in day.readings or day.readings == {(2024, 5, 3)}
    assert found.amounts == ()
    assert same_day(day, stated("On 2024-05-03.").days, set(), set())
    assert not same_day(day, stated("On 2023-07-09.").days, set(), set())


def test_parts_of_a_date():
    theirs = stated("On 3 May, in the year 2024.").days
    [whole] = stated("3 May 2024").days
    assert same_day(whole, theirs, set(), {2024.0})
    assert not same_day(whole, theirs, set(), set())
    [month] = stated("May 2024").days
    assert same_day(month, (), {5}, {2024.0})
    assert not same_day(month, (), {6}, {2024.0})


@pytest.mark.parametrize("text", ["5 may join", "Version 3.11.2", "It may 2024", "13/13/2024", "2024-99-01"])
def test_what_is_no_date(text):
    assert stated(text).days == ()


@pytest.mark.parametrize(
    ("text", "minutes"), [("14:30", 870), ("2:30 pm", 870), ("2.30 p.m.", 870), ("12 am", 0), ("12 pm", 720), ("9 o'clock", 540), ("14 Uhr", 840)]
)
def test_times_of_day(text, minutes):
    found = stated(f"at {text} sharp")
    assert [minute for _, minute in found.minutes] == [minutes]
    assert found.amounts == ()


def test_numbers_that_are_none():
    assert stated("1. First\n2) Second\nThe B2B platform of Area51").amounts == ()


def test_words():
    assert said_in_words("Twenty-five dogs, zwölf Katzen, trois oiseaux, a dozen eggs") == {25.0, 12.0, 3.0}


@given(st.integers(0, 10**9))
def test_every_way_to_group_an_integer_has_its_value(number):
    for written in (
        str(number),
        f"{number:,}",
        f"{number:,}".replace(",", "."),
        f"{number:,}".replace(",", "\u202f"),
        f"{number:,}".replace(",", "'"),
    ):
        assert float(number) in values_of(written)


@given(st.text(max_size=80))
def test_any_text_can_be_read(text):
    found = stated(text)
    assert all(amount.text for amount in found.amounts)
