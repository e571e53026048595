"""The record is append-only, and looks at a test split are counted once each."""

from __future__ import annotations

import sqlite3

import pytest

from tunesmith.store.ledger import Ledger


def test_entries_come_back_in_order_with_actor(store):
    ledger = Ledger(store)
    ledger.append("pull", "model-a", {"bytes": 3})
    ledger.append("register", "router")
    assert [(e.action, e.subject, e.detail) for e in ledger.entries()] == [("pull", "model-a", {"bytes": 3}), ("register", "router", {})]
    assert [e.action for e in ledger.entries("router")] == ["register"]
    assert "@" in ledger.entries()[0].actor


def test_a_look_is_numbered_and_the_same_finalists_are_the_same_look(store):
    ledger = Ledger(store)
    assert ledger.looks("dataset-1", "test") == 0
    assert ledger.open_test("dataset-1", ["b", "a"]) == 1
    assert ledger.open_test("dataset-1", ["a", "b"]) == 1  # the run was killed before its verdict, and ran again
    assert ledger.open_test("dataset-1", ["a", "c"]) == 2
    assert ledger.open_test("dataset-2", ["a", "c"]) == 1
    assert ledger.open_test("dataset-1", ["b", "a"]) == 1
    assert (ledger.looks("dataset-1", "test"), ledger.looks("dataset-1", "dev")) == (2, 0)


@pytest.mark.parametrize("statement", ["UPDATE ledger SET action = 'x'", "DELETE FROM ledger"])
def test_the_database_refuses_to_change_history(store, statement):
    Ledger(store).append("pull", "model-a")
    with sqlite3.connect(store.home / "store.db") as raw, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)
    raw.close()
