"""What is asked of the model and what counts as good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from tunesmith.spec.noun import Noun

TaskKind = Literal["classify", "extract", "generate"]
MetricName = Literal[
    "exact_match",
    "accuracy",
    "macro_f1",
    "out_of_scope_recall",
    "out_of_scope_precision",
    "false_refusal_rate",
    "token_f1",
    "rouge_l",
    "chrf",
    "bleu",
    "json_valid",
    "perplexity",
]
LOWER_IS_BETTER: frozenset[MetricName] = frozenset({"perplexity", "false_refusal_rate"})
ABOUT_OUT_OF_SCOPE: frozenset[MetricName] = frozenset({"out_of_scope_recall", "out_of_scope_precision", "false_refusal_rate"})
EXACT: frozenset[MetricName] = frozenset({"exact_match", "accuracy", "macro_f1"})
"""An answer counts where it is exactly right: the share of exact answers on dev says how such a task is coming on."""
DECIDING: Mapping[TaskKind, MetricName] = {"classify": "exact_match", "extract": "exact_match", "generate": "token_f1"}
"""What decides where the goal names no metric."""
UNBOUNDED: frozenset[MetricName] = frozenset({"perplexity"})
"""Every other metric is a share between 0 and 1."""


class Task(Noun):
    """The kind of work, in the user's words and in ours."""

    kind: TaskKind | None = None
    """`classify`: one of a closed set of labels. `extract`: JSON. `generate`: free text. None: guessed from the data, and said."""
    instruction: str | None = None
    """What the model is told to do, one or two sentences. None: a stated default for the kind."""
    prompts: tuple[str, ...] = ()
    """More written system prompts to compare with the built-in ones; `{instruction}` and `{labels}` are filled in."""
    out_of_scope: str | None = None
    """The label (or answer) that means "this is not our business"; None: the task has no such rows."""
    max_new_tokens: Annotated[int, Field(ge=1, le=8192)] = 256
    """The longest free answer, in tokens; a choice among labels needs none of it."""


class Goal(Noun):
    """What the user wants to reach, in the task's own metric."""

    metric: MetricName | None = None
    """The deciding metric. None: exact_match for classify and extract, token_f1 for generate."""
    at_least: float | None = None
    """The value to reach (for a metric where lower is better: at most)."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of every interval in the report."""
