"""The judge: an option, never a default. What it is asked, and how far its word goes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tunesmith.spec.making_teacher import Teacher
from tunesmith.spec.noun import Noun
from tunesmith.spec.report import Metric

JudgeMode = Literal["single", "pairwise"]
Preference = Literal["first", "second", "tie"]
FEWEST_LABELS = 100
"""Of the user's own, before a judge counts as evidence."""
LEAST_KAPPA = 0.6
"""Agreement with the user beyond chance, below which a judge is no evidence. Source: Landis & Koch 1977, "substantial"."""


class Judge(Noun):
    """A model that grades answers by a rubric, and the sample that shows how far it agrees with the user."""

    model: Teacher
    """Who judges: an OpenAI-compatible endpoint, or a model of the store. With an endpoint, questions and answers leave the machine."""
    rubric: Annotated[str, Field(min_length=1)] = (
        "A good answer is correct, complete, and says nothing that the reference or the question does not bear out."
    )
    """What is good, in your words."""
    mode: JudgeMode = "single"
    """`single`: a grade for each answer. `pairwise`: each answer against the reference, asked in both orders; one that changes with the order counts as a tie."""
    grades: Annotated[int, Field(ge=2, le=10)] = 5
    """`single`: from 1 (worst) to this (best)."""
    sample: str | None = None
    """Your own labels, a .jsonl file relative to the project file. `single`: `question`, `answer`, `grade`, and `reference` if there is one. `pairwise`: `question`, `first`, `second` and `better` (`first`, `second` or `tie`). None: the judge's scores are shown and prove nothing."""


class GradedSample(Noun):
    """One line of the user's sample for single answers."""

    question: str
    answer: str
    grade: int
    reference: str | None = None


class PairedSample(Noun):
    """One line of the user's sample for pairs."""

    question: str
    first: str
    second: str
    better: Preference
    reference: str | None = None


class PositionBias(Noun):
    """What the order of two answers does to a judge."""

    pairs: int
    """Asked in both orders."""
    changed: Metric
    """Share of the pairs whose verdict changed with the order."""
    toward_first: int
    """Of those: the one that stood first was preferred both times."""
    toward_second: int
    p_value: float
    """That neither place is preferred: exact binomial over these two."""


class JudgeTrust(Noun):
    """How far a judge's word goes."""

    judge: str
    """Where and which model."""
    mode: JudgeMode
    labels: int
    """Of the user's, that the judge labelled as well: different answers (or pairs), copies counted once."""
    agreement: Metric | None
    """Cohen's kappa with the user (for grades: weighted by squared distance), over questions where several answers are of one; None: there is no sample."""
    position: PositionBias | None
    """None: nothing was asked in both orders."""
    unread: int
    """Verdicts that could not be read, of the sample."""
    is_evidence: bool
    reason: str
    """A sentence: why it counts, or why not."""
