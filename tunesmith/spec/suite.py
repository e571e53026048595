"""What a candidate shows beside its task metric: one noun per question that a sceptic asks, with its numbers, its worst examples and one plain sentence.

A suite that could not be examined is None, and `left_out` says why: nothing is left away in silence.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tunesmith.spec.candidate import Answer, Candidate, Decoding
from tunesmith.spec.dataset import Origin, SplitName
from tunesmith.spec.noun import Noun
from tunesmith.spec.report import Metric
from tunesmith.spec.task import MetricName, TaskKind

SuiteName = Literal["out of scope", "hallucination", "consistency", "memorisation", "calibration", "slices"]
Kept = Literal["yes", "no", "cannot tell"]


class Bounds(Noun):
    """Where lines are drawn, and how often what is drawn is asked."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """At which the same question is asked again. None: at the one that the candidate is served at; at 0 the answer is always the same, and nothing is asked."""
    repeats: Annotated[int, Field(ge=2, le=64)] = 5
    """How often it is asked then."""
    false_refusals: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """The proposed threshold ("decline below") may decline at most this share of the questions in scope."""
    risk: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Another threshold is proposed, in front of that one, that lets at most this share of the given answers be wrong. None: no such wish."""
    overfit_gap: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """A larger gap between train and dev on the deciding metric is called overfitting, where its interval excludes 0."""
    slice_rows: Annotated[int, Field(ge=2)] = 5
    """A smaller slice is counted, not judged."""
    slice_values: Annotated[int, Field(ge=2)] = 50
    """One of your columns with more different values than this is left out of the slices, and the report says so."""


class Examine(Bounds):
    """What you want the finalist that leads to be asked beside the test rows."""

    unanswerable: str | None = None
    """A file of questions that nobody can answer, relative to the project file: one per line, or rows as a source has them. None: where the task has an out-of-scope answer, some are made out of dev rows."""


class SuiteLimits(Bounds):
    """How much is asked and where lines are drawn. The defaults suit a choice among labels: about 900 short questions."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Of every choice of rows, of resampling, and of the first of the answers at a temperature."""
    examples: Annotated[int, Field(ge=0, le=100)] = 8
    """Worst examples kept of each suite."""
    unknown_questions: Annotated[int, Field(ge=1)] = 100
    """Questions about things that do not exist, at most; and as many that were passed in as nobody can answer."""
    unknown_per_row: Annotated[int, Field(ge=1)] = 2
    """Of them made out of one row, at most."""
    repeated_rows: Annotated[int, Field(ge=1)] = 60
    """Rows that are asked several times at a temperature."""
    paraphrased_rows: Annotated[int, Field(ge=1)] = 100
    """Rows that are asked in other words, where such were passed in."""
    paraphrases: Annotated[int, Field(ge=1, le=16)] = 3
    """Other wordings of one row, at most."""
    reprompted_rows: Annotated[int, Field(ge=1)] = 60
    """Rows that are asked behind each variant of the system prompt."""
    train_rows: Annotated[int, Field(ge=2)] = 200
    """Training rows that are asked, for the gap between train and dev."""
    recalled_rows: Annotated[int, Field(ge=2)] = 100
    """Training answers, and as many held-out ones, that are begun and have to be ended."""
    recalled_tokens: Annotated[int, Field(ge=4)] = 16
    """A shorter answer is none to remember: half of it leaves too little to be said by chance."""
    copied_tokens: Annotated[int, Field(ge=8)] = 50
    """So many tokens of a training answer in a row count as a copy, as does the whole rest of it."""
    curve_points: Annotated[int, Field(ge=2)] = 40
    """Of the risk–coverage curve."""


class Example(Noun):
    """One answer that a person should see."""

    question: str
    answer: str
    wanted: str = ""
    """What would have been right; empty where that is no text."""
    note: str
    """Why it stands here."""
    origin: Origin


class Covered(Noun):
    """What happens when only answers of at least this confidence are given."""

    threshold: float
    coverage: float
    """Share of rows answered."""
    risk: float
    """Share of wrong answers among them."""


class Threshold(Noun):
    """A proposal that serving can apply: below `value` the answer is not given. Chosen on dev, checked on test."""

    bounded: Literal["false refusals", "risk"]
    """What is kept within the bound: the share of questions in scope that are declined, or of wrong answers among those given."""
    bound: float
    value: float | None
    """Decline below this confidence; None: with no threshold is the bound kept on dev."""
    promised: bool
    """The interval on dev lies within the bound too, so that fresh rows will keep to it; False: only the share does."""
    instead: str | None
    """What is answered then; None: the user has not said."""
    chosen: Metric | None
    """The bounded share on dev."""
    checked: Metric | None
    """The same on test."""
    kept: Kept
    """Whether the bound holds on test, by the interval."""
    coverage: Metric | None
    """Share of all test questions that are still answered."""
    risk: tuple[Metric, Metric] | None
    """Share of wrong answers among those given on test: without and with the threshold."""
    recall: tuple[Metric, Metric] | None
    """Share of questions out of scope that are declined on test: without and with it; None where there are none."""
    sentence: str

    @property
    def unfit(self) -> str:
        """Why serving does not apply it; empty: it can."""
        if not self.value:
            return "it declines nothing"
        if self.instead is None:
            return "task.out_of_scope does not say what is answered instead"
        return "it breaks its promise on test" if self.kept == "no" else ""

    def applied(self, answer: Answer) -> Answer:
        """The answer as it is served with this threshold: below it, what is said instead; as it is where nobody has said what that is."""
        return answer.model_copy(update={"text": self.instead}) if self.declines(answer.confidence) else answer

    def declines(self, confidence: float | None) -> bool:
        """Whether an answer of this confidence is not given: there has to be a threshold, and something to say instead."""
        return self.value is not None and self.instead is not None and confidence is not None and confidence < self.value


class OutOfScope(Noun):
    """Whether it declines what it should, and nothing else; and what its confidence is worth for that."""

    split: SplitName
    recall: Metric | None
    """Share of questions out of scope that are declined; None where there are none."""
    precision: Metric | None
    """Share of the declined questions that are out of scope; None where none is declined."""
    false_refusals: Metric
    """Share of questions in scope that are declined."""
    known_by: dict[str, int]
    """How refusals were recognised → how many: `fixed` (the project's answer), `near` (almost that), `frame` (a general way of declining)."""
    frames_trusted: bool
    """False: general ways of declining stand in this task's own right answers, so only the project's refusals count."""
    auroc: Metric | None
    """Of confidence, as a sign of a right answer; None without confidences, or where all or none are right."""
    auroc_scope: Metric | None
    """Of confidence, as a sign of a question in scope (one minus it where the question was declined)."""
    curve: tuple[Covered, ...]
    aurc: Metric | None
    """Area under the risk–coverage curve: the mean risk over all coverages. Lower is better."""
    thresholds: tuple[Threshold, ...]
    examples: tuple[Example, ...]
    sentence: str


UnknownKind = Literal["name", "identifier", "number", "thing"]


class Unknown(Noun):
    """A question about something that does not exist, made of one of the user's own."""

    kind: UnknownKind
    question: str
    replaced: str
    """What stood there and is known in the domain."""
    invented: str
    """What stands there now and is found nowhere in the data."""
    parent: str
    """Id of the row that it was made of."""
    origin: Origin


Basis = Literal["passages", "question", "question and reference"]


class Unsupported(Noun):
    """Numbers and names in answers that stand in nothing the answer could rest on."""

    basis: Basis
    """What counts as support. `question`: it brings its text itself; `passages`: they stood before the question, which counts too."""
    rate: Metric
    """Share of answers with at least one such number or name."""
    per_answer: float
    """Mean count."""
    references: Metric | None
    """The same share for the reference answers: what the rule itself makes of right answers. None where the reference is the support."""


class Hallucination(Noun):
    """Whether it answers what it cannot know, and says what nothing supports."""

    made: Metric | None
    """Share of questions about invented things that are answered all the same; None where none could be made."""
    parents: Metric | None
    """Share of the questions they were made of that are answered: what an honest model keeps high."""
    same_answer: Metric | None
    """Share of them that get the very answer of the question they were made of: the invented word was not even noticed."""
    given: Metric | None
    """Share of the passed-in unanswerable questions that are answered; None where none were passed in."""
    by_kind: dict[str, Metric]
    """The first share by kind of invented thing."""
    unsupported: Unsupported | None
    examples: tuple[Example, ...]
    sentence: str


class Steadiness(Noun):
    """The same question several times over."""

    how: Literal["asked again", "other words", "other prompts"]
    rows: int
    versions: int
    """Answers of one row, at most."""
    agreement: Metric
    """Share of pairs of a row's answers that mean the same."""
    mean: Metric
    """Mean share of right answers."""
    worst: Metric
    """Share of rows of which every answer is right: the worst of k."""
    sensitivity: Metric
    """Entropy of a row's answers over classes of the same meaning, of the greatest possible one; 0: always the same."""
    detail: str
    """Temperature and seeds, or the variants."""
    examples: tuple[Example, ...]


class Consistency(Noun):
    """Whether the same question gets the same answer."""

    again: Steadiness | None
    words: Steadiness | None
    prompts: Steadiness | None
    left_out: dict[str, str]
    """Part → why it was not asked."""
    sentence: str


class Memorisation(Noun):
    """Whether it has learnt the task or the rows."""

    metric: MetricName
    train: Metric | None
    dev: Metric | None
    gap: Metric | None
    """Train minus dev (for a metric where lower is better: dev minus train), two samples; None where the metric has no rows to rest on."""
    recalled_train: Metric | None
    """Share of training answers of which the model, given the question and the first half, says the whole rest or a long piece of it."""
    recalled_held_out: Metric | None
    recalled_difference: Metric | None
    copies: dict[str, int]
    """`whole` and `long` copies of training answers."""
    overfits: bool
    memorises: bool
    """The difference's interval excludes 0."""
    left_out: dict[str, str]
    examples: tuple[Example, ...]
    sentence: str


class Bar(Noun):
    """One bar of a reliability diagram."""

    low: float
    high: float
    rows: int
    confidence: float
    accuracy: float


class Calibrated(Noun):
    """Whether a confidence of 80 % means right in 80 of 100 cases."""

    split: SplitName
    rows: int
    expected_error: Metric
    """Mean distance between confidence and share of right answers over ten bins (ECE)."""
    by_chance: float
    """What a perfectly calibrated model would stay below in 95 of 100 samples of so many rows in such clusters."""
    confidence: float
    """Mean."""
    accuracy: Metric
    bars: tuple[Bar, ...]
    auroc: Metric | None
    sentence: str


class Slice(Noun):
    """Rows that have something in common, against all others."""

    column: str
    value: str
    metric: Metric
    rest: Metric
    difference: Metric
    """Slice minus rest."""
    p_value: float
    p_adjusted: float
    """Holm over all slices of the report."""
    shrunk: float
    """The slice's value drawn towards the mean of all rows, the more the fewer rows it has: what it ranks by."""
    outcome: Literal["worse", "better", "cannot tell"]


class Slices(Noun):
    """Where it is good and where not."""

    split: SplitName
    score: str
    """Which score of the rows is averaged; higher is better."""
    slices: tuple[Slice, ...]
    """Lowest `shrunk` first."""
    too_small: dict[str, int]
    """Column → values with too few rows to be judged."""
    left_out: dict[str, str]
    """Column that was named → why it says nothing: too many different values, or one alone."""
    examples: tuple[Example, ...]
    """Of the first slice."""
    sentence: str

    @property
    def worst(self) -> Slice | None:
        """The slice that ranks last; None where there is none. Whether it is worse than the rest, its `outcome` says."""
        return self.slices[0] if self.slices else None


class Suites(Noun):
    """Everything that was examined of one candidate."""

    candidate: Candidate
    dataset: str
    """Name of the data set artifact."""
    task: TaskKind
    decoding: Decoding
    limits: SuiteLimits
    confidence: float
    """Of every interval."""
    right: str
    """What counts as a right answer, in a sentence."""
    out_of_scope: OutOfScope | None
    hallucination: Hallucination | None
    consistency: Consistency | None
    memorisation: Memorisation | None
    calibration: Calibrated | None
    slices: Slices | None
    left_out: dict[SuiteName, str]
    """Suite → why it says nothing."""
    asked: int
    """Questions put to the candidate for this."""
    prompt_tokens: int
    completion_tokens: int
    computed_tokens: int
    """Tokens that went through the model for this."""
