"""Plain text: headings, lists, code, paragraphs, each on its lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.make.plain import plain_passages

TEXT = """\
GUIDE

Getting started
===============
Read this
first.

1. Setup

Do it now:

1. open it
2. close
   it

    if x > 1:
        return y

A normal line
that goes on.
"""


def read(text):
    return list(plain_passages(text.split("\n"), "f"))


def test_worked_by_hand():
    found = [(p.kind, p.text, p.headings, p.spot.line, p.spot.last_line) for p in read(TEXT)]
    assert found == [
        ("heading", "GUIDE", (), 1, 1),
        ("heading", "Getting started", (), 3, 4),
        ("paragraph", "Read this first.", ("Getting started",), 5, 6),
        ("heading", "1. Setup", ("Getting started",), 8, 8),
        ("paragraph", "Do it now:", ("Getting started", "1. Setup"), 10, 10),
        ("list", "1. open it\n2. close it", ("Getting started", "1. Setup"), 12, 14),
        ("code", "if x > 1:\n    return y", ("Getting started", "1. Setup"), 16, 17),
        ("paragraph", "A normal line that goes on.", ("Getting started", "1. Setup"), 19, 20),
    ]


def test_a_list_with_blank_lines_is_no_row_of_headings():
    assert read("1. Buy milk\n\n2. Buy bread\n\nDone with it.")[0].kind == "list"


def test_a_label_is_no_heading():
    assert [(p.kind, p.text) for p in read("Q: WHY?\n\nA: BECAUSE\n\nyes")] == [
        ("paragraph", "Q: WHY?"),
        ("paragraph", "A: BECAUSE"),
        ("paragraph", "yes"),
    ]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30), max_size=20))
def test_every_word_of_a_text_is_in_some_passage_or_is_a_mark(lines):
    said = "".join(p.text for p in plain_passages(lines, "f"))
    letters = [c for line in lines for c in line if c.isalpha()]
    marks = sum(c.isalpha() for c in said)
    assert len(letters) - 2 * len(lines) <= marks <= len(letters)  # letters of list marks (`a)`) may go
