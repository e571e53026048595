"""Errors: one value for terminal, JSON and other processes."""

from __future__ import annotations

import json
import pickle
import re

import pytest

from tunesmith import errors
from tunesmith.errors import ERRORS, BadData, Problem, TunesmithError, from_json, visible

TWO = (Problem("`role` is wrong", "a.jsonl line 3", "'bot'", "user or assistant", "rename it"), Problem("is empty", "b.csv"))


def test_a_problem_reads_as_where_what_got_expected_fix() -> None:
    lines = ["bad_record · a.jsonl line 3: `role` is wrong", "  got 'bot'", "  expected user or assistant", "  fix: rename it", "b.csv: is empty"]
    assert lines == str(BadData(problems=TWO)).splitlines()


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_crosses_json_and_pickle_whole(kind: type[TunesmithError]) -> None:
    error = kind("two things", problems=TWO)
    for other in (from_json(json.loads(json.dumps(error.to_json()))), pickle.loads(pickle.dumps(error))):
        assert (kind, "two things", TWO, str(error)) == (type(other), other.message, other.problems, str(other))


def test_the_list_is_complete_and_codes_are_unique() -> None:
    kinds = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, TunesmithError)} - {TunesmithError}
    assert kinds == set(ERRORS)
    assert len(ERRORS) == len({kind.code for kind in ERRORS})


def test_the_tree_in_the_docstring_is_the_code() -> None:
    drawn = re.findall(r"[├└]── (\w+) +(\d+) +(\d+) ", errors.__doc__ or "")
    assert [(kind.__name__, str(kind.exit_status), str(kind.http_status)) for kind in ERRORS] == drawn


def test_an_unknown_code_still_says_what_happened() -> None:
    found = from_json({"code": "from_the_future", "message": "m", "problems": [{"message": "m", "fix": "upgrade"}]})
    assert (TunesmithError, "upgrade") == (type(found), found.problems[0].fix)


@pytest.mark.parametrize("text", ["\x1b[2J", "\x07", "\r", "\x9b1m", "\u202e", "\u2066", "\ue000", "\x00", "\u2028"])
def test_nothing_that_moves_a_terminal_gets_out(text: str) -> None:
    shown = visible(f"a{text}b")
    assert text not in shown
    assert shown.startswith("a\\")


def test_ordinary_text_stays_as_it_is() -> None:
    assert visible("Grüße, 日本 🙂\n") == "Grüße, 日本 🙂\n"


def test_every_part_of_a_problem_is_shown_escaped() -> None:
    bad = "\x1b[31m"
    text = str(BadData(bad, where=bad, got=bad, expected=bad, fix=bad))
    assert (text.count("\x1b"), text.count("\\x1b")) == (0, 5)
