"""Rows in another language than the rest, and files in several."""

from __future__ import annotations

import numpy as np

from tests.data.examine.rows_of import read, table
from tunesmith.data.examine.language import languages, name, sorted_out

ENGLISH = [
    (f"Where is the card number {word} that I ordered last week?", "card_arrival") for word in ("one", "two", "three", "four", "five", "six", "seven")
] * 4
GERMAN = ("Wo ist die Karte, die ich letzte Woche bestellt habe?", "card_arrival")
RUSSIAN = ("Где карта, которую я заказал на прошлой неделе?", "card_arrival")


def test_rows_that_stand_out(tmp_path):
    rows = read(tmp_path, table(tmp_path / "a.csv", [*ENGLISH, GERMAN, RUSSIAN, ("PIN?", "pin")]))
    (found,) = languages(rows, np.ones(len(rows), bool))
    assert found.kind == "foreign_language"
    assert found.rows.tolist() == [28, 29]
    assert dict(found.notes) == {28: "German", 29: "Russian"}
    assert found.detail == "the rest is in English; German (1), Russian (1)"


def test_several_languages(tmp_path):
    rows = read(tmp_path, table(tmp_path / "a.csv", [*ENGLISH, *[GERMAN] * 10]))
    (found,) = languages(rows, np.ones(len(rows), bool))
    assert (found.kind, found.rows.tolist(), found.detail) == ("mixed_languages", [], "English 74 %, German 26 %")


def test_nothing_to_tell(tmp_path):
    rows = read(tmp_path, table(tmp_path / "a.csv", ENGLISH))
    assert list(languages(rows, np.ones(len(rows), bool))) == []
    assert list(languages(rows, np.zeros(len(rows), bool))) == []


def test_relatives_do_not_stand_out():
    assert sorted_out({"en": 900, "de": 3, "pcm": 2, "en>fr": 1}) == (["en"], ["de", "en>fr"])
    assert sorted_out({"ru": 900, "Cyrl": 3}) == (["ru"], [])
    assert sorted_out({}) == ([], [])
    assert sorted_out({"en>de": 50, "en": 2}) == (["en>de"], ["en"])
    assert name("en>de") == "English answered in German"
    assert name("xyz") == "xyz"
