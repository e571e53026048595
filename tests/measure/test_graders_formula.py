"""The formula of a `multi` grader: arithmetic against Python's own, and no way to run anything or to take for ever."""

from __future__ import annotations

import contextlib
import doctest
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.waiting import computing
from tunesmith.measure import graders_formula
from tunesmith.measure.graders_formula import BadFormula, calculate, names, parse

SCORES = {"a": 0.5, "b": 2.0, "c_1": -3.0}


def test_examples_of_the_module() -> None:
    assert doctest.testmod(graders_formula).failed == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", 0.5),
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("2 - 3 - 4", -5.0),
        ("8 / 4 / 2", 1.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("-2 ^ 2", -4.0),
        ("2 ^ -1", 0.5),
        ("--a", 0.5),
        ("+a - -b", 2.5),
        ("min(a, b, c_1)", -3.0),
        ("max(a)", 0.5),
        ("abs(c_1)", 3.0),
        ("floor(2.7) + ceil(0.1)", 3.0),
        ("exp(0) + log(1) + sqrt(4)", 3.0),
        (".5 + 1.e1 + 1e-1", 10.6),
        (" a\n*\tb ", 1.0),
    ],
)
def test_the_value(text: str, expected: float) -> None:
    assert calculate(text, SCORES) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", " ", "1 +", "(1", "1)", "1 2", "a b", "min()", "min(1,)", "sqrt(1, 2)", "foo(1)", "a.b", "a[0]", "'a'", "1 == 1",
    "__import__('os')", "a if b else 1", "lambda: 1", "a; b", "a ** b", "1_000", "²", "a(1)", "1 // 2", "x"])  # fmt: skip
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(BadFormula):
        calculate(text, SCORES)


@pytest.mark.parametrize("text", ["1 / 0", "sqrt(-1)", "log(0)", "exp(1000)", "10 ^ 1000", "(-1) ^ 0.5", "1e999", "0 ^ -1", "floor(1e999)"])
def test_what_has_no_value_is_said(text: str) -> None:
    with pytest.raises(BadFormula):
        calculate(text, SCORES)


def test_it_is_bounded() -> None:
    with computing(20):
        assert calculate("+".join("1" * 2000), {}) == 2000
        for text in ("(" * 2000 + "1" + ")" * 2000, "-" * 3999 + "1", "1^" * 1900 + "1", "1" * 5000, "9^9^9^9^9^9^9", "min(" * 500 + "1" + ")" * 500):
            with pytest.raises(BadFormula):
                calculate(text, {})


def test_the_names_of_a_formula() -> None:
    assert names(parse("min(a, 2) * b_2 - a / exp(c)")) == {"a", "b_2", "c"}


NUMBERS = st.floats(min_value=-100, max_value=100, allow_nan=False).map(lambda value: (f"({value!r})", value))


def both(children: Any) -> Any:
    """The text of an operation on two formulas, and its value by Python."""

    def join(left: tuple[str, float], sign: str, right: tuple[str, float]) -> tuple[str, float]:
        value = {"+": left[1] + right[1], "-": left[1] - right[1], "*": left[1] * right[1], "min": min(left[1], right[1])}[sign]
        return (f"min({left[0]}, {right[0]})" if sign == "min" else f"({left[0]} {sign} {right[0]})"), value

    return st.builds(join, children, st.sampled_from(["+", "-", "*", "min"]), children)


@settings(max_examples=100)
@given(st.recursive(NUMBERS, both, max_leaves=12))
def test_any_formula_has_pythons_value(formula: tuple[str, float]) -> None:
    text, value = formula
    if math.isfinite(value):
        assert calculate(text, {}) == value


@given(st.text(alphabet="ab01.+-*/^(), minexp\n", max_size=60))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    with contextlib.suppress(BadFormula):
        assert math.isfinite(calculate(text, SCORES))


@given(st.text(max_size=200))
def test_any_text_at_all(text: str) -> None:
    with contextlib.suppress(BadFormula):
        parse(text)
