"""Programs scored by the user's tests; the tests themselves are checked first."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tunesmith.errors import BadData, BadProject, NotFound, Unsupported
from tunesmith.evaluate.execution import code
from tunesmith.evaluate.execution.code import CodeScorer, GivenTests, read_tests
from tunesmith.evaluate.execution.sandbox import Bounds, Sandbox, proven
from tunesmith.spec.dataset import Origin
from tunesmith.spec.report import Scored

QUIET: dict[str, Any] = {"done": lambda n: None, "stop": lambda: False}
ADD = "def add(a, b):\n    return a + b"
SUB = "def sub(a, b):\n    return a - b"


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """With time enough for a busy machine, wherever it is opened."""
    try:
        found = replace(proven(), bounds=Bounds(wall_s=300, cpu_s=50))
        monkeypatch.setattr(code, "proven", lambda: found)
        return found
    except Unsupported as error:
        pytest.skip(f"programs cannot be confined here: {error.problems[0].got}")


def row(question: str, answer: str, reference: str, number: int = 0, out_of_scope: bool = False) -> Scored:
    return Scored(
        id=f"{number:016x}", origin=Origin(file="rows.jsonl", line=number + 1), question=question, reference=reference, answer=answer, confidence=None,
        out_of_scope=out_of_scope, scores={}, prompt_tokens=1, completion_tokens=1,
    )  # fmt: skip


def written(tmp_path: Path, text: str, name: str = "tests.jsonl") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def lines(*pairs: tuple[str, str]) -> str:
    return "".join(json.dumps({"question": question, "tests": tests}) + "\n" for question, tests in pairs)


def test_each_question_has_its_own_tests(tmp_path, sandbox):
    path = written(tmp_path, lines(("Add.", "assert add(1, 2) == 3"), ("Subtract.", "assert sub(3, 1) == 2")))
    rows = [
        row("Add.", f"```python\n{ADD}\n```", ADD, 0), row("Subtract. ", SUB, SUB, 1), row("Add.", SUB, ADD, 2), row("Add.", "while True: pass", ADD, 3), row("Hi", "no", "no", 4, True),
    ]  # fmt: skip
    heard: list[int] = []
    scorer = CodeScorer(read_tests(path), replace(sandbox, bounds=Bounds(wall_s=300, cpu_s=3)))
    assert scorer.scores(rows, done=heard.append, stop=lambda: False) == [{"tests_passed": x} for x in (1.0, 1.0, 0.0, 0.0)] + [{}]
    assert heard == [1, 2, 3, 4, 5]


def test_one_program_for_all(tmp_path, sandbox):
    path = written(tmp_path, "names = {}\nexec(reference, names)\nassert add(2, 2) == names['add'](2, 2), question\n", "tests.py")
    found = CodeScorer.open(path).scores([row("a", ADD, ADD), row("b", "def add(a, b): return 5", ADD)], **QUIET)
    assert [one["tests_passed"] for one in found] == [1.0, 0.0]


def test_tests_that_the_references_fail_are_broken(tmp_path, sandbox):
    path = written(tmp_path, lines(("Add.", "assert add(1, 2) == 4")))
    with pytest.raises(BadData, match="the reference answers of the first 2 rows do not pass their own tests") as error:
        CodeScorer.open(path).scores([row("Add.", ADD, ADD), row("Add.", ADD, ADD, 1)], **QUIET)
    assert "AssertionError" in str(error.value)


def test_rows_without_tests_are_told(tmp_path, sandbox):
    path = written(tmp_path, lines(("Add.", "assert True")))
    with pytest.raises(BadData, match=r"rows\.jsonl line 8: has no tests"):
        CodeScorer.open(path).scores([row("Add.", ADD, ADD), row("Divide.", ADD, ADD, 7)], **QUIET)


def test_a_stop_gives_fewer(tmp_path, sandbox):
    path = written(tmp_path, lines(("Add.", "assert add(1, 2) == 3")))
    assert CodeScorer.open(path).scores([row("Add.", ADD, ADD)], done=lambda n: None, stop=lambda: True) == []


def test_the_files_bytes_are_its_identity(tmp_path, sandbox):
    first = CodeScorer.open(written(tmp_path, lines(("a", "assert True")))).identity
    assert CodeScorer.open(written(tmp_path, lines(("a", "assert True")))).identity == first
    assert CodeScorer.open(written(tmp_path, lines(("a", "assert 1")))).identity != first


@pytest.mark.parametrize(
    ("name", "text", "kind", "words"),
    [
        ("tests.py", "assert (", BadProject, "is not Python"), ("tests.txt", "x", BadProject, "neither .py nor .jsonl"), ("tests.jsonl", "\nno json\n", BadData, "tests.jsonl line 2: holds no tests"),
        ("tests.jsonl", '{"question": "a"}', BadData, "line 1: holds no tests"), ("tests.jsonl", '{"question": "a", "tests": 1}', BadData, "line 1: holds no tests"),
        ("tests.jsonl", lines(("a", "assert (")), BadProject, "tests.jsonl line 1: is not Python"),
        ("tests.jsonl", lines(("a", "assert True"), ("a ", "assert 1")), BadData, "line 2: has other tests"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_used(name, text, kind, words, tmp_path):
    with pytest.raises(kind) as error:
        read_tests(written(tmp_path, text, name))
    assert words in str(error.value)
    assert "fix:" in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(NotFound, match=r"task\.tests"):
        read_tests(tmp_path / "tests.py")


def test_the_same_tests_twice_are_one(tmp_path):
    found = read_tests(written(tmp_path, lines(("a", "assert True"), ("a", "assert True"))))
    assert isinstance(found, GivenTests)
    assert found.of(" a ") == "assert True"
    assert found.of("b") is None
