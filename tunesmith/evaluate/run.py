"""A candidate and rows → its answers, and answers → a report: every one scored, every metric with its interval.

predict   questions → answers, in blocks that a killed process leaves to the next one     asks the candidate
mark      answers and references → scores, metrics, intervals                             asks nobody but what marks
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tunesmith.answer.candidate import Answerer, last_question
from tunesmith.answer.engine import Usage
from tunesmith.errors import Interrupted
from tunesmith.evaluate.answers import ANSWERS, PREDICTIONS, found_part, keep_part, read_predictions
from tunesmith.evaluate.row_scorers import RowScorer, with_scores
from tunesmith.measure.fields import Fits
from tunesmith.measure.refusal import Refusals
from tunesmith.measure.scorers import aggregate, score, sources_of
from tunesmith.spec.candidate import Candidate, Decoding
from tunesmith.spec.dataset import Dataset, Record, SplitName
from tunesmith.spec.job import Monitor, Note, Progress
from tunesmith.spec.noun import Noun
from tunesmith.spec.report import Predicted, Predictions, Report, Scored
from tunesmith.spec.task import Task

BLOCK = 512
"""Rows that are answered, and kept, together. Fixed: where a process was killed must not decide which rows meet in a batch. So many that the places which
stay empty while the last rows of a block are written cost little."""


@dataclass(frozen=True)
class Questions:
    """The rows a candidate is measured on."""

    rows: Sequence[Record]
    dataset: Dataset
    dataset_name: str
    split: SplitName
    confidence: float
    """Of the intervals."""

    @property
    def asked(self) -> list[Record]:
        """The rows that ask something."""
        return [row for row in self.rows if row.conversation is not None]


@dataclass(frozen=True)
class How:
    """How candidates answer, and what marks their answers beside the references."""

    decoding: Decoding
    scorers: Sequence[RowScorer] = ()
    """Everything that runs: a database, programs, the user's own function."""
    refusals: Refusals | None = None
    """What declines; None where the task has no out-of-scope answer."""
    fits: Fits | None = None
    """Whether an answer fits the task's JSON schema."""
    has_documents: bool = False
    """The project names documents: what answers may rest on are the passages that were shown."""
    passages: Callable[[Sequence[str]], Sequence[str] | None] = lambda shown: None
    """Ids of what was shown → passages that an answer could rest on; None for a candidate that is shown none."""


class Block(Noun):
    """Consecutive rows, answered."""

    answers: tuple[Predicted, ...]
    prompt_tokens: int
    completion_tokens: int
    computed_tokens: int
    seconds: float
    """Of answering."""
    whole_s: float
    """With what perplexity is made of."""


@dataclass(frozen=True)
class Clock:
    """What the clock said of answers."""

    seconds: float
    """For all rows; without opening the candidate."""
    earlier_s: float
    """What earlier processes have given to these answers, and to what perplexity is made of."""


def decoding_for(task: Task, dataset: Dataset) -> Decoding:
    """How every candidate answers: greedily, and among the labels where the task has some."""
    if dataset.task == "classify":
        return Decoding(choices=dataset.labels)
    return Decoding(max_new_tokens=task.max_new_tokens)


def evaluate(candidate: Candidate, answerer: Answerer, questions: Questions, how: How, folder: Path, monitor: Monitor) -> Report:
    """The report on a candidate that is asked now; its answers lie in `folder`, as they were given and as they were marked.

    Raises: as `predict` and `mark`.
    """
    predictions, _ = predict(candidate, answerer, questions, how.decoding, folder, monitor)
    return mark(predictions, read_predictions(folder), questions, how, folder, monitor)


def predict(
    candidate: Candidate, answerer: Answerer, questions: Questions, decoding: Decoding, folder: Path, monitor: Monitor, kept: Path | None = None
) -> tuple[Predictions, Clock]:
    """What the candidate answers, and what the clock said of that; predictions.jsonl with one row per line lies in `folder`.

    Finished blocks are left in the folder `kept`, and taken up from there: the next process goes on behind them, to the same answers.

    Raises: Interrupted; what the answerer raises.
    """
    rows = questions.asked
    blocks: list[Block] = []
    earlier_s = 0.0
    for number, first in enumerate(range(0, len(rows), BLOCK)):
        place = kept / f"answers-{number}.json" if kept is not None else None
        some = rows[first : first + BLOCK]
        block = found_part(place, Block) if place is not None else None
        if block is not None and [one.id for one in block.answers] == [row.id for row in some]:
            earlier_s += block.whole_s
        else:
            block = _answered(candidate, answerer, some, questions, decoding, monitor, first)
            if place is not None:
                keep_part(place, block)
        blocks.append(block)
    said = [one for block in blocks for one in block.answers]
    _tell_unread(candidate.name, rows, said, monitor)
    text = "".join(one.model_dump_json(exclude_defaults=True) + "\n" for one in said)
    (folder / PREDICTIONS).write_text(text, encoding="utf-8")
    made = Predictions(
        candidate=candidate,
        dataset=questions.dataset_name,
        split=questions.split,
        decoding=decoding,
        rows=len(rows),
        **asdict(Usage.total(blocks)),
        files={PREDICTIONS: hashlib.sha256(text.encode()).hexdigest()},
    )
    return made, Clock(sum(block.seconds for block in blocks), earlier_s)


def _answered(
    candidate: Candidate, answerer: Answerer, rows: Sequence[Record], questions: Questions, decoding: Decoding, monitor: Monitor, before: int
) -> Block:
    """The answers to some rows, `before` of them done; where texts are free, with what perplexity is made of."""
    conversations = [row.conversation for row in rows if row.conversation is not None]
    total, start = len(questions.asked), replace(answerer.usage)

    def done(count: int) -> None:
        monitor.emit(Progress(label=f"{candidate.name} on {questions.split}", done=before + count, total=total))

    done(0)
    began = time.monotonic()
    answers = answerer.answer([one.question() for one in conversations], decoding, done=done, stop=monitor.stopping)
    seconds = time.monotonic() - began
    if len(answers) < len(rows):
        raise Interrupted(f"stopped while {candidate.name} was being measured", where="evaluation", fix="run the same command again")
    likely = answerer.likelihood(conversations) if questions.dataset.task != "classify" else None  # among labels, only the choice counts
    likelihoods = likely if likely is not None else [(None, None)] * len(rows)
    return Block(
        answers=tuple(
            Predicted(id=row.id, answer=answer, nll=nll, nll_tokens=tokens)
            for row, answer, (nll, tokens) in zip(rows, answers, likelihoods, strict=True)
        ),
        **asdict(answerer.usage.since(start)),
        seconds=seconds,
        whole_s=time.monotonic() - began,
    )


def mark(predictions: Predictions, said: Sequence[Predicted], questions: Questions, how: How, folder: Path, monitor: Monitor) -> Report:
    """The report; answers.jsonl with one scored row per line lies in `folder`. `said` are the answers to the questions, in their order.

    Raises: Interrupted; what the scorers raise.
    """
    scored = [_scored(row, one, questions.dataset, how) for row, one in zip(questions.asked, said, strict=True)]
    scored = with_scores(
        scored,
        how.scorers,
        done=lambda title, n: monitor.emit(Progress(label=title, done=n, total=len(scored))),
        stop=monitor.stopping,
        left_out=lambda why: monitor.emit(Note(level="warning", text=f"{predictions.candidate.name} on {questions.split}: {why}")),
    )
    text = "".join(row.model_dump_json() + "\n" for row in scored)
    (folder / ANSWERS).write_text(text, encoding="utf-8")
    numbers = aggregate(scored, questions.dataset.kind, confidence=questions.confidence)
    return Report(
        candidate=predictions.candidate,
        dataset=questions.dataset_name,
        split=questions.split,
        task=questions.dataset.task,
        purpose=questions.dataset.purpose,
        decoding=predictions.decoding,
        metrics=numbers.metrics,
        confusion=numbers.confusion,
        per_label=numbers.per_label,
        rows=len(scored),
        prompt_tokens=predictions.prompt_tokens,
        completion_tokens=predictions.completion_tokens,
        computed_tokens=predictions.computed_tokens,
        files={ANSWERS: hashlib.sha256(text.encode()).hexdigest()},
    )


def _tell_unread(name: str, rows: Sequence[Record], said: Sequence[Predicted], monitor: Monitor) -> None:
    """Name the rows that a candidate could not even read: they count as wrong."""
    unread = [row.origin for row, one in zip(rows, said, strict=True) if one.answer.finish == "too_long"]
    if unread:
        shown = ", ".join(f"{origin.file}, line {origin.line}" for origin in unread[:3]) + (" …" if len(unread) > 3 else "")
        text = f"{len(unread)} of {len(rows)} questions leave {name} no room to answer once its prompt stands before them, and count as wrong"
        monitor.emit(Note(level="warning", text=f"{text}: {shown}; shorten the prompt or the rows, or choose a model with a longer context"))


def _scored(row: Record, said: Predicted, dataset: Dataset, how: How) -> Scored:
    assert row.conversation is not None
    assert row.id == said.id
    answer, out_of_scope, question = said.answer, dataset.out_of_scope, last_question(row.conversation.question())
    sources = sources_of(dataset.kind, question, how.passages(answer.shown), has_documents=how.has_documents)
    reference = row.conversation.answer() or ""
    scores = score(dataset.kind, answer.text, reference, refusals=how.refusals, sources=sources, fits=how.fits)
    if said.nll is not None and said.nll_tokens is not None:
        scores |= {"nll": said.nll, "tokens": float(said.nll_tokens)}
    return Scored(
        id=row.id,
        origin=row.origin,
        question=question,
        reference=reference,
        answer=answer.text,
        confidence=answer.confidence,
        out_of_scope=out_of_scope is not None and reference == out_of_scope,
        scores=scores,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        cluster=row.cluster,
        shown=answer.shown,
    )
