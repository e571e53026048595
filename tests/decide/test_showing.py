"""When a run has no hope of seeing its metric, and when a candidate without it proves nothing."""

from __future__ import annotations

import doctest

import pytest

from tests.decide.planning import make_facts, measured, names, with_documents
from tests.decide.test_next import plan_for
from tunesmith.decide import showing
from tunesmith.decide.next import next_trial
from tunesmith.decide.showing import is_carried, is_hidden
from tunesmith.spec.plan import Done, Facts, Plan, PlannedTrial
from tunesmith.spec.task import MetricName
from tunesmith.spec.trial import Trial


def test_examples() -> None:
    assert doctest.testmod(showing).failed == 0


@pytest.mark.parametrize(
    ("metric", "answers", "out_of_scope", "expected"),
    [
        ("out_of_scope_recall", ["card", "other"], "other", True),
        ("out_of_scope_recall", ["card"], "other", False),
        ("out_of_scope_recall", ["card"], None, False),
        ("out_of_scope_precision", ["card", "other"], "other", True),
        ("out_of_scope_precision", ["card"], "other", False),
        ("false_refusal_rate", ["card"], "other", True),
        ("false_refusal_rate", ["other"], "other", False),
        ("false_refusal_rate", ["card"], None, False),
        ("exact_match", ["other"], "other", False),
        ("exact_match", ["card"], None, True),
        ("accuracy", ["other"], "other", True),
        ("accuracy", [], None, False),
    ],
)
def test_which_references_carry_a_metric(metric: MetricName, answers: list[str], out_of_scope: str | None, expected: bool) -> None:
    assert is_carried(metric, answers, out_of_scope) is expected


def walked(facts: Facts, plan: Plan, shows: set[str], most: int = 120) -> tuple[list[Trial], Done | None]:
    """What the pipeline does where only trials of these remedies show the metric; None: it ends without hope."""
    found: list[Trial] = []
    for _ in range(most):
        step = next_trial(found, facts, plan)
        if isinstance(step, Done):
            return found, step
        assert isinstance(step, PlannedTrial)
        metric: MetricName = facts.metric if step.trial.remedy in shows else "perplexity"
        found.append(measured(step.trial, 0.5, step.dev_rows, metric))
        if is_hidden(found, facts, plan):
            return found, None
    raise AssertionError("the line does not end")


def test_what_nobody_shows_ends_the_run_with_the_first_prompt() -> None:
    facts = make_facts(metric="exact_match")
    history, end = walked(facts, plan_for(facts), set())
    assert end is None
    assert names(history) == ["majority", "classifier", "prompt-plain"]


def test_passages_may_show_what_prompts_cannot_and_nothing_without_them_is_trained() -> None:
    facts = with_documents(metric="supported_share")
    history, end = walked(facts, plan_for(facts), {"rag", "fine-tune-rag"})
    assert end is not None
    assert [trial.remedy for trial in end.trials] == ["fine-tune-rag", "rag"]
    assert {trial.remedy for trial in history} == {"majority", "classifier", "prompt", "rag", "fine-tune-rag"}
    assert "rests on passages" in {left.name: left.reason for left in end.skipped}["tuned"]


def test_where_no_passages_are_shown_the_run_ends() -> None:
    facts = make_facts(metric="supported_share")
    history, end = walked(facts, plan_for(facts), set())
    assert end is None
    assert names(history)[-1] == "prompt-plain"
    without = plan_for(with_documents(metric="supported_share"))
    without = without.model_copy(update={"steps": tuple(step for step in without.steps if step.kind not in ("rag", "fine-tune-rag"))})
    history, end = walked(with_documents(metric="supported_share"), without, set())
    assert end is None
    assert names(history)[-1] == "prompt-plain"


def test_readers_that_do_not_show_it_either_end_the_run_before_training() -> None:
    facts = with_documents(metric="supported_share")
    history, end = walked(facts, plan_for(facts), set())
    assert end is None
    assert history[-1].remedy == "rag"
    assert all(trial.pilot is None for trial in history)


def test_prompts_that_decline_nothing_leave_the_trained_ones_to_show_it() -> None:
    facts = make_facts(metric="out_of_scope_precision")
    _, end = walked(facts, plan_for(facts), {"fine-tune"})
    assert end is not None
    assert [trial.remedy for trial in end.trials] == ["fine-tune"]


def test_a_search_in_which_nothing_shows_the_metric_ends() -> None:
    facts = make_facts(metric="out_of_scope_precision")
    history, end = walked(facts, plan_for(facts), {"few-shot"})
    assert end is not None
    assert any(trial.pilot is not None for trial in history)


def test_a_part_of_dev_proves_nothing() -> None:
    facts = make_facts(metric="out_of_scope_recall", written=())
    plan = plan_for(facts)
    found: list[Trial] = []
    while isinstance(step := next_trial(found, facts, plan), PlannedTrial) and step.recipe is None:
        is_part = step.dev_rows < facts.dev_rows
        found.append(
            measured(step.trial, 0.5, step.dev_rows, "perplexity" if is_part or step.trial.remedy in ("majority", "classifier") else facts.metric)
        )
        assert not is_hidden(found, facts, plan)
    assert any(trial.report is not None and trial.report.rows < facts.dev_rows for trial in found)
