"""The metrics of every kind of task: complete, scored where their rows carry them, and refused where something is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest

from tunesmith.errors import BadProject
from tunesmith.measure.fields import fitting
from tunesmith.measure.quantities import PER_ROW, WHICH_ROWS, measurable, quantity
from tunesmith.measure.scorers import KIND_METRICS, aggregate, deciding_metric, score, sources_of
from tunesmith.spec.report import Scored
from tunesmith.spec.task import Goal, MetricName, TaskKind

Row = Callable[..., Scored]
COUNTED = {"macro_f1", "chrf", "bleu", "perplexity", "out_of_scope_precision"}


def test_every_metric_has_its_rows_and_its_source():
    assert set(WHICH_ROWS) == set(get_args(MetricName))
    assert set(PER_ROW) == set(get_args(MetricName)) - COUNTED


def test_every_metric_belongs_to_some_kind():
    assert {name for names in KIND_METRICS.values() for name in names} == set(get_args(MetricName))


@pytest.mark.parametrize("metric", sorted(set(PER_ROW)))
def test_a_metric_is_measurable_where_its_score_stands(metric, scored: Row):
    bare = scored(0, "a", "a").model_copy(update={"scores": {}})
    assert not measurable(metric, [bare])
    carrying = bare.model_copy(update={"scores": {PER_ROW[metric]: 0.25}})
    assert measurable(metric, [carrying])
    assert quantity(metric, [carrying]).value() == 0.25


def test_a_form_decides_as_its_plainest_kind_does():
    assert [deciding_metric(form, Goal()) for form in ("classify", "extract", "generate")] == ["accuracy", "exact_match", "token_f1"]


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("route", (), "accuracy"), ("translate", (), "chrf"), ("summarise", (), "rouge_l"), ("answer", (), "token_f1"), ("rewrite", (), "chrf"),
        ("chat", (), "token_f1"), ("code", (), "token_f1"), ("code", ("task.tests",), "tests_passed"), ("sql", (), "token_f1"),
        ("sql", ("task.database",), "execution_accuracy"),
    ],
)  # fmt: skip
def test_what_decides(kind, given, expected):
    assert deciding_metric(kind, Goal(), given) == expected


def test_a_scorer_of_ones_own_decides():
    assert deciding_metric("chat", Goal(scorer="score.py:exact")) == "own_score"
    assert deciding_metric("chat", Goal(scorer="score.py:exact", metric="rouge_l")) == "rouge_l"


@pytest.mark.parametrize(
    ("kind", "metric", "needs"),
    [("sql", "execution_accuracy", "task.database"), ("code", "tests_passed", "task.tests"), ("extract", "schema_valid", "task.json_schema"), ("chat", "judge_score", "judge"), ("chat", "own_score", "goal.scorer")],
)  # fmt: skip
def test_what_cannot_be_measured_alone_says_what_it_needs(kind, metric, needs):
    with pytest.raises(BadProject) as error:
        deciding_metric(kind, Goal(metric=metric))
    assert str(error.value).splitlines() == [
        "bad_project · goal.metric: cannot be measured alone", f"  got {metric}", f"  expected `{needs}` beside it", f"  fix: set {needs}, or another metric"
    ]  # fmt: skip


def test_a_summary_is_held_against_its_text():
    text = "The Hallberg Postal Service moved 3,312,456 parcels in 2023."
    good = score("summarise", "Hallberg moved 3.3 million parcels.", "Hallberg moved many parcels.", refusals=None, sources=[text])
    bad = score("summarise", "Norbert moved 4 million parcels.", "Hallberg moved many parcels.", refusals=None, sources=[text])
    assert (good["unsupported"], bad["unsupported"]) == (0.0, 1.0)
    assert good["supported"] > bad["supported"]
    assert good["rouge_1"] == pytest.approx(2 * 3 / (5 + 4))  # hallberg, moved, parcels of five and four words
    assert {"rouge_2", "rouge_l", "chrf", "bleu", "token_f1"} <= good.keys()


def test_without_sources_nothing_is_said_about_them():
    assert "unsupported" not in score("summarise", "a", "b", refusals=None)
    assert "unsupported" not in score("chat", "a", "b", refusals=None, sources=["c"])


def test_extraction_is_scored_by_field_and_by_schema():
    found = score("extract", '{"a": 1, "b": 2}', '{"a": 1, "b": 3}', refusals=None, fits=fitting('{"required": ["c"]}', "s"))
    assert (found["field_f1"], found["json_valid"], found["schema_valid"], found["exact_match"]) == (0.5, 1.0, 0.0, 0.0)
    assert "schema_valid" not in score("extract", "{}", "{}", refusals=None)


@pytest.mark.parametrize("kind", get_args(TaskKind))
def test_every_kind_is_aggregated_with_its_deciding_metric(kind, scored: Row):
    texts = ["reset the card now", "close the account today", "call us at noon", "wait for the letter", "it takes two days", "ask again later"] * 3
    if kind == "extract":
        texts = [f'{{"n": {n}, "t": "{text}"}}' for n, text in enumerate(texts)]
    rows = [scored(n, text, text if n % 3 else texts[n - 1], task=kind) for n, text in enumerate(texts)]
    found = aggregate(rows, kind, confidence=0.95)
    metric = found.metrics[deciding_metric(kind, Goal())]
    assert 0 <= metric.low <= metric.value <= metric.high <= 1
    assert set(found.metrics) <= set(KIND_METRICS[kind])
    assert bool(found.confusion) == (kind in ("classify", "route"))


@pytest.mark.parametrize(
    ("kind", "passages", "has_documents", "expected"),
    [
        ("summarise", None, False, ["q"]), ("answer", ["p"], True, ["p", "q"]), ("answer", [], True, ["q"]), ("answer", None, True, None), ("answer", None, False, ["q"]),
        ("chat", ["p"], True, None), ("classify", None, False, None),
    ],
)  # fmt: skip
def test_what_an_answer_may_rest_on(kind, passages, has_documents, expected):
    assert sources_of(kind, "q", passages, has_documents=has_documents) == expected
