"""The user's labels, and what a person reads where a line cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunesmith.errors import BadData, NotFound
from tunesmith.evaluate.judge_sample import graded_sample, paired_sample
from tunesmith.spec.judging import GradedSample, Judge, PairedSample
from tunesmith.spec.making_teacher import LocalTeacher

JUDGE = Judge(model=LocalTeacher(model="m"), grades=3)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "labels.jsonl"
    path.write_text(text, encoding="utf-8")
    return path


def test_labels_of_answers_and_of_pairs(tmp_path):
    path = written(tmp_path, '{"question": "q", "answer": "ä", "grade": 3}\n\n{"question": "q", "answer": "b", "reference": "r", "grade": 1}\n')
    assert graded_sample(path, JUDGE) == [
        GradedSample(question="q", answer="ä", grade=3), GradedSample(question="q", answer="b", reference="r", grade=1)
    ]  # fmt: skip
    path = written(tmp_path, '{"question": "q", "first": "a", "second": "b", "better": "tie"}')
    assert paired_sample(path) == [PairedSample(question="q", first="a", second="b", better="tie")]


def test_every_faulty_line_is_told(tmp_path):
    path = written(tmp_path, '{"question": "q", "answer": "a"}\nno json\n{"question": "q", "answer": "a", "grade": 2}\n[1]\n')
    with pytest.raises(BadData) as error:
        graded_sample(path, JUDGE)
    text = str(error.value)
    assert "labels.jsonl line 1: `grade`: Field required" in text
    assert "labels.jsonl line 2: is not one JSON object" in text or "labels.jsonl line 2" in text
    assert "line 3" not in text
    assert "labels.jsonl line 4" in text
    assert text.count("fix:") == 3


def test_a_grade_off_the_scale(tmp_path):
    with pytest.raises(BadData, match=r"labels.jsonl line 1: `grade` is 5"):
        graded_sample(written(tmp_path, '{"question": "q", "answer": "a", "grade": 5}'), JUDGE)


def test_a_preference_that_is_none(tmp_path):
    with pytest.raises(BadData, match="`better`"):
        paired_sample(written(tmp_path, '{"question": "q", "first": "a", "second": "b", "better": "A"}'))


def test_a_file_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(NotFound, match="cannot be read"):
        paired_sample(tmp_path / "none.jsonl")
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadData, match="UTF-8"):
        paired_sample(tmp_path / "bytes.jsonl")
