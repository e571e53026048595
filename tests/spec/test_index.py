"""What can be looked up: by what entries are recognised, and how the union reads back."""

from __future__ import annotations

from pydantic import TypeAdapter

from tests import tiny
from tunesmith.spec.index import Entry, Example, Excerpt, kin_of
from tunesmith.spec.passage import Spot

ENTRY: TypeAdapter[Entry] = TypeAdapter(Entry)


def test_entries_read_back_as_what_they_are() -> None:
    excerpt = Excerpt(id="0" * 16, text="# A\n\nb", headings=("A",), spot=Spot(file="a.md", line=1, last_line=3))
    example = Example(id="1" * 16, conversation=tiny.chat("q", "a"), kin=("group x",))
    for entry in (excerpt, example):
        assert ENTRY.validate_json(entry.model_dump_json(exclude_none=True)) == entry
    assert (excerpt.searched(), example.searched()) == ("# A\n\nb", "q")


def test_a_row_is_recognised_by_itself_its_cluster_and_its_group() -> None:
    alone = tiny.record(7, "q", "a")
    assert kin_of(alone) == ()
    related = alone.model_copy(update={"cluster": "0" * 16, "group": "customer 4"})
    assert kin_of(related) == ("0" * 16, "group customer 4")
    assert Example(id=related.id, conversation=tiny.chat("q", "a"), kin=kin_of(related)).marks() == {related.id, "0" * 16, "group customer 4"}


def test_a_group_and_a_cluster_of_one_name_are_not_the_same() -> None:
    row = tiny.record(1, "q", "a")
    assert not set(kin_of(row.model_copy(update={"group": "x"}))) & set(kin_of(row.model_copy(update={"cluster": "x"})))
