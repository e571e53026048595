"""What is lopsided or missing, and silence where nothing is."""

import numpy as np

from tests.data.examine.rows_of import chats, read, table
from tunesmith.data.examine.balance import about_amount, about_labels, about_lengths, about_scope, about_systems, label_counts


def kinds(found):
    return {one.kind for one in found}


def everything(rows):
    return np.ones(len(rows), bool)


def test_labels_spelt_in_two_ways_get_the_frequent_spelling(tmp_path):
    labels = ["card_lost"] * 30 + ["Card lost"] * 2 + ["pin"] * 30
    rows = read(tmp_path, table(tmp_path / "a.csv", [(f"question {i}", label) for i, label in enumerate(labels)]))
    (one,) = [s for s in about_labels(rows, everything(rows), None) if s.kind == "label_spelling"]
    assert one.renames == {"Card lost": "card_lost"}
    assert one.rows.tolist() == [30, 31]


def test_a_label_with_marks_in_it_is_quoted_with_others(tmp_path):
    labels = ["card_lost"] * 30 + ["`Card lost`"] * 2 + ["pin"] * 30
    rows = read(tmp_path, table(tmp_path / "a.csv", [(f"question {i}", label) for i, label in enumerate(labels)]))
    (one,) = [s for s in about_labels(rows, everything(rows), None) if s.kind == "label_spelling"]
    assert one.detail == '"`Card lost`" → `card_lost`'


def test_rare_and_lopsided_labels(tmp_path):
    labels = ["a"] * 100 + ["b"] * 3
    rows = read(tmp_path, table(tmp_path / "a.csv", [(f"question {i}", label) for i, label in enumerate(labels)]))
    assert kinds(about_labels(rows, everything(rows), None)) == {"rare_label", "lopsided_labels"}
    assert kinds(about_amount(rows, everything(rows))) == set()


def test_good_labels_are_passed_over_in_silence(tmp_path):
    rows = read(tmp_path, table(tmp_path / "a.csv", [(f"question {i}", "abc"[i % 3]) for i in range(90)]))
    mask = everything(rows)
    assert label_counts(rows, mask) == {"a": 30, "b": 30, "c": 30}
    assert [*about_labels(rows, mask, None), *about_lengths(rows, mask), *about_systems(rows, mask), *about_amount(rows, mask)] == []


def test_one_answer_only(tmp_path):
    rows = read(tmp_path, table(tmp_path / "a.csv", [(f"question {i}", "yes") for i in range(60)]))
    assert kinds(about_labels(rows, everything(rows), None)) == {"one_answer"}


def test_rows_that_decline_are_noticed(tmp_path):
    (tmp_path / "b").mkdir()
    rows = [(f"how does part {i} of the thing work in practice", f"It works as is written in chapter {i} of the long manual.") for i in range(60)]
    without = read(tmp_path, chats(tmp_path / "a.jsonl", rows))
    assert kinds(about_scope(without, everything(without), None)) == {"no_out_of_scope"}
    declining = [*rows, ("who won the match", "I'm sorry, I can't help with that; I only answer questions about the thing.")]
    with_one = read(tmp_path / "b", chats(tmp_path / "b" / "a.jsonl", declining))
    assert about_scope(with_one, everything(with_one), None) == []
    (tmp_path / "c").mkdir()
    own = read(tmp_path / "c", chats(tmp_path / "c" / "a.jsonl", [*rows, ("who won the match", "A topic for somebody else!")]))
    assert kinds(about_scope(own, everything(own), None)) == {"no_out_of_scope"}
    assert about_scope(own, everything(own), "A topic for somebody else.") == []


def test_an_out_of_scope_label_counts(tmp_path):
    rows = read(tmp_path, table(tmp_path / "a.csv", [(f"question {i}", ("card", "pin", "oos")[i % 3]) for i in range(90)]))
    assert about_scope(rows, everything(rows), None) == []


def test_some_rows_without_the_system_prompt(tmp_path):
    path = tmp_path / "a.jsonl"
    source = chats(path, [(f"question {i}", f"answer {i}") for i in range(10)], system="Be brief.")
    with path.open("a") as file:
        file.write('{"messages": [{"role": "user", "content": "bare"}, {"role": "assistant", "content": "yes"}]}\n')
    rows = read(tmp_path, source)
    assert [(s.kind, s.rows.tolist()) for s in about_systems(rows, everything(rows))] == [("system_prompt_missing", [10])]


def test_a_row_far_longer_than_the_others(tmp_path):
    rows = [(f"question number {i}", f"answer number {i}") for i in range(200)] + [("why", "because " * 2_000)]
    read_rows = read(tmp_path, chats(tmp_path / "a.jsonl", rows))
    assert [s.rows.tolist() for s in about_lengths(read_rows, everything(read_rows))] == [[200]]
