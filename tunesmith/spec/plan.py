"""What the user grants for finding out, what a step asks of the machine, and the frozen plan that follows from both."""

from __future__ import annotations

import itertools
import re
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from tunesmith.errors import BadProject
from tunesmith.spec.candidate import Classifier, Constant, Remote, Retrieval
from tunesmith.spec.chat import Conversation, Prompt
from tunesmith.spec.noun import Noun
from tunesmith.spec.recipe import Recipe
from tunesmith.spec.report import Wait
from tunesmith.spec.task import LOWER_IS_BETTER, Goal, MetricName
from tunesmith.spec.trial import Trial

UNITS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
NUMBER = re.compile(r"\d+(?:\.\d+)?")
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(d|days?|h|hours?|m|min|minutes?|s|sec|seconds?)(?![a-z])\s*", re.IGNORECASE)
TARGET = re.compile(r"(at least|at most)\s+(\d+(?:\.\d+)?)\s*(%|ms\b|s\b)?\s*([A-Za-z][\w -]*)?", re.IGNORECASE)

Tunable = Literal["lr", "rank", "epochs", "dropout", "weight_decay"]
Activity = Literal["encode", "choose", "write", "train", "single", "remote", "process"]
"""Vectors of texts · one of a closed set of answers · free text · rows of training steps · one question asked alone · a model elsewhere · starting a process."""
Purpose = Literal["rows", "search", "suites", "probes"]
"""What is answered: rows of dev or test · the same under one of many prompts · the suites of evidence · probes of general ability. Each has a pace of its own."""
StepKind = Literal[
    "control", "prompt", "prompt-search", "few-shot", "few-shot-retrieved", "rag", "remote", "pilot", "base", "ladder", "final", "fine-tune-rag", "test"
]  # fmt: skip


def seconds_of(text: str) -> float:
    """The seconds of a duration in days, hours, minutes and seconds; a number alone is seconds.

    >>> seconds_of("20m"), seconds_of("1h 30min"), seconds_of("45")
    (1200.0, 5400.0, 45.0)

    Raises: ValueError if it is none, or not above zero.
    """
    plain = text.strip()
    is_number = NUMBER.fullmatch(plain) is not None
    found = float(plain) if is_number else sum(float(number) * UNITS[unit[0].lower()] for number, unit in DURATION.findall(plain))
    if found <= 0 or not (is_number or DURATION.sub("", plain) == ""):
        raise ValueError(f"{text!r} is no duration: write for example 20m, 1h30m or 90s")
    return found


def _duration(value: object) -> object:
    return seconds_of(value) if isinstance(value, str) else value


def _ascending(shares: tuple[float, ...]) -> tuple[float, ...]:
    if any(one >= other for one, other in itertools.pairwise(shares)):
        raise ValueError("write the shares in ascending order, each once")
    return shares


def overrides_of(wish: str) -> tuple[str, ...]:
    """What `--budget` asks for, a time, a target or both, as overrides of the project file.

    >>> overrides_of("20m")
    ('decide.budget=1200',)
    >>> overrides_of("at least 90 % macro-F1, at most 200 ms")
    ('goal.metric="macro_f1"', 'goal.at_least=0.9', 'decide.at_most_ms=200', 'decide.stop_at_goal=true')

    >>> overrides_of("20m, at least 0.9 accuracy")
    ('decide.budget=1200', 'goal.metric="accuracy"', 'goal.at_least=0.9', 'decide.stop_at_goal=true')

    Raises: BadProject if it is neither, or says one of them twice.
    """
    found: list[str] = []
    for text in re.split(r",|\band\b", wish):
        target = TARGET.fullmatch(text.strip())
        if target is not None:
            found += _target(target, wish)
            continue
        try:
            found.append(f"decide.budget={seconds_of(text):g}")
        except ValueError:
            raise _no_budget(wish) from None
    if len({override.split("=", 1)[0] for override in found}) < len(found):
        raise _no_budget(wish, "says one thing twice")
    return (*found, *(["decide.stop_at_goal=true"] if any(not override.startswith("decide.budget") for override in found) else []))


def _target(part: re.Match[str], wish: str) -> list[str]:
    """The overrides of one half of a target."""
    bound, number, unit, name = part[1].lower(), float(part[2]), (part[3] or "").lower(), re.sub(r"[\s-]+", "_", (part[4] or "").strip().lower())
    if unit in ("ms", "s"):
        if bound != "at most" or name:
            raise _no_budget(wish)
        return [f"decide.at_most_ms={number * (1000 if unit == 's' else 1):g}"]
    metric: MetricName | None = next((known for known in get_args(MetricName) if known == name), None)
    if (name and metric is None) or (bound == "at most") != (metric in LOWER_IS_BETTER):
        raise _no_budget(wish)
    return ([f'goal.metric="{metric}"'] if metric else []) + [f"goal.at_least={number / (100 if unit == '%' else 1):g}"]


def _no_budget(wish: str, problem: str = "is neither a time nor a target") -> BadProject:
    return BadProject(
        problem,
        where="--budget",
        got=wish[:80],
        expected="a time (20m, 1h30m), a target (at least 90 % macro_f1, at most 200 ms), or both",
        fix='write for example --budget 20m, or --budget "20m, at least 0.9 exact_match, at most 200 ms"',
    )


class Decide(Noun):
    """How much is tried before the verdict."""

    budget: Annotated[float | None, Field(gt=0, allow_inf_nan=False), BeforeValidator(_duration)] = None
    """Time for everything: `20m`, `1h30m`, or seconds. None: as long as the steps below take."""
    at_most_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """The longest that nine of ten questions may take that are asked alone, in milliseconds: what takes longer is not recommended, and other bases that
    surely would are not tried. None: no limit."""
    stop_at_goal: bool = False
    """Try nothing dearer once a candidate reaches the goal beyond doubt on dev."""
    pilots: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], AfterValidator(_ascending)] = (0.1, 0.25, 0.5)
    """Shares of the training rows for small trainings: the learning curve rests on them. Empty: none."""
    search: Annotated[int, Field(ge=0, le=200)] = 6
    """Training settings that are tried, the recipe as written among them. 0 or 1: the recipe alone."""
    search_over: tuple[Tunable, ...] = ("lr", "rank", "epochs", "dropout", "weight_decay")
    """What the settings differ in. A learning rate that the recipe gives is where the search begins."""
    prompt_search: Annotated[int, Field(ge=0, le=200)] = 12
    """Prompts made of variants of the instruction, their order and examples that are tried on a part of dev. 0: none."""
    seeds: Annotated[int, Field(ge=1, le=10)] = 2
    """Full trainings with different seeds, where a gain can be claimed: one run can be luck."""
    bases: tuple[str, ...] = ()
    """More base models that compete with the project's: catalogue ids, folders or hub ids."""


class Work(Noun):
    """What a part of a step asks of the machine."""

    activity: Activity
    parameters: int
    """Of the model that works."""
    rows: int
    """Passes over rows: a training of 3 epochs passes 3 times over each."""
    tokens: float
    """Of a row, without what all rows share."""
    purpose: Purpose = "rows"
    longest: int | None = None
    """Tokens that a written answer may have: a model that was not tuned rambles on to there. None: nothing is written."""
    begun: bool = False
    """The process, the model and the shared beginning are there already: only rows are left."""


class Timed(Noun):
    """Work that was done, and how long it took: a reading of the clock."""

    work: Work
    seconds: float


class Speeds(Noun):
    """What this machine is known to take for work, the latest reading last; empty: nothing is known yet."""

    timed: tuple[Timed, ...] = ()


class Base(Noun):
    """A model that takes part."""

    id: str
    parameters: int
    lr: float
    """The peak rate that the recipe comes to on it."""


class PromptSpace(Noun):
    """The parts that prompts are put together from, made of the task and its training rows; the first of each kind is the plain one."""

    instructions: tuple[str, ...]
    frames: tuple[str, ...]
    """Texts with `{instruction}`, `{labels}` and `{rule}`, in different orders."""
    labels: tuple[str, ...]
    """The label list, plain or with each label's own words; empty texts where the task has none."""
    rules: tuple[str, ...]
    """How to answer."""
    examples: tuple[tuple[Conversation, ...], ...]
    """Sets of worked examples; the first is empty."""


class Facts(Noun):
    """All that is known before anything was tried, ready for deciding: no rows, no names of tasks."""

    metric: MetricName
    """The deciding one."""
    goal: Goal
    train_rows: int
    dev_rows: int
    test_rows: int
    question_tokens: float
    """Mean of a question."""
    answer_tokens: float
    answering: Literal["choose", "write"]
    longest: int | None = None
    """Tokens that a written answer may have; None: answers are chosen."""
    bases: Annotated[tuple[Base, ...], Field(min_length=1)]
    """The project's own first."""
    encoder_parameters: int = 0
    """0: nothing is encoded."""
    probe_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Of the shipped probes of general ability, so much is asked of a tuned model."""
    asked_again: Annotated[int, Field(ge=0)] = 0
    """How often the first finalist is asked the same question at a temperature; 0: its answer would always be the same."""
    recipe: Recipe
    """As the user wrote it."""
    prompt: Prompt
    """What models are tuned with."""
    written: tuple[Prompt, ...] = ()
    """Prompts to try as they stand."""
    space: PromptSpace | None = None
    """None: prompts are not searched for."""
    shots: tuple[Conversation, ...] = ()
    """Worked examples for the best prompt; empty: none are tried."""
    majority: Constant | None = None
    classifier: Classifier | None = None
    retrieved: Retrieval | None = None
    """Training rows that are found for a question, as examples after the best prompt."""
    rag: tuple[Retrieval, ...] = ()
    """Readers of the passages that are found for a question."""
    rag_tuned: Retrieval | None = None
    """The tuned model that reads passages."""
    remote: Remote | None = None
    fine_tune: bool = True
    """False: the base is not tuned on the rows alone, and neither pilots nor a search are made."""
    seed: int = 0

    def base(self, id: str) -> Base:
        """The model of this name."""
        return next(base for base in self.bases if base.id == id)


class PlannedStep(Noun):
    """One step of the plan: what it does, what it can change, what it costs."""

    name: str
    kind: StepKind
    base: str
    """The model that works; where several compete, the largest of them: the price rests on it."""
    can_change: str
    """What about the verdict, in words."""
    parts: tuple[Work, ...]
    seconds: float = 0.0
    """As predicted: the parts at this machine's speeds."""
    share: float = 1.0
    """Of the training rows; of the proof: of the probes of general ability."""
    trials: int = 1
    rungs: tuple[float, ...] = ()
    """Of a search by halving: shares of the training rows, or of the dev rows for prompts."""
    epochs: float | None = None
    """Fewer than those of its settings, where the time does not reach for all; None: as its settings say."""
    seed: int = 0


class Stored(Noun):
    """What an earlier plan for the same rows has left in the store: it costs nothing more, as long as nothing new comes in front of it that it rests on."""

    steps: tuple[PlannedStep, ...] = ()
    """Every step that is there whole, on dev; without its parts and its price."""
    proven: tuple[str, ...] = ()
    """Steps whose finalists have answered the locked rows."""
    examined: bool = False
    """One of those finalists was examined by the suites."""
    probed: float = 0.0
    """By so large a share of the probes that the project asks for a tuned model was held against its base."""

    def named(self, name: str) -> PlannedStep | None:
        """The step of this name that is there."""
        return next((step for step in self.steps if step.name == name), None)

    def holds(self, step: PlannedStep) -> bool:
        """True if nothing of this step is left to do; a search that was longer holds a shorter one."""
        mine = self.named(step.name)
        same = ("base", "epochs", "share", "rungs", "seed")
        return mine is not None and mine.trials >= step.trials and all(getattr(mine, name) == getattr(step, name) for name in same)


class LeftOut(Noun):
    """A step that is not done, and why."""

    name: str
    seconds: float
    reason: str


class Plan(Noun):
    """Steps in their order, priced and frozen. The same plan over the same history always goes on in the same way."""

    decide: Decide
    steps: tuple[PlannedStep, ...]
    left_out: tuple[LeftOut, ...] = ()
    speeds: Speeds = Speeds()
    """What the prices rest on."""
    revision: int = 0
    passed: int = 0
    """Steps at the front that were done or begun when this revision was made: no later one changes them, but that a search under way may end earlier."""
    spent: float = 0.0
    """Seconds that were gone when this revision was made."""
    waits: dict[str, Wait] = {}
    """`SPLIT CANDIDATE` → how long one question took, where the project limits that: choices rest on these readings, and a replay takes them from here."""
    stored: Stored = Stored()
    """What was there before this plan was made."""
    unproven: tuple[str, ...] = ()
    """Steps whose finalists are not taken to the locked rows: behind on dev beyond doubt, and too dear to prove it."""

    @property
    def probes(self) -> float:
        """So large a share of the probes of general ability that the project asks for is put to what was tuned."""
        return next((step.share for step in self.steps if step.kind == "test"), 1.0)

    def will_have_spent(self) -> float:
        """Seconds at the end, if every prediction holds."""
        return self.spent + sum(step.seconds for step in self.steps[self.passed :])


class PlannedTrial(Noun):
    """What is to be tried next: a candidate without its weights or index, and how it is made and measured."""

    step: str
    trial: Trial
    base: str
    recipe: Recipe | None = None
    """What the candidate is trained with; None: nothing is trained."""
    share: float = 1.0
    """Of the training rows; smaller shares are part of larger ones."""
    dev_rows: int
    """How many dev rows measure it; a part of them is the same one every time."""
    seconds: float
    """As predicted."""
    reason: str


class Done(Noun):
    """There is nothing left to try."""

    trials: tuple[Trial, ...]
    """Whose candidates go on to the test split: the best one of every remedy, the tuned one first."""
    replicas: tuple[Trial, ...] = ()
    """The tuned one's trainings with other seeds: a claimed gain has to hold for them as well."""
    recipe: Recipe | None = None
    """The settings that training ended with; None: nothing was trained."""
    skipped: tuple[LeftOut, ...] = ()
    """Steps that stood in the plan and could no longer change the verdict."""
