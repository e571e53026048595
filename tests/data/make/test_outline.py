"""Headings open and close; what is written into an answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.make.outline import Outline, barred, fenced, listed, plain, reflow, ticked, written


def test_a_heading_closes_those_of_its_level_and_deeper():
    outline = Outline("f")
    assert outline.heading(1, "A").headings == ()
    assert outline.heading(3, "B").headings == ("A",)
    assert outline.block("paragraph", "text", line=4).headings == ("A", "B")
    assert outline.heading(2, "C").headings == ("A",)
    assert outline.heading(2, "D").level == 2
    outline.close(2)
    assert outline.path() == ("A",)


def test_reflow_joins_lines_but_not_items_and_labels():
    assert reflow(["one", "two"]) == "one two"
    assert reflow(["Q: why", "so?", "A: because", "- x"]) == "Q: why so?\nA: because\n- x"
    assert reflow(["你好", "世界"]) == "你好世界"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_code_in_fences_can_be_told_from_its_fence(code):
    text = fenced(code)
    mark = text[: len(text) - len(text.lstrip("`"))]
    assert mark not in code
    assert text == f"{mark}\n{code}\n{mark}"


def test_tables_and_lists():
    assert barred([["a", "b"], ["1|2"]]) == "| a | b |\n| --- | --- |\n| 1\\|2 |  |"
    assert barred([["1", "2"]], has_header=False).split("\n")[0] == "|  |  |"
    assert listed(["one", "two\nlines"]) == "- one\n- two\n  lines"


def test_inline_code():
    assert ticked("x = 1") == "`x = 1`"
    assert plain("Is a `*.pyd` file ``a ` b``?") == "Is a *.pyd file a ` b?"


def test_what_is_written_of_each_kind():
    outline = Outline("f")
    assert written(outline.block("code", "x", language="c")) == "```c\nx\n```"
    assert written(outline.heading(1, "H")) == "**H**"
    assert written(outline.block("paragraph", "p")) == "p"
