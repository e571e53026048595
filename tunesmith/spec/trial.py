"""One thing that was tried: a candidate and what it reached on dev."""

from __future__ import annotations

from typing import Literal

from tunesmith.spec.candidate import Candidate
from tunesmith.spec.noun import Noun
from tunesmith.spec.report import Report

Remedy = Literal["majority", "classifier", "prompt", "few-shot", "fine-tune"]


class Trial(Noun):
    """A candidate measured on dev. `report` is None while it is only planned."""

    remedy: Remedy
    candidate: Candidate
    report: Report | None = None
    artifact: str | None = None
    """Name of the evaluation artifact."""
