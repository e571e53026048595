"""A project and a store → each step of the line: what it depends on, and how it is done once.

A key holds what the result depends on and nothing else: another goal, question, name or prompt of a rival retrains nothing. `pipeline.py` knows the
order of the steps, the stages do the work, and here they are described. A stage is imported where it runs: a process loads only its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tunesmith.answer import VERSION as ANSWER_VERSION
from tunesmith.catalogue.footing import Footing, refuse
from tunesmith.catalogue.read import local
from tunesmith.errors import BadData, Interrupted, NotEnoughData
from tunesmith.evaluate import VERSION as EVALUATE_VERSION
from tunesmith.settings import settings
from tunesmith.spec.candidate import Candidate, Classifier, Prompted, Tuned
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.dataset import SPLITS, Dataset, Record, SplitName
from tunesmith.spec.job import DEV_MATCH, Monitor, Note, Reading, Spoken
from tunesmith.spec.noun import Noun
from tunesmith.spec.project import Project
from tunesmith.spec.report import Asked, Report
from tunesmith.spec.task import EXACT
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.steps import Step, Steps
from tunesmith.store.work import Work
from tunesmith.train import VERSION as TRAIN_VERSION


class Fitted(Noun):
    """The manifest of a fitted classifier; its weights stand beside it."""

    embedder: str
    dataset: str
    strength: float
    reason: str


@dataclass(frozen=True)
class WithoutMatch:
    """The monitor of a training whose task other things than exact answers decide: readings pass without the share of exact answers."""

    monitor: Monitor

    def emit(self, event: Spoken) -> None:
        """Pass an event on."""
        if isinstance(event, Reading):
            event = event.model_copy(update={"values": {name: value for name, value in event.values.items() if name != DEV_MATCH}})
        self.monitor.emit(event)

    def stopping(self) -> bool:
        """True once the user wants a stop."""
        return self.monitor.stopping()


@dataclass
class Line:
    """One project on its way through the stages. Properties are steps: reading one does it, or finds it done."""

    project: Project
    path: Path
    store: Store
    monitor: Monitor
    model: str
    """The name that the tuned model is registered under."""
    rerun: str
    """The command that does the same again."""

    @cached_property
    def steps(self) -> Steps:
        """What this process does or finds."""
        return Steps(self.store, self.monitor)

    @cached_property
    def footing(self) -> Footing:
        """The models and the recipe."""
        return Footing(self.project, self.path.parent, self.store)

    @cached_property
    def sources(self) -> dict[str, str]:
        """Source → sha256 of its bytes."""
        from tunesmith.data.run import source_digests

        return source_digests(self.project, self.path.parent)

    def refuse_to_begin(self, kind: str) -> None:
        """Nothing, if everything that this kind of job stands on is there.

        Raises: every problem at once, before any work.
        """
        checks: list[Callable[[], object]] = [lambda: self.sources, lambda: self.footing.base]
        if kind in ("run", "train"):
            checks.append(lambda: self.footing.recipe)
        if kind != "data":
            checks.append(self._refuse_metric)
        labelled = self.project.task.kind == "classify" or (self.project.task.kind is None and any(s.label for s in self.project.sources))
        if kind == "run" and self.project.rivals.classifier and labelled:
            checks.append(lambda: self.footing.embedder)
        refuse(checks)

    def _refuse_metric(self) -> None:
        """Nothing, if the goal's metric is one that the task has; where its kind is not given, the data will tell."""
        if self.project.goal.metric is not None and self.project.task.kind is not None:
            from tunesmith.measure.scorers import deciding_metric

            deciding_metric(self.project.task.kind, self.project.goal)

    @cached_property
    def continued(self) -> str | None:
        """The checkpoint whose rows may not judge: the one that is continued."""
        return self.footing.parent[0].name if self.footing.parent else None

    def ancestors(self) -> list[Artifact]:
        """The data sets that the continued model and those before it were tuned with, by name."""
        lineage = self.store.lineage(self.continued) if self.continued else []
        return sorted((artifact for artifact in lineage if artifact.kind == "dataset"), key=lambda artifact: artifact.name)

    @cached_property
    def dataset(self) -> tuple[Artifact, Dataset]:
        """The prepared rows."""
        from tunesmith.data.ancestry import Ancestor
        from tunesmith.data.run import VERSION as DATA_VERSION
        from tunesmith.data.run import prepare

        base = self.footing.base
        tokenizer = Path(base.folder) / "tokenizer.json"
        read: dict[str, Any] = {"sources": True, "task": {"kind", "out_of_scope"}, "cleaning": True, "split": True}
        inputs = {
            "version": DATA_VERSION,
            "sources": self.sources,
            "project": self.project.model_dump(mode="json", include=read),
            "tokenizer": base.files.get("tokenizer.json"),
            "context": base.context,
        }
        ancestors = self.ancestors()
        if ancestors:
            inputs["ancestors"] = [artifact.name for artifact in ancestors]

        def make(work: Work) -> Dataset:
            for artifact in ancestors:
                artifact.verify()
            seen = [Ancestor(artifact.name, artifact.path) for artifact in ancestors]
            words = tokenizer if tokenizer.exists() else None
            made = prepare(self.project, self.path.parent, work.path, self.monitor, words, base.context, seen)
            changed = [name for name, digest in made.sources.items() if digest != self.sources[name]]
            if changed:
                raise BadData("changed while it was read", where=", ".join(changed), fix="run the command again")
            return made

        return self.steps.do(
            Step("data", "prepare the data", "dataset", inputs, tuple(artifact.name for artifact in ancestors)), make, _dataset_words, Dataset
        )

    def rows(self, split: SplitName) -> list[Record]:
        """The rows of a split."""
        from tunesmith.data.writing import read_rows

        self.dataset[0].verify()
        return list(read_rows(self.dataset[0].path, split))

    def references(self, split: SplitName) -> list[Record]:
        """The rows of a split whose answer is one to give: an answer that was disliked is none to learn from or to judge by.

        Raises: NotEnoughData if there is none.
        """
        found = [row for row in self.rows(split) if row.desirable is not False]
        if not found:
            raise NotEnoughData(
                f"no {split} row has an answer that was liked", where=split, got=f"{self.dataset[1].rows[split]} disliked answers",
                expected="some answers to compare with", fix="add rows whose answers were liked, or raise the split's share",
            )  # fmt: skip
        return found

    def prompt(self) -> Prompt:
        """What the model is tuned with: its parent's prompt, or the task's."""
        from tunesmith.decide.rivals import tuned_prompt

        return self.footing.parent[1].prompt if self.footing.parent else tuned_prompt(self.project.task, self.dataset[1])

    def checkpoint(self) -> tuple[Artifact, Checkpoint]:
        """The tuned weights."""
        artifact, dataset = self.dataset
        base, recipe = self.footing.base, self.footing.recipe
        parent = self.footing.parent[0].name if self.footing.parent else None
        inputs = {
            "version": TRAIN_VERSION,
            "dataset": artifact.name,
            "recipe": recipe.model_dump(mode="json"),
            "prompt": self.prompt().model_dump(mode="json"),
            "base": base.digest,
            "parent": parent,
            **settings().computing(),
        }
        title = f"fine-tune {base.id}" + (f" from {parent}" if parent else "")
        step = Step("train", title, "checkpoint", inputs, (artifact.name, *([parent] if parent else [])), dataset.rows["train"])
        return self.steps.do(step, self._train, lambda found: _checkpoint_words(found, self._is_exact), Checkpoint)

    @property
    def _is_exact(self) -> bool:
        """True if it is exact answers that decide: only then is the share of them on dev worth a word."""
        from tunesmith.measure.scorers import deciding_metric

        return deciding_metric(self.dataset[1].task, self.project.goal) in EXACT

    def _train(self, work: Work) -> Checkpoint:
        from tunesmith.model.device import place
        from tunesmith.train.run import Inputs, Start, train

        start = Start(self.footing.base)
        if self.footing.parent is not None:
            artifact, parent = self.footing.parent
            artifact.verify()
            adapter, weights = (artifact.path, None) if parent.kind == "lora" else (None, artifact.path / "model.safetensors")
            start = Start(self.footing.base, artifact.name, adapter, weights)
            for note in _inherited(artifact.name, parent, self.dataset[1]):
                self.monitor.emit(note)
        inputs = Inputs(self.rows("train"), self.rows("dev"), self.dataset[0].name, self.prompt(), self.footing.recipe, start)
        monitor = self.monitor if self._is_exact else WithoutMatch(self.monitor)
        return train(inputs, work.path, work.scratch, place(settings()), monitor, settings().memory_bytes)

    @cached_property
    def bench(self) -> Any:
        """The models in this process's memory.

        Raises: DoesNotFit if the base cannot be trained here, BadProject if these rows are not for the method: that is told before the
        rivals are measured, and not after.
        """
        from tunesmith.model.load import check_training
        from tunesmith.train.rows import check_method

        bench = new_bench(self.store)
        if self.steps.stage == "rivals":
            check_training(self.footing.base, bench.placement, self.footing.recipe.weights, settings().memory_bytes)
            if self.footing.recipe.method.kind != "sft":  # every row with an answer is one for that
                check_method(self.rows("train"), self.footing.recipe.method)
        return bench

    def fit(self, candidate: Classifier) -> Classifier:
        """The classifier with weights fitted on the training rows."""
        artifact, dataset = self.dataset
        embedder = self.footing.embedder
        inputs = {"version": ANSWER_VERSION, "dataset": artifact.name, "embedder": embedder.digest, "seed": self.project.train.seed}
        step = Step("rivals", "fit the embedding classifier", "classifier", inputs, (artifact.name,), dataset.rows["train"])

        def make(work: Work) -> Fitted:
            from tunesmith.answer.candidate import last_question
            from tunesmith.answer.fitting import fit

            rows = [row for row in self.references("train") if row.conversation is not None]
            vectors = self.bench.embedder(candidate.embedder).embed([last_question(r.conversation.question()) for r in rows if r.conversation])
            strength, reason = fit(vectors, [str(r.label) for r in rows], work.path, self.project.train.seed)
            return Fitted(embedder=embedder.id, dataset=artifact.name, strength=strength, reason=reason)

        fitted, _ = self.steps.do(step, make, lambda found: f"C = {found.strength:g}", Fitted)
        return candidate.model_copy(update={"weights": fitted.name})

    def measure(self, candidate: Candidate, split: SplitName, stage: str) -> tuple[Artifact, Report]:
        """The candidate's report on a split."""
        artifact, dataset = self.dataset
        inputs = {
            **self._answering(candidate),
            "evaluation": EVALUATE_VERSION,
            "split": split,
            "confidence": self.project.goal.confidence,
        }
        made_of = candidate.checkpoint if isinstance(candidate, Tuned) else candidate.weights if isinstance(candidate, Classifier) else None
        parents = (artifact.name, *([made_of] if made_of else []))
        step = Step(stage, f"{split} {candidate.name}", "evaluation", inputs, parents, dataset.rows[split])

        def make(work: Work) -> Report:
            from tunesmith.answer.candidate import open_candidate
            from tunesmith.evaluate.run import Questions, decoding_for, evaluate

            questions = Questions(self.references(split), dataset, artifact.name, split, self.project.goal.confidence)
            answerer = open_candidate(candidate, self.bench)
            if answerer.remark:
                self.monitor.emit(Note(text=answerer.remark))
            return evaluate(candidate, answerer, questions, decoding_for(self.project.task, dataset), work.path, self.monitor)

        return self.steps.do(step, make, self._report_words, Report)

    def _answering(self, candidate: Candidate) -> dict[str, Any]:
        """What the candidate's answers depend on, beside the questions."""
        artifact, dataset = self.dataset
        return {
            "version": ANSWER_VERSION,
            "candidate": candidate.model_dump(mode="json"),
            "weights": local(self.store.models, candidate.model).digest if isinstance(candidate, Prompted) else None,
            "dataset": artifact.name,
            "tokens": None if dataset.task == "classify" else self.project.task.max_new_tokens,
            **settings().computing(),
        }

    def _report_words(self, report: Report) -> str:
        from tunesmith.measure.scorers import deciding_metric

        wanted = [deciding_metric(report.task, self.project.goal), "out_of_scope_recall"]
        return ", ".join(f"{name.replace('_', ' ')} {report.metrics[name].value:.3f}" for name in wanted if name in report.metrics)

    def ask(self, candidate: Candidate, checkpoint: Artifact) -> Asked | None:
        """The user's own questions, put to the finished model."""
        if not self.project.questions:
            return None
        artifact, dataset = self.dataset
        inputs = {**self._answering(candidate), "questions": list(self.project.questions)}
        step = Step("test", "answer your questions", "answers", inputs, (artifact.name, checkpoint.name), len(self.project.questions))

        def make(work: Work) -> Asked:
            from tunesmith.answer.candidate import open_candidate
            from tunesmith.evaluate.run import decoding_for

            asked = [Conversation(messages=(Message(role="user", content=text),)) for text in self.project.questions]
            decoding = decoding_for(self.project.task, dataset)
            answers = open_candidate(candidate, self.bench).answer(asked, decoding, done=lambda n: None, stop=self.monitor.stopping)
            if len(answers) < len(asked):
                raise Interrupted("stopped while your questions were being answered", where="questions", fix="run the same command again")
            return Asked(candidate=candidate, items=tuple(zip(self.project.questions, answers, strict=True)))

        return self.steps.do(step, make, lambda found: f"{len(found.items)} answers", Asked)[1]


def new_bench(store: Store) -> Any:
    """A place for the models in this process's memory, with the threads and kernels set that the settings ask for."""
    from tunesmith.answer.candidate import Bench
    from tunesmith.model.device import apply, place

    placement = place(settings())
    apply(placement)
    return Bench(store, placement, settings().memory_bytes)


def _inherited(name: str, parent: Checkpoint, dataset: Dataset) -> Iterator[Note]:
    """What a continued model takes over, and where that may not suit the new data."""
    yield Note(text=f"continues from {name}: prompt `{parent.prompt.name}`, template and {parent.kind} settings are inherited")
    missing = [label for label in dataset.labels if label not in (parent.prompt.system or "")]
    if missing:
        shown = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
        yield Note(level="warning", text=f"the inherited prompt does not name {len(missing)} of the labels in these data: {shown}")


def _dataset_words(found: Dataset) -> str:
    return f"{sum(found.rows.values())} of {found.profile.rows_read} rows: " + ", ".join(f"{found.rows[split]} {split}" for split in SPLITS)


def _checkpoint_words(found: Checkpoint, is_exact: bool) -> str:
    best = f", dev loss {found.best_dev_loss:.3f}" if found.best_dev_loss is not None else ""
    name = found.dev_metric_name(is_exact)
    if name and found.best_dev_metric is not None:
        best = f", dev {name} {found.best_dev_metric:.3f}"
    return f"{found.steps} of {found.planned_steps} steps, best after {found.best_step}{best}"
