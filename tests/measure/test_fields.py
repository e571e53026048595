"""Field F1 by hand, against a slow reference, and whether JSON fits a schema."""

from __future__ import annotations

import doctest
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.waiting import computing
from tunesmith.errors import BadProject
from tunesmith.measure import fields as module
from tunesmith.measure.fields import agreeing, field_f1, fields, fitting

scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "b", "", "1"]) | st.sampled_from([0.5, 1.0])
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8)


def test_examples():
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ({"a": 1}, {"a": 1}, 1.0),
        ({"a": 1, "b": 2}, {"a": 1}, 2 / 3),  # one of two and one of one: 2 × 1 / 3
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, 1 / 2),  # the path a.b agrees
        ({"a": {"b": 1}}, {"b": 1}, 0.0),  # the same leaf elsewhere is another field
        ([3, 1, 2], [1, 2, 3], 1.0),
        ([1, 1], [1], 2 / 3),
        ([{"n": "x", "q": 1}, {"n": "y", "q": 2}], [{"n": "y", "q": 2}, {"n": "x", "q": 1}], 1.0),
        ([{"n": "x", "q": 1}, {"n": "y", "q": 2}], [{"n": "x", "q": 2}, {"n": "y", "q": 1}], 1 / 2),  # not 1: values belong to their object
        ({"a": 1}, {"a": 1.0}, 1.0),
        ({"a": 1}, {"a": True}, 0.0),
        ({"a": []}, {"a": []}, 1.0),
        ({"a": []}, {"a": {}}, 0.0),
        ({"a": [1]}, {"a": 1}, 0.0),
        ({}, {"a": 1}, 0.0),
    ],
)
def test_by_hand(answer, reference, expected):
    assert field_f1(json.dumps(answer), json.dumps(reference)) == pytest.approx(expected)
    assert field_f1(json.dumps(reference), json.dumps(answer)) == pytest.approx(expected)


def test_what_is_no_json_scores_nothing():
    assert field_f1("Name: Ann", '{"name": "Ann"}') == 0.0
    assert field_f1('{"name": "Ann"', '{"name": "Ann"}') == 0.0
    assert field_f1("cannot tell", "cannot tell") == 1.0  # a reference that declines
    assert field_f1("", "") == 0.0


def slow(first: Any, second: Any) -> int:
    """The most leaves that agree, over every way to pair the elements of lists."""
    if isinstance(first, dict) and isinstance(second, dict) and first and second:
        return sum(slow(first[key], second[key]) for key in first.keys() & second.keys())
    if isinstance(first, list) and isinstance(second, list) and first and second:
        short, long = sorted((first, second), key=len)
        return max(sum(slow(one, other) for one, other in zip(short, order, strict=False)) for order in itertools.permutations(long))
    return int(json.dumps(first) == json.dumps(second) or (type(first) in (int, float) and type(second) in (int, float) and first == second))


@given(values, values)
def test_against_every_pairing(first, second):
    assert slow(first, second) == agreeing(first, second)
    assert agreeing(first, second) == agreeing(second, first) <= min(fields(first), fields(second))


@given(values)
def test_a_value_agrees_with_itself(value):
    assert field_f1(json.dumps(value), json.dumps(value)) == pytest.approx(1.0)
    assert agreeing(value, value) == fields(value)


def test_long_lists_and_deep_nests_do_not_take_for_ever():
    long = json.dumps([{"n": n} for n in range(3000)])
    deep = "[" * 900 + "]" * 900
    with computing(15):
        assert field_f1(long, long) == 1.0
        assert field_f1(deep, deep) == 1.0
        assert field_f1(deep, "[]") in (0.0, 1.0)


SCHEMA = json.dumps({"type": "object", "properties": {"name": {"type": "string", "minLength": 1}, "age": {"type": "integer"}}, "required": ["name"]})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('{"name": "Ann", "age": 7}', True), ('{"name": ""}', False), ('{"age": 7}', False), ('{"name": "Ann", "age": "7"}', False), ("Ann", False),
        ('{"name": "Ann"', False), ('{"name": "Ann", "age": 1e999}', False), ("[" * 5000, False), ("null", False),
    ],
)  # fmt: skip
def test_what_fits_a_schema(answer, expected):
    assert fitting(SCHEMA, "schema.json")(answer) is expected


@pytest.mark.parametrize(
    "schema", ["", "no json", "[]", '"text"', '{"type": "nothing"}', '{"$ref": "http://127.0.0.1:9/schema"}', '{"$ref": "file:///etc/passwd"}']
)
def test_what_is_no_schema_is_refused_without_a_call(schema):
    with pytest.raises(BadProject) as error:
        fitting(schema, "schema.json")
    assert "schema.json" in str(error.value)
    assert "fix:" in str(error.value)


def test_a_pattern_cannot_keep_us_busy():
    with computing(20):
        fits = fitting('{"type": "string", "pattern": "^(a+)+$"}', "schema.json")
        assert fits(json.dumps("a" * 5000 + "!")) is False
