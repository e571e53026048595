"""A candidate and a split → its answers, their marks, and how long it lets people wait: each with its key, so that nobody is asked twice.

    predictions   candidate, rows, decoding → what it said           asks the candidate; part of an evaluation
    evaluation    answers, what marks them, confidence → a report    asks nobody but what marks
    latency       candidate, a few questions → seconds of each       asks one after another; part of an evaluation, or a step of its own

Answers know nothing of what marks them: a mended scorer or another confidence marks those that are stored. Only whoever is asked has to be opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Protocol

from pydantic import ValidationError

from tunesmith.answer import LATENCY_VERSION
from tunesmith.answer import VERSION as ANSWER_VERSION
from tunesmith.catalogue.read import local
from tunesmith.errors import DamagedWeights
from tunesmith.evaluate import PREDICTIONS_VERSION, VERSION
from tunesmith.library import Surroundings, made_of
from tunesmith.marking import Marking
from tunesmith.settings import settings
from tunesmith.spec.candidate import Candidate, Prompted, reader
from tunesmith.spec.dataset import Record, SplitName
from tunesmith.spec.job import Note
from tunesmith.spec.report import Answering, Latency, Predictions, Report, Wait
from tunesmith.spec.task import form_of
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.steps import NotMade, Step, cost_of
from tunesmith.store.work import Work

BUSY = 10.0
"""No other work on a machine was seen to make single answers slower than so many times (docs/log.md, 2026-11-23: 2 to 5 times)."""
Opening = Callable[[], Any]
"""Gives the answerer: the same one every time, in memory from the first time on."""


class Judged(Surroundings, Protocol):
    """What measuring takes from the line that it belongs to."""

    @property
    def store(self) -> Store:
        """Where everything is kept."""

    @property
    def since(self) -> float:
        """When the job began, in Unix time."""

    @property
    def marking(self) -> Marking:
        """What marks answers beside their references."""

    def references(self, split: SplitName) -> list[Record]:
        """The rows of a split whose answer is one to give."""


@dataclass
class Measurement:
    """How the candidates of one line are measured."""

    line: Judged

    def answering(self, candidate: Candidate) -> dict[str, Any]:
        """What the candidate's answers depend on, beside the questions."""
        artifact, dataset = self.line.dataset
        answers = reader(candidate)
        return {
            "version": ANSWER_VERSION,
            "candidate": candidate.model_dump(mode="json"),
            "weights": local(self.line.store.models, answers.model).digest if isinstance(answers, Prompted) else None,
            "dataset": artifact.name,
            "tokens": None if form_of(dataset.task) == "classify" else self.line.project.task.max_new_tokens,
            **settings().computing(),
        }

    def marks(self) -> dict[str, Any]:
        """What the marks depend on, beside answers and references."""
        project, kind = self.line.project, self.line.dataset[1].kind
        documents = {"documents": bool(project.documents)} if kind == "answer" else {}  # they say what an answer may rest on
        return {"confidence": project.goal.confidence, **documents, **self.line.marking.identity()}

    def report(self, candidate: Candidate, split: SplitName, stage: str, rows: int | None) -> tuple[Artifact, Report]:
        """The candidate's evaluation on a split, or on so many rows of it, and its report."""
        line, wanted = self.line, self._predictions_step(candidate, split, rows)
        inputs = {**wanted.inputs, "evaluation": VERSION, **self.marks()}
        title = f"{split} {candidate.name}" + (f", {rows} rows" if rows is not None else "")
        step = Step(stage, title, "evaluation", inputs, wanted.parents, wanted.rows)
        beside: dict[str, Any] = {}

        def make(work: Work) -> Report:
            from tunesmith.evaluate.answers import read_predictions
            from tunesmith.evaluate.run import Questions, mark

            opened = self.opening(candidate)
            answers, predictions = self._predicted(candidate, split, rows, opened)
            if answers.name in line.steps.made:
                work.earlier_s = answers.sidecar()["earlier_s"]
            answers.verify()
            is_timed = rows is None and (split == "test" or line.project.decide.at_most_ms is not None)
            wait = self._timed(candidate, split, opened) if is_timed else None
            seconds = Answering.model_validate(answers.sidecar()["answering"]).seconds
            beside.update(answering=Answering(seconds=seconds, wait=wait).model_dump(mode="json"), predictions=answers.name)
            artifact, dataset = line.dataset
            questions = Questions(self._asked(split, rows), dataset, artifact.name, split, line.project.goal.confidence)
            return mark(predictions, read_predictions(answers.path), questions, line.marking.how(candidate, artifact), work.path, line.monitor)

        return line.steps.do(step, make, self._words, Report, beside=lambda: beside)

    def _words(self, report: Report) -> str:
        wanted = dict.fromkeys((self.line.metric, "out_of_scope_recall"))
        return ", ".join(f"{name.replace('_', ' ')} {report.metrics[name].value:.3f}" for name in wanted if name in report.metrics)

    def _predictions_step(self, candidate: Candidate, split: SplitName, rows: int | None) -> Step:
        """The step that puts a split, or so many rows of it, to the candidate."""
        line, (artifact, dataset) = self.line, self.line.dataset
        part = {"part": [rows, line.project.split.seed]} if rows is not None else {}
        inputs = {**self.answering(candidate), "predictions": PREDICTIONS_VERSION, "split": split, **part}
        title = f"ask {candidate.name} the {split} questions"
        return Step("measure", title, "predictions", inputs, (artifact.name, *made_of(candidate)), rows or dataset.rows[split])

    def _asked(self, split: SplitName, rows: int | None) -> Sequence[Record]:
        """The rows that are asked: the same ones for every candidate."""
        from tunesmith.decide.run import dev_sample

        every = [row for row in self.line.references(split) if row.conversation is not None]
        return every if rows is None else dev_sample(every, rows, self.line.project.split.seed)

    def opening(self, candidate: Candidate) -> Opening:
        """What opens a candidate once it has to be asked."""

        @cache
        def opened() -> Any:
            from tunesmith.answer.candidate import open_candidate

            answerer = open_candidate(candidate, self.line.bench)
            if answerer.remark:
                self.line.monitor.emit(Note(text=answerer.remark))
            return answerer

        return opened

    def _predicted(self, candidate: Candidate, split: SplitName, rows: int | None, opened: Opening) -> tuple[Artifact, Predictions]:
        """What the candidate said, found or asked for now."""
        line, (artifact, dataset) = self.line, self.line.dataset
        beside: dict[str, Any] = {}

        def make(work: Work) -> Predictions:
            from tunesmith.answer.remote_answerer import RemoteAnswerer
            from tunesmith.data.make.teacher_answers import Answers
            from tunesmith.evaluate.run import Questions, decoding_for, predict

            questions = Questions(self._asked(split, rows), dataset, artifact.name, split, line.project.goal.confidence)
            answerer = opened()
            if isinstance(answerer, RemoteAnswerer):
                answerer.kept = Answers(work.scratch / "paid.jsonl")  # a stopped evaluation does not pay twice
            decoding = decoding_for(line.project.task, dataset)
            predictions, clock = predict(candidate, answerer, questions, decoding, work.path, line.monitor, work.scratch)
            work.earlier_s = clock.earlier_s
            beside.update(answering=Answering(seconds=clock.seconds).model_dump(mode="json"), earlier_s=clock.earlier_s)
            return predictions

        return line.steps.part(self._predictions_step(candidate, split, rows), make, Predictions, beside=lambda: beside)

    def _latency_step(self, candidate: Candidate, split: SplitName) -> Step:
        """The step that times single questions of a split."""
        from tunesmith.decide.run import ASKED_ALONE, LONGEST_S

        asked = [ASKED_ALONE[split], LONGEST_S[split], self.line.project.split.seed]
        inputs = {**self.answering(candidate), "latency": LATENCY_VERSION, "split": split, "alone": asked}
        parents = (self.line.dataset[0].name, *made_of(candidate))
        return Step("measure", f"ask {candidate.name} one {split} question after another", "latency", inputs, parents, ASKED_ALONE[split])

    def _waited(self, candidate: Candidate, split: SplitName, opened: Opening) -> Latency:
        from tunesmith.answer.alone import waited
        from tunesmith.decide.run import ASKED_ALONE, LONGEST_S, sampled_questions
        from tunesmith.evaluate.run import decoding_for

        line = self.line
        drawn = sampled_questions(self._asked(split, None), ASKED_ALONE[split], line.project.split.seed)
        decoding = decoding_for(line.project.task, line.dataset[1])
        wait = waited(opened(), drawn, decoding, longest_s=LONGEST_S[split], stop=line.monitor.stopping)
        return Latency(wait=wait, of=self._latency_step(candidate, split).key)

    def _timed(self, candidate: Candidate, split: SplitName, opened: Opening) -> Wait | None:
        """How long one question takes: read before, or now in the midst of an evaluation."""
        return self.line.steps.part(self._latency_step(candidate, split), lambda work: self._waited(candidate, split, opened), Latency)[1].wait

    def wait(self, candidate: Candidate, split: SplitName, evaluation: Artifact, at_most_s: float) -> Wait | None:
        """How long one question takes: as the evaluation says, or read for that alone. None where nothing was answered, or whoever only looks finds no reading.

        A machine that is busy makes answers slower and never faster. So whoever would miss the limit is timed once more by every job, and the fastest reading
        stands; not where it misses by more than a busy machine explains (`BUSY`).
        """
        answering, step = answering_of(evaluation), self._latency_step(candidate, split)
        found = answering.wait if answering is not None and answering.wait is not None else self._read(step, candidate, split)
        if found is None or found.p90_s <= at_most_s:
            return found
        found = min([found, *self._readings(step)], key=lambda one: one.p90_s)
        if not at_most_s < found.p90_s <= BUSY * at_most_s:
            return found
        again = replace(step, title=f"{step.title}, once more", inputs={**step.inputs, "job": self.line.since})
        last = self._read(again, candidate, split)
        return found if last is None else min(found, last, key=lambda one: one.p90_s)

    def _read(self, step: Step, candidate: Candidate, split: SplitName) -> Wait | None:
        """A reading of the clock, made or found; None where nothing was answered, or whoever only looks finds none."""
        opened = self.opening(candidate)
        try:
            return self.line.steps.do(step, lambda work: self._waited(candidate, split, opened), _wait_words, Latency)[1].wait
        except NotMade:  # a few seconds, and no reason to call a plan undone
            return None

    def _readings(self, step: Step) -> Iterator[Wait]:
        """All that the store has of the same."""
        for artifact in self.line.store.artifacts("latency"):
            with suppress(DamagedWeights):  # of another version
                found = artifact.load(Latency)
                if found.of == step.key and found.wait is not None:
                    yield found.wait


def answering_of(evaluation: Artifact) -> Answering | None:
    """What the clock said of a candidate's answers; None where nothing was recorded."""
    raw = evaluation.sidecar().get("answering")
    try:
        return Answering.model_validate(raw) if raw else None
    except ValidationError:  # equal answers keep the folder that an earlier state made: what it read of the clock is read again
        return None


def answers_of(evaluation: Artifact, store: Store) -> Artifact | None:
    """The answers that an evaluation marks; None where they are not known."""
    name = evaluation.sidecar().get("predictions")
    return store.get(str(name)) if name else None


def asked_before(evaluation: Artifact, store: Store) -> list[Artifact]:
    """The answers that an evaluation found, so that its cost is without theirs; none where it asked for them itself."""
    answers = answers_of(evaluation, store)
    return [answers] if answers is not None and answers.created_at < evaluation.created_at - cost_of(evaluation).seconds else []


def _wait_words(found: Latency) -> str:
    return "nothing was answered" if found.wait is None else f"nine of ten within {1000 * found.wait.p90_s:.3g} ms"
