"""One thing that was tried: a candidate and what it reached on dev."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tunesmith.spec.candidate import Candidate
from tunesmith.spec.noun import Noun
from tunesmith.spec.recipe import Recipe
from tunesmith.spec.report import Report, Wait

Remedy = Literal["majority", "classifier", "prompt", "few-shot", "few-shot-retrieved", "rag", "fine-tune", "fine-tune-rag", "remote"]


class Pilot(Noun):
    """A small training run that says how a large one would go."""

    share: Annotated[float, Field(gt=0, le=1)]
    """Of the training rows."""
    rows: int
    recipe: Recipe


class Trial(Noun):
    """A candidate measured on dev. `report` is None while it is only planned."""

    remedy: Remedy
    candidate: Candidate
    pilot: Pilot | None = None
    """None: no pilot, but a candidate that could be served."""
    report: Report | None = None
    artifact: str | None = None
    """Name of the evaluation artifact."""
    wait: Wait | None = None
    """How long one question takes, where the project limits that and the clock was read."""
