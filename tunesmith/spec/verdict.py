"""What follows from the measurements, in words that name their numbers."""

from __future__ import annotations

from typing import Literal

from tunesmith.spec.candidate import Candidate
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.noun import Noun
from tunesmith.spec.recipe import Choice
from tunesmith.spec.report import Comparison, Cost, Report
from tunesmith.spec.task import Goal, MetricName, Task
from tunesmith.spec.trial import Remedy, Trial

Decision = Literal["fine-tune", "prompting is enough", "a classifier does it", "cannot tell", "nothing helps"]


class Finalist(Noun):
    """A candidate that went on to the locked test split."""

    remedy: Remedy
    candidate: Candidate
    report: Report
    artifact: str


class Verdict(Noun):
    """The conclusion over the finalists."""

    decision: Decision
    headline: str
    """One sentence for a person in a hurry."""
    reasons: tuple[str, ...]
    """Each with its numbers."""
    metric: MetricName
    winner: str | None
    """Name of the best candidate on test, if one is ahead beyond doubt."""
    goal_met: bool | None
    """None: no goal was given, or it cannot be judged with these rows."""
    comparisons: tuple[Comparison, ...]
    looks: int
    """How often this test split has been opened, this time included."""


class LineReport(Noun):
    """All that one run of the line found: what `tunesmith report` prints and the page shows."""

    project: str
    task: Task
    goal: Goal
    dataset: Dataset
    dataset_name: str
    trials: tuple[Trial, ...]
    """Measured on dev."""
    finalists: tuple[Finalist, ...]
    """Measured on test."""
    verdict: Verdict
    checkpoint: Checkpoint | None
    checkpoint_name: str | None
    model: str | None
    """The name under which the tuned model was registered."""
    choices: tuple[Choice, ...]
    project_toml: str
    """The project as it was run, with every default written out."""
    rerun: str
    """The command that runs it again."""


class Measured(Noun):
    """The part of a line's report that the clock decides; kept apart from the reproducible part."""

    costs: dict[str, Cost]
    """Step → cost."""
    machine: dict[str, str]
    started: str
    finished: str
