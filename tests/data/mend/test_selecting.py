"""A selection keeps as many rows as were asked for, as they are; of every other row the diff says why it is not there."""

from __future__ import annotations

import csv
import json
from collections import Counter

import numpy as np
import pytest

from tests.ears import Ears
from tunesmith.data.examine.meaning import Encoder
from tunesmith.data.examine.meaningful import Tools
from tunesmith.data.examine.usefulness import Losses
from tunesmith.data.intake import plans
from tunesmith.data.mend.selecting import select, worths
from tunesmith.errors import NotEnoughData
from tunesmith.spec.dataset import Source

TOPICS = ("lion otter heron badger", "wallet card charge deposit", "kettle stove oven pan")


def by_words(texts):
    """Vectors of words: texts about one topic are near to one another."""
    vectors = np.zeros((len(texts), 64), np.float32)
    for row, text in enumerate(texts):
        for word in text.split():
            vectors[row, sum(map(ord, word)) % 64] += 1
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


ENCODER = Encoder(by_words, 64, "words")


def question(i):
    words = TOPICS[i % 3].split()
    return f"what about the {words[i % 4]} and the {words[i // 4 % 4]} in case {i * 7919}"


def go(tmp_path, count, *sources, **tools):
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    version = select(plans(sources, tmp_path), count, Tools(encoder=ENCODER, **tools), out, tmp_path / "scratch", Ears())
    changes = [json.loads(line) for line in (out / "diff.jsonl").read_text().splitlines()]
    return version, changes, out


def chats(path, pairs):
    with path.open("w") as file:
        for asked, said in pairs:
            file.write(json.dumps({"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": said}], "mine": 1}) + "\n")
    return Source(file=path.name)


def test_rows_are_kept_as_they_are_and_the_others_have_a_reason(tmp_path):
    source = chats(tmp_path / "a.jsonl", [(question(i), f"A long enough answer to the question about case {i}.") for i in range(60)])
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write((tmp_path / "a.jsonl").read_text().splitlines()[4] + "\n{broken\n" + json.dumps({"messages": []}) + "\n")
    version, changes, out = go(tmp_path, 12, source)
    made = version.files["a.jsonl"]
    assert (made.rows_read, made.rows_written) == (63, 12)
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    kept = (out / made.stored).read_text().splitlines()
    assert set(map(json.dumps, map(json.loads, kept))) <= set(lines), "row by row as it was"
    assert made.dropped == {"not_selected": 48, "duplicate": 1, "unusable_bad_json": 1, "unusable_empty": 1}
    assert len(changes) == 63 - 12
    assert all(change["became"] is None for change in changes)
    stand_in = {change["done"][0]["detail"] for change in changes if change["done"][0]["reason"] == "not_selected"}
    places = {f"the nearest that is kept: a.jsonl line {n}" for n, line in enumerate(lines, 1) if line in kept}
    assert stand_in <= places
    (copy,) = [change for change in changes if change["done"][0]["reason"] == "duplicate"]
    assert (copy["line"], copy["done"][0]["detail"]) == (61, "of a.jsonl line 5")


def test_what_was_given_up_is_told(tmp_path):
    version, _, _ = go(
        tmp_path, 6, chats(tmp_path / "a.jsonl", [(question(i), f"An answer about case {i}, as long as it takes.") for i in range(60)])
    )
    gave_up = version.gave_up
    assert (gave_up.kept, gave_up.of, gave_up.by) == (6, 60, "topics")
    assert 0 < gave_up.mean_distance <= gave_up.worst_distance
    assert len(gave_up.farthest) == 10
    assert gave_up.farthest[0].text.startswith("what about the")
    assert gave_up.worth.startswith("every row counts the same")


def test_labels_get_equal_shares_and_what_is_lost_is_named(tmp_path):
    labels = ["lion"] * 70 + ["card"] * 28 + ["oven"] * 2
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text", "label"], *([question(i), label] for i, label in enumerate(labels))])
    source = Source(file="a.csv", input="text", label="label")
    version, _, out = go(tmp_path, 20, source)
    with (out / "1-a.csv").open(newline="") as file:
        kept = Counter(row["label"] for row in csv.DictReader(file))
    assert kept == {"lion": 9, "card": 9, "oven": 2}
    assert (version.gave_up.by, version.gave_up.lost) == ("labels", ())


def test_several_files_are_chosen_from_together(tmp_path):
    first = chats(tmp_path / "a.jsonl", [(question(3 * i), f"An answer about case {i}, as long as it takes.") for i in range(30)])
    second = chats(tmp_path / "b.jsonl", [(question(3 * i + 1), f"An answer about the case {i}, as long as it takes.") for i in range(30)])
    version, _, _ = go(tmp_path, 10, first, second)
    written = [version.files[name].rows_written for name in ("a.jsonl", "b.jsonl")]
    assert sum(written) == 10
    assert min(written) >= 2, "both are about something of their own"


def test_there_must_be_something_to_choose_from(tmp_path):
    source = chats(tmp_path / "a.jsonl", [(question(i % 5), f"An answer about case {i % 5}, as long as it takes.") for i in range(20)])
    with pytest.raises(NotEnoughData, match="5 different rows that can be used"):
        go(tmp_path, 5, source)


def test_worth_is_the_rank_by_difficulty():
    losses = Losses(np.array([0, 2, 3, 5]), np.array([1.0, 2.0, 1.0, 3.0]), np.array([2.0, 2.5, 1.0, 3.1]), np.array([4, 4, 4, 4]), 6)
    assert worths(losses).tolist() == pytest.approx([0.0, np.nan, 0.5, 0.0, np.nan, 1.0], nan_ok=True)


def test_a_stop_is_heeded(tmp_path):
    from tunesmith.errors import Interrupted

    source = chats(tmp_path / "a.jsonl", [(question(i), f"An answer about case {i}, as long as it takes.") for i in range(40)])
    (tmp_path / "out").mkdir()
    with pytest.raises(Interrupted):
        select(plans((source,), tmp_path), 5, Tools(encoder=ENCODER), tmp_path / "out", tmp_path / "scratch", Ears(stops=True))


def test_personal_data_in_what_is_kept_is_counted(tmp_path):
    rows = [(question(i), f"A long enough answer to case {i}" + (f", write to eve{i}@mail.org" if i < 30 else "") + ".") for i in range(60)]
    version, changes, _ = go(tmp_path, 20, chats(tmp_path / "a.jsonl", rows))
    gone = {change["line"] for change in changes}
    kept = sum(line not in gone for line in range(1, 31))
    assert 0 < kept < 30
    assert version.gave_up.personal == {"email": kept}
