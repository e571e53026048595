"""A project and a store → each step of the line but the trainings: what it depends on, and how it is done once.

A key holds what the result depends on and nothing else: another goal, question, name or prompt of a rival retrains nothing. `pipeline.py` knows the
order of the steps, the stages do the work, and here they are described. A stage is imported where it runs: a process loads only its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tunesmith.answer import VERSION as ANSWER_VERSION
from tunesmith.catalogue.footing import Footing, refuse
from tunesmith.errors import BadData, BadProject, Interrupted, NotEnoughData
from tunesmith.library import Library, made_of
from tunesmith.marking import Marking
from tunesmith.measurement import Measurement
from tunesmith.settings import secret, settings
from tunesmith.spec.candidate import Candidate, Classifier, Retrieval, Tuned
from tunesmith.spec.chat import Conversation, Message
from tunesmith.spec.dataset import SPLITS, Dataset, Origin, Record, SplitName
from tunesmith.spec.job import Monitor, Note
from tunesmith.spec.noun import Noun
from tunesmith.spec.plan import PlannedTrial
from tunesmith.spec.project import Project
from tunesmith.spec.report import Asked, Report, Wait
from tunesmith.spec.task import MetricName, form_of
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.steps import Step, Steps
from tunesmith.store.work import Work
from tunesmith.trainings import Training, Trainings


class Fitted(Noun):
    """The manifest of a fitted classifier; its weights stand beside it."""

    embedder: str
    dataset: str
    strength: float
    reason: str


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
    readings: Mapping[str, Wait] | None = None
    """`SPLIT CANDIDATE` → how long one question takes, as a plan that is replayed says: a verdict rests on it, and the clock says otherwise every time."""
    since: float = 0.0
    """When the job began, in Unix time."""
    waits: dict[str, Wait] = field(default_factory=dict)
    """What was taken from there or from the clock."""

    @property
    def best(self) -> str:
        """The name that what the verdict recommends is registered under."""
        return f"{self.model}-best"

    @cached_property
    def steps(self) -> Steps:
        """What this process does or finds."""
        return Steps(self.store, self.monitor)

    @cached_property
    def footing(self) -> Footing:
        """The models and the recipe."""
        return Footing(self.project, self.path.parent, self.store)

    @cached_property
    def library(self) -> Library:
        """What can be looked up."""
        return Library(self)

    @cached_property
    def trainings(self) -> Trainings:
        """What is tuned."""
        return Trainings(self)

    @cached_property
    def marking(self) -> Marking:
        """What marks answers beside their references."""
        return Marking(self.project, self.path.parent, self.store, self.monitor)

    @cached_property
    def measurement(self) -> Measurement:
        """What candidates reach."""
        return Measurement(self)

    @cached_property
    def unanswerable(self) -> list[tuple[Origin, Conversation]]:
        """The user's own questions that nobody can answer; empty where the project names none.

        Raises: BadData with every line that cannot be used.
        """
        from tunesmith.data.sources.questions import read_questions

        name = self.project.examine.unanswerable
        return [] if name is None else read_questions(self.path.parent / name, name)

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
        if kind == "run":
            checks += [lambda: self.footing.bases, self._refuse_remote, self._refuse_other_tokens, lambda: self.unanswerable]
        if kind != "data":
            checks += [self._refuse_metric, self.marking.check]
        task, rivals = self.project.task.kind, self.project.rivals
        labelled = form_of(task) == "classify" if task is not None else any(source.label for source in self.project.sources)
        if kind == "run" and rivals.classifier and labelled:
            checks.append(lambda: self.footing.embedder)
        elif kind == "run" and (rivals.few_shot_retrieved != 0 or self.project.documents):
            checks.append(lambda: self.library.embedder)
        if kind in ("run", "data"):
            checks.append(lambda: self.library.documents)
        refuse(checks)

    def _refuse_metric(self) -> None:
        """Nothing, if the goal's metric is one that the task has; where its kind is not given, the data will tell."""
        if self.project.goal.metric is not None and self.project.task.kind is not None:
            from tunesmith.measure.scorers import deciding_metric

            deciding_metric(self.project.task.kind, self.project.goal, self.project.given())

    def _refuse_other_tokens(self) -> None:
        """Nothing, if perplexities of the bases can be compared where they are to decide: per token, that is only so where all cut texts alike."""
        if self.project.goal.metric != "perplexity":
            return
        cuts = {base.id: base.files.get("tokenizer.json") for base in self.footing.bases}
        if len(set(cuts.values())) > 1:
            raise BadProject(
                "perplexity is per token, and these bases cut texts into other tokens: the one with more of them would look better for that alone",
                where="goal.metric", got=f"perplexity, with {', '.join(cuts)}", expected="bases with one tokenizer, or a metric of the answers",
                fix="leave out decide.bases, or set another goal.metric",
            )  # fmt: skip

    def _refuse_remote(self) -> None:
        """Nothing, if the key of the model elsewhere is there, or none is wanted."""
        there = self.project.rivals.remote
        if there is not None and there.key_variable is not None and secret(there.key_variable) is None:
            raise BadProject(
                "the key of the model elsewhere is not there", where="rivals.remote.key_variable", got=f"{there.key_variable} is empty",
                expected="an environment variable that holds the key", fix=f"export {there.key_variable}=…, or leave out rivals.remote",
            )  # fmt: skip

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
        read: dict[str, Any] = {
            "sources": True,
            "task": {"kind", "out_of_scope", "json_schema", "database", "tests"},
            "cleaning": True,
            "split": True,
        }
        inputs = {
            "version": DATA_VERSION,
            "sources": self.sources,
            "project": self.project.model_dump(mode="json", include=read),
            "tokenizer": base.files.get("tokenizer.json"),
            "context": base.context,
        }
        if self.project.task.kind is None:
            inputs["documents"] = bool(self.project.documents)  # the kind is guessed by that too
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

    def rows(self, split: SplitName, grounding: Artifact | None = None) -> list[Record]:
        """The rows of a split; those of `grounding` have passages before their questions."""
        from tunesmith.data.writing import read_rows

        artifact = grounding or self.dataset[0]
        artifact.verify()
        return list(read_rows(artifact.path, split))

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

    @cached_property
    def metric(self) -> MetricName:
        """The one that decides."""
        from tunesmith.measure.scorers import deciding_metric

        return deciding_metric(self.dataset[1].kind, self.project.goal, self.project.given())

    @cached_property
    def bench(self) -> Any:
        """The models in this process's memory.

        Raises: DoesNotFit if a base cannot be trained here, BadProject if these rows are not for the method: that is told before the
        rivals are measured, and not after.
        """
        from tunesmith.model.load import check_training
        from tunesmith.train.rows import check_method

        bench = new_bench(self.store, lambda text: self.monitor.emit(Note(text=text)))
        if self.steps.stage == "measure" and self.project.tunes():
            for base in self.footing.bases:
                check_training(base, bench.placement, self.footing.recipe.weights, settings().memory_bytes)
            if self.footing.recipe.method.kind != "sft":  # every row with an answer is one for that
                check_method(self.rows("train"), self.footing.recipe.method)
        return bench

    def fit(self, candidate: Classifier) -> Classifier:
        """The classifier with weights fitted on the training rows."""
        artifact, dataset = self.dataset
        embedder = self.footing.embedder
        inputs = {"version": ANSWER_VERSION, "dataset": artifact.name, "embedder": embedder.digest, "seed": self.project.train.seed}
        step = Step("measure", "fit the embedding classifier", "classifier", inputs, (artifact.name,), dataset.rows["train"])

        def make(work: Work) -> Fitted:
            from tunesmith.answer.candidate import last_question
            from tunesmith.answer.fitting import fit

            rows = [row for row in self.references("train") if row.conversation is not None]
            vectors = self.bench.embedder(candidate.embedder).embed([last_question(r.conversation.question()) for r in rows if r.conversation])
            strength, reason = fit(vectors, [str(r.label) for r in rows], work.path, self.project.train.seed)
            return Fitted(embedder=embedder.id, dataset=artifact.name, strength=strength, reason=reason)

        fitted, _ = self.steps.do(step, make, lambda found: f"C = {found.strength:g}", Fitted)
        return candidate.model_copy(update={"weights": fitted.name})

    def build(self, step: PlannedTrial) -> Candidate:
        """A planned candidate with what it is made of: weights, a checkpoint, an index."""
        candidate = step.trial.candidate
        match candidate:
            case Classifier():
                return self.fit(candidate)
            case Tuned():
                return candidate.model_copy(update={"checkpoint": self.trainings.checkpoint(self.training(step))[0].name})
            case Retrieval(reader=Tuned() as reader):
                wanted = self.training(step)
                _, about = self.trainings.reading(wanted.base)
                reader = reader.model_copy(update={"checkpoint": self.trainings.checkpoint(wanted)[0].name})
                count = min(candidate.count, max(1, about.most))  # it is served as it was trained
                return self.library.found(candidate.model_copy(update={"reader": reader, "count": count}))
            case Retrieval():
                return self.library.found(candidate)
            case _:
                return candidate

    def training(self, step: PlannedTrial) -> Training:
        """What a planned candidate is trained with."""
        assert step.recipe is not None
        base = next(base for base in self.footing.bases if base.id == step.base)
        candidate = step.trial.candidate
        return Training(candidate.name, step.recipe, base, step.share, reads=isinstance(candidate, Retrieval))

    def measure(self, candidate: Candidate, split: SplitName, stage: str, rows: int | None = None) -> tuple[Artifact, Report]:
        """The candidate's report on a split, or on so many rows of it: the same ones for every candidate."""
        return self.measurement.report(candidate, split, stage, rows)

    def wait(self, candidate: Candidate, split: SplitName, evaluation: Artifact) -> Wait | None:
        """How long one question takes, where the project limits that: what the plan that is replayed says of it, else the clock; None where nothing is known."""
        limit, name = self.project.decide.at_most_ms, f"{split} {candidate.name}"
        if limit is None:
            return None
        found = (self.waits if self.readings is None else self.readings).get(name)
        if found is None and self.readings is None:
            found = self.measurement.wait(candidate, split, evaluation, limit / 1000)
        if found is not None:
            self.waits[name] = found = found.model_copy(update={"at_most_s": limit / 1000})
        return found

    def answering(self, candidate: Candidate) -> dict[str, Any]:
        """What the candidate's answers depend on, beside the questions."""
        return self.measurement.answering(candidate)

    def ask(self, candidate: Candidate) -> Asked | None:
        """The user's own questions, put to the first finalist."""
        if not self.project.questions:
            return None
        artifact, dataset = self.dataset
        inputs = {**self.answering(candidate), "questions": list(self.project.questions)}
        parents = (artifact.name, *made_of(candidate))
        step = Step("measure", "answer your questions", "answers", inputs, parents, len(self.project.questions))

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


def new_bench(store: Store, say: Callable[[str], None] = lambda text: None) -> Any:
    """A place for the models in this process's memory, with the threads and kernels set that the settings ask for; `say`: `Bench.say`."""
    from tunesmith.answer.candidate import Bench
    from tunesmith.model.device import apply, place

    placement = place(settings())
    apply(placement)
    return Bench(store, placement, settings().memory_bytes, say)


def _dataset_words(found: Dataset) -> str:
    return f"{sum(found.rows.values())} of {found.profile.rows_read} rows: " + ", ".join(f"{found.rows[split]} {split}" for split in SPLITS)
