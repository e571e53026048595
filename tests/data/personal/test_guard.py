"""What the project decided about personal data is done to every text of a row, and counted."""

from collections import Counter

import pytest

from tests.data.personal.guarded import record
from tunesmith.data.personal.guard import Guard
from tunesmith.data.sources.fault import RowFault

PLAIN = record("Where is my card?", "In the post.")
NAMED = record("I am eve@mail.org", "Hello eve@mail.org, call bob@mail.org")


@pytest.mark.parametrize("rule", ["refuse", "redact", "drop", "keep"])
def test_a_row_without_personal_data_passes_as_it_is(rule):
    tally: Counter[str] = Counter()
    assert Guard(rule).passed(PLAIN, tally) is PLAIN
    assert tally == {}


def test_nothing_decided_stops():
    with pytest.raises(RowFault, match="e-mail address") as stopped:
        Guard("refuse").passed(NAMED, Counter())
    assert stopped.value.reason == "personal_data"
    assert "personal_data =" in str(stopped.value)
    assert "eve" not in str(stopped.value)


def test_what_stands_in_a_column_is_looked_at_too():
    row = PLAIN.model_copy(update={"columns": {"agent": "eve@mail.org", "region": "north"}})
    with pytest.raises(RowFault, match="e-mail address") as stopped:
        Guard("refuse").passed(row, Counter())
    assert "eve" not in str(stopped.value)
    made = Guard("redact").passed(row, Counter())
    assert made.columns == {"agent": "[EMAIL_1]", "region": "north"}
    assert made.id == PLAIN.id


def test_dropped_rows_are_told_by_another_reason():
    with pytest.raises(RowFault) as dropped:
        Guard("drop").passed(NAMED, Counter())
    assert dropped.value.reason == "personal"


def test_redacted_rows_have_new_ids_and_one_placeholder_for_one_value():
    tally: Counter[str] = Counter()
    guard = Guard("redact")
    made = guard.passed(NAMED, tally)
    assert [m.content for m in made.conversation.messages] == ["I am [EMAIL_1]", "Hello [EMAIL_1], call [EMAIL_2]"]
    assert made.id != NAMED.id
    again = guard.passed(record("write to BOB@mail.org", "ok"), tally)
    assert again.conversation.messages[0].content == "write to [EMAIL_2]"
    assert tally == {"personal_data": 2}


def test_kept_rows_are_counted():
    tally: Counter[str] = Counter()
    assert Guard("keep").passed(NAMED, tally) is NAMED
    assert tally == {"personal_data_kept": 1}
