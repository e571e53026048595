"""Scores of single answers, and metrics over rows."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from sklearn.metrics import precision_score, recall_score

from tunesmith.errors import BadProject
from tunesmith.measure.refusal import refusals_of
from tunesmith.measure.scorers import aggregate, deciding_metric, metric_of, score
from tunesmith.measure.statistics import wilson
from tunesmith.spec.report import Scored
from tunesmith.spec.task import KINDS, Goal

Row = Callable[..., Scored]
OTHER, CANNOT = refusals_of("classify", "other"), refusals_of("chat", "I cannot help with that.")


def test_a_label_is_exact_when_it_is_verbatim() -> None:
    assert score("classify", " card_lost\n", "card_lost", refusals=None) == {"exact_match": 1.0}
    assert score("classify", "Card_lost", "card_lost", refusals=OTHER) == {"exact_match": 0.0, "refused": 0.0}
    assert score("classify", "other", "card_lost", refusals=OTHER) == {"exact_match": 0.0, "refused": 1.0}


def test_json_is_exact_when_its_value_is() -> None:
    found = score("extract", '{"b": 2, "a": 1}', '{"a":1,"b":2}', refusals=None)
    assert found == {"exact_match": 1.0, "json_valid": 1.0, "token_f1": pytest.approx(1.0), "field_f1": 1.0}
    assert score("extract", '{"name":"x y","n":1}', '{"name": "x z", "n": 1}', refusals=None)["token_f1"] == pytest.approx(4 / 5)
    broken = score("extract", '{"a": 1', '{"a": 1}', refusals=None)
    assert (broken["exact_match"], broken["json_valid"]) == (0.0, 0.0)


def test_free_text_is_exact_after_normalising() -> None:
    found = score("generate", "The answer: Reset it!", "answer reset it", refusals=CANNOT)
    assert set(found) == {"exact_match", "refused", "token_f1", "rouge_l", "chrf", "bleu"}
    assert (found["exact_match"], found["refused"], found["token_f1"]) == (1.0, 0.0, 1.0)
    assert score("generate", "i cannot help with that", "x", refusals=CANNOT)["refused"] == 1.0
    assert (
        score("chat", "I'm sorry, I don't know anything about that.", "x", refusals=CANNOT)["refused"] == 1.0
    )  # whoever declines in other words has declined
    right = "I don't know anything about that."
    assert score("chat", right, right, refusals=CANNOT)["refused"] == 0.0  # a right answer in scope, however it sounds
    assert score("chat", "I cannot help with that", "I cannot help with that.", refusals=CANNOT)["refused"] == 1.0
    assert "refused" not in score("chat", right, right, refusals=refusals_of("chat", None))
    assert all(0 <= value <= 1 for value in found.values())


def test_classify_with_out_of_scope_by_hand(scored: Row) -> None:
    pairs = [("a", "a"), ("a", "b"), ("b", "b"), ("b", "other"), ("other", "other"), ("other", "a")]
    rows = [scored(k, reference, answer, out_of_scope="other") for k, (reference, answer) in enumerate(pairs)]
    metrics = aggregate(rows, "classify", confidence=0.95).metrics
    values = {name: (found.value, found.n) for name, found in metrics.items()}
    assert values == {
        "exact_match": (0.5, 4),  # rows in scope only
        "accuracy": (0.5, 6),
        "macro_f1": (pytest.approx((0.5 + 0.5 + 0.5) / 3), 6),
        "out_of_scope_recall": (0.5, 2),
        "out_of_scope_precision": (0.5, 2),
        "false_refusal_rate": (0.25, 4),
    }
    assert (metrics["exact_match"].low, metrics["exact_match"].high) == wilson(2, 4)
    assert all(found.low <= found.value <= found.high and found.low < found.high for found in metrics.values())


def test_refusals_equal_sklearn(scored: Row) -> None:
    pairs = [("other" if k % 3 == 0 else "a", "other" if k % 5 < 2 else "a") for k in range(60)]
    metrics = aggregate([scored(k, *pair, out_of_scope="other") for k, pair in enumerate(pairs)], "classify", confidence=0.9).metrics
    truth, told = ([pair[side] == "other" for pair in pairs] for side in (0, 1))
    assert metrics["out_of_scope_recall"].value == pytest.approx(recall_score(truth, told))
    assert metrics["out_of_scope_precision"].value == pytest.approx(precision_score(truth, told))


def test_metrics_without_rows_are_left_out(scored: Row) -> None:
    assert aggregate([], "classify", confidence=0.95).metrics == {}
    in_scope = [scored(k, "a", "a", out_of_scope="other") for k in range(3)]
    assert set(aggregate(in_scope, "classify", confidence=0.95).metrics) == {"exact_match", "accuracy", "macro_f1", "false_refusal_rate"}
    outside = [scored(0, "other", "other", out_of_scope="other")]
    assert "exact_match" not in aggregate(outside, "classify", confidence=0.95).metrics
    assert set(aggregate([scored(0, "a", "a")], "classify", confidence=0.95).metrics) == {"exact_match", "accuracy", "macro_f1"}


def test_one_row_is_told_with_all_its_uncertainty(scored: Row) -> None:
    metrics = aggregate([scored(0, "a", "a")], "classify", confidence=0.95).metrics
    assert (metrics["macro_f1"].low, metrics["macro_f1"].high, metrics["macro_f1"].method) == (0.0, 1.0, "bounds")
    assert metrics["exact_match"].low == pytest.approx(0.2065, abs=1e-4)


def test_all_right_is_not_certain(scored: Row) -> None:
    found = aggregate([scored(k, "ab"[k % 2], "ab"[k % 2]) for k in range(40)], "classify", confidence=0.95).metrics["macro_f1"]
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(wilson(40, 40)[0])


def test_confusion_and_recall_by_label(scored: Row) -> None:
    found = aggregate([scored(k, *pair) for k, pair in enumerate([("b", "a"), ("a", "a"), ("a", "a "), ("a", "c")])], "classify", confidence=0.95)
    assert found.confusion == {"a": {"a": 2, "c": 1}, "b": {"a": 1}}
    assert {label: (metric.value, metric.n) for label, metric in found.per_label.items()} == {"a": (pytest.approx(2 / 3), 3), "b": (0.0, 1)}
    assert (found.per_label["a"].low, found.per_label["a"].high) == wilson(2, 3)


def test_generate_reports_every_metric_with_intervals(scored: Row) -> None:
    questions = ["reset the card now", "close the account today please", "call us at noon tomorrow", "wait for the letter", "it takes two days"]
    rows = [scored(k, text, text if k % 2 else text.replace("the", "your") + " ok", task="generate") for k, text in enumerate(questions * 4)]
    rows = [row.model_copy(update={"scores": row.scores | {"nll": 2.0 + k % 3, "tokens": 4.0}}) for k, row in enumerate(rows)]
    found = aggregate(rows, "generate", confidence=0.95)
    assert set(found.metrics) == set(KINDS["generate"].metrics) | {"perplexity"}
    assert found.confusion == {}
    for name in ("token_f1", "rouge_l", "chrf", "bleu"):
        metric = found.metrics[name]
        assert 0 < metric.low < metric.value < metric.high < 1, name
        assert (metric.method, metric.n) == ("bca", 20)
    assert found.metrics["token_f1"].value == pytest.approx(sum(row.scores["token_f1"] for row in rows) / 20)
    assert found.metrics["perplexity"].value == pytest.approx(math.exp(sum(2.0 + k % 3 for k in range(20)) / 80))


def test_metric_of_a_metric_the_rows_do_not_carry_is_none(scored: Row) -> None:
    assert metric_of("perplexity", [scored(0, "a", "a")], confidence=0.95) is None


def test_the_deciding_metric() -> None:
    assert deciding_metric("classify", Goal()) == "accuracy"
    assert deciding_metric("generate", Goal()) == "token_f1"
    assert deciding_metric("classify", Goal(metric="macro_f1")) == "macro_f1"
    with pytest.raises(BadProject) as caught:
        deciding_metric("classify", Goal(metric="bleu"))
    assert str(caught.value).splitlines() == [
        "bad_project · goal.metric: a task of kind `classify` has no such metric",
        "  got bleu",
        "  expected one of accuracy, exact_match, macro_f1, out_of_scope_recall, out_of_scope_precision, false_refusal_rate, own_score, judge_score, perplexity",
        "  fix: change it",
    ]
