"""A review file decides about the rows that it shows, or about none."""

from __future__ import annotations

import json

import pytest

from tests.data.examine.rows_of import chats, table
from tunesmith.data.intake import plans
from tunesmith.data.mend.plan import Reviewed
from tunesmith.data.mend.stale import COMPARED, refuse_stale
from tunesmith.errors import BadData


def refused(root, source, *reviewed):
    with pytest.raises(BadData) as told:
        refuse_stale(plans([source], root), reviewed)
    return [(problem.where, problem.message) for problem in told.value.problems]


def drop(line, question, where="look.csv line 2"):
    return Reviewed("a.csv", line, "drop", "", where, question)


def test_rows_that_are_those_that_were_reviewed_pass(tmp_path):
    source = table(tmp_path / "a.csv", [("Where is\n my card?", "lost"), ("block it", "block")])
    settled = plans([source], tmp_path)
    refuse_stale(settled, [drop(2, "where is my card?"), drop(4, "Block it"), drop(4, "")])
    refuse_stale(settled, [])


def test_a_cell_that_a_spreadsheet_cut_is_compared_as_far_as_it_goes(tmp_path):
    words = "many words " * 300
    source = table(tmp_path / "a.csv", [(words, "lost")])
    refuse_stale(plans([source], tmp_path), [drop(2, words[: COMPARED + 500])])


def test_a_file_that_changed_since_is_refused_with_every_row(tmp_path):
    source = table(tmp_path / "a.csv", [("where is my card?", "lost"), ("block it", "block")])
    told = refused(tmp_path, source, drop(2, "block it"), drop(3, "block it", "look.csv line 3"), drop(9, "", "look.csv line 4"))
    assert told == [
        ("look.csv line 2", "is about another row than the one that stands there now"),
        ("look.csv line 4", "names a line on which no row begins"),
    ]


def test_no_address_is_shown(tmp_path):
    source = table(tmp_path / "a.csv", [("write to eve@mail.org", "lost")])
    with pytest.raises(BadData) as told:
        refuse_stale(plans([source], tmp_path), [drop(2, "ask bob@mail.org")])
    assert "@mail.org" not in json.dumps(told.value.to_json())


def test_rows_that_cannot_be_used_may_be_dropped(tmp_path):
    source = chats(tmp_path / "a.jsonl", [("where is it", "there")])
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write('{"messages": []}\n')
    refuse_stale(plans([source], tmp_path), [Reviewed("a.jsonl", 2, "drop", "", "look.jsonl line 1", "whatever")])
