"""What the suites are made of: rows, answers that are there already, and what other stages know of the rows. Values are passed in; nothing is read here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from tunesmith.evaluate.refusals import reference_of, refusals_in
from tunesmith.measure.refusal import Refusals
from tunesmith.spec.chat import Conversation, Message
from tunesmith.spec.dataset import Dataset, Record, SplitName
from tunesmith.spec.report import Scored
from tunesmith.spec.suite import Bounds, SuiteLimits
from tunesmith.spec.task import MetricName, TaskKind, form_of

R = TypeVar("R", Record, Scored)


@dataclass(frozen=True)
class Material:
    """Rows and answers of one candidate. The test split is judged by answers that were given anyway: no suite opens it again."""

    dataset: Dataset
    dataset_name: str
    metric: MetricName
    """The deciding one."""
    train: Sequence[Record]
    dev: Sequence[Record]
    dev_answers: Sequence[Scored]
    test_answers: Sequence[Scored] = ()
    """Empty: the test split is still closed, and dev is judged instead."""
    test: Sequence[Record] = ()
    learnt: Sequence[Record] | None = None
    """Those of `train` that the candidate was trained on: a small training has seen a part. None: all of them."""
    train_answers: Sequence[Scored] = ()
    """Answers to training rows, where they were given anyway; empty: a sample is asked, as far as scores from answer and reference alone go."""
    unanswerable: Sequence[Record] = ()
    """Questions of the user's domain that nobody can answer (made by the maker, or the user's own)."""
    paraphrases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Id of a dev row → other wordings of its last question."""
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Column of the user's → id of a row → value; such a one takes the place of what is known anyway under its name."""
    languages: Mapping[str, str] = field(default_factory=dict)
    """Id of a row → the language of its question, where it could be told."""
    has_documents: bool = False
    """The project names documents: what answers may rest on are the passages that were shown."""
    passages: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Id of a judged row → the passages that stood before its question. Empty for a candidate that is shown none."""
    confidence: float = 0.95
    """Of the intervals."""
    limits: SuiteLimits = field(default_factory=SuiteLimits)

    @property
    def split(self) -> SplitName:
        """The split that is judged by answers which are there."""
        return "test" if self.test_answers else "dev"

    @property
    def answers(self) -> Sequence[Scored]:
        """Its answers."""
        return self.test_answers or self.dev_answers

    @cached_property
    def records(self) -> dict[str, Record]:
        """Id → row, of dev and test."""
        return {row.id: row for row in (*self.dev, *self.test)}

    @cached_property
    def dev_by_id(self) -> dict[str, Scored]:
        """Id → dev answer."""
        return {row.id: row for row in self.dev_answers}

    def asked_dev(self) -> list[Record]:
        """The dev rows that a question stands in and an answer is there for."""
        return [row for row in self.dev if row.conversation is not None and row.id in self.dev_by_id]

    def outside(self, row: Record) -> bool:
        """True if the row's right answer is the out-of-scope answer."""
        return self.dataset.out_of_scope is not None and reference_of(row) == self.dataset.out_of_scope

    @cached_property
    def refusals(self) -> Refusals:
        """What declines."""
        return refusals_in(self.dataset, self.dev)


def limits_for(task: TaskKind, bounds: Bounds | None = None) -> SuiteLimits:
    """The limits that suit a kind of task, with the user's bounds: a free answer takes as long as dozens of choices among labels, so fewer are asked for."""
    given = {name: getattr(bounds, name) for name in Bounds.model_fields} if bounds is not None else {}
    if form_of(task) == "classify":
        return SuiteLimits(**given)
    return SuiteLimits(
        unknown_questions=50, repeated_rows=30, paraphrased_rows=30, paraphrases=2, reprompted_rows=30, train_rows=60, recalled_rows=100, **given
    )


def cluster_of(row: Record | Scored) -> str:
    """The row's cluster, its own where it stands alone."""
    return f"cluster {row.cluster}" if row.cluster is not None else f"row {row.id}"


def chosen(rows: Sequence[R], limit: int, seed: int, purpose: str) -> list[R]:
    """At most `limit` rows, drawn by seed and not by order: one of every cluster before any cluster gives a second one; in the order of `rows`."""
    drawn = sorted(rows, key=lambda row: hashlib.sha256(f"{seed}\0{purpose}\0{row.id}".encode()).digest())
    seen: set[str] = set()
    first: list[R] = []
    more: list[R] = []
    for row in drawn:
        (more if cluster_of(row) in seen else first).append(row)
        seen.add(cluster_of(row))
    kept = {row.id for row in (first + more)[:limit]}
    return [row for row in rows if row.id in kept]


def asking(conversation: Conversation, text: str) -> Conversation:
    """The conversation's question with `text` as its last user turn."""
    asked = conversation.question()
    last = max((i for i, message in enumerate(asked.messages) if message.role == "user"), default=None)
    if last is None:
        return asked.model_copy(update={"messages": (*asked.messages, Message(role="user", content=text))})
    turns = list(asked.messages)
    turns[last] = turns[last].model_copy(update={"content": text})
    return asked.model_copy(update={"messages": tuple(turns)})
