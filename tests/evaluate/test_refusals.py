"""How refusals are recognised in a dataset's task."""

from __future__ import annotations

from tests import tiny
from tests.evaluate.suites.scripted import OUTSIDE, data
from tunesmith.evaluate.refusals import refusals_in
from tunesmith.spec.dataset import Record


def row(number: int, answer: str, label: str | None = None) -> Record:
    return tiny.record(number, f"question {number}", answer).model_copy(update={"label": label})


def test_the_projects_answer_and_what_training_rows_decline_with() -> None:
    train = [row(1, "I cannot say", OUTSIDE), row(2, "Not here", OUTSIDE), row(3, "I cannot say", OUTSIDE), row(4, OUTSIDE), row(5, "card")]
    found = refusals_in(data("chat"), train, [row(6, "Nobody knows", OUTSIDE)])
    assert found.known == (OUTSIDE, "I cannot say", "Not here")  # the project's, then the most frequent
    assert (found.form, found.frames) == ("generate", True)


def test_what_the_tasks_right_answers_say_is_no_refusal() -> None:
    right = [row(1, "I don't know."), row(2, "Use the app.")]
    assert [refusals_in(data("chat"), *splits).frames for splits in ((right, []), ([], right), ([], [row(3, "I don't know.", OUTSIDE)]))] == [
        False,
        False,
        True,
    ]


def test_labels() -> None:
    found = refusals_in(data("classify"), [row(1, "card", "card"), row(2, OUTSIDE, OUTSIDE)], [])
    assert (found.known, found.form) == ((OUTSIDE,), "classify")
    assert [found.sign(text) for text in (OUTSIDE, "card", "I don't know.")] == ["fixed", None, None]
