"""Templates: paths as deep as values go, nothing evaluated, nothing that is put in looked at again."""

from __future__ import annotations

import contextlib
import doctest
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.measure import graders_template
from tunesmith.measure.graders_template import BadTemplate, NoSuchVariable, pieces, render

SPACES: dict[str, Any] = {
    "item": {"q": "why", "list": [{"a": 1}, "two"], "deep": {"a b": {"c-d": True}}, "0": "zero", "none": None, "ü": "u"},
    "sample": {"output_text": "hi", "output_json": {"n": 1.5}, "choices": [{"message": {"content": "hi"}}]},
}


def test_examples_of_the_module() -> None:
    assert doctest.testmod(graders_template).failed == 0


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{item.q}}", "why"),
        ("{{ item.q }}", "why"),
        ("{{\n item . q\n}}", "why"),
        ("a {{item.q}} b {{item.q}}", "a why b why"),
        ("{{ item.list[0].a }}", "1"),
        ("{{ item.list.1 }}", "two"),
        ("{{ item.list[0] }}", '{"a": 1}'),
        ('{{ item.deep["a b"].c-d }}', "true"),
        ("{{ item['q'] }}", "why"),
        ("{{ item.0 }}", "zero"),
        ("{{ item.none }}", "null"),
        ("{{ item.ü }}", "u"),
        ("{{ sample.output_json.n }}", "1.5"),
        ("{{ sample.choices[0].message.content }}", "hi"),
        ("{{ sample.output_text", "{{ sample.output_text"),
        ("} { }} {", "} { }} {"),
        ("", ""),
    ],
)
def test_a_template_is_filled(template: str, expected: str) -> None:
    assert render(template, SPACES) == expected


def test_a_namespace_alone_is_all_of_it() -> None:
    assert json.loads(render("{{ item }}", SPACES)) == SPACES["item"]


@pytest.mark.parametrize("template", ["{{ foo.bar }}", "{{}}", "{{ items.q }}", "{{ item.q + 1 }}", "{{ item.__class__() }}", "{{ item.q | upper }}",
    "{{ item[x] }}", "{{ 1 }}", "{{ item" + ".a" * 33 + " }}"])  # fmt: skip
def test_what_is_no_path_is_refused(template: str) -> None:
    with pytest.raises(BadTemplate):
        pieces(template)


@pytest.mark.parametrize("template", ["{{ item.nothing }}", "{{ item.q.length }}", "{{ item.list[2] }}", "{{ item.list.-1 }}", "{{ item.__class__ }}",
    "{{ sample.output_tools }}", "{{ item.list.append }}", "{{ item.q[0] }}"])  # fmt: skip
def test_what_is_not_there_is_said(template: str) -> None:
    with pytest.raises(NoSuchVariable, match=r"item|sample"):
        render(template, SPACES)


@given(st.text())
def test_a_value_is_put_in_as_it_is(value: str) -> None:
    """Templates in a value stay text, whatever it holds."""
    assert render("<{{ item.v }}>", {"item": {"v": value}, "sample": {}}) == f"<{value}>"
    hostile = value + "{{ sample.secret }}"
    assert render("{{ item.v }}", {"item": {"v": hostile}, "sample": {"secret": "x"}}) == hostile


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_other_values_are_put_in_as_json(value: Any) -> None:
    text = render("{{ item.v }}", {"item": {"v": value}, "sample": {}})
    assert text == value if isinstance(value, str) else json.loads(text) == value


@given(st.text(alphabet="{}[].'\"item sample\n\\0"))
def test_any_text_is_read_or_refused(template: str) -> None:
    with contextlib.suppress(BadTemplate, NoSuchVariable):
        assert isinstance(render(template, SPACES), str)


@given(st.text().filter(lambda text: "{{" not in text))
def test_a_text_without_holes_is_itself(text: str) -> None:
    assert render(text, SPACES) == text
