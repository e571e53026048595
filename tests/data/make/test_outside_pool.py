"""The shipped questions: enough of them, varied, all different, with their licences."""

from __future__ import annotations

from collections import Counter

import pytest

from tunesmith.data.fold import fold
from tunesmith.data.make.outside_pool import FILES, near_miss_words, read, shipped_questions, topics, without
from tunesmith.data.make.repeats import repeats
from tunesmith.errors import BadProject


def test_there_are_enough_and_no_two_are_the_same():
    ours = [one for one in shipped_questions() if one.file == "questions.toml"]
    assert len(ours) >= 600
    assert len({one.topic for one in ours}) >= 30
    assert Counter(one.difficulty for one in ours if one.topic == "sport") == {"easy": 6, "medium": 6, "hard": 6}
    folded = [fold(one.text) for one in shipped_questions()]
    assert len(folded) == len(set(folded))
    assert all(one.text == one.text.strip() and 2 <= len(one.text.split()) <= 40 for one in shipped_questions())


def test_hardly_two_are_nearly_the_same(tmp_path):
    found = repeats([one.text for one in shipped_questions()], 0.7, tmp_path / "s")
    assert [None] * len(found) == found


def test_every_file_says_whose_it_is():
    assert {name: read(name)["licence"] for name in FILES} == {"questions.toml": "Apache-2.0", "clinc150.toml": "CC-BY-3.0"}
    for words in ("Larson", "clinc/oos-eval", "creativecommons.org/licenses/by/3.0"):
        assert words in read("clinc150.toml")["attribution"]
    assert 100 <= sum(one.file == "clinc150.toml" for one in shipped_questions()) <= 250


def test_topics_can_be_left_out():
    assert "banking" not in {one.topic for one in without(["banking", "law"])}
    assert len(without(())) == len(shipped_questions())
    with pytest.raises(BadProject, match="no such topic") as error:
        without(["bankng"])
    assert "banking" in str(error.value)
    assert topics()[0] == "sport"


def test_the_words_of_near_misses_fit_their_frames():
    words = near_miss_words()
    assert all(frame.format(noun="card") != frame for frame in words.attributes)
    assert all(frame.format(noun="card", thing="kayak", place="ice rink", name="IKEA") != frame for frame in words.false_premises)
    assert all(frame.format(name="Acme") != frame for frame in words.attributes_of_names)
    assert all(len(set(others)) == len(others) >= 2 for others in words.slots.values())
