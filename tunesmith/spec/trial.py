"""One thing that was tried: a candidate and what it reached on dev."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from tunesmith.errors import TunesmithError, from_json
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


class Failure(Noun):
    """Why a trial came to nothing: what its training, or loading its base, met."""

    error: dict[str, Any]
    """As `TunesmithError.to_json` tells it."""
    of: str = ""
    """Digest of what was tried: two that failed alike are two, each with the time that it took."""
    recipe: Recipe | None = None
    """What it was trained with; None: nothing was to be trained."""

    @property
    def reason(self) -> str:
        """In plain words, without the fix."""
        return str(self.error["message"])

    def raised(self) -> TunesmithError:
        """The error, for whoever cannot go on without this trial."""
        return from_json(self.error)


class Trial(Noun):
    """A candidate measured on dev, or one that failed. Without `report` and `failure` it is only planned; with both it failed on the locked rows."""

    remedy: Remedy
    candidate: Candidate
    pilot: Pilot | None = None
    """None: no pilot, but a candidate that could be served."""
    report: Report | None = None
    artifact: str | None = None
    """Name of the evaluation artifact; of the failure, where there is one."""
    failure: Failure | None = None
    wait: Wait | None = None
    """How long one question takes, where the project limits that and the clock was read."""

    @property
    def is_over(self) -> bool:
        """True for one that is no longer only planned."""
        return self.report is not None or self.failure is not None
