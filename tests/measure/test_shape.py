"""The form of JSON answers in words."""

from __future__ import annotations

import doctest
import json

import pytest

from tunesmith.measure import shape
from tunesmith.measure.shape import MOST, shape_of


def test_the_examples_hold() -> None:
    assert doctest.testmod(shape).failed == 0


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([], ""),
        (["no JSON", "[1, 2]", "7"], ""),
        ([{"a": {"b": 1.5}}], '{"a": {"b": number}}'),
        ([{"a": True}, {"a": "x"}], '{"a": text or true or false}'),
        ([{"items": [{"sku": "x"}, {"sku": "y", "count": 2}]}], '{"items": [{"sku": text, "count": number}]}'),
        ([{"b": 1}, {"a": 1, "b": 2}], '{"b": number, "a": number}'),
        ([{"state": state} for state in ("open", "closed") * 5], '{"state": "closed" or "open"}'),
        ([{"state": "open"}] * 20, '{"state": text}'),  # one text alone is no choice
        ([{"name": f"n{k % 9}"} for k in range(90)], '{"name": text}'),
        ([{"a": []}], '{"a": []}'),
    ],
)
def test_the_form_of_answers(answers: list[object], expected: str) -> None:
    assert shape_of(one if isinstance(one, str) else json.dumps(one) for one in answers) == expected


def test_a_form_that_would_fill_the_prompt_is_not_told() -> None:
    assert shape_of([json.dumps({f"a long key number {k}": k for k in range(MOST // 10)})]) == ""
