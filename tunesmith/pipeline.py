"""THE LINE: a project → a verdict, a report and a registered model. The only file that knows the order.

    data      sources → Dataset                                   pyarrow, ftfy; no torch
    rivals    majority, classifier, prompts, few-shot on dev      torch
    train     Dataset + Recipe → Checkpoint                       torch
    test      the finalists on the locked split, once             torch
    report    verdict, page, registration                         no torch

Every line of it is a step with a key (`store/steps.py`): what is in the store is not done again. A stage is imported where it runs, and a
process runs one stage only.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from tunesmith.catalogue.pull import pull
from tunesmith.catalogue.read import local, verify
from tunesmith.errors import BadProject, NotFound
from tunesmith.settings import settings
from tunesmith.spec.candidate import Answer, Candidate, Classifier, Decoding, Prompted, Tuned
from tunesmith.spec.chat import Conversation, Prompt
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.dataset import Dataset, Record, SplitName
from tunesmith.spec.job import Job, Monitor, Note
from tunesmith.spec.model import LocalModel
from tunesmith.spec.noun import Noun
from tunesmith.spec.project import Project, parse_project, to_toml
from tunesmith.spec.recipe import Recipe
from tunesmith.spec.report import Asked, Report
from tunesmith.spec.trial import Trial
from tunesmith.spec.verdict import Finalist, LineReport, Measured
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.folder import PAGE
from tunesmith.store.ledger import Ledger
from tunesmith.store.steps import StageDone, Step, Steps
from tunesmith.store.work import Work

VERSION = 1


class Fitted(Noun):
    """The manifest of a fitted classifier; its weights stand beside it."""

    embedder: str
    dataset: str
    strength: float
    reason: str


def run_job(job: Job, store: Store, monitor: Monitor) -> dict[str, Any] | None:
    """The job's result, or None where one stage is done and another process has to go on."""
    if job.kind == "pull":
        return pull(str(job.payload["model"]), store.models, monitor, offline=settings().offline).model_dump(mode="json")
    path = Path(str(job.payload["project"]))
    project = parse_project(path.read_text(encoding="utf-8-sig"), str(path), tuple(job.payload.get("overrides", ())))
    update = {"start": job.payload["start"], "model": None} if job.payload.get("start") else {}
    update |= {"name": job.payload["name"]} if job.payload.get("name") else {}
    line = Line(project.model_copy(update=update), path, store, monitor)
    try:
        match job.kind:
            case "data":
                return {"dataset": line.dataset[0].name}
            case "train":
                return line.train_only()
            case "evaluate":
                return line.evaluate_only(str(job.payload["candidate"]))
            case "run":
                return line.run()
            case _:
                raise BadProject("is not work for the line", where="job", got=job.kind)
    except StageDone:
        return None


@dataclass
class Line:
    """One project on its way through the stages. Properties are steps: reading one does it, or finds it done."""

    project: Project
    path: Path
    store: Store
    monitor: Monitor

    @cached_property
    def steps(self) -> Steps:
        """What this process does or finds."""
        return Steps(self.store, self.monitor)

    @cached_property
    def parent(self) -> tuple[Artifact, Checkpoint] | None:
        """The checkpoint that is continued, if one is."""
        if self.project.start is None:
            return None
        artifact = self.store.get(self.project.start, "checkpoint")
        return artifact, artifact.load(Checkpoint)

    @cached_property
    def base(self) -> LocalModel:
        """The base model, checked against its hashes.

        Raises: NotFound with the command that fetches it: nothing is downloaded that was not asked for.
        """
        model = local(self.store.models, self.parent[1].base if self.parent else self.project.base())
        verify(model, self.store.models)
        return model

    @cached_property
    def dataset(self) -> tuple[Artifact, Dataset]:
        """The prepared rows."""
        from tunesmith.data.run import VERSION as DATA_VERSION
        from tunesmith.data.run import prepare, source_digests

        tokenizer = Path(self.base.folder) / "tokenizer.json"
        inputs = {
            "version": DATA_VERSION,
            "sources": source_digests(self.project, self.path.parent),
            "project": self.project.model_dump(mode="json", include={"name", "sources", "task", "cleaning", "split"}),
            "tokenizer": self.base.files.get("tokenizer.json"),
        }
        step = Step("data", "prepare the data", "dataset", inputs)
        return self.steps.do(
            step,
            lambda work: prepare(self.project, self.path.parent, work.path, self.monitor, tokenizer if tokenizer.exists() else None),
            lambda found: (
                f"{sum(found.rows.values())} of {found.profile.rows_read} rows: " + ", ".join(f"{n} {split}" for split, n in found.rows.items())
            ),
            Dataset,
        )

    def rows(self, split: SplitName) -> list[Record]:
        """The rows of a split."""
        from tunesmith.data.writing import read_rows

        return list(read_rows(self.dataset[0].path, split))

    @cached_property
    def recipe(self) -> Recipe:
        """The project's recipe; a continued model keeps its kind of weights and its adapter's settings.

        Raises: BadProject if the project asks for others.
        """
        recipe = self.project.train
        if self.parent is None:
            return recipe
        kept = self.parent[1].resolved.weights
        asked = recipe.weights
        if "weights" in recipe.model_fields_set and any(getattr(asked, f, None) != getattr(kept, f, None) for f in ("kind", "r", "alpha", "targets")):
            raise BadProject(
                "a continued model keeps its adapter", where="train.weights", got=asked.model_dump_json(), expected=kept.model_dump_json(),
                fix="leave train.weights out, or start from the base with `model` instead of `start`",
            )  # fmt: skip
        return recipe.model_copy(update={"weights": kept})

    def prompt(self) -> Prompt:
        """What the model is tuned with: its parent's prompt, or the task's."""
        from tunesmith.decide.rivals import tuned_prompt

        return self.parent[1].prompt if self.parent else tuned_prompt(self.project.task, self.dataset[1])

    def checkpoint(self) -> tuple[Artifact, Checkpoint]:
        """The tuned weights."""
        artifact, dataset = self.dataset
        parent = self.parent[0].name if self.parent else None
        inputs = {
            "version": self._version("train"),
            "dataset": artifact.name,
            "recipe": self.recipe.model_dump(mode="json"),
            "prompt": self.prompt().model_dump(mode="json"),
            "base": self.base.digest,
            "parent": parent,
            **self._machine(),
        }
        title = f"fine-tune {self.base.id}" + (f" from {parent}" if parent else "")
        step = Step("train", title, "checkpoint", inputs, (artifact.name, *([parent] if parent else [])), dataset.rows["train"])
        return self.steps.do(step, self._train, _checkpoint_words, Checkpoint)

    def _train(self, work: Work) -> Checkpoint:
        from tunesmith.model.device import place
        from tunesmith.train.run import Inputs, Start, train

        start = Start(self.base)
        if self.parent is not None:
            artifact, parent = self.parent
            artifact.verify()
            adapter, weights = (artifact.path, None) if parent.kind == "lora" else (None, artifact.path / "model.safetensors")
            start = Start(self.base, artifact.name, adapter, weights)
            self.monitor.emit(
                Note(text=f"continues from {artifact.name}: prompt `{parent.prompt.name}`, template and {parent.kind} settings are inherited")
            )
        inputs = Inputs(self.rows("train"), self.rows("dev"), self.dataset[0].name, self.prompt(), self.recipe, start)
        return train(inputs, work.path, work.scratch, place(settings()), self.monitor, settings().memory_bytes)

    def _version(self, stage: str) -> str:
        """Of the code that makes a result: results of older code are not taken for new ones."""
        versions = {"train": 1, "evaluate": 1, "fit": 2, "report": 1}
        return f"{VERSION}.{versions[stage]}"

    def _machine(self) -> dict[str, Any]:
        """What the user set about the machine and results depend on."""
        return {"dtype": settings().dtype, "device": settings().device, "threads": settings().threads}

    @cached_property
    def bench(self) -> Any:
        """The models in this process's memory."""
        from tunesmith.answer.candidate import Bench
        from tunesmith.model.device import apply, place

        placement = place(settings())
        apply(placement)
        return Bench(self.store, placement, settings().memory_bytes)

    def fit(self, candidate: Classifier) -> Classifier:
        """The classifier with weights fitted on the training rows."""
        artifact, dataset = self.dataset
        embedder = local(self.store.models, candidate.embedder)
        inputs = {"version": self._version("fit"), "dataset": artifact.name, "embedder": embedder.digest, "seed": self.project.train.seed}
        step = Step("rivals", "fit the embedding classifier", "classifier", inputs, (artifact.name,), dataset.rows["train"])

        def make(work: Work) -> Fitted:
            from tunesmith.answer.candidate import last_question
            from tunesmith.answer.linear import fit

            rows = [row for row in self.rows("train") if row.conversation is not None]
            vectors = self.bench.embedder(candidate.embedder).embed([last_question(r.conversation.question()) for r in rows if r.conversation])
            strength, reason = fit(vectors, [str(r.label) for r in rows], work.path, self.project.train.seed)
            return Fitted(embedder=embedder.id, dataset=artifact.name, strength=strength, reason=reason)

        fitted, _ = self.steps.do(step, make, lambda found: f"C = {found.strength:g}", Fitted)
        return candidate.model_copy(update={"weights": fitted.name})

    def measure(self, candidate: Candidate, split: SplitName, stage: str) -> tuple[Artifact, Report]:
        """The candidate's report on a split."""
        artifact, dataset = self.dataset
        title = f"{split} {candidate.name}"
        inputs = {
            "version": self._version("evaluate"),
            "candidate": candidate.model_dump(mode="json"),
            "weights": local(self.store.models, candidate.model).digest if isinstance(candidate, Prompted) else None,
            "dataset": artifact.name,
            "split": split,
            "tokens": self.project.task.max_new_tokens,
            "confidence": self.project.goal.confidence,
            **self._machine(),
        }
        made_of = candidate.checkpoint if isinstance(candidate, Tuned) else candidate.weights if isinstance(candidate, Classifier) else None
        step = Step(stage, title, "evaluation", inputs, (artifact.name, *([made_of] if made_of else [])), dataset.rows[split])

        def make(work: Work) -> Report:
            from tunesmith.answer.candidate import open_candidate
            from tunesmith.evaluate.run import Questions, decoding_for, evaluate

            questions = Questions(self.rows(split), dataset, artifact.name, split, self.project.goal.confidence)
            answerer = open_candidate(candidate, self.bench)
            return evaluate(candidate, answerer, questions, decoding_for(self.project.task, dataset), work.path, self.monitor)

        return self.steps.do(step, make, self._report_words, Report)

    def _report_words(self, report: Report) -> str:
        from tunesmith.measure.scorers import deciding_metric

        wanted = [deciding_metric(report.task, self.project.goal), "out_of_scope_recall"]
        return ", ".join(f"{name.replace('_', ' ')} {report.metrics[name].value:.3f}" for name in wanted if name in report.metrics)

    def train_only(self) -> dict[str, Any]:
        """A checkpoint, registered under the project's name."""
        artifact, _ = self.checkpoint()
        self.store.register(self.project.name, artifact.name)
        return {"checkpoint": artifact.name, "model": self.project.name}

    def evaluate_only(self, name: str) -> dict[str, Any]:
        """One model on dev; the locked split stays closed."""
        from tunesmith.decide.rivals import tuned_prompt

        candidate: Candidate
        try:
            found = self.store.get(name, "checkpoint")
            candidate = Tuned(name=name, checkpoint=found.name, prompt=found.load(Checkpoint).prompt)
        except NotFound:
            model = local(self.store.models, name)
            candidate = Prompted(name=model.id, model=model.id, prompt=tuned_prompt(self.project.task, self.dataset[1]))
        artifact, _ = self.measure(candidate, "dev", "evaluate")
        return {"evaluation": artifact.name}

    def run(self) -> dict[str, Any]:
        """The whole line."""
        from tunesmith.decide.run import next_step

        self.store.models.mkdir(exist_ok=True)
        started = time.time()
        dataset = self.dataset[1]
        train_rows = self.rows("train")
        history: list[Trial] = []
        checkpoint: tuple[Artifact, Checkpoint] | None = None
        inherited = self.parent[1].prompt if self.parent else None
        while isinstance(
            step := next_step(
                history, dataset, self.project, train_rows, checkpoint[0].name if checkpoint else None, base=self.base.id, inherited=inherited
            ),
            Trial,
        ):
            candidate = step.candidate
            if isinstance(candidate, Classifier):
                candidate = self.fit(candidate)
            elif isinstance(candidate, Tuned):
                checkpoint = self.checkpoint()
                candidate = candidate.model_copy(update={"checkpoint": checkpoint[0].name})
            artifact, report = self.measure(candidate, "dev", "test" if isinstance(candidate, Tuned) else "rivals")
            history.append(step.model_copy(update={"candidate": candidate, "report": report, "artifact": artifact.name}))
        assert checkpoint is not None
        looks = Ledger(self.store).open_test(self.dataset[0].name, [t.candidate.content_digest() for t in step.trials])
        finalists = []
        for trial in step.trials:
            artifact, report = self.measure(trial.candidate, "test", "test")
            finalists.append(Finalist(remedy=trial.remedy, candidate=trial.candidate, report=report, artifact=artifact.name))
        asked = self.ask(finalists[0].candidate, checkpoint[0])
        return self.report(history, finalists, checkpoint, looks, asked, started)

    def ask(self, candidate: Candidate, checkpoint: Artifact) -> Asked | None:
        """The user's own questions, put to the finished model."""
        if not self.project.questions:
            return None
        dataset = self.dataset[1]
        inputs = {
            "candidate": candidate.model_dump(mode="json"),
            "questions": list(self.project.questions),
            "dataset": self.dataset[0].name,
            **self._machine(),
        }
        step = Step("test", "answer your questions", "answers", inputs, (checkpoint.name,), len(self.project.questions))

        def make(work: Work) -> Asked:
            from tunesmith.answer.candidate import open_candidate
            from tunesmith.evaluate.run import decoding_for

            conversations = [Conversation.model_validate({"messages": [{"role": "user", "content": text}]}) for text in self.project.questions]
            answers = open_candidate(candidate, self.bench).answer(
                conversations, decoding_for(self.project.task, dataset), done=lambda n: None, stop=lambda: False
            )
            return Asked(candidate=candidate, items=tuple(zip(self.project.questions, answers, strict=True)))

        return self.steps.do(step, make, lambda found: f"{len(found.items)} answers", Asked)[1]

    def report(
        self,
        history: list[Trial],
        finalists: list[Finalist],
        checkpoint: tuple[Artifact, Checkpoint],
        looks: int,
        asked: Asked | None,
        started: float,
    ) -> dict[str, Any]:
        """The verdict over the finalists, the page, and the model's name in the store."""
        artifact, dataset = self.dataset
        parents = (artifact.name, checkpoint[0].name, *(f.artifact for f in finalists))
        inputs = {
            "version": self._version("report"),
            "trials": [t.artifact for t in history],
            "finalists": [f.artifact for f in finalists],
            "project": self.project.model_dump(mode="json"),
            "asked": asked.model_dump(mode="json") if asked else None,
            "looks": looks,
        }
        step = Step("report", "conclude and write the report", "line", inputs, parents)

        clock: dict[str, Any] = {}

        def make(work: Work) -> LineReport:
            from tunesmith.decide.run import conclude
            from tunesmith.evaluate.page import page
            from tunesmith.evaluate.run import read_answers

            answers = {f.candidate.name: read_answers(self.store.get(f.artifact).path) for f in finalists}
            line = LineReport(
                project=self.project.name,
                task=self.project.task,
                goal=self.project.goal,
                dataset=dataset,
                dataset_name=artifact.name,
                trials=tuple(history),
                finalists=tuple(finalists),
                verdict=conclude(finalists, answers, self.project, dataset, looks),
                checkpoint=checkpoint[1],
                checkpoint_name=checkpoint[0].name,
                model=self.project.name,
                choices=checkpoint[1].choices,
                project_toml=to_toml(self.project),
                rerun=f"tunesmith run {self.path.name}",
            )
            costs = {("train" if title.startswith("fine-tune ") else title): cost for title, cost in self.steps.costs.items()}
            measured = Measured(costs=costs, machine=_machine_facts(), started=_clock(started), finished=_clock(time.time()))
            (work.path / PAGE).write_text(page(line, measured, answers, asked.items if asked else ()), encoding="utf-8")
            if asked:
                items = [{"question": q, "answer": a.text, "confidence": a.confidence} for q, a in asked.items]
                (work.path / "questions.json").write_text(json.dumps(items, ensure_ascii=False, indent=2), encoding="utf-8")
            clock["measured"] = measured.model_dump(mode="json")
            return line

        found, _ = self.steps.do(step, make, lambda line: line.verdict.headline, LineReport, beside=lambda: clock)
        self.store.register(self.project.name, checkpoint[0].name)
        return {"line": found.name}


def _checkpoint_words(found: Checkpoint) -> str:
    best = f", dev exact match {found.best_dev_metric:.3f}" if found.best_dev_metric is not None else ""
    return f"{found.steps} of {found.planned_steps} steps, best after {found.best_step}{best}"


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


def chat(payload: dict[str, Any], store: Store, lines: Iterator[dict[str, Any]], emit: Callable[[dict[str, Any]], None]) -> None:
    """Answer conversations, one per line in, by the code that evaluates: pieces as they come, then the whole answer.

    Raises: NotFound if nothing bears the model's name.
    """
    from tunesmith.answer.candidate import Bench
    from tunesmith.answer.engine import Engine
    from tunesmith.model.device import apply, place

    placement = place(settings())
    apply(placement)
    bench = Bench(store, placement, settings().memory_bytes)
    found, labels = _tuned(store, str(payload["model"]))
    prompt = found.prompt if found else Prompt(name="none")
    note = f"tuned from {found.base}; it answers with the prompt it was tuned with" if found else ""
    if payload.get("system") is not None:
        prompt = prompt.model_copy(update={"system": payload["system"]})
        note = note and f"tuned from {found.base if found else ''}, but asked with another system message than it was tuned with"
    engine = Engine(bench.model(found.base, store.get(str(payload["model"]), "checkpoint").name) if found else bench.model(str(payload["model"])))
    options = {name: payload[name] for name in ("temperature", "top_p", "seed", "max_new_tokens") if name in payload}
    decoding = Decoding(choices=labels, **options)
    emit({"ready": {"model": payload["model"], "choices": len(labels), "note": note}})
    for line in lines:
        conversation = prompt.apply(Conversation.model_validate({"messages": line["messages"]}))
        answer = _spoken(engine.stream(conversation, decoding), emit)
        emit({"answer": answer.model_dump(mode="json")})


def _spoken(pieces: Generator[str, None, Answer], emit: Callable[[dict[str, Any]], None]) -> Answer:
    """The answer, after each of its pieces was passed on."""
    while True:
        try:
            emit({"piece": next(pieces)})
        except StopIteration as end:
            answer: Answer = end.value
            return answer


def _tuned(store: Store, name: str) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """The checkpoint that `name` means and the labels it chooses from; None for a base model."""
    try:
        checkpoint = store.get(name, "checkpoint").load(Checkpoint)
    except NotFound:
        local(store.models, name)  # raises NotFound, with the nearest names, if it is no base model either
        return None, ()
    dataset = store.get(checkpoint.dataset, "dataset").load(Dataset)
    return checkpoint, dataset.labels
