"""How refusals are recognised in a dataset's task."""

from __future__ import annotations

import pytest

from tests import tiny
from tests.evaluate.suites.scripted import OUTSIDE, data
from tunesmith.evaluate.refusals import reference_of, refusals_in
from tunesmith.spec.dataset import Record


def rows(*answers: str) -> list[Record]:
    return [tiny.record(number, f"question {number}", answer) for number, answer in enumerate(answers)]


@pytest.mark.parametrize(
    ("answers", "frames"),
    [((), True), (("Use the app.",), True), (("I don't know.", "Use the app."), False), ((OUTSIDE, "Use the app."), True)],
)
def test_what_right_answers_say_is_no_refusal(answers: tuple[str, ...], frames: bool) -> None:
    found = refusals_in(data("chat"), rows(*answers))
    assert (found.fixed, found.form, found.frames) == (OUTSIDE, "generate", frames)
    assert (found.sign("Sorry, I don't know."), found.sign(OUTSIDE)) == ("frame" if frames else None, "fixed")


def test_the_fixed_answer_itself_does_not_make_frames_doubtful() -> None:
    assert refusals_in(data("chat", (), "I don't know."), rows("I don't know.", "Use the app.")).frames


def test_labels_and_rows_without_an_answer() -> None:
    found = refusals_in(data("classify"), rows("card", OUTSIDE))
    assert [found.sign(text) for text in (OUTSIDE, "card", "I don't know.")] == ["fixed", None, None]
    assert reference_of(tiny.record(1, "question", "card").model_copy(update={"conversation": None})) == ""
