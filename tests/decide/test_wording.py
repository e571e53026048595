"""Sentences with their numbers."""

from __future__ import annotations

from typing import get_args

from tunesmith.decide.wording import NOUNS, SUBJECTS, achieves, comparison_words, goal_words, p_words
from tunesmith.spec.report import Comparison, Metric
from tunesmith.spec.task import Goal, MetricName
from tunesmith.spec.trial import Remedy


def test_every_metric_and_remedy_has_words() -> None:
    assert set(NOUNS) == set(get_args(MetricName))
    assert set(SUBJECTS) == set(get_args(Remedy))
    assert all("{" not in achieves(metric, 0.5, scope) for metric in NOUNS for scope in (True, False))


def test_what_a_value_means() -> None:
    assert achieves("exact_match", 0.8156, True) == "gets 81.6 % of the questions in scope exactly right"
    assert achieves("exact_match", 0.8156, False) == "gets 81.6 % of the questions exactly right"
    assert achieves("perplexity", 12.345, False) == "reaches a perplexity of 12.35"


def test_an_open_comparison_says_what_would_settle_it() -> None:
    found = Comparison(
        better="tuned",
        rival="classifier",
        metric="exact_match",
        rows="in scope",
        difference=Metric(value=0.022, low=-0.029, high=0.076, n=450, method="bca"),
        p_value=0.1,
        p_adjusted=0.453,
        test="mcnemar exact",
        outcome="cannot tell",
        row_variance=0.17,
        row_freedom=449,
        minimum_detectable=0.075,
        family=4,
        rows_to_settle=7843,
    )
    names = {"tuned": SUBJECTS["fine-tune"], "classifier": SUBJECTS["classifier"]}
    assert comparison_words(found, names, 0.95, 4) == (
        "The tuned model against the classifier (exact match, rows in scope): cannot tell, +2.2 points (95 % interval -2.9 to +7.6 points, 450 rows, "
        "p = 0.453, corrected for 4 comparisons). Among 4 comparisons, such a one shows differences of 7.5 points or more; about 7,843 more "
        "test rows like these would settle it."
    )
    few = comparison_words(found.model_copy(update={"minimum_detectable": 2.051}), names, 0.95, 4)
    assert "Among 4 comparisons, such a one can show no difference on so few rows; about" in few


def test_goals_are_judged_in_words() -> None:
    found = Metric(value=0.8, low=0.76, high=0.84, n=400, method="wilson")
    goal = Goal(at_least=0.78, confidence=0.9)
    assert goal_words(goal, "macro_f1", found, "the classifier", None) == (
        "The goal, macro-F1 of at least 78.0 %, cannot be judged with these rows: the classifier reaches 80.0 % (90 % interval 76.0 to 84.0 %, "
        "400 rows), and the goal lies inside that interval."
    )


def test_small_p_values() -> None:
    assert (p_words(0.0004), p_words(0.0312)) == ("p < 0.001", "p = 0.031")
