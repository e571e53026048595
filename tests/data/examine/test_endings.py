"""Answers that stop in the middle: told where the other answers of their file have an end, and only there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data.examine.rows_of import chats, read

GSM8K = Path(__file__).parents[3] / "bench/data/gsm8k.jsonl"
PLACES = ("Lyon", "Porto", "Ghent", "Turku", "Split")
CUT = (
    "Yes, you can, and the fee for that would be",
    "Natalia sold 48/2 = 24 clips in the month of May.\nNatalia sold",
    "Natalia sold 48/2 = 24 clips in May and in both months 48+24=",
    "In the beginning, Betty has only $50.\nHer grandparents gave her 15 *",
    "Die Karte kommt mit der Post und kostet bei der",
    "La carte arrive par la poste et elle coûte avec le",
    "La tarjeta llega por correo y cuesta lo mismo que el",
)


def whole(n, end="."):
    return [
        (f"question {i}", f"The train to {PLACES[i % 5]} leaves at {i} and it takes about {i} minutes to the main station{end}") for i in range(n)
    ]


def broken(tmp_path, rows):
    flags = read(tmp_path, chats(tmp_path / "a.jsonl", rows)).flags
    assert "cut_short" not in flags
    return list(flags["truncated_answer"].rows) if "truncated_answer" in flags else []


def test_where_the_others_have_an_end(tmp_path):
    found = broken(tmp_path, [*whole(30), *((f"cut {i}", text) for i, text in enumerate(CUT))])
    assert found == list(range(30, 30 + len(CUT)))


def test_certain_ones_stand_among_them_in_order(tmp_path):
    rows = [*whole(30), ("a", CUT[0]), ("b", "The train leaves at noon from the main station and"), ("c", CUT[1])]
    read_ = read(tmp_path, chats(tmp_path / "a.jsonl", rows))
    assert list(read_.flags["truncated_answer"].rows) == [30, 31, 32]
    assert read_.flags["truncated_answer"].notes[30].endswith("the fee for that would be")


def test_where_the_others_have_none_it_is_their_manner(tmp_path):
    assert broken(tmp_path, [*whole(30, end=""), ("a", CUT[0])]) == []


def test_a_file_full_of_them_is_written_so(tmp_path):
    assert broken(tmp_path, [*whole(30), *((f"cut {i}", f"{i}. {CUT[0]} {i} or would be") for i in range(10))]) == []


def test_too_few_answers_show_no_manner(tmp_path):
    assert broken(tmp_path, [*whole(10), ("a", CUT[0])]) == []


@pytest.mark.parametrize(
    "answer",
    [
        "It leaves at noon.\nSee the timetable on our page",
        "You will find it here:\nBest regards",
        "It leaves at noon.\n- main station",
        "It takes five days until it is there",
        "That is it",
    ],
)
def test_other_endings_are_left_alone(tmp_path, answer):
    assert broken(tmp_path, [*whole(30), ("a", answer)]) == []


def test_real_solutions_end(tmp_path):
    lines = [json.loads(line) for line in GSM8K.read_text(encoding="utf-8").splitlines()[:600]]
    rows = [(line["question"], line["answer"].split("####")[0].strip()) for line in lines]
    assert len(rows) > 100
    assert broken(tmp_path, [*rows, *(("a", text) for text in CUT[:4])]) == list(range(len(rows), len(rows) + 4))
