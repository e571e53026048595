"""Answers as they are written, and texts that are none."""

from __future__ import annotations

import pytest

from tunesmith.data.make.answer_text import answer_of, fault_of, is_pointer, quote_of
from tunesmith.spec.making import QuestionWishes
from tunesmith.spec.passage import Passage, Spot


def block(kind, text, language=None):
    return Passage(kind=kind, text=text, language=language, spot=Spot(file="f"))


def test_passages_become_one_text():
    parts = [block("paragraph", "A: Yes."), block("heading", "Note"), block("code", "x = 1", "python"), block("paragraph", "Back to top")]
    assert answer_of(parts) == "Yes.\n\n**Note**\n\n```python\nx = 1\n```"
    assert quote_of(parts[:2]) == "A: Yes.\n\nNote"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "no_answer"),
        ("TBD", "placeholder"),
        ("Coming soon!", "placeholder"),
        ("Is it so?", "no_answer"),
        ("…!", "placeholder"),
        ("-", "too_short"),
        ("word " * 4_000, "too_long"),
        ("See the next question.", "points_elsewhere"),
        ("See the unicode howto.", "points_elsewhere"),
        ("See How can I create a stand-alone binary? for a list of tools.", "points_elsewhere"),
    ],
)
def test_texts_that_are_no_answers(answer, reason):
    assert fault_of("Is it so?", answer, QuestionWishes())[0] == reason


@pytest.mark.parametrize(
    "answer", ["Yes.", "No, but it helps. :)", "See https://peps.python.org/ for proposals.", "See it. Then press the knob.", "是的"]
)
def test_short_answers_are_answers(answer):
    assert fault_of("Is it so?", answer, QuestionWishes()) is None
    assert not is_pointer(answer)
