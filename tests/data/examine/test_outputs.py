"""Answers in a form that few rows have, and labels that are a slip away from another."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.data.examine.rows_of import chats, read, table
from tunesmith.data.examine.outputs import is_slip, odd_keys, outputs, typos

DATA = Path(__file__).parents[3] / "bench/data"
LONG = "It takes about five days until the card is there, and you can follow it in the app all the while."


def found(tmp_path, rows, **more):
    read_ = read(tmp_path, chats(tmp_path / "a.jsonl", rows, **more))
    return {one.kind: one for one in outputs(read_, np.ones(len(read_), bool))}


def texts(n):
    return [(f"question {i}", f"{LONG} This is number {i}.") for i in range(n)]


def objects(n, **more):
    return [(f"place {i}", json.dumps({"city": f"c{i}", "day": i} | more)) for i in range(n)]


def test_json_beside_text(tmp_path):
    some = found(tmp_path, [*texts(30), *objects(2)])
    assert some["mixed_json"].rows.tolist() == [30, 31]
    assert some["mixed_json"].detail == "30 rows answer with text"


def test_text_beside_json(tmp_path):
    some = found(tmp_path, [*objects(30), ("which?", "I do not know that.")])
    assert some["mixed_json"].rows.tolist() == [30]


def test_json_that_was_asked_for(tmp_path):
    assert found(tmp_path, [*texts(30), ("Give it as JSON.", '{"a": 1}')]) == {}


def test_half_and_half_is_a_choice(tmp_path):
    assert "mixed_json" not in found(tmp_path, [*texts(20), *objects(20)])


def test_other_keys(tmp_path):
    some = found(tmp_path, [*objects(30), ("a", '{"city": "x"}'), ("b", '{"city": "x", "day": 1, "dya": 2}')])
    assert dict(some["json_keys"].notes) == {30: "lacks `day`", 31: "has besides `dya`"}


def test_keys_that_vary_are_compared_one_by_one():
    varied = {row: ("id", f"k{row % 9}") for row in range(60)} | {60: ("k1",)}
    assert odd_keys(varied) == {60: "lacks `id`"}
    assert odd_keys(dict.fromkeys(range(5), ("a",))) == {}


def test_markdown_beside_plain_text(tmp_path):
    some = found(tmp_path, [*texts(30), ("q", f"## Answer\n\n**Yes.** {LONG}")])
    assert some["mixed_markdown"].rows.tolist() == [30]
    assert "of 31 longer answers 1 have Markdown" in some["mixed_markdown"].detail


@pytest.mark.parametrize("mark", ["#### {}", "Answer: {}", "La respuesta es: {}", "The answer is {}."])
def test_a_last_line_that_nearly_all_have(tmp_path, mark):
    rows = [(f"q {i}", f"{LONG} I count.\n{mark.format(i)}") for i in range(30)]
    some = found(tmp_path, [*rows, ("a", f"{LONG} I count"), ("b", "I am sorry, I do not know that.")])
    assert some["truncated_answer"].rows.tolist() == [30]
    assert "30 of 32 answers" in some["truncated_answer"].detail


def test_a_last_line_that_all_or_few_have_is_no_matter(tmp_path):
    rows = [(f"q {i}", f"{LONG} I count.\n#### {i}") for i in range(30)]
    for name, some in (("all", rows), ("few", [*rows, *texts(10)])):
        (tmp_path / name).mkdir()
        assert found(tmp_path / name, some) == {}


def test_lists_are_no_matter(tmp_path):
    assert found(tmp_path, [*texts(30), ("q", f"- {LONG}\n- and so on")]) == {}


@pytest.mark.parametrize(
    "answer", [f"Write `**kwargs` and `**more`. {LONG}", f"{LONG}\n\n```\n# a comment\nx = 1\n```", f"Call __init__ of the class. {LONG}"]
)
def test_code_is_no_markdown(tmp_path, answer):
    assert found(tmp_path, [*texts(30), ("q", answer)]) == {}


def test_slips_in_labels(tmp_path):
    rows = [(f"q {i}", "card_lost" if i % 2 else "pin_blocked") for i in range(120)] + [("a", "card_lsot"), ("b", "pin_blockd")]
    read_ = read(tmp_path, table(tmp_path / "a.csv", rows))
    (one,) = outputs(read_, np.ones(len(read_), bool))
    assert (one.kind, one.rows.tolist()) == ("label_typo", [120, 121])
    assert dict(one.suggestions) == {120: "card_lost", 121: "pin_blocked"}


def test_a_slip_in_a_label_that_is_spelt_in_several_ways_means_the_usual_one():
    assert typos({"age_limit": 60, "Age limit": 30, "pin_blocked": 60, "age limt": 1}) == {"age limt": "age_limit"}


@pytest.mark.parametrize(
    ("label", "other", "slip"),
    [
        ("card_lsot", "card_lost", True), ("card_lots", "card_lost", True), ("card_los", "card_lost", True), ("card_lostt", "card_lost", True), ("tier_1", "tier_2", False),
        ("atypical", "typical", False), ("top_up_failed", "top_up_reverted", False), ("Card_lost", "card_lost", False), ("moral", "morals", True), ("age limt", "age_limit", True), ("Age-Limt", "age_limit", True), ("age limit", "age_limit", False),
    ],
)  # fmt: skip
def test_slip(label, other, slip):
    assert is_slip(label, other) == slip


def test_real_labels_are_no_slips_of_one_another():
    with (DATA / "banking77-train.csv").open(encoding="utf-8", newline="") as file:
        counts = Counter(row["category"] for row in csv.DictReader(file))
    assert len(counts) == 77
    assert typos(counts) == {}
    assert [(a, b) for a in counts for b in counts if a < b and is_slip(a, b)] == []
