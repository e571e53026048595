"""A candidate and rows → a report: every answer scored, every metric with its interval."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunesmith.answer.candidate import Answerer, last_question, passages_shown
from tunesmith.errors import Interrupted
from tunesmith.evaluate.answers import ANSWERS
from tunesmith.evaluate.row_scorers import RowScorer, with_scores
from tunesmith.measure.fields import Fits
from tunesmith.measure.scorers import aggregate, score, sources_of
from tunesmith.spec.candidate import Answer, Candidate, Decoding
from tunesmith.spec.dataset import Dataset, Record, SplitName
from tunesmith.spec.job import Monitor, Note, Progress
from tunesmith.spec.report import Report, Scored
from tunesmith.spec.task import Task


@dataclass(frozen=True)
class Questions:
    """The rows a candidate is measured on."""

    rows: Sequence[Record]
    dataset: Dataset
    dataset_name: str
    split: SplitName
    confidence: float
    """Of the intervals."""


@dataclass(frozen=True)
class How:
    """How candidates answer, and what marks their answers beside the references."""

    decoding: Decoding
    scorers: Sequence[RowScorer] = ()
    """Everything that runs: a database, programs, the user's own function."""
    fits: Fits | None = None
    """Whether an answer fits the task's JSON schema."""
    has_documents: bool = False
    """The project names documents: what answers may rest on are the passages that were shown."""


def decoding_for(task: Task, dataset: Dataset) -> Decoding:
    """How every candidate answers: greedily, and among the labels where the task has some."""
    if dataset.task == "classify":
        return Decoding(choices=dataset.labels)
    return Decoding(max_new_tokens=task.max_new_tokens)


def evaluate(
    candidate: Candidate,
    answerer: Answerer,
    questions: Questions,
    how: How,
    folder: Path,
    monitor: Monitor,
    took: Callable[[float], None] = lambda seconds: None,
) -> Report:
    """The report; answers.jsonl with one scored row per line lies in `folder`. `took` hears the seconds of answering alone: the rest is our own doing.

    Raises: Interrupted; nothing is kept of an unfinished evaluation.
    """
    rows = [row for row in questions.rows if row.conversation is not None]
    label = f"{candidate.name} on {questions.split}"
    asked = [row.conversation.question() for row in rows if row.conversation is not None]
    monitor.emit(Progress(label=label, done=0, total=len(rows)))
    began = time.monotonic()
    answers = answerer.answer(asked, how.decoding, done=lambda n: monitor.emit(Progress(label=label, done=n, total=len(rows))), stop=monitor.stopping)
    took(time.monotonic() - began)
    if len(answers) < len(rows):
        raise Interrupted(f"stopped while {candidate.name} was being measured", where="evaluation", fix="run the same command again")
    _tell_unread(candidate.name, rows, answers, monitor)
    scored = [_scored(row, answer, questions.dataset, how, passages_shown(answerer, answer.shown)) for row, answer in zip(rows, answers, strict=True)]
    if questions.dataset.task != "classify":  # among labels, only the choice counts
        likely = answerer.likelihood([row.conversation for row in rows if row.conversation is not None])
        scored = [_with_likelihood(row, *one) for row, one in zip(scored, likely, strict=True)] if likely is not None else scored
    scored = with_scores(
        scored, how.scorers, done=lambda title, n: monitor.emit(Progress(label=title, done=n, total=len(scored))), stop=monitor.stopping
    )
    text = "".join(row.model_dump_json() + "\n" for row in scored)
    (folder / ANSWERS).write_text(text, encoding="utf-8")
    numbers = aggregate(scored, questions.dataset.kind, confidence=questions.confidence)
    return Report(
        candidate=candidate,
        dataset=questions.dataset_name,
        split=questions.split,
        task=questions.dataset.task,
        purpose=questions.dataset.purpose,
        decoding=how.decoding,
        metrics=numbers.metrics,
        confusion=numbers.confusion,
        per_label=numbers.per_label,
        rows=len(scored),
        prompt_tokens=answerer.usage.prompt_tokens,
        completion_tokens=answerer.usage.completion_tokens,
        computed_tokens=answerer.usage.computed_tokens,
        files={ANSWERS: hashlib.sha256(text.encode()).hexdigest()},
    )


def _tell_unread(name: str, rows: Sequence[Record], answers: Sequence[Answer], monitor: Monitor) -> None:
    """Name the rows that a candidate could not even read: they count as wrong."""
    unread = [row.origin for row, answer in zip(rows, answers, strict=True) if answer.finish == "too_long"]
    if unread:
        shown = ", ".join(f"{origin.file}, line {origin.line}" for origin in unread[:3]) + (" …" if len(unread) > 3 else "")
        text = f"{len(unread)} of {len(rows)} questions leave {name} no room to answer once its prompt stands before them, and count as wrong"
        monitor.emit(Note(level="warning", text=f"{text}: {shown}; shorten the prompt or the rows, or choose a model with a longer context"))


def _scored(row: Record, answer: Answer, dataset: Dataset, how: How, passages: Sequence[str] | None) -> Scored:
    assert row.conversation is not None
    out_of_scope, question = dataset.out_of_scope, last_question(row.conversation.question())
    sources = sources_of(dataset.kind, question, passages, has_documents=how.has_documents)
    reference = row.conversation.answer() or ""
    return Scored(
        id=row.id,
        origin=row.origin,
        question=question,
        reference=reference,
        answer=answer.text,
        confidence=answer.confidence,
        out_of_scope=out_of_scope is not None and reference == out_of_scope,
        scores=score(dataset.kind, answer.text, reference, out_of_scope=out_of_scope, sources=sources, fits=how.fits),
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        cluster=row.cluster,
        shown=answer.shown,
    )


def _with_likelihood(row: Scored, nll: float, tokens: int) -> Scored:
    """The row with what perplexity is made of."""
    return row.model_copy(update={"scores": row.scores | {"nll": nll, "tokens": float(tokens)}})
