"""The user's own scoring function → a score for each row. It is the user's code, named in the project file, and runs in this process as it stands.

    # score.py
    def exact(answer, reference, question):
        return answer.strip().lower() == reference.strip().lower()

with `scorer = "score.py:exact"` under `[goal]`. The file stands for itself: it may import installed packages, not its neighbours, and its bytes
are part of the key of every evaluation that it scores.
"""

from __future__ import annotations

import hashlib
import inspect
import math
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tunesmith.errors import BadProject, NotFound
from tunesmith.spec.dataset import Origin
from tunesmith.spec.report import Scored

WHERE = "goal.scorer"
TAKES = ("answer", "reference", "question")
SHOWN = 200


@dataclass(frozen=True)
class OwnScorer:
    """One function of the user."""

    name: str
    """As the project file names it."""
    function: Callable[..., Any]
    takes: tuple[str, ...]
    """Which of answer, reference and question it wants."""
    digest: str
    """sha256 of its file."""
    file: str

    @classmethod
    def load(cls, named: str, root: Path) -> OwnScorer:
        """The function that `named` (`FILE.py:FUNCTION`) means, relative to `root`. The file is run once.

        Raises: NotFound; BadProject for a file that does not run, or a function that is not there or takes something else.
        """
        file, _, function = named.rpartition(":")
        path = root / file
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise NotFound("cannot be read", where=f"{WHERE} {file}", got=error.strerror or str(error), fix="correct `goal.scorer`") from None
        found = getattr(run(raw, path, named), function, None)
        if not callable(found):
            raise BadProject(
                "has no such function", where=f"{WHERE} {file}", got=function, expected=f"def {function}({', '.join(TAKES)}): …", fix="add it"
            )
        return cls(named, found, taken(found, named), hashlib.sha256(raw).hexdigest(), str(path))

    @property
    def title(self) -> str:
        """As in `RowScorer`."""
        return f"scoring with {self.name}"

    @property
    def identity(self) -> str:
        """As in `RowScorer`."""
        return f"{self.name} {self.digest}"

    def scores(self, rows: Sequence[Scored], *, done: Callable[[int], None], stop: Callable[[], bool]) -> list[dict[str, float]]:
        """As in `RowScorer`.

        Raises: BadProject for what the function raises, or returns beside a number from 0 to 1, with the row.
        """
        found: list[dict[str, float]] = []
        for row in rows:
            if stop():
                break
            found.append({"own_score": self.score(row.origin, row.question, row.reference, row.answer)})
            done(len(found))
        return found

    def rehearse(self, rows: Sequence[tuple[Origin, str, str]]) -> bool:
        """Whether the function tells right answers to these rows (origin, question, reference) from wrong or empty ones: before hours are spent on it.

        True without rows, and where a right answer is better than another for at least one. Raises: as `scores`.
        """
        told = not rows
        for k, (origin, question, reference) in enumerate(rows):
            right, *others = [self.score(origin, question, reference, answer) for answer in dict.fromkeys((reference, rows[k - 1][2], ""))]
            told |= any(right > other for other in others)
        return told

    def score(self, origin: Origin, question: str, reference: str, answer: str) -> float:
        """The score of one answer. Raises: BadProject."""
        at = f"{WHERE} {self.name}, row {origin.file} line {origin.line}"
        given = {"answer": answer, "reference": reference, "question": question}
        try:
            value = self.function(**{name: given[name] for name in self.takes})
        except Exception as error:  # the boundary to the user's code
            raise BadProject(
                "raises an error", where=at, got=described(error, self.file), expected="a number from 0 to 1", fix="mend the function"
            ) from error
        if isinstance(value, bool | int | float) and math.isfinite(value) and 0 <= value <= 1:
            return float(value)
        raise BadProject(
            "does not return a share", where=at, got=repr(value)[:SHOWN], expected="a number from 0 (wrong) to 1 (right)", fix="mend the function"
        )


def run(raw: bytes, path: Path, named: str) -> ModuleType:
    """The file as a module that nobody else can import. Raises: BadProject with the line at which it does not run."""
    module = ModuleType("tunesmith_own_scorer")
    module.__file__ = str(path)
    try:
        exec(compile(raw, str(path), "exec"), module.__dict__)
    except Exception as error:  # the boundary to the user's code
        raise BadProject("does not run", where=f"{WHERE} {named}", got=described(error, str(path)), fix="mend the file") from error
    return module


def taken(function: Callable[..., Any], named: str) -> tuple[str, ...]:
    """Which of answer, reference and question the function takes. Raises: BadProject if it needs something else, or takes no answer."""
    try:
        parameters = tuple(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = ()
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        return TAKES
    wanted = tuple(one.name for one in parameters if one.name in TAKES and one.kind is not one.POSITIONAL_ONLY)
    other = [one.name for one in parameters if one.name not in wanted and one.default is one.empty and one.kind is not one.VAR_POSITIONAL]
    if other or "answer" not in wanted:
        got = ", ".join(one.name for one in parameters) or "nothing"
        raise BadProject(
            "takes other things", where=f"{WHERE} {named}", got=got, expected=f"{', '.join(TAKES)}, by these names", fix="rename its parameters"
        )
    return wanted


def described(error: BaseException, file: str) -> str:
    """An error of the user's code in one line, with the line of their file."""
    if isinstance(error, SyntaxError):
        return f"{error.msg} (line {error.lineno})"
    line = next((frame.lineno for frame in reversed(traceback.extract_tb(error.__traceback__)) if frame.filename == file), None)
    said = f"{type(error).__name__}: {error}"[:SHOWN]
    return said if line is None else f"{said} (line {line})"
