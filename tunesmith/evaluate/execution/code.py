"""Answers that are Python programs, and the user's tests → which of them pass."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tunesmith.errors import BadData, BadProject, NotFound, Problem
from tunesmith.evaluate.execution.fences import unfenced
from tunesmith.evaluate.execution.sandbox import Outcome, Sandbox, proven
from tunesmith.measure.text import NOT_JSON, read_json
from tunesmith.spec.noun import digest
from tunesmith.spec.report import Scored

WHERE = "task.tests"
MOST_AT_ONCE = 4
TRIED_FIRST = 3
"""Reference answers that are tried before the answers: tests that none of them passes are broken."""
MOST_TOLD = 3


@dataclass(frozen=True)
class GivenTests:
    """The user's tests."""

    for_all: str | None
    """Statements that run behind every answer, with `question` and `reference` at hand; None: each question has its own."""
    by_question: Mapping[str, str]
    digest: str
    """sha256 of the file's bytes."""

    def of(self, question: str) -> str | None:
        """The tests of an answer to this question; None where it has none."""
        return self.for_all if self.for_all is not None else self.by_question.get(question.strip())


def read_tests(path: Path) -> GivenTests:
    """The tests in a file: `.py`, the same for every answer, or `.jsonl` with `question` and `tests` on each line.

    Raises: NotFound; BadProject for another ending or Python that cannot be read; BadData with the lines that cannot be used.
    """
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8")
    except OSError as error:
        raise NotFound("cannot be read", where=f"{WHERE} {path}", got=error.strerror or str(error), fix="correct `task.tests`") from None
    except UnicodeDecodeError:
        raise BadProject("is not UTF-8", where=f"{WHERE} {path}", fix="save the file as UTF-8") from None
    sha256 = hashlib.sha256(raw).hexdigest()
    if path.suffix == ".py":
        parsed(text, f"{WHERE} {path.name}")
        return GivenTests(text, {}, sha256)
    if path.suffix != ".jsonl":
        raise BadProject("is neither .py nor .jsonl", where=WHERE, got=path.name, expected="tests in Python", fix="name a file with such an ending")
    return GivenTests(None, by_question(text, path.name), sha256)


def by_question(text: str, name: str) -> dict[str, str]:
    """Question → its tests. Raises: BadData, BadProject with the line that cannot be used."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        value = read_json(line)
        where = f"{name} line {number}"
        if value is NOT_JSON or not isinstance(value, dict) or not all(isinstance(value.get(key), str) for key in ("question", "tests")):
            expected = json.dumps({"question": "…", "tests": "assert …"}, ensure_ascii=False)
            raise BadData("holds no tests", where=where, expected=expected, fix="mend the line")
        parsed(value["tests"], where)
        if found.setdefault(value["question"].strip(), value["tests"]) != value["tests"]:
            raise BadData("has other tests for a question that stood there before", where=where, fix="write all tests of a question on one line")
    return found


def parsed(tests: str, where: str) -> None:
    """Return if this is Python. Raises: BadProject."""
    try:
        compile(tests, where, "exec")
    except (SyntaxError, ValueError) as error:
        raise BadProject("is not Python that can be read", where=where, got=str(error)[:200], fix="mend the tests") from None


@dataclass(frozen=True)
class CodeScorer:
    """Runs each answer with its tests where it can do no harm."""

    tests: GivenTests
    sandbox: Sandbox

    @classmethod
    def open(cls, path: Path) -> CodeScorer:
        """The scorer for the tests in a file.

        Raises: as `read_tests`; Unsupported where programs cannot be confined.
        """
        return cls(read_tests(path), proven())

    @property
    def title(self) -> str:
        """As in `RowScorer`."""
        return "running tests of programs"

    @property
    def identity(self) -> str:
        """As in `RowScorer`."""
        bounds = self.sandbox.bounds
        return digest({"tests": self.tests.digest, "bounds": [bounds.wall_s, bounds.cpu_s, bounds.memory_bytes, bounds.folder_bytes]})

    def scores(self, rows: Sequence[Scored], *, done: Callable[[int], None], stop: Callable[[], bool]) -> list[dict[str, float]]:
        """As in `RowScorer`: 1 where all tests of an answer pass.

        Raises: BadData for rows without tests, and for tests that no reference answer passes.
        """
        self._refuse_rows_without_tests(rows)
        self._refuse_broken_tests(rows)
        found: list[dict[str, float]] = []
        with ThreadPoolExecutor(max_workers=max(1, min(MOST_AT_ONCE, os.cpu_count() or 1))) as pool:
            for one in pool.map(lambda row: None if stop() else self._scored(row), rows):
                if one is None:
                    break
                found.append(one)
                done(len(found))
        return found

    def _scored(self, row: Scored) -> dict[str, float]:
        """The score of a row in scope; what is out of scope is no program."""
        return {} if row.out_of_scope else {"tests_passed": float(self.outcome(row.answer, row).kind == "passed")}

    def outcome(self, answer: str, row: Scored) -> Outcome:
        """What came of one answer."""
        tests = self.tests.of(row.question)
        assert tests is not None
        return self.sandbox.run(unfenced(answer), tests, question=row.question, reference=row.reference)

    def _refuse_rows_without_tests(self, rows: Sequence[Scored]) -> None:
        missing = [row for row in rows if self.tests.of(row.question) is None and not row.out_of_scope]
        if missing:
            raise BadData(
                problems=[
                    Problem(
                        "has no tests", where=f"{row.origin.file} line {row.origin.line}", got=repr(row.question[:80]), fix=f"add its line to {WHERE}"
                    )
                    for row in missing[:MOST_TOLD]
                ]
            )

    def _refuse_broken_tests(self, rows: Sequence[Scored]) -> None:
        tried = [row for row in rows if not row.out_of_scope][:TRIED_FIRST]
        found = [self.outcome(row.reference, row) for row in tried]
        if tried and all(outcome.kind != "passed" for outcome in found):
            raise BadData(
                f"the reference answers of the first {len(tried)} rows do not pass their own tests", where=WHERE, got=found[0].message,
                expected="Python that passes", fix="mend the tests; they see the answer's names, and `question` and `reference`",
            )  # fmt: skip
