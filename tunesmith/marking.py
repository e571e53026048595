"""What a project names beside its rows (a JSON schema, a database, tests of programs, a function of its own, a judge) → what marks its answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunesmith.errors import BadProject, NotFound
from tunesmith.evaluate.execution.code import CodeScorer
from tunesmith.evaluate.execution.database import SqlScorer
from tunesmith.evaluate.judge import Judging
from tunesmith.evaluate.judge_sample import distinct, graded_sample, paired_sample
from tunesmith.evaluate.own_scorer import OwnScorer
from tunesmith.evaluate.refusals import refusals_in
from tunesmith.evaluate.row_scorers import RowScorer
from tunesmith.measure.fields import Fits, fitting
from tunesmith.measure.refusal import Refusals
from tunesmith.settings import secret
from tunesmith.spec.candidate import Candidate
from tunesmith.spec.dataset import Dataset, Origin
from tunesmith.spec.job import Monitor, Note, Progress, Silent
from tunesmith.spec.judging import GradedSample, JudgeTrust, PairedSample
from tunesmith.spec.making_teacher import Asked, Failure, LocalTeacher, Reply
from tunesmith.spec.noun import digest
from tunesmith.spec.project import Project
from tunesmith.store.artifacts import Artifact, Store

if TYPE_CHECKING:
    from tunesmith.evaluate.run import How

VERDICTS = Path("judge", "verdicts.jsonl")
"""In the store: what a judge was paid for is not asked again, by no run."""


@dataclass
class Marking:
    """The means of one project."""

    project: Project
    root: Path
    """The folder of the project file."""
    store: Store
    """Where verdicts that were paid for are kept, and judges of this machine stand."""
    monitor: Monitor = field(default_factory=Silent)
    _refusals: dict[str, Refusals] = field(default_factory=dict, init=False)
    """Dataset → what declines in it."""

    @cached_property
    def schema(self) -> str | None:
        """The text of the task's JSON schema.

        Raises: NotFound.
        """
        name = self.project.task.json_schema
        if name is None:
            return None
        try:
            return (self.root / name).read_text(encoding="utf-8-sig")
        except OSError as error:
            raise NotFound("cannot be read", where=f"task.json_schema {name}", got=error.strerror or str(error), fix="correct the path") from error

    @cached_property
    def fits(self) -> Fits | None:
        """Whether an answer fits the schema; None without one.

        Raises: NotFound, BadProject.
        """
        return None if self.schema is None else fitting(self.schema, f"task.json_schema {self.project.task.json_schema}")

    @cached_property
    def scorers(self) -> tuple[RowScorer, ...]:
        """Everything that runs.

        Raises: NotFound, BadProject, Unsupported where programs cannot be confined.
        """
        task, goal = self.project.task, self.project.goal
        found: list[RowScorer] = []
        if task.database is not None:
            found.append(SqlScorer.open(self.root / task.database))
        if task.tests is not None:
            found.append(CodeScorer.open(self.root / task.tests))
        if goal.scorer is not None:
            found.append(OwnScorer.load(goal.scorer, self.root))
        if self.judging is not None:
            found.append(self.judging)
        return tuple(found)

    def how(self, candidate: Candidate, data: Artifact) -> How:
        """How a candidate answers a dataset's questions, and what marks its answers.

        Raises: as `fits` and `scorers`; NotFound, DamagedWeights.
        """
        from tunesmith.answer.candidate import passages_shown
        from tunesmith.evaluate.run import How, decoding_for

        dataset = data.load(Dataset)
        return How(
            decoding=decoding_for(self.project.task, dataset),
            scorers=self.scorers,
            refusals=self.refusals(data) if dataset.out_of_scope is not None else None,
            fits=self.fits,
            has_documents=bool(self.project.documents),
            passages=passages_shown(candidate, self.store),
        )

    def refusals(self, data: Artifact) -> Refusals:
        """What declines, in the task of a dataset."""
        if data.name not in self._refusals:
            from tunesmith.data.writing import read_rows

            self._refusals[data.name] = refusals_in(data.load(Dataset), (row for row in read_rows(data.path, "dev") if row.desirable is not False))
        return self._refusals[data.name]

    @cached_property
    def judging(self) -> Judging | None:
        """The judge, with what it was asked before; None where the project names none.

        Raises: BadProject for a URL that must not be called, or a key that is not there.
        """
        judge = self.project.judge
        if judge is None:
            return None
        from tunesmith.answer.remote import open_remote
        from tunesmith.data.make.teacher_answers import Answers

        kept, decides = Answers(self.store.home / VERDICTS), self.project.goal.metric == "judge_score"
        if isinstance(judge.model, LocalTeacher):
            return Judging(judge, OnThisMachine(judge.model, self.store), kept, decides)
        key = secret(judge.model.key_variable) if judge.model.key_variable else None
        return Judging(judge, open_remote(judge.model, key, lambda text: self.monitor.emit(Note(text=text))), kept, decides)

    @cached_property
    def sample(self) -> Sequence[GradedSample] | Sequence[PairedSample]:
        """The user's own labels; empty without a file of them.

        Raises: NotFound; BadData with every line that cannot be used, up to ten.
        """
        judge = self.project.judge
        if judge is None or judge.sample is None:
            return ()
        path = self.root / judge.sample
        return graded_sample(path, judge) if judge.mode == "single" else paired_sample(path)

    @cached_property
    def trust(self) -> JudgeTrust | None:
        """How far the judge agrees with the user, who is asked about every label once; None where there is no judge.

        Raises: as `judging` and `sample`; Interrupted; what the judge raises.
        """
        if self.judging is None:
            return None
        if not self.sample:
            return self.judging.no_sample()
        graded = [one for one in self.sample if isinstance(one, GradedSample)]
        paired = [one for one in self.sample if isinstance(one, PairedSample)]
        label, total = "holding the judge against your labels", len(distinct(graded)) + len(distinct(paired))
        how: Any = {"done": lambda n: self.monitor.emit(Progress(label=label, done=n, total=total, unit="labels")), "stop": self.monitor.stopping}
        return self.judging.trust_in_grades(graded, **how) if graded else self.judging.trust_in_pairs(paired, **how)

    def identity(self) -> dict[str, Any]:
        """What marks depend on beside answers and references: part of an evaluation's key. Empty where the project names nothing."""
        found: dict[str, Any] = {}
        if self.schema is not None:
            found["schema"] = digest({"schema": self.schema})
        if self.scorers:
            found["scorers"] = [scorer.identity for scorer in self.scorers]
        return found

    def check(self) -> None:
        """Nothing, if all of it is there and works, and a judge that is to decide is one to believe.

        Raises: as `fits`, `scorers` and `sample`; BadProject for a judge that does not agree with the user, and is to decide all the same.
        """
        _ = self.fits, self.scorers, self.sample
        if self.project.judge is not None and self.project.goal.metric == "judge_score" and self.trust is not None and not self.trust.is_evidence:
            raise BadProject(
                "the judge's scores are no evidence, and cannot decide", where="goal.metric", got=self.trust.reason,
                expected="a judge that agrees with your own labels (`judge.sample`)", fix="label more answers, choose another judge, or another metric",
            )  # fmt: skip

    def rehearse(self, rows: Sequence[tuple[Origin, str, str]]) -> None:
        """Nothing, if the user's own function can score answers to these rows (origin, question, reference); a warning if it prefers none to another.

        Raises: BadProject.
        """
        for scorer in self.scorers:
            if isinstance(scorer, OwnScorer) and not scorer.rehearse(rows):
                text = f"{scorer.name} scores the reference of {len(rows)} dev rows no higher than an empty answer or the reference of another row: it may tell nothing"
                self.monitor.emit(Note(level="warning", text=text))


@dataclass
class OnThisMachine:
    """A judge that is a model of the store: in memory only while it is asked."""

    config: LocalTeacher
    store: Store

    @property
    def identity(self) -> str:
        """As in `Opened`."""
        return f"local {self.config.checkpoint or self.config.model}"

    def answer(self, asked: Sequence[Asked], take: Callable[[int, Reply | Failure], None], stop: Callable[[], bool]) -> None:
        """As in `Opened`.

        Raises: NotFound, DamagedWeights, DoesNotFit for a model that cannot be loaded.
        """
        from tunesmith.data.make.teacher_local import Local
        from tunesmith.serve.run import open_residents

        residents = open_residents(self.store)
        try:
            Local(self.config, residents).answer(asked, take, stop)
        finally:
            residents.close()
