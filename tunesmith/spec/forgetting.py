"""What general ability was there before the tuning and what is left of it: results of the shipped probes, and what they say together."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tunesmith.spec.noun import Noun
from tunesmith.spec.probe import Probes
from tunesmith.spec.report import Metric

Standing = Literal["kept", "cannot tell", "warn", "block"]
"""From the best to the worst. `cannot tell`: no loss is shown, but one worth a warning is not ruled out either."""
STANDINGS: tuple[Standing, ...] = ("kept", "cannot tell", "warn", "block")
TOPIC = "forgetting"
"""What a verdict calls it."""
UNMEASURED = "forgetting, not measured"
"""What it calls it where there is only a reason why it was not measured."""
Ability = Literal["questions", "instructions"]
Prompts = Literal["task", "general"]


class ProbeLimits(Noun):
    """How many of the shipped probes are used. The defaults use all: two and a half minutes of processor time for a model of 135M parameters."""

    questions: Annotated[int, Field(ge=1)] | None = None
    """Of multiple choice, spread over the areas; None: all."""
    instructions: Annotated[int, Field(ge=1)] | None = None
    """General instructions; None: all."""
    passages: Annotated[int, Field(ge=1)] | None = None
    """Of neutral prose; None: all."""
    answer_tokens: Annotated[int, Field(ge=8)] = 96
    """The longest answer to an instruction."""
    task_prompts: Annotated[int, Field(ge=0)] = 48
    """Questions of the user's task on which the two models' distributions are compared, at most."""
    general_prompts: Annotated[int, Field(ge=0)] = 48
    """General instructions on which they are compared, at most."""
    continuation_tokens: Annotated[int, Field(ge=1)] = 24
    """Of the base's own continuation of each of those prompts, at most."""
    excluded: tuple[str, ...] = ()
    """Ids of probes that are left out: those that stand in the training rows would show what was learnt by heart."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the sampled continuations and of resampling."""

    def scaled(self, share: float, shipped: Probes) -> ProbeLimits:
        """So large a share of what these limits let through, at least one of each kind."""
        if share >= 1:
            return self
        every = {"questions": len(shipped.choices), "instructions": len(shipped.instructions), "passages": len(shipped.prose)}
        fewer = {name: max(1, round(share * min(getattr(self, name) or count, count))) for name, count in every.items()}
        prompts = {name: round(share * getattr(self, name)) for name in ("task_prompts", "general_prompts")}
        return self.model_copy(update=fewer | prompts)

    def is_like(self, other: ProbeLimits) -> bool:
        """True if the same is asked, whatever is left out because it stands in the training rows."""
        return self.model_dump(exclude={"excluded"}) == other.model_dump(exclude={"excluded"})

    def share(self, shipped: Probes) -> float:
        """How much of what is shipped is asked, all questions counting as much as all instructions."""
        asked = ((self.questions, len(shipped.choices)), (self.instructions, len(shipped.instructions)))
        return sum(min(1.0, limit / every) if limit is not None else 1.0 for limit, every in asked) / len(asked)


class Tolerance(Noun):
    """From which loss on a person is warned, and from which the model is held back."""

    warn: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """Share of right answers lost; a loss is told where its interval lies below 0."""
    block: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Share of right answers lost. Where so many seem lost and chance is not ruled out, it is a warning."""
    perplexity: Annotated[float, Field(gt=1)] = 1.2
    """Factor by which neutral prose may become more surprising."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of every interval."""


class Answered(Noun):
    """One multiple-choice question, answered by likelihood."""

    id: str
    chosen: int
    """Place of the most probable answer among the probe's options."""
    is_right: bool
    margin: float
    """Score of the right answer minus that of the best wrong one: negative where the answer is wrong."""


class Followed(Noun):
    """One instruction, answered greedily."""

    id: str
    answer: str
    complied: bool


class Read(Noun):
    """One passage of prose."""

    id: str
    nll: float
    """Nats of all scored tokens."""
    tokens: int


class Taken(Noun):
    """Everything that one model made of the probes: the base's is good for every model tuned from it."""

    probes: str
    """Digest of the probes."""
    questions: tuple[Answered, ...]
    instructions: tuple[Followed, ...]
    prose: tuple[Read, ...]


class Change(Noun):
    """One ability before and after, on the same items."""

    ability: Ability
    before: Metric
    after: Metric
    difference: Metric
    """After minus before, paired."""
    lost: int
    """Items that were right before and are wrong after."""
    won: int
    p_value: float
    p_adjusted: float
    """Holm over the abilities."""
    test: str
    minimum_detectable: float
    """The smallest difference these items could show with 80 % power."""
    standing: Standing


class Fluency(Noun):
    """Perplexity of neutral prose, per token."""

    before: Metric
    after: Metric
    ratio: Metric
    """After over before, paired by passage."""
    standing: Standing


class Divergence(Noun):
    """How far the tuned model's distribution has moved from the base's, where the base itself speaks."""

    on: Prompts
    nats: Metric
    """Forward KL(base‖tuned) per token."""
    tokens: int
    """On which it was measured."""


class Lost(Noun):
    """Something that the base could do and the tuned model cannot."""

    id: str
    ability: Ability
    asked: str
    before: str
    after: str
    drop: float
    """How much surer of the wrong answer than the base was of the right one (questions, nats per character); 1 for instructions."""


class Forgetting(Noun):
    """The tuned model beside its base."""

    probes: str
    """Digest of the probes."""
    limits: ProbeLimits
    tolerance: Tolerance
    changes: tuple[Change, ...]
    fluency: Fluency | None
    divergence: tuple[Divergence, ...]
    """Without a limit of its own: it says how far the model has moved, not whether anything was lost."""
    areas: dict[str, tuple[int, int, int]]
    """Area → questions, right before, right after."""
    lost: tuple[Lost, ...]
    """The worst, questions first."""
    standing: Standing
    """The worst of all."""
    sentence: str
