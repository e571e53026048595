"""A file of the user's own labels → the sample that a judge is held against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from tunesmith.errors import BadData, NotFound, Problem
from tunesmith.measure.text import NOT_JSON, read_json, single_spaced
from tunesmith.spec.judging import GradedSample, Judge, PairedSample
from tunesmith.spec.noun import Noun

T = TypeVar("T", bound=Noun)
S = TypeVar("S", GradedSample, PairedSample)
MOST_TOLD = 10
"""Problems told at once."""


def graded_sample(path: Path, judge: Judge) -> list[GradedSample]:
    """The labels of single answers.

    Raises: NotFound; BadData with every line that cannot be used, up to ten.
    """
    found = lines(path, GradedSample)
    wrong = [
        Problem(f"`grade` is {one.grade}", where=f"{path.name} line {number}", expected=f"1 to {judge.grades}", fix="mend it, or set judge.grades")
        for number, one in found
        if not 1 <= one.grade <= judge.grades
    ]
    if wrong:
        raise BadData(problems=wrong[:MOST_TOLD])
    return [one for _, one in found]


def paired_sample(path: Path) -> list[PairedSample]:
    """The labels of pairs.

    Raises: as `graded_sample`.
    """
    return [one for _, one in lines(path, PairedSample)]


def lines(path: Path, noun: type[T]) -> Sequence[tuple[int, T]]:
    """(line number, value) of each line that is not empty.

    Raises: NotFound; BadData.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFound("cannot be read", where=str(path), got=error.strerror or str(error), fix="correct `judge.sample`") from None
    except UnicodeDecodeError:
        raise BadData("is not UTF-8", where=str(path), fix="save the file as UTF-8") from None
    found: list[tuple[int, T]] = []
    wrong: list[Problem] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        value = read_json(line)
        try:
            found.append((number, noun.model_validate(value if value is not NOT_JSON else None)))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            key = ".".join(map(str, first["loc"]))
            message = f"`{key}`: {first['msg']}" if key else "is not one JSON object"
            wrong.append(
                Problem(message, where=f"{path.name} line {number}", expected=f"the keys {', '.join(noun.model_fields)}", fix="mend the line")
            )
    if wrong:
        raise BadData(problems=wrong[:MOST_TOLD])
    return found


def distinct(sample: Sequence[S]) -> list[S]:
    """The labels without those that say once more what an earlier one says: a copied line is no further evidence, and need not be paid for.

    Who labels one answer twice and not alike, is heard twice; it counts as one label.
    """
    found: dict[object, S] = {}
    for one in sample:
        if isinstance(one, GradedSample):
            said: object = one.grade
        else:
            said = one.better if one.better == "tie" else single_spaced(one.first if one.better == "first" else one.second)
        found.setdefault((told_of(one), said), one)
    return list(found.values())


def told_of(one: GradedSample | PairedSample) -> tuple[str, tuple[str, ...]]:
    """(the question, what was answered) of a label, without case and white space; the order of two answers does not matter."""
    answers = (one.answer,) if isinstance(one, GradedSample) else (one.first, one.second)
    return single_spaced(one.question), tuple(sorted(map(single_spaced, answers)))
