"""Pairs that no heading asks."""

from __future__ import annotations

import pytest

from tunesmith.data.make.plain import plain_passages
from tunesmith.data.make.question_pairs import asking_columns, labelled, loose, of_rows
from tunesmith.spec.passage import Passage, Spot


def read(text):
    return list(plain_passages(text.split("\n"), "f"))


def block(kind, rows=(), text="x"):
    return Passage(kind=kind, text=text, rows=rows, spot=Spot(file="f", line=1))


def told(pairs):
    return [(pair.question, pair.answer, pair.how) for pair in pairs]


@pytest.mark.parametrize(
    "text",
    [
        "Q: Is it?\nA: It is.\n\nQ: Was it?\nA: It was.",
        "Q: Is it?\n\nA: It is.\n\nQ: Was it?\n\nA: It was.",
        "Question 1: Is it?\nAnswer 1: It is.\nQuestion 2: Was it?\nAnswer 2: It was.",
        "Frage: Is it?\nAntwort: It is.\n\nFrage: Was it?\nAntwort: It was.",
        "Q. Is it?\nA. It is.\n\nQ. Was it?\nA. It was.",
        "Q: Is it?\nIt is.\n\nQ: Was it?\n\nIt was.",
    ],
)
def test_marked_pairs(text):
    assert told(labelled(read(text))) == [("Is it?", "It is.", "labelled"), ("Was it?", "It was.", "labelled")]


def test_an_answer_goes_on_over_passages_and_ends_at_a_heading():
    pairs = list(labelled(read("Q: How?\nA: Like this:\n\n    x = (1)\n\n- a\n- b\n\nNEXT\n\nother text")))
    assert told(pairs) == [("How?", "Like this:\n\n```\nx = (1)\n```\n\n- a\n- b", "labelled")]
    assert [p.kind for p in pairs[0].passages] == ["paragraph", "code", "list"]


def test_letters_of_a_list_are_no_answers():
    assert told(labelled(read("Q: Which one\n\na. first\n\nb. second"))) == []


def test_columns_by_their_names_or_by_what_they_ask():
    assert asking_columns([["Question", "Answer"], ["x", "y"]]) == (0, 1, 1)
    assert asking_columns([["No", "Antwort", "Frage"], ["1", "y", "x"]]) == (2, 1, 1)
    assert asking_columns([["Is it so?", "Yes"], ["Was it so?", "No"]]) == (0, 1, 0)
    assert asking_columns([["Size", "Price"], ["small", "1"]]) is None
    assert asking_columns([["Question"], ["x"]]) is None
    pairs = of_rows(block("table", (("Q", "A"), ("Is it so?", "Yes"), ("why", "Because"))), ())
    assert told(pairs) == [("Is it so?", "Yes", "table"), ("why", "Because", "table")]


def test_terms_that_ask_and_glossaries():
    rows = (("Is it so?", "Yes."), ("SLA", "A promise of time."))
    assert told(of_rows(block("definitions", rows), ("Options",))) == [("Is it so?", "Yes.", "definition")]
    assert told(of_rows(block("definitions", rows), ("Guide", "Glossary")))[1] == ("What does “SLA” mean?", "A promise of time.", "glossary")


def test_lines_that_ask_where_a_document_asks_so():
    text = "Is it so?\n\nYes.\n\nIs it far away?\n\nNo.\n\nNot at all.\n\nIs it near us?\n\nYes."
    pairs = list(loose(read(text)))
    assert [(pair.question, [p.text for p in pair.passages[1:]]) for pair in pairs] == [
        ("Is it so?", ["Yes."]), ("Is it far away?", ["No.", "Not at all."]), ("Is it near us?", ["Yes."]),
    ]  # fmt: skip
    assert list(loose(read("Some prose here.\n\nBut is it so?\n\nIt is not."))) == []
