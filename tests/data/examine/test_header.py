"""A table without a line of names loses no row in silence, and what a column was taken for is said."""

from __future__ import annotations

import pytest

from tests.data.examine.rows_of import chats, table
from tests.ears import Ears
from tunesmith.data.examine.header import looks_like_a_row, lost_headers, taken
from tunesmith.data.examine.meaningful import Tools
from tunesmith.data.examine.run import Question, examine
from tunesmith.data.intake import plans
from tunesmith.spec.dataset import Source


def headless(path, count=60):
    path.write_text("".join(f"where is my card number {i} now,l{i % 3}\n" for i in range(count)))
    return Source(file=path.name)


def test_a_row_in_the_place_of_the_names_is_told(tmp_path):
    found = examine(Question(tuple(plans([headless(tmp_path / "a.csv")], tmp_path))), tmp_path, tmp_path / "scratch", Tools(), Ears())
    (told,) = [one for one in found.findings if one.kind == "header_is_row"]
    assert (told.file, told.severity) == ("a.csv", "review")
    assert '"where is my card number 0 now", "l0"' in told.message
    assert any("header" in reason or "names of the columns" in reason for reason in found.reasons)
    assert found.taken == {"a.csv": 'took "where is my card number 0 now" as question, "l0" as label'}
    assert "How a.csv was read" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("names", "row"),
    [
        (["Where is it?", "x"], {"Where is it?": "a", "x": "b"}),
        (["block it", "block"], {"block it": "open it", "block": "block"}),
        (["hm", "3"], {"hm": "a", "3": "4"}),
    ],
)
def test_signs_of_a_row(names, row):
    assert looks_like_a_row(names, [row, dict(zip(names, names, strict=True))])


@pytest.mark.parametrize(
    ("names", "row"),
    [
        (["text", "spam"], {"text": "a", "spam": "spam"}),  # a usual name beside it
        (["foo", "bar"], {"foo": "foo", "bar": "bar"}),  # the line of names stands twice
        (["Kundenfrage", "Unsere Antwort"], {"Kundenfrage": "a", "Unsere Antwort": "b"}),
        (["id", "1"], {"id": "a", "1": "b"}),
        (["u.s. state", "zip"], {"u.s. state": "a", "zip": "b"}),
    ],
)
def test_names_are_no_row(names, row):
    assert looks_like_a_row(names, [row]) == ""


def test_other_files_have_no_line_of_names(tmp_path):
    sources = [chats(tmp_path / "a.jsonl", [("Where is it?", "here")]), table(tmp_path / "b.csv", [("Where is it?", "here")])]
    settled = plans(sources, tmp_path)
    assert list(lost_headers(settled)) == []
    assert [taken(one) for one in settled] == ["read as chat", 'took "text" as question, "label" as label']
