"""Durations and targets as people write them, and the table that they end in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tunesmith.errors import BadProject
from tunesmith.spec.plan import Decide, LeftOut, Plan, PlannedStep, overrides_of, seconds_of
from tunesmith.spec.project import overridden


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20m", 1200), ("20 min", 1200), ("1h30m", 5400), ("1 hour 30 minutes", 5400), ("90", 90), ("90s", 90), ("0.5h", 1800), ("2 days", 172_800)],
)
def test_durations_as_people_write_them(text: str, seconds: float) -> None:
    assert seconds == seconds_of(text)


@pytest.mark.parametrize("text", ["", "soon", "0", "0m", "5 monkeys", "1h30", "20m!", "-5m", "m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        seconds_of(text)


@given(st.integers(0, 23), st.integers(0, 59), st.integers(1, 59))
def test_parts_of_a_duration_add_up(hours: int, minutes: int, seconds: int) -> None:
    assert hours * 3600 + minutes * 60 + seconds == seconds_of(f"{hours}h{minutes}m{seconds}s")


@pytest.mark.parametrize(
    ("wish", "overrides"),
    [
        ("20m", ("decide.budget=1200",)),
        ("at least 0.9 macro_f1", ('goal.metric="macro_f1"', "goal.at_least=0.9", "decide.stop_at_goal=true")),
        ("at most 0.2 s", ("decide.at_most_ms=200", "decide.stop_at_goal=true")),
        ("At least 85 % and at most 200 ms", ("goal.at_least=0.85", "decide.at_most_ms=200", "decide.stop_at_goal=true")),
        ("20m, at most 200 ms", ("decide.budget=1200", "decide.at_most_ms=200", "decide.stop_at_goal=true")),
        ("at least 90 % and 1h30m", ("goal.at_least=0.9", "decide.budget=5400", "decide.stop_at_goal=true")),
        ("at most 5 % false refusal rate", ('goal.metric="false_refusal_rate"', "goal.at_least=0.05", "decide.stop_at_goal=true")),
    ],
)
def test_a_budget_is_a_time_a_target_or_both(wish: str, overrides: tuple[str, ...]) -> None:
    assert overrides == overrides_of(wish)
    assert overridden({}, overrides)


@pytest.mark.parametrize(
    "wish",
    [
        "much",
        "at least 0.9 beauty",
        "at most 0.9 macro_f1",
        "at least 0.1 perplexity",
        "at least 200 ms",
        "at most 200 ms exact_match",
        "",
        "20m,",
    ],
)
def test_what_is_neither_is_told(wish: str) -> None:
    with pytest.raises(BadProject) as caught:
        overrides_of(wish)
    assert "is neither a time nor a target" in str(caught.value)
    assert "--budget 20m" in str(caught.value)


@pytest.mark.parametrize("wish", ["20m, 30m", "at least 80 %, at least 90 %"])
def test_nothing_is_wished_twice(wish: str) -> None:
    with pytest.raises(BadProject, match="says one thing twice"):
        overrides_of(wish)


def test_the_table_reads_durations_and_keeps_seconds() -> None:
    assert Decide(budget="20m") == Decide(budget=1200)
    assert Decide.model_validate({"budget": None}).budget is None
    assert Decide.model_validate(Decide(budget=90.5).model_dump(mode="json")) == Decide(budget=90.5)


@pytest.mark.parametrize(
    "fields", [{"budget": 0}, {"budget": "later"}, {"pilots": (0.5, 0.1)}, {"pilots": (0.1, 1.0)}, {"seeds": 0}, {"search_over": ("luck",)}]
)
def test_wishes_that_cannot_be_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Decide.model_validate(fields)


def test_a_plan_says_what_it_will_have_spent() -> None:
    steps = tuple(PlannedStep(name=name, kind="pilot", base="small", can_change="it", parts=(), seconds=10) for name in "abc")
    plan = Plan(decide=Decide(), steps=steps, left_out=(LeftOut(name="d", seconds=5, reason="no time"),), passed=1, spent=7)
    assert plan.will_have_spent() == 27
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
