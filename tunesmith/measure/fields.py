"""Two JSON values → the share of their fields that agree; JSON and a schema → whether it fits.

A field is a leaf with its path: a text, a number, a truth value, null, or an empty list or object. Lists are compared as sets: their elements
are paired so that as many fields as possible agree, whatever their order.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import jsonschema_rs
import numpy as np
from scipy.optimize import linear_sum_assignment

from tunesmith.errors import BadProject
from tunesmith.measure.text import NOT_JSON, equal, read_json

MOST_PAIRS = 4_096
"""Of list elements that are compared each with each; longer lists are compared place by place."""
Fits = Callable[[str], bool]


def field_f1(answer: str, reference: str) -> float:
    """F1 of the fields that both have with equal values; 0 for an answer that is no JSON.

    >>> field_f1('{"name": "Ann", "tags": ["b", "a"]}', '{"name": "Ann", "tags": ["a", "b", "c"], "age": 7}')
    0.75

    Both have `name`, `tags[] = a` and `tags[] = b`: 2 × 3 / (3 + 5).
    """
    mine, theirs = read_json(answer), read_json(reference)
    if mine is NOT_JSON or theirs is NOT_JSON:
        return float(bool(reference.strip()) and answer.strip() == reference.strip())
    try:
        return 2 * agreeing(mine, theirs) / (fields(mine) + fields(theirs))
    except RecursionError:  # nested a thousand deep: only the same text counts as equal
        return float(answer.strip() == reference.strip())


def fields(value: Any) -> int:
    """How many leaves a JSON value has.

    >>> fields({"a": [1, 2, {"b": None}], "c": []})
    4
    """
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return sum(map(fields, inner)) if inner else 1


def agreeing(first: Any, second: Any) -> int:
    """How many leaves of the two values have the same path and equal values."""
    if isinstance(first, dict) and isinstance(second, dict) and first and second:
        return sum(agreeing(value, second[key]) for key, value in first.items() if key in second)
    if isinstance(first, list) and isinstance(second, list) and first and second:
        return paired(first, second)
    return int(equal(first, second))  # leaves; what is nested on one side only has no path in common with a leaf


def paired(first: Sequence[Any], second: Sequence[Any]) -> int:
    """The most leaves that agree over all ways to pair the elements of two lists."""
    plain = [Counter(leaf(value) for value in values if not is_nested(value)) for values in (first, second)]
    nested = [[value for value in values if is_nested(value)] for values in (first, second)]
    found = (plain[0] & plain[1]).total()
    if not nested[0] or not nested[1]:
        return found
    if len(nested[0]) * len(nested[1]) > MOST_PAIRS:
        return found + sum(agreeing(mine, theirs) for mine, theirs in zip(*nested, strict=False))
    gains = np.array([[agreeing(mine, theirs) for theirs in nested[1]] for mine in nested[0]])
    rows, columns = linear_sum_assignment(gains, maximize=True)
    return found + int(gains[rows, columns].sum())


def is_nested(value: Any) -> bool:
    """True for a list or an object that holds something."""
    return isinstance(value, dict | list) and bool(value)


def leaf(value: Any) -> tuple[str, Any]:
    """A leaf as something that is equal to what it equals in JSON: 1 to 1.0, and not to true."""
    kind = type(value).__name__
    return (
        ("number", value)
        if isinstance(value, int | float) and not isinstance(value, bool)
        else (kind, None if isinstance(value, dict | list) else value)
    )


def fitting(schema: str, where: str) -> Fits:
    """What tells whether an answer is JSON that fits `schema` (JSON text); `where` names it in messages. References to other files are not followed.

    Raises: BadProject for what is no JSON schema.
    """
    fix = "see https://json-schema.org/learn for how schemas are written"
    read = read_json(schema)
    if not isinstance(read, dict | bool):
        raise BadProject("holds no JSON schema", where=where, expected="one JSON object", fix=fix)
    try:
        checked = jsonschema_rs.validator_for(read, retriever=_nothing_else, pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise BadProject("holds no JSON schema that can be used", where=where, got=str(error).split("\n")[0][:200], fix=fix) from None

    def fits(answer: str) -> bool:
        value = read_json(answer)
        try:
            return value is not NOT_JSON and bool(checked.is_valid(value))
        except (ValueError, RecursionError):  # nested too deep, or a number that the library cannot hold
            return False

    return fits


def _nothing_else(uri: str) -> Any:
    """Raises: ValueError always; a schema that comes with a project must not make this machine call somebody."""
    raise ValueError(f"refers to {json.dumps(uri)[:100]}; a schema has to stand in one file")
