"""An answerer that follows a script, and rows to put to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunesmith.answer.engine import Usage
from tunesmith.evaluate.refusals import refusals_in
from tunesmith.evaluate.suites.material import Material
from tunesmith.measure.scorers import score
from tunesmith.spec.candidate import Answer, Decoding, Tuned
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.dataset import Dataset, Origin, Record
from tunesmith.spec.report import Scored
from tunesmith.spec.task import TaskKind, form_of

OUTSIDE = "out_of_scope"
TUNED = Tuned(name="tuned", checkpoint="c", prompt=Prompt(name="tuned", system="Sort the message."))


@dataclass
class Scripted:
    """Says what a function of the question and the decoding says; keeps what it was asked."""

    say: Callable[[Conversation, Decoding], Answer | str]
    usage: Usage = field(default_factory=Usage)
    remark: str = ""
    heard: list[tuple[Conversation, Decoding]] = field(default_factory=list)

    def answer(self, questions: Sequence[Conversation], decoding: Decoding, *, done: Callable[[int], None], stop: Callable[[], bool]) -> list[Answer]:
        said: list[Answer] = []
        for question in questions:
            if stop():
                break
            self.heard.append((question, decoding))
            found = self.say(question, decoding)
            said.append(found if isinstance(found, Answer) else Answer(text=found))
            self.usage.prompt_tokens += 3
            self.usage.completion_tokens += 2
            self.usage.computed_tokens += 5
            done(len(said))
        return said

    def likelihood(self, conversations: Sequence[Conversation]) -> None:
        return None


def asked(question: Conversation) -> str:
    """The last user turn."""
    return next(message.content or "" for message in reversed(question.messages) if message.role == "user")


def row(number: int, question: str, answer: str, **more: Any) -> Record:
    turns = (Message(role="user", content=question), Message(role="assistant", content=answer))
    return Record(id=f"{number:016x}", conversation=Conversation(messages=turns), origin=Origin(file="rows.csv", line=number + 2), **more)


def answered(record: Record, text: str, dataset: Dataset, confidence: float | None = None) -> Scored:
    assert record.conversation is not None
    reference = record.conversation.answer() or ""
    return Scored(
        id=record.id,
        origin=record.origin,
        question=asked(record.conversation.question()),
        reference=reference,
        answer=text,
        confidence=confidence,
        out_of_scope=dataset.out_of_scope is not None and reference == dataset.out_of_scope,
        scores=score(dataset.kind, text, reference, refusals=refusals_in(dataset, ()) if dataset.out_of_scope is not None else None),
        prompt_tokens=3,
        completion_tokens=2,
        cluster=record.cluster,
    )


def data(task: TaskKind = "classify", labels: tuple[str, ...] = ("card", "pin", OUTSIDE), out_of_scope: str | None = OUTSIDE) -> Dataset:
    return Dataset.model_construct(task=form_of(task), purpose=task, labels=labels, out_of_scope=out_of_scope)


def material(dataset: Dataset, dev: Sequence[Record], dev_answers: Mapping[str, str] | None = None, **more: Any) -> Material:
    """Material whose dev answers are right unless another one is given by id."""
    other = dev_answers or {}
    rows = [answered(one, other.get(one.id, (one.conversation.answer() or "") if one.conversation else ""), dataset) for one in dev]
    return Material(
        **({"dataset": dataset, "dataset_name": "dataset-x", "metric": "exact_match", "train": (), "dev": dev, "dev_answers": rows} | more)
    )
