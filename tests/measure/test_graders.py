"""Graders that ask no model: checks, thresholds, the three ways to write several of them."""

from __future__ import annotations

import doctest
import json
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from tunesmith.errors import BadProject
from tunesmith.measure.graders import alike, check, checked, combined, instructed, passes, sample_space
from tunesmith.measure.graders_formula import BadFormula
from tunesmith.measure.graders_template import BadTemplate
from tunesmith.spec import wire_graders
from tunesmith.spec.wire_graders import Grader

READ: TypeAdapter[Any] = TypeAdapter(Grader)
CHECK = {"type": "string_check", "name": "c", "input": "{{sample.output_text}}", "reference": "{{item.a}}", "operation": "eq"}
ALIKE = {"type": "text_similarity", "name": "t", "input": "{{sample.output_text}}", "reference": "{{item.a}}", "evaluation_metric": "rouge_1"}


def grader(plain: dict[str, Any], **changes: Any) -> Any:
    return READ.validate_json(json.dumps(plain | changes))


def spaces(text: str, **item: Any) -> dict[str, Any]:
    return {"item": item, "sample": sample_space(text)}


def test_examples_of_the_shapes() -> None:
    assert doctest.testmod(wire_graders).failed == 0


@pytest.mark.parametrize(
    ("operation", "text", "reference", "expected"),
    [
        ("eq", "Paris", "Paris", 1), ("eq", "paris", "Paris", 0), ("ne", "paris", "Paris", 1), ("ne", "Paris", "Paris", 0),
        ("like", "In Paris.", "Paris", 1), ("like", "In paris.", "Paris", 0), ("like", "Par", "Paris", 0), ("ilike", "In PARIS.", "paris", 1),
        ("ilike", "Rome", "paris", 0),
    ],
)  # fmt: skip
def test_string_checks(operation: str, text: str, reference: str, expected: int) -> None:
    assert checked(grader(CHECK, operation=operation), spaces(text, a=reference)) == expected


def test_a_sample_is_json_where_it_can_be_read() -> None:
    assert sample_space('{"a": [1]}')["output_json"] == {"a": [1]}
    assert "output_json" not in sample_space("no json")
    assert sample_space("x", [{"id": 1}], {"model": "m", "output_text": "y"}) == {"model": "m", "output_text": "x", "output_tools": [{"id": 1}]}


def test_texts_that_are_too_long_are_not_compared() -> None:
    with pytest.raises(BadProject, match="too long"):
        alike(grader(ALIKE), spaces("x" * 100_001, a="x"))


@pytest.mark.parametrize(
    "graders", [{"c": CHECK, "t": ALIKE}, [CHECK, ALIKE]]
)  # fmt: skip
def test_several_graders_and_their_formula(graders: Any) -> None:
    multi = grader({"type": "multi", "name": "m", "graders": graders, "calculate_output": "0.25 * c + 0.75 * t"})
    check(multi)
    assert combined(multi, {"c": 1.0, "t": 0.5}) == 0.625


def test_one_grader_alone_and_the_names_of_openais_examples() -> None:
    alone = grader({"type": "multi", "name": "m", "graders": CHECK, "calculate_output": "2 * c"})
    assert combined(alone, {"c": 1.0}) == 2.0
    named = [CHECK | {"name": "example string check grader"}, ALIKE | {"name": "example similarity"}]
    example = grader({"type": "multi", "name": "m", "graders": named, "calculate_output": "0.5 * text_similarity_score + string_check_score"})
    check(example)
    assert combined(example, {"example string check grader": 1.0, "example similarity": 0.5}) == 1.25
    twice = grader({"type": "multi", "name": "m", "graders": [CHECK, CHECK], "calculate_output": "c + c_2"})
    assert combined(twice, {"c": 1.0, "c_2": 1.0}) == 2.0


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (CHECK | {"input": "{{ foo.x }}"}, BadTemplate),
        ({"type": "multi", "name": "m", "graders": CHECK, "calculate_output": "c + d"}, BadFormula),
        ({"type": "multi", "name": "m", "graders": CHECK, "calculate_output": "c +"}, BadFormula),
    ],
)
def test_what_check_finds(wrong: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        check(grader(wrong))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"type": "python", "name": "p", "source": "x"}, "python"),
        ({"type": "nope", "name": "p"}, "nope"),
        ({"name": "p"}, "Missing"),
        ({"type": "multi", "name": "m", "graders": {"x": {"type": "multi"}}, "calculate_output": "x"}, "multi"),
        ({"type": "multi", "name": "m", "graders": {"x": {"type": "python"}}, "calculate_output": "x"}, "python"),
        (
            {"type": "score_model", "name": "s", "model": "m", "range": [1, 0], "input": [{"role": "user", "content": "x"}]},
            "range",
        ),
        (
            {"type": "label_model", "name": "s", "model": "m", "labels": ["a"], "passing_labels": ["b"], "input": [{"role": "user", "content": "x"}]},
            "passing_labels",
        ),
        (
            {"type": "score_model", "name": "s", "model": "m", "input": [{"role": "user", "content": {"type": "input_image", "image_url": "x"}}]},
            "input_image",
        ),
    ],
)
def test_what_the_shapes_refuse(wrong: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        grader(wrong)


def test_what_passes() -> None:
    judge = grader({"type": "score_model", "name": "s", "model": "m", "range": [0, 4], "input": [{"role": "user", "content": "x"}]})
    assert (passes(judge, 1.9), passes(judge, 2.0)) == (False, True)
    assert passes(judge.model_copy(update={"pass_threshold": 3.0}), 2.9) is False
    assert passes(grader(ALIKE, pass_threshold=0.5), 0.5)
    assert not passes(grader(CHECK), 0.0)


def test_the_form_of_the_answer_joins_the_system() -> None:
    assert instructed([{"role": "system", "content": "a"}, {"role": "user", "content": "b"}], "how") == [
        {"role": "system", "content": "a\n\nhow"},
        {"role": "user", "content": "b"},
    ]
    assert instructed([{"role": "user", "content": "b"}], "how")[0] == {"role": "system", "content": "how"}
