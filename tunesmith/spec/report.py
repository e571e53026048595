"""What was measured: one candidate on one split, and comparisons of candidates on the same rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from tunesmith.spec.candidate import Answer, Candidate, Decoding
from tunesmith.spec.dataset import Origin, SplitName
from tunesmith.spec.noun import Noun
from tunesmith.spec.task import LOWER_IS_BETTER, Form, MetricName, TaskKind


class Metric(Noun):
    """A number and how sure we are of it."""

    value: float
    low: float
    high: float
    n: int
    """Rows it rests on."""
    clusters: int | None = None
    """Into how many independent clusters they fall; None: every row stands alone."""
    method: str
    """How the interval was made: `wilson`, `rule of three`, `bca`, `bootstrap`, `newcombe`, `bounds` (too few rows: all that the metric can be), `exact` (nothing to
    estimate); ` over seeds` behind it where several trainings count."""


class Scored(Noun):
    """One evaluated row; a line of answers.jsonl. `scores` holds per-row values in [0, 1] (or nats)."""

    id: str
    origin: Origin
    question: str
    reference: str
    answer: str
    confidence: float | None
    out_of_scope: bool
    """The reference is the out-of-scope answer."""
    scores: dict[str, float]
    prompt_tokens: int
    completion_tokens: int
    cluster: str | None = None
    """Rows with the same one (near duplicates, one group) are no independent evidence; None: the row stands alone."""
    shown: tuple[str, ...] = ()
    """Ids of the passages or examples that stood before the question, the nearest first: entries of the candidate's index."""


class Predicted(Noun):
    """What a candidate said to one row, before anybody has marked it; a line of predictions.jsonl."""

    id: str
    """Of the row."""
    answer: Answer
    nll: float | None = None
    """Of the reference: its negative log-likelihood in nats. None: not asked for, or the candidate has no probabilities of texts."""
    nll_tokens: int | None = None
    """Tokens that it rests on."""


class Predictions(Noun):
    """The manifest of a candidate's answers to a split, or to a part of it. predictions.jsonl stands beside it."""

    candidate: Candidate
    dataset: str
    """Name of the data set artifact."""
    split: SplitName
    decoding: Decoding
    rows: int
    prompt_tokens: int
    """Logical: as billed by a server that shares nothing."""
    completion_tokens: int
    computed_tokens: int
    """Tokens that went through the model."""
    files: dict[str, str]


class Report(Noun):
    """The manifest of an evaluation artifact: the reproducible part. answers.jsonl stands beside it."""

    candidate: Candidate
    dataset: str
    """Name of the data set artifact."""
    split: SplitName
    task: Form
    purpose: TaskKind | None = None
    """What the rows are for, in the user's words; None: the form says it."""
    decoding: Decoding
    metrics: dict[MetricName, Metric]
    confusion: dict[str, dict[str, int]]
    """Reference label → answered label → rows; empty unless the task is `classify`."""
    per_label: dict[str, Metric]
    """Recall by reference label; empty unless the task is `classify`."""
    rows: int
    prompt_tokens: int
    """Logical: as billed by a server that shares nothing."""
    completion_tokens: int
    computed_tokens: int
    """Tokens that went through the model."""
    files: dict[str, str]

    @property
    def kind(self) -> TaskKind:
        """What the rows are for."""
        return self.purpose or self.task


class Cost(Noun):
    """What the clock said; kept beside an artifact, never hashed."""

    seconds: float
    rows_per_s: float
    peak_memory_bytes: int


class Wait(Noun):
    """How long one question takes, asked alone as people ask, with what all prompts share read before: readings of the clock."""

    n: int
    """Questions."""
    median_s: float
    p90_s: float
    """Nine of ten took at most so long; with fewer than ten questions, all."""
    p90_least_s: float
    """What nine of ten of all questions take at most is surely no less than this (95 %); 0: too few were asked to say."""
    at_most_s: float | None = None
    """What the project allows nine of ten to take; None: any time."""

    @property
    def is_in_time(self) -> bool:
        """True if nothing less is allowed than what was read."""
        return self.at_most_s is None or self.p90_s <= self.at_most_s

    @property
    def is_too_long(self) -> bool:
        """True if the project allows less than what is sure: one slow question of a few bars nobody."""
        return self.at_most_s is not None and self.p90_least_s > self.at_most_s


class Latency(Noun):
    """The manifest of a reading of the clock: one candidate, asked questions of a split one after another."""

    wait: Wait | None
    """None: none of them was answered."""
    of: str
    """Key of the first reading of the same: others are made where that one would bar somebody."""


class Answering(Noun):
    """What the clock said of a candidate's answers; kept beside them and their evaluation, never hashed."""

    seconds: float
    """For all rows, many at once; without opening the candidate, and without what marks its answers."""
    wait: Wait | None = None
    """None: no single question was timed."""


class Comparison(Noun):
    """The winner against one rival on the same rows and the deciding metric."""

    better: str
    """Name of the candidate that is ahead, or was hoped to be."""
    rival: str
    metric: MetricName
    rows: str
    """Which rows: `in scope`, `out of scope`, `all`."""
    difference: Metric
    """`better` minus `rival`, paired, with its BCa interval; where something was trained it reaches further, by what other seeds would bring."""
    as_trained: Metric | None = None
    """That of the very weights that would be served, with what the rows leave open alone. None where nothing was trained."""
    p_value: float
    p_adjusted: float
    """Holm over all rivals."""
    test: str
    """`mcnemar mid-p`, `paired permutation`, or `permutation of clusters` where rows share clusters; ` over N seeds` behind it where something was trained."""
    outcome: Literal["better", "worse", "cannot tell"]
    row_variance: float
    """Of the difference, per row: divided by their number it is the squared standard error that the rows leave."""
    row_freedom: float
    """How well that is known, in degrees of freedom: one less than there are rows, or clusters of equal size that say as much."""
    seed_variance: float = 0.0
    """What the seeds of trainings add to it, on however many rows."""
    seed_freedom: float | None = None
    """How well that is known, in degrees of freedom; None: nothing was trained."""
    seeds: int = 0
    """Trainings of the kind that has most of them; 0: nothing was trained."""
    minimum_detectable: float
    """The smallest difference that these rows and seeds show with 80 % power among `family` comparisons, whatever the others come to."""
    is_split: bool = False
    """Interval and test agree, and one of the trainings alone does not: that is no gain of the recipe, however many rows there are."""
    family: int = 1
    """Comparisons that were corrected together."""
    rows_to_settle: int | None
    """For `cannot tell`: how many more rows like these would settle it; None: no realistic number would."""
    seeds_to_settle: int | None = None
    """For `cannot tell` where no number of rows would settle it: how many trainings with different seeds, those that there are among them, would."""

    @property
    def of_these(self) -> Metric:
        """The difference between the weights that there are: what is asked where one of them would be served, and no gain of a recipe is claimed."""
        return self.as_trained if self.as_trained is not None else self.difference

    @property
    def leans(self) -> Literal["better", "worse"] | None:
        """Where it cannot be told although the interval excludes 0: the side it lies on. The test, on these few rows, does not rule out chance."""
        if self.outcome != "cannot tell" or self.difference.low <= 0 <= self.difference.high:
            return None
        return "better" if (self.difference.low > 0) != (self.metric in LOWER_IS_BETTER) else "worse"


class Asked(Noun):
    """The user's own questions and what the finished model said."""

    candidate: Candidate
    items: tuple[tuple[str, Answer], ...]


def with_limit(value: str, waits: Iterable[Wait | None], chosen: Wait | None) -> str:
    """A goal's value in words (or nothing), with the project's limit of latency, by the readings that were held against it and by that of what is chosen.

    >>> wait = Wait(n=20, median_s=0.18, p90_s=0.19, p90_least_s=0.18, at_most_s=0.2)
    >>> with_limit("at least 90 %", [None, wait], wait)
    'at least 90 %, nine of ten questions within 200 ms'
    >>> with_limit("at least 90 %", [wait], wait.model_copy(update={"p90_s": 0.231}))
    'at least 90 %; open is whether nine of ten questions take 200 ms at most: of 20, they took 231 ms'
    """
    allowed = next((wait.at_most_s for wait in waits if wait is not None and wait.at_most_s is not None), None)
    if allowed is None:
        return value
    limit = f"{1000 * allowed:g} ms"
    if chosen is None or chosen.is_in_time or chosen.is_too_long:
        return ", ".join(filter(None, (value, f"nine of ten questions within {limit}")))
    took = f"of {chosen.n}, they took {1000 * chosen.p90_s:,.0f} ms"
    return "; ".join(filter(None, (value, f"open is whether nine of ten questions take {limit} at most: {took}")))
