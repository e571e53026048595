"""What is asked of the model and what counts as good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tunesmith.spec.noun import Noun

Form = Literal["classify", "extract", "generate"]
"""How an answer comes about: a choice among labels, JSON, or free text. This is what the code matches on."""
TaskKind = Literal["classify", "route", "extract", "rewrite", "summarise", "answer", "chat", "translate", "code", "sql", "generate"]
"""What the user wants done; each kind has one form."""
MetricName = Literal[
    "exact_match",
    "accuracy",
    "macro_f1",
    "out_of_scope_recall",
    "out_of_scope_precision",
    "false_refusal_rate",
    "token_f1",
    "rouge_1",
    "rouge_2",
    "rouge_l",
    "chrf",
    "bleu",
    "json_valid",
    "schema_valid",
    "field_f1",
    "unsupported_rate",
    "supported_share",
    "execution_accuracy",
    "query_runs",
    "tests_passed",
    "own_score",
    "judge_score",
    "perplexity",
]
LOWER_IS_BETTER: frozenset[MetricName] = frozenset({"perplexity", "false_refusal_rate", "unsupported_rate"})
ABOUT_OUT_OF_SCOPE: frozenset[MetricName] = frozenset({"out_of_scope_recall", "out_of_scope_precision", "false_refusal_rate"})
EXACT: frozenset[MetricName] = frozenset({"exact_match", "accuracy", "macro_f1"})
"""An answer counts where it is exactly right: the share of exact answers on dev says how such a task is coming on."""
DECIDING: Mapping[Form, MetricName] = {"classify": "accuracy", "extract": "exact_match", "generate": "token_f1"}
"""What decides where neither the goal nor the kind of task names a metric."""
UNBOUNDED: frozenset[MetricName] = frozenset({"perplexity"})
"""Every other metric is a share between 0 and 1."""
NEEDS: Mapping[MetricName, str] = {
    "schema_valid": "task.json_schema",
    "execution_accuracy": "task.database",
    "query_runs": "task.database",
    "tests_passed": "task.tests",
    "own_score": "goal.scorer",
    "judge_score": "judge",
}
"""Metrics that look at more than the rows, and the place of the project file that gives it."""


GENERAL_ABILITY, PERPLEXITY = 0.05, 1.2
"""What a tuning may cost where people may ask the model anything: the gate of the project's evidence on forgetting."""


class Kind(Noun):
    """What follows from the kind of a task."""

    form: Form
    metrics: tuple[MetricName, ...]
    """Beside those that every kind has (how well it declines, perplexity, the user's own score, the judge's)."""
    deciding: tuple[MetricName, ...]
    """The first of these that can be measured with what the project gives decides."""
    instruction: str
    """What the model is told to do where the project does not say."""
    is_general: bool = False
    """People may ask it anything: what a tuning has forgotten of general ability is missed there."""
    together: str | None = None
    """Which rows belong in one split, so that the test is honest: named where no source has a `group`. None: none that we know of."""


_LIKENESS: tuple[MetricName, ...] = ("exact_match", "token_f1", "rouge_l", "chrf", "bleu")
KINDS: Mapping[TaskKind, Kind] = {
    "classify": Kind(
        form="classify",
        metrics=("accuracy", "exact_match", "macro_f1"),
        deciding=("accuracy",),
        instruction="Decide which label fits the message.",
    ),
    "route": Kind(
        form="classify",
        metrics=("accuracy", "exact_match", "macro_f1"),
        deciding=("accuracy",),
        instruction="Decide who has to take care of the message.",
    ),
    "extract": Kind(
        form="extract",
        metrics=("exact_match", "accuracy", "field_f1", "json_valid", "schema_valid", "token_f1"),
        deciding=("exact_match",),
        instruction="Read the text and write the data it holds as JSON.",
    ),
    "rewrite": Kind(form="generate", metrics=_LIKENESS, deciding=("chrf",), instruction="Rewrite the text."),
    "summarise": Kind(
        form="generate",
        metrics=("rouge_l", "rouge_1", "rouge_2", "unsupported_rate", "supported_share", "token_f1", "chrf"),
        deciding=("rouge_l",),
        instruction="Summarise the text.",
        together="summaries of one text",
    ),
    "answer": Kind(
        form="generate",
        metrics=("exact_match", "token_f1", "supported_share", "unsupported_rate", "rouge_l", "chrf"),
        deciding=("token_f1",),
        instruction="Answer the question from the documents.",
        together="questions about one document",
    ),
    "chat": Kind(
        form="generate",
        metrics=_LIKENESS,
        deciding=("token_f1",),
        instruction="Answer the user.",
        is_general=True,
        together="conversations of one person or case",
    ),
    "translate": Kind(
        form="generate",
        metrics=("chrf", "bleu", "exact_match", "token_f1"),
        deciding=("chrf",),
        instruction="Translate the text.",
        together="sentences of one document",
    ),
    "code": Kind(
        form="generate",
        metrics=("tests_passed", "exact_match", "token_f1", "chrf"),
        deciding=("tests_passed", "token_f1"),
        instruction="Write the program. Answer with code only.",
        together="programs of one project",
    ),
    "sql": Kind(
        form="generate",
        metrics=("execution_accuracy", "query_runs", "exact_match", "token_f1", "chrf"),
        deciding=("execution_accuracy", "token_f1"),
        instruction="Write the SQL query that answers the question. Answer with the query only.",
        together="questions that one query answers",
    ),
    "generate": Kind(form="generate", metrics=_LIKENESS, deciding=("token_f1",), instruction="Answer the question.", is_general=True),
}
"""Kind of task → what follows from it. The three forms are kinds too, for tasks that are none of the others."""
_GIVEN_FOR: Mapping[str, TaskKind] = {"json_schema": "extract", "database": "sql", "tests": "code"}
"""Field of the task → the only kind of task that it is for."""


class Task(Noun):
    """The kind of work, in the user's words and in ours."""

    kind: TaskKind | None = None
    """`classify`: one of a closed set of labels; `route`: who takes care of it. `extract`: JSON. Free text: `rewrite`, `summarise`, `answer` (from documents), `chat`, `translate`, `code`, `sql`, or `generate` for all else. None: guessed from the data, and said."""
    instruction: str | None = None
    """What the model is told to do, one or two sentences. None: a stated default for the kind."""
    prompts: tuple[str, ...] = ()
    """More written system prompts to compare with the built-in ones; `{instruction}` and `{labels}` are filled in."""
    out_of_scope: str | None = None
    """The label (or answer) that means "this is not our business"; None: the task has no such rows."""
    max_new_tokens: Annotated[int, Field(ge=1, le=8192)] = 256
    """The longest free answer, in tokens; a choice among labels needs none of it."""
    json_schema: str | None = None
    """File with the JSON schema that answers have to fit (`extract`), relative to the project file."""
    database: str | None = None
    """SQLite file on which queries are tried (`sql`), relative to the project file. It is only read."""
    tests: str | None = None
    """Tests of the programs (`code`), relative to the project file: a .py file that tests every answer, or a .jsonl file with `question` and `tests` on each line."""

    @model_validator(mode="after")
    def _only_what_the_kind_can_use(self) -> Task:
        for field, kind in _GIVEN_FOR.items():
            if getattr(self, field) is not None and self.kind not in (None, kind):
                raise ValueError(f'`{field}` is for tasks of kind "{kind}", and this one is of kind "{self.kind}"')
        if len(given := self.given()) > 1:
            raise ValueError(f"`{given[0]}` and `{given[1]}` are for tasks of different kinds")
        return self

    def given(self) -> tuple[str, ...]:
        """The places of the project file that name a file to judge answers by."""
        return tuple(f"task.{field}" for field in _GIVEN_FOR if getattr(self, field) is not None)

    def kind_given(self) -> tuple[TaskKind, str] | None:
        """(kind, why) where the project says it, by `kind` or by a file that only one kind has; None: the data have to tell."""
        if self.kind is not None:
            return self.kind, "as `task.kind` says"
        return next(((_GIVEN_FOR[place.removeprefix("task.")], f"the project names `{place}`") for place in self.given()), None)


class MustNotWorsen(Noun):
    """What may be lost beside the deciding metric. Whoever is shown to lose more is not recommended; where the rows do not show it, that is said.

    Without limits of yours, a tuned model that people may ask anything (`chat`, `generate`) may lose 5 points of general ability, and neutral prose may
    become 1.2 times as surprising to it. One that has a single job is not asked for the rest: what it has forgotten is told there, and bars nothing.
    """

    general_ability: Annotated[float, Field(gt=0, le=1)] | None = None
    """Of general questions answered rightly and of general instructions followed, against the base: 0.05 allows five points less. 1: whatever it is."""
    perplexity: Annotated[float, Field(gt=1)] | None = None
    """Factor by which neutral prose may become more surprising than it is to the base."""
    out_of_scope_recall: Annotated[float, Field(gt=0, le=1)] | None = None
    """So much less of what is out of scope may be declined than by the best prompt of the untuned model. None: no limit."""
    false_refusal_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    """So much more of what is in scope may be declined. None: no limit."""
    unsupported_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    """In so many more of the answers may stand a number or a name that the source does not hold. None: no limit."""

    def of_rows(self) -> dict[MetricName, float]:
        """The limits that the test rows themselves are held against."""
        given: dict[MetricName, float | None] = {
            "out_of_scope_recall": self.out_of_scope_recall,
            "false_refusal_rate": self.false_refusal_rate,
            "unsupported_rate": self.unsupported_rate,
        }
        return {metric: limit for metric, limit in given.items() if limit is not None}

    def of_tuning(self, kind: TaskKind) -> tuple[float | None, float | None]:
        """(points of general ability, factor of perplexity) that a tuning may cost; None: no limit.

        >>> MustNotWorsen().of_tuning("chat"), MustNotWorsen().of_tuning("answer")
        ((0.05, 1.2), (None, None))
        """
        usual = (GENERAL_ABILITY, PERPLEXITY) if KINDS[kind].is_general else (None, None)
        return self.general_ability or usual[0], self.perplexity or usual[1]


class Goal(Noun):
    """What the user wants to reach, in the task's own metric."""

    metric: MetricName | None = None
    """The deciding metric. None: own_score where `scorer` is given, else that of the kind of task: accuracy for labels, exact_match for JSON, chrf for translations, rouge_l for summaries, tests_passed for code, execution_accuracy for SQL, token_f1 for all else."""
    at_least: float | None = None
    """The value to reach (for a metric where lower is better: at most)."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of every interval in the report."""
    must_not_worsen: MustNotWorsen = MustNotWorsen()
    """What may be lost beside the metric, at most."""
    scorer: Annotated[str, Field(pattern=r"^[^:]+\.py:[^\W\d]\w*$")] | None = None
    """Your own score of one answer: `FILE.py:FUNCTION`, relative to the project file. The function takes `answer`, `reference` and `question` and returns a number from 0 (wrong) to 1 (right). It is your code and runs as it stands."""


def form_of(kind: TaskKind) -> Form:
    """How an answer to a task of this kind comes about.

    >>> form_of("route"), form_of("translate")
    ('classify', 'generate')
    """
    return KINDS[kind].form
