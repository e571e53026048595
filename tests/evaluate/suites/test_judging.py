"""What counts as right, and the words for it: they say what the judge does."""

from __future__ import annotations

import pytest

from tests.decide.conftest import make_answers
from tunesmith.evaluate.suites.judging import Judge
from tunesmith.measure.refusal import refusals_of
from tunesmith.spec.report import Scored
from tunesmith.spec.task import MetricName, TaskKind


def row(scores: dict[str, float], answer: str = "a b", reference: str = "c d") -> Scored:
    [made] = make_answers("+")
    return made.model_copy(update={"answer": answer, "reference": reference, "scores": scores, "out_of_scope": False})


@pytest.mark.parametrize(
    ("kind", "metric", "scores", "answer", "words"),
    [
        ("classify", "accuracy", {"exact_match": 1.0}, "c d", "that is the reference"),
        ("generate", "exact_match", {"exact_match": 1.0}, "c d", "that is the reference"),
        ("generate", "token_f1", {"token_f1": 0.8}, "c d", "whose words are nearly those of the reference (token-F1 of 0.8 or more)"),
        ("generate", "own_score", {"own_score": 0.8}, "a b", "whose own score is 80% or more"),
        ("code", "tests_passed", {"tests_passed": 1.0}, "a b", "whose tests passed is 80% or more"),
        ("extract", "field_f1", {"field_f1": 1.0}, "c d", "that says what the reference says"),
    ],
)
def test_the_words_say_what_the_judge_does(kind: TaskKind, metric: MetricName, scores: dict[str, float], answer: str, words: str) -> None:
    judge = Judge(kind, metric, refusals_of(kind, None))
    assert judge.meaning() == f"Right is an answer {words}; out of scope: a refusal."
    assert judge.right(row(scores, answer))
    assert not judge.right(row(dict.fromkeys(scores, 0.79)))
