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
        ([[{"sku": "x"}], []], '[{"sku": text}]'),
        ([{"a": 1}, [1], [2], [3]], "[number]"),
        ([{"a": 1}, [1]], ""),  # neither is more than half of them
        ([{"town": town} for town in ["Bern"] * 29 + ["Ann Smith"]], '{"town": text}'),
        ([{"id": 1}] * 20 + [{"id": 2, "Ann Smith": 3}], '{"id": number, …}'),
    ],
)
def test_the_form_of_answers(answers: list[object], expected: str) -> None:
    assert shape_of(one if isinstance(one, str) else json.dumps(one) for one in answers) == expected


def test_a_long_form_is_told_shorter_and_one_that_would_fill_the_prompt_is_not() -> None:
    states = [f"a state of the order {k}" for k in range(4)]
    rows = [{f"key{k}": states[n % 4] for k in range(8)} for n in range(20)]
    assert shape_of(map(json.dumps, rows)) == "{" + ", ".join(f'"key{k}": text' for k in range(8)) + "}"
    wide = {f"key {k}": {f"inner {m}": 1 for m in range(10)} for k in range(8)}
    assert shape_of([json.dumps(wide)]) == "{" + ", ".join(f'"key {k}": …' for k in range(8)) + "}"
    assert shape_of([json.dumps({f"a long key number {k}": k for k in range(MOST // 10)})]) == ""
