"""Which column is what, and when something was said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.make.thread_columns import day_first, is_internal, seconds, settle, side_of, text_of
from tunesmith.spec.making import ThreadWishes

NOON = 1738324800.0  # 31 January 2025, 12:00 UTC


@pytest.mark.parametrize(
    ("value", "is_day_first", "expected"),
    [
        ("2025-01-31T12:00:00Z", None, NOON),
        ("2025-01-31 12:00:00", None, NOON),
        ("2025-01-31T13:00:00+01:00", None, NOON),
        ("2025-01-31 12:00:00 UTC", None, NOON),
        (1738324800, None, NOON),
        ("1738324800000", None, NOON),
        ("1738324800.5", None, NOON + 0.5),
        ("31/01/2025 12:00", True, NOON),
        ("1/31/2025 12:00 PM", False, NOON),
        ("31.01.2025, 12:00:00", True, NOON),
        ("Fri, 31 Jan 2025 12:00:00 +0000", None, NOON),
        ("03/02/2025 10:00", None, None),
        ("31/01/2025", False, None),
        ("yesterday", None, None),
        ("", None, None),
        ("5", None, None),
    ],
)
def test_times(value, is_day_first, expected):
    assert seconds(value, is_day_first) == expected


@given(st.text(max_size=80) | st.floats() | st.integers() | st.none())
def test_any_value_is_a_time_or_none(value):
    found = seconds(value, None)
    assert found is None or isinstance(found, float)


def test_days_and_months():
    assert day_first(["03/02/2025", "31/01/2025"]) is True
    assert day_first(["03/02/2025", "01/31/2025"]) is False
    assert day_first(["03/02/2025", "no"]) is None


ROWS = [
    {"Ticket ID": t, "createdAt": f"2025-01-31T1{i}:00:00Z", "Author Type": who, "Name": name, "Message": f"some words {i} {t}", "Internal": "false"}
    for t in ("7", "8")
    for i, (who, name) in enumerate((("End-user", "Bob"), ("agent", "Ann")))
]


def test_columns_by_name_and_content():
    found = settle(ROWS, ThreadWishes())
    columns = {kind: guess.column for kind, guess in found.named.items()}
    assert columns == {"thread": "Ticket ID", "role": "Author Type", "author": "Name", "time": "createdAt", "text": "Message", "internal": "Internal"}
    assert "its values repeat" in found.named["thread"].reason


def test_a_named_column_is_never_overruled_and_a_thread_must_repeat():
    found = settle(ROWS, ThreadWishes(author="Message", text="Name"))
    assert (found.of("author"), found.of("text")) == ("Message", "Name")
    single = [{"ticket": str(i), "author": "a", "text": "some words that are long"} for i in range(5)]
    assert settle(single, ThreadWishes()).of("thread") is None


def test_sides():
    assert side_of("inbound", "False") == "agent"
    assert side_of("is_agent", 1) == "agent"
    assert side_of("role", "Assistant") == "agent"
    assert side_of("role", "something") == ""


def test_notes_that_nobody_saw():
    assert is_internal("public", "false")
    assert not is_internal("public", True)
    assert is_internal("visibility", "internal")
    assert not is_internal(None, "true")


def test_cells():
    assert text_of(12.0) == "12"
    assert text_of(float("nan")) == ""
    assert text_of(["a", {"text": "b"}, None]) == "ab"
