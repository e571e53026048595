"""What follows from the measurements, in words that name their numbers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tunesmith.spec.candidate import Candidate
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.judging import JudgeTrust
from tunesmith.spec.noun import Noun
from tunesmith.spec.recipe import Choice
from tunesmith.spec.report import Comparison, Cost, Metric, Report, Wait
from tunesmith.spec.task import Goal, MetricName, Task
from tunesmith.spec.trial import Remedy, Trial

Decision = Literal[
    "a classifier does it",
    "prompting is enough",
    "use RAG",
    "fine-tune",
    "fine-tune with RAG",
    "use the remote model",
    "get more rows",
    "nothing helps",
    "nothing is fast enough",
    "the goal cannot be judged",
    "cannot tell",
]
NotNegative = Annotated[float, Field(ge=0)]


class Finalist(Noun):
    """A candidate that went on to the locked test split."""

    remedy: Remedy
    candidate: Candidate
    report: Report
    artifact: str
    seed: int | None = None
    """Of the training that made it; None: nothing was trained, or it does not matter. Finalists of one remedy and arm that differ in the
    seed are one arm, trained more than once: a gain is claimed of the arm, over its seeds."""
    arm: str = ""
    """Tells trainings apart that differ in more than the seed: another base, another recipe."""
    wait: Wait | None = None
    """How long one question takes, where the project limits that: the verdict rests on this reading. None: there is no limit, or nothing is known."""
    on_dev: float | None = None
    """Its deciding metric on dev, which chose it. It says whose gain is tested: dev rows are not the rows that it is tested on."""


class Outlook(Noun):
    """What the learning curve says about more training rows: of the tuned model, in the deciding metric."""

    sentence: str
    """For people, with its numbers."""
    rows: Annotated[int, Field(ge=0)]
    """Training rows now."""
    more: Annotated[int, Field(ge=1)] | None
    """So many rows more are worth getting; None: no realistic number is."""
    expected: float | None = None
    """The metric with `rows` + `more`."""
    low: float | None = None
    """Of its interval."""
    high: float | None = None
    labels: tuple[str, ...] = ()
    """The classes that need rows most, the neediest first; empty: all alike, or the task has none."""


SideStanding = Literal["fine", "measured", "cannot tell", "worse", "blocks"]


class Side(Noun):
    """What else was found out about a candidate: forgetting, refusals, hallucination, slices …"""

    candidate: str
    topic: str
    """One or two words: `forgetting`, `worst slice`."""
    sentence: str
    """For people, with its numbers."""
    standing: SideStanding = "fine"
    """`measured`: there is nothing that it could be better or worse than. `cannot tell`: no loss is shown, and one that matters is not ruled out. `worse`: it
    has lost something, and that is said beside every recommendation. `blocks`: it has lost so much that it is not recommended."""
    is_limited: bool = False
    """`goal.must_not_worsen` has a limit for it, the user's or ours."""

    @property
    def is_loss(self) -> bool:
        """Something got worse, beyond doubt."""
        return self.standing in ("worse", "blocks")


class Prices(Noun):
    """What the user pays, in one currency; None where it is unknown or nothing."""

    currency: str = ""
    """As it is printed: `€`."""
    per_million_prompt_tokens: NotNegative | None = None
    """Of the model that is served."""
    per_million_answer_tokens: NotNegative | None = None
    per_million_training_tokens: NotNegative | None = None
    per_million_remote_prompt_tokens: NotNegative | None = None
    """Of the model elsewhere."""
    per_million_remote_answer_tokens: NotNegative | None = None
    per_hour: NotNegative | None = None
    """Of this machine: where tokens have no price, seconds have."""

    def told(self, amount: float) -> str:
        """An amount with as many digits as help.

        >>> prices = Prices(currency="€")
        >>> prices.told(12.3456), prices.told(0.00123), prices.told(0)
        ('€12.35', '€0.0012', '€0.00')
        """
        return f"{self.currency}{amount:,.2f}" if amount >= 1 or amount == 0 else f"{self.currency}{amount:.2g}"


class Known(Noun):
    """What is known beside the answers on test. Everything is optional: what is absent is not spoken of."""

    outlook: Outlook | None = None
    sides: tuple[Side, ...] = ()
    prices: Prices = Prices()
    training_tokens: dict[str, int] = {}
    """Candidate → tokens of the rows that it was trained on, as a trainer that shares nothing would bill them; absent: nothing was trained."""
    finding_tokens: int = 0
    """The same of all other trainings: pilots, settings that were tried, further seeds."""
    may_leave: bool = False
    """The user allows that a model elsewhere is recommended: questions then leave this machine. Else it is a yardstick."""
    judge: JudgeTrust | None = None
    """How far the judge's word goes; None: there is no judge."""
    failed: tuple[str, ...] = ()
    """Full trainings that came to nothing, why, and what stands for them, in sentences."""

    @property
    def finding(self) -> float | None:
        """What `finding_tokens` cost, in the user's currency; None where tokens of training have no price."""
        price = self.prices.per_million_training_tokens
        return None if price is None else self.finding_tokens * price / 1_000_000


class Bill(Noun):
    """What one finalist costs, counted in tokens and therefore the same in every run."""

    candidate: str
    remedy: Remedy
    prompt_tokens: float
    """Per answer, as billed by a server that shares nothing."""
    answer_tokens: float
    computed_tokens: float
    """Per answer, of those that went through the model: shared beginnings count once. No price rests on them."""
    per_1000_answers: float | None = None
    """In the user's currency; None where tokens have no price."""
    training_tokens: int = 0
    """Of its own training, as billed by a trainer that shares nothing; what was trained to find it is in `Known.finding_tokens`."""
    training: float | None = None
    """In the user's currency."""
    break_even: int | None = None
    """From so many answers on, training has paid for itself against `instead_of`; None: it never does, or prices are unknown."""
    instead_of: str | None = None
    """What would be served otherwise: the model elsewhere where there is one, else the best that needs no training."""
    privacy: str
    """What leaves this machine when it answers, and what stays in it of the data."""


class Pace(Noun):
    """What the clock says of one finalist; never part of what is reproducible."""

    candidate: str
    row_s: float
    """Per row of the test split in a batch: many rows shared the machine. Throughput, and no latency."""
    wait: Wait | None = None
    """Latency: how long one question takes that is asked alone; None: it was not timed."""
    hours_per_1000_answers: float
    """In a batch."""
    training_s: float = 0.0
    per_1000_answers: float | None = None
    """In the user's currency, by the hour."""
    break_even: int | None = None
    """Answers after which the training's time is won back against `instead_of`; None: never, or nothing was trained."""
    instead_of: str | None = None


class Mean(Noun):
    """Several trainings that differ in their seeds alone, as one: what the comparisons are of."""

    candidate: str
    """The one that stands for them, and that would be served."""
    seeds: int
    value: Metric
    """The mean of the deciding metric; its interval reaches as far as other seeds would."""


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
    means: tuple[Mean, ...] = ()
    """Of what was trained several times."""
    comparisons: tuple[Comparison, ...]
    looks: int
    """How often this test split has been opened, this time included."""
    recommended: str | None = None
    """The candidate to serve: the one that is decided for; where the decision is open, the best that needs no training and that nothing was shown to beat.
    None where nothing helps or may be recommended, or where only a model elsewhere could be and it is open whether that is better."""
    settle: str = ""
    """What would settle what is open, in words; empty where nothing is."""
    bills: tuple[Bill, ...] = ()
    """Of every finalist, as they stand."""
    known: Known = Known()
    """What it was concluded with beside the answers."""


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
    best: str | None
    """The name under which what the verdict recommends was registered; None where it recommends nothing."""
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
    paces: tuple[Pace, ...] = ()
    """Of every finalist, as they stand."""
    spent: float | None = None
    """Seconds of work up to the report, where a budget limits them."""
    budget: float | None = None

    @property
    def over(self) -> float:
        """Seconds beyond the budget; 0: it was kept, or there is none."""
        return max(0.0, self.spent - self.budget) if self.spent is not None and self.budget is not None else 0.0
