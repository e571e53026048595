"""The user's own scoring function: found, called, and every way it can be wrong said with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tunesmith.errors import BadProject, NotFound
from tunesmith.evaluate.own_scorer import OwnScorer
from tunesmith.spec.dataset import Origin
from tunesmith.spec.report import Scored

QUIET: dict[str, Any] = {"done": lambda n: None, "stop": lambda: False}


def row(answer: str, reference: str = "right", number: int = 0) -> Scored:
    return Scored(
        id=f"{number:016x}", origin=Origin(file="rows.csv", line=number + 2), question="q", reference=reference, answer=answer, confidence=None,
        out_of_scope=False, scores={"exact_match": 0.0}, prompt_tokens=1, completion_tokens=1,
    )  # fmt: skip


def loaded(tmp_path: Path, text: str, function: str = "score") -> OwnScorer:
    (tmp_path / "score.py").write_text(text, encoding="utf-8")
    return OwnScorer.load(f"score.py:{function}", tmp_path)


def scored(one: OwnScorer, answer: str) -> float:
    return one.scores([row(answer)], **QUIET)[0]["own_score"]


def test_a_function_scores_rows(tmp_path):
    one = loaded(tmp_path, "def score(answer, reference, question):\n    return len(set(answer) & set(reference)) / len(set(reference))\n")
    assert [s["own_score"] for s in one.scores([row("right"), row("x"), row("ri")], **QUIET)] == [1.0, 0.0, 0.4]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def score(answer): return answer == 'a'", 1.0),
        ("def score(reference, answer): return reference == 'a'", 0.0),
        ("def score(*, question, answer): return question == 'q'", 1.0),
        ("def score(answer, weight=0.5): return weight", 0.5),
        ("def score(**all): return len(all) / 3", 1.0),
        ("score = lambda answer: True", 1.0),
        ("class score:\n    def __new__(cls, answer): return 0.25", 0.25),
    ],
)
def test_it_takes_what_it_wants_by_name(tmp_path, text, expected):
    assert scored(loaded(tmp_path, text), "a") == expected


@pytest.mark.parametrize(
    "text", ["def score(text): return 1", "def score(): return 1", "def score(reference): return 1", "def score(answer, weight): return 1"]
)
def test_other_parameters_are_refused(tmp_path, text):
    with pytest.raises(BadProject, match="takes other things") as error:
        loaded(tmp_path, text)
    assert "answer, reference, question, by these names" in str(error.value)


@pytest.mark.parametrize("value", ["1.01", "-0.1", "float('nan')", "None", "'1'", "[1]", "float('inf')", "2"])
def test_what_is_no_share_is_refused_with_the_row(tmp_path, value):
    one = loaded(tmp_path, f"def score(answer): return {value}")
    with pytest.raises(BadProject, match="does not return a share") as error:
        one.scores([row("a", number=5)], **QUIET)
    assert "goal.scorer score.py:score, row rows.csv line 7" in str(error.value)
    assert "a number from 0 (wrong) to 1 (right)" in str(error.value)


def test_numbers_of_other_libraries_are_numbers(tmp_path):
    assert scored(loaded(tmp_path, "import numpy\ndef score(answer): return numpy.float64(0.5)"), "a") == 0.5


def test_an_exception_is_shown_with_the_users_line(tmp_path):
    one = loaded(tmp_path, "import json\n\ndef score(answer):\n    return json.loads(answer)['a']\n")
    with pytest.raises(BadProject, match="raises an error") as error:
        scored(one, "no json")
    assert "JSONDecodeError" in str(error.value)
    assert "(line 4)" in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"), [("def score(answer:\n", "line 1"), ("import nothing_of_this_name\n", "ModuleNotFoundError"), ("x = 1\n1 / 0\n", "ZeroDivisionError: division by zero (line 2)")]
)  # fmt: skip
def test_a_file_that_does_not_run(tmp_path, text, words):
    with pytest.raises(BadProject, match="does not run") as error:
        loaded(tmp_path, text)
    assert words in str(error.value)


def test_what_is_not_there(tmp_path):
    with pytest.raises(NotFound, match="cannot be read"):
        OwnScorer.load("score.py:score", tmp_path)
    with pytest.raises(BadProject, match="has no such function") as error:
        loaded(tmp_path, "scores = 1")
    assert "def score(answer, reference, question)" in str(error.value)
    with pytest.raises(BadProject, match="has no such function"):
        loaded(tmp_path, "score = 1")


def test_it_is_tried_on_right_wrong_and_empty_answers_before_anything_is_measured(tmp_path):
    rows = [(Origin(file="rows.csv", line=line), "q", text) for line, text in ((2, "12"), (3, "7"))]
    heard = "heard = []\ndef score(answer, reference):\n    heard.append((answer, reference))\n    return 1\n"
    one = loaded(tmp_path, heard)
    assert not one.rehearse(rows)
    assert one.function.__globals__["heard"] == [("12", "12"), ("7", "12"), ("", "12"), ("7", "7"), ("12", "7"), ("", "7")]
    with pytest.raises(BadProject, match="raises an error") as error:
        loaded(tmp_path, "def score(answer):\n    return 1 / int(answer)").rehearse(rows)
    assert "rows.csv line 2" in str(error.value)
    assert "invalid literal for int" in str(error.value)
    assert loaded(tmp_path, "def score(answer): return 1").rehearse([])
    assert loaded(tmp_path, "def score(answer, reference): return float(answer == reference)").rehearse(rows)
    assert loaded(tmp_path, "def score(answer): return float(bool(answer))").rehearse(rows)


def test_its_bytes_are_its_identity(tmp_path):
    first = loaded(tmp_path, "def score(answer): return 1").identity
    assert loaded(tmp_path, "def score(answer): return 1").identity == first
    assert loaded(tmp_path, "def score(answer): return 0").identity != first


def test_nothing_is_left_among_the_modules(tmp_path):
    import sys

    before = set(sys.modules)
    loaded(tmp_path, "def score(answer): return 1")
    assert {name for name in set(sys.modules) - before if "score" in name} == set()
