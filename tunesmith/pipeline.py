"""THE LINE: a project → a verdict, a report and a registered model. The only file that knows the order.

    data      sources → Dataset                                   pyarrow, ftfy; no torch
    rivals    majority, classifier, prompts, few-shot on dev      torch
    train     Dataset + Recipe → Checkpoint                       torch
    test      the finalists on the locked split, once             torch
    report    verdict, page, registration                         no torch

Every line of it is a step with a key (`store/steps.py`): what is in the store is not done again. A stage is imported where it runs, and a
process runs one stage only. A key holds what the result depends on and nothing else: a new goal, question or name retrains nothing.
"""

from __future__ import annotations

import json
import platform
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tunesmith.catalogue.footing import refuse_unsound
from tunesmith.catalogue.pull import pull
from tunesmith.catalogue.read import local
from tunesmith.doctor import doctor
from tunesmith.errors import BadProject, NotFound
from tunesmith.finetune.run import finetune
from tunesmith.line import Line, new_bench
from tunesmith.maker import make
from tunesmith.settings import settings
from tunesmith.spec.candidate import Candidate, Classifier, Prompted, Tuned
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.job import Job, Monitor, Note
from tunesmith.spec.project import parse_project, to_toml
from tunesmith.spec.report import Asked
from tunesmith.spec.trial import Trial
from tunesmith.spec.verdict import Finalist, LineReport, Measured
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.folder import PAGE
from tunesmith.store.ledger import Ledger
from tunesmith.store.steps import StageDone, Step
from tunesmith.store.work import Work

VERSION = 3
"""Part of every report's key; raised when the same measurements would give another report or page."""
WORST = 3
"""Findings about the data that are said before anything is trained."""


def run_job(job: Job, store: Store, monitor: Monitor) -> dict[str, Any] | None:
    """The job's result, or None where one stage is done and another process has to go on.

    Raises: every problem that can be told before work begins, at once; then what the stages raise.
    """
    if job.kind == "pull":
        return pull(str(job.payload["model"]), store.models, monitor, offline=settings().offline).model_dump(mode="json")
    if job.kind == "finetune":
        return finetune(job, store, monitor)
    if job.kind in ("check", "mend"):
        return doctor(job, store, monitor)
    if job.kind == "make":
        return make(job, store, monitor)
    line = opened(job.payload, store, monitor)
    line.refuse_to_begin(job.kind)
    try:
        match job.kind:
            case "data":
                return {"dataset": line.dataset[0].name}
            case "train":
                return train_only(line)
            case "evaluate":
                return evaluate_only(line, str(job.payload["candidate"]))
            case "run":
                return run(line, job.started_at)
            case _:
                raise BadProject("is not work for the line", where="job", got=job.kind)
    except StageDone:
        return None


def chat(payload: dict[str, Any], store: Store, lines: Iterator[dict[str, Any]], emit: Callable[[dict[str, Any]], None]) -> None:
    """Answer conversations, one per line in, by the code that evaluates.

    Raises: NotFound if nothing bears the model's name; DamagedWeights.
    """
    refuse_unsound(str(payload["model"]), store)
    from tunesmith.answer.talk import talk

    talk(payload, new_bench(store), lines, emit)


def opened(payload: dict[str, Any], store: Store, monitor: Monitor) -> Line:
    """The line of a job's project, as the file, the options and the store say now."""
    path, overrides = Path(str(payload["project"])), tuple(payload.get("overrides", ()))
    project = parse_project(path.read_text(encoding="utf-8-sig"), str(path), overrides)
    if payload.get("start"):
        project = project.model_copy(update={"start": payload["start"]})
    name = payload.get("name") or project.name
    words = [word for text in overrides for word in ("--set", text)] + (["--name", name] if name != project.name else [])
    return Line(project, path, store, monitor, str(name), shlex.join(["tunesmith", "run", path.name, *words]))


def tell_findings(line: Line) -> None:
    """Say the worst that was found in the data, and the command that shows all of it."""
    grave = [one for one in line.dataset[1].findings if one.severity != "note"]
    for one in grave[:WORST]:
        line.monitor.emit(Note(level="warning", text=one.words()))
    if grave:
        line.monitor.emit(
            Note(text=f"all that was found in the data, and what mends it: {shlex.join(['tunesmith', 'data', 'check', line.path.name])}")
        )


def train_only(line: Line) -> dict[str, Any]:
    """A checkpoint, registered under the project's name."""
    tell_findings(line)
    artifact, _ = line.checkpoint()
    line.store.register(line.model, artifact.name)
    return {"checkpoint": artifact.name, "model": line.model}


def evaluate_only(line: Line, name: str) -> dict[str, Any]:
    """One model on dev; the locked split stays closed."""
    from tunesmith.decide.rivals import tuned_prompt

    candidate: Candidate
    try:
        found = line.store.get(name, "checkpoint")
        checkpoint = found.load(Checkpoint)
        candidate = Tuned(name=name, checkpoint=found.name, prompt=checkpoint.prompt)
        line.continued = checkpoint.parent or line.continued  # so that its dev rows are those that it was trained beside
    except NotFound:
        model = local(line.store.models, name)
        candidate = Prompted(name=model.id, model=model.id, prompt=tuned_prompt(line.project.task, line.dataset[1]))
    if isinstance(candidate, Tuned) and line.dataset[0].name != checkpoint.dataset:
        text = f"{name} was tuned on {checkpoint.dataset} and is measured on {line.dataset[0].name}: rows that it was trained on may stand in this dev split"
        line.monitor.emit(Note(level="warning", text=text))
    artifact, _ = line.measure(candidate, "dev", "evaluate")
    return {"evaluation": artifact.name}


def run(line: Line, since: float | None = None) -> dict[str, Any]:
    """The whole line; `since` is when the job began: each stage has a process of its own, and the last one writes the report."""
    from tunesmith.decide.run import next_step

    started = time.time() if since is None else since
    tell_findings(line)
    dataset, train_rows = line.dataset[1], line.references("train")
    base, inherited = line.footing.base.id, line.footing.parent[1].prompt if line.footing.parent else None
    if line.project.rivals.classifier and len(dataset.labels) > 1:
        _ = line.footing.embedder  # raises NotFound before any rival is measured, where the kind of task was not known before
    history: list[Trial] = []
    checkpoint: tuple[Artifact, Checkpoint] | None = None
    while isinstance(
        step := next_step(history, dataset, line.project, train_rows, checkpoint[0].name if checkpoint else None, base=base, inherited=inherited),
        Trial,
    ):
        candidate = step.candidate
        if isinstance(candidate, Classifier):
            candidate = line.fit(candidate)
        elif isinstance(candidate, Tuned):
            checkpoint = line.checkpoint()
            candidate = candidate.model_copy(update={"checkpoint": checkpoint[0].name})
        artifact, report = line.measure(candidate, "dev", "test" if isinstance(candidate, Tuned) else "rivals")
        history.append(step.model_copy(update={"candidate": candidate, "report": report, "artifact": artifact.name}))
    assert checkpoint is not None
    candidates = [trial.candidate.content_digest() for trial in step.trials]
    looks = Ledger(line.store).open_test(line.dataset[0].name, candidates, rows=dataset.files["test.jsonl"])
    finalists = []
    for trial in step.trials:
        artifact, report = line.measure(trial.candidate, "test", "test")
        finalists.append(Finalist(remedy=trial.remedy, candidate=trial.candidate, report=report, artifact=artifact.name))
    return Conclusion(line, history, finalists, checkpoint, looks, line.ask(finalists[0].candidate, checkpoint[0]), started).keep()


@dataclass
class Conclusion:
    """Everything that was measured, on its way to a verdict, a page and a registered model."""

    line: Line
    history: list[Trial]
    finalists: list[Finalist]
    checkpoint: tuple[Artifact, Checkpoint]
    looks: int
    asked: Asked | None
    started: float

    def keep(self) -> dict[str, Any]:
        """The report, stored, with the model's name made to mean the checkpoint."""
        from tunesmith.decide.run import VERSION as DECIDE_VERSION

        line = self.line
        parents = (line.dataset[0].name, self.checkpoint[0].name, *(f.artifact for f in self.finalists))
        inputs = {
            "version": [VERSION, DECIDE_VERSION],
            "trials": [t.artifact for t in self.history],
            "finalists": [f.artifact for f in self.finalists],
            "project": line.project.model_dump(mode="json"),
            "model": line.model,
            "rerun": line.rerun,
            "asked": self.asked.model_dump(mode="json") if self.asked else None,
            "looks": self.looks,
        }
        clock: dict[str, Any] = {}
        step = Step("report", "conclude and write the report", "line", inputs, parents)
        found, _ = line.steps.do(step, lambda work: self._write(work, clock), lambda made: made.verdict.headline, LineReport, beside=lambda: clock)
        line.store.register(line.model, self.checkpoint[0].name)
        return {"line": found.name}

    def _write(self, work: Work, clock: dict[str, Any]) -> LineReport:
        """The report, with its page beside it; what the clock said goes into `clock`."""
        from tunesmith.decide.run import conclude
        from tunesmith.evaluate.answers import read_answers
        from tunesmith.evaluate.page import page

        line, (artifact, dataset) = self.line, self.line.dataset
        answers = {f.candidate.name: read_answers(line.store.get(f.artifact).path) for f in self.finalists}
        report = LineReport(
            project=line.project.name,
            task=line.project.task,
            goal=line.project.goal,
            dataset=dataset,
            dataset_name=artifact.name,
            trials=tuple(self.history),
            finalists=tuple(self.finalists),
            verdict=conclude(self.finalists, answers, line.project, dataset, self.looks),
            checkpoint=self.checkpoint[1],
            checkpoint_name=self.checkpoint[0].name,
            model=line.model,
            choices=self.checkpoint[1].choices,
            project_toml=to_toml(line.project),
            rerun=line.rerun,
        )
        costs = {("train" if title.startswith("fine-tune ") else title): cost for title, cost in line.steps.costs.items()}
        measured = Measured(costs=costs, machine=_machine_facts(), started=_clock(self.started), finished=_clock(time.time()))
        items = self.asked.items if self.asked else ()
        (work.path / PAGE).write_text(page(report, measured, answers, items), encoding="utf-8")
        if items:
            asked = [{"question": q, "answer": a.text, "confidence": a.confidence} for q, a in items]
            (work.path / "questions.json").write_text(json.dumps(asked, ensure_ascii=False, indent=2), encoding="utf-8")
        clock["measured"] = measured.model_dump(mode="json")
        return report


def _machine_facts() -> dict[str, str]:
    memory = f"{psutil.virtual_memory().total / 2**30:.1f} GiB"
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": str(psutil.cpu_count()),
        "memory": memory,
    }


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(at))
