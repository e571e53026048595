"""Rows that hold a probe: as their question, as a run of its words anywhere; and the many rows that do not."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import tiny
from tests.data.examine.rows_of import chats, read, table
from tests.data.examine.test_meaning import Impatient
from tests.ears import Ears
from tunesmith.data.examine.probe_leaks import GRAM, RUN, ProbeIndex, held_by, probe_leaks
from tunesmith.errors import Interrupted
from tunesmith.probes.load import probes

LONG = "The old mill by the river turns slowly, and nobody in the village remembers who built it or what it once was for."
TEXTS = {"short": "What do bees make?", "nine": "What do you need to sew on a button?", "prose": LONG}
INDEX = ProbeIndex(TEXTS)
DATA = Path(__file__).resolve().parents[3] / "bench" / "data"


def held(text: str, *, is_question: bool = True, index: ProbeIndex = INDEX) -> dict[str, bool]:
    return {one.probe: one.is_whole for one in index.found([text], [is_question])}


@pytest.mark.parametrize("text", ["What do bees make?", "what do bees make", "  WHAT do «bees» make ?!"])
def test_a_whole_question_is_found_whatever_its_marks(text) -> None:
    assert held(text) == {"short": True}


@pytest.mark.parametrize("text", ["What do the bees make?", "Tell me: what do bees make?", "What do bees make in June?"])
def test_a_short_probe_within_another_question_is_none(text) -> None:
    assert held(text) == {}


def test_a_short_probe_is_no_leak_as_an_answer() -> None:
    assert held("What do bees make?", is_question=False) == {}


def test_a_run_of_a_probes_words_is_found_anywhere() -> None:
    assert held(f"I have read this: {LONG.upper()} Is it true?", is_question=False) == {"prose": False}
    words = LONG.split()
    assert held(" ".join(words[3 : 3 + GRAM + RUN - 1])) == {"prose": False}  # 13 words
    assert held(" ".join(words[3 : 3 + GRAM + RUN - 2])) == {}  # 12
    assert held("so what do you need to sew on a shirt") == {"nine": False}  # eight of nine words in a row
    assert held("what do you need to sew a button on") == {}


def test_runs_do_not_cross_from_one_text_into_the_next() -> None:
    words = LONG.split()
    texts = [" ".join(words[:10]), " ".join(words[10:])]
    assert {one.text for one in INDEX.found([texts[0][:-3], texts[1][4:]], [False, False])} <= {1}
    halves = [" ".join(words[:7]), " ".join(words[7:14])]
    assert list(INDEX.found(halves, [False, False])) == []


@given(st.lists(st.sampled_from(["ab", "cd", "ef", "gh", "ij", "kl", "mn", "op"]), min_size=GRAM, max_size=30), st.integers(0, 8), st.integers(0, 8))
def test_a_text_around_a_probe_always_holds_it(words, before, after) -> None:
    index = ProbeIndex({"p": " ".join(words)})
    text = " ".join(["zz"] * before + words + ["zz"] * after)
    assert "p" in {one.probe for one in index.found(["nothing here", text], [False, False])}


@given(st.lists(st.text(max_size=40), max_size=5))
def test_any_texts_can_be_looked_at(texts) -> None:
    list(INDEX.found(texts, [True] * len(texts)))


def test_rows_are_told_with_the_probe_that_they_hold(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        table(tmp_path / "a.csv", [("what do bees make", "honey"), ("what do bees eat", "pollen"), ("who built the mill", LONG)], ("text", "answer")),
        chats(tmp_path / "b.jsonl", [("hello", "hi")], system=f"Here is a text. {LONG}"),
    )
    everything = np.ones(len(rows), bool)
    [found] = probe_leaks(rows, everything, INDEX, Ears())
    assert found.kind == "probe_leak"
    assert found.rows.tolist() == [0, 2, 3]
    assert found.notes[0] == "is the probe short: What do bees make?"
    assert found.notes[2].startswith("holds the probe prose: The old mill by")
    examined = np.array([False, True, True, False])
    assert next(probe_leaks(rows, examined, INDEX, Ears())).rows.tolist() == [2]
    assert list(probe_leaks(rows, np.zeros(len(rows), bool), INDEX, Ears())) == []
    with pytest.raises(Interrupted):
        list(probe_leaks(rows, everything, INDEX, Impatient(0)))


def test_every_shipped_probe_is_found_as_a_row() -> None:
    index = ProbeIndex(probes().texts())
    names, texts = list(probes().texts()), list(probes().texts().values())
    found = {(one.text, one.probe) for one in index.found(texts, [True] * len(texts))}
    assert [name for place, name in enumerate(names) if (place, name) not in found] == []
    asked = [f"Please answer this one. {text} Thank you." for text in texts]
    embedded = {one.text for one in index.found(asked, [True] * len(asked))}
    long = [place for place, text in enumerate(texts) if len(text.split()) >= 12]
    assert [names[place] for place in long if place not in embedded] == []


def test_no_row_of_the_shipped_data_is_a_probe() -> None:
    index = ProbeIndex(probes().texts())
    texts = [row["question"] + "\n" + row["answer"] for row in map(json.loads, (DATA / "gsm8k.jsonl").read_text().splitlines())]
    with (DATA / "banking77-train.csv").open() as file:
        texts += [row["text"] for row in csv.DictReader(file)]
    assert len(texts) > 2_000
    assert list(index.found(texts, [True] * len(texts))) == []


def test_the_probes_in_training_rows_are_named_once() -> None:
    rows = [tiny.record(0, "What do bees make?", "honey"), tiny.record(1, "why?", LONG), tiny.record(2, "what do bees make", "honey")]
    assert held_by(rows, INDEX) == ("prose", "short")
    assert held_by(rows[:0], INDEX) == ()
