"""Scored rows in one line each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tunesmith.measure.refusal import refusals_of
from tunesmith.measure.scorers import score
from tunesmith.spec.dataset import Origin
from tunesmith.spec.report import Scored
from tunesmith.spec.task import TaskKind


def scored_row(
    number: int, reference: str, answer: str, task: TaskKind = "classify", out_of_scope: str | None = None, confidence: float | None = None
) -> Scored:
    return Scored(
        id=f"{number:016x}",
        origin=Origin(file="rows.csv", line=number + 1),
        question=f"question {number}",
        reference=reference,
        answer=answer,
        confidence=confidence,
        out_of_scope=reference == out_of_scope,
        scores=score(task, answer, reference, refusals=refusals_of(task, out_of_scope) if out_of_scope is not None else None),
        prompt_tokens=1,
        completion_tokens=1,
    )


@pytest.fixture
def scored() -> Callable[..., Scored]:
    return scored_row
