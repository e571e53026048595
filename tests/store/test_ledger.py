"""The record is append-only, and looks at a test split are counted once each."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import select

from tunesmith.store.ledger import Ledger, Look
from tunesmith.store.tables import LOOKED_AT


def test_entries_come_back_in_order_with_actor(store):
    ledger = Ledger(store)
    ledger.append("pull", "model-a", {"bytes": 3})
    ledger.append("register", "router")
    assert [(e.action, e.subject, e.detail) for e in ledger.entries()] == [("pull", "model-a", {"bytes": 3}), ("register", "router", {})]
    assert [e.action for e in ledger.entries("router")] == ["register"]
    assert "@" in ledger.entries()[0].actor


def look(rows="abc", finalists="xy", judged_by="exact_match at 0.95", dataset="dataset-1"):
    return Look(dataset, [f"row {row}" for row in rows], list(finalists), judged_by)


def numbers(ledger, *looks):
    return [(found.number, found.total) for found in (ledger.open_test(one) for one in looks)]


def test_the_same_finalists_judged_the_same_way_are_the_same_look(store):
    ledger = Ledger(store)
    assert numbers(ledger, look(), look(finalists="yx")) == [(1, 1), (1, 1)]  # the run was killed before its verdict, and ran again
    assert len(ledger.entries("dataset-1")) == 1


def test_other_finalists_another_metric_confidence_or_scorer_are_looks_of_their_own(store):
    ledger = Ledger(store)
    others = [look(), look(finalists="xz"), look(judged_by="macro_f1 at 0.95"), look(judged_by="exact_match at 0.8")]
    assert numbers(ledger, *others) == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_going_back_to_the_first_finalists_does_not_make_the_other_looks_undone(store):
    assert numbers(Ledger(store), look(), look(finalists="z"), look()) == [(1, 1), (2, 2), (1, 2)]


def test_a_look_is_at_rows_wherever_they_came_from(store):
    ledger = Ledger(store)
    ledger.open_test(look("abc"))
    assert numbers(ledger, look("abc", dataset="dataset-renamed")) == [(1, 1)]  # the same rows of a file with another name: the same look
    assert numbers(ledger, look("cde", "z", dataset="dataset-2")) == [(2, 2)]  # one row of three was looked at before
    assert numbers(ledger, look("fgh", "z", dataset="dataset-3")) == [(1, 1)]  # fresh rows
    assert numbers(ledger, look("ah", "w", dataset="dataset-4")) == [(3, 3)]  # one row of the first, one of the third


def test_other_looks_at_the_rows_of_one_data_set_count_even_where_only_some_were_kept(store):
    ledger = Ledger(store)
    assert numbers(ledger, look("abc"), look("d", "z")) == [(1, 1), (2, 2)]


def test_a_verification_vouches_for_nothing(store):
    ledger = Ledger(store)
    first = ledger.open_test(look(), by="verify")
    assert (first.number, first.total, first.is_known, first.others) == (1, 1, False, 0)
    again = ledger.open_test(look(), by="verify")
    assert (again.total, again.is_known, again.others) == (1, False, 0)
    ledger.open_test(look())
    known = ledger.open_test(look(), by="verify")
    assert (known.total, known.is_known, known.others) == (1, True, 1)
    assert [entry.detail["by"] for entry in ledger.entries()] == ["verify", "run"]


def test_a_hundred_thousand_rows_take_eight_bytes_each_and_are_kept_once(store):
    ledger, rows = Ledger(store), [f"{n:016x}" for n in range(100_000)]
    assert [ledger.open_test(Look("d", rows, [name], "m")).total for name in "abc"] == [1, 2, 3]
    assert ledger.open_test(Look("other", rows[-1:], ["a"], "m")).total == 4
    with store.database.read() as connection:
        sizes = sorted(len(row.marks) for row in connection.execute(select(LOOKED_AT)))
    assert sizes == [8, 800_000]
    assert max(len(str(entry.detail)) for entry in ledger.entries()) < 300


@pytest.mark.parametrize(
    "statement", ["UPDATE ledger SET action = 'x'", "DELETE FROM ledger", "UPDATE looked_at SET marks = x''", "DELETE FROM looked_at"]
)
def test_the_database_refuses_to_change_history(store, statement):
    Ledger(store).append("pull", "model-a")
    Ledger(store).open_test(look())
    with sqlite3.connect(store.home / "store.db") as raw, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)
    raw.close()


def test_a_verification_is_written_down_and_uses_up_no_look(store):
    ledger = Ledger(store)
    assert numbers(ledger, look()) == [(1, 1)]
    altered = ledger.open_test(look(finalists="x"), by="verify")
    assert (altered.is_known, altered.others) == (False, 1)
    assert [entry.detail["by"] for entry in ledger.entries("dataset-1")] == ["run", "verify"]
    assert numbers(ledger, look(), look(finalists="z")) == [(1, 1), (2, 2)]
