"""Documents and training rows → what can be looked up in this project: each step with its key, and which stage does it.

    passages    documents → excerpts                              stage data; no torch
    index       excerpts or training rows → words and vectors     stage measure
    grounding   rows → rows with passages before their questions  stage measure
    demonstrations  worked examples → the same with passages      stage measure

Beside `line.py`, which hands values along. A stage is imported where it runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from tunesmith.catalogue.footing import Footing
from tunesmith.errors import BadData, Interrupted, NotFound
from tunesmith.spec.candidate import Candidate, Classifier, Prompted, Retrieval, Tuned
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.dataset import Dataset, Record, SplitName
from tunesmith.spec.index import VERSION, Content, Entry, Example, Grounding, Index, Passages, kin_of
from tunesmith.spec.job import Monitor, Note, Progress
from tunesmith.spec.model import LocalModel
from tunesmith.spec.project import Project
from tunesmith.spec.task import MetricName
from tunesmith.store.artifacts import Artifact
from tunesmith.store.disk import file_digest
from tunesmith.store.steps import Step, Steps
from tunesmith.store.work import Work

PROMPT_PART = 4
"""Worked examples with passages take at most one part in so many of the context: the rest is for the passages of the question, and the answer."""


class Surroundings(Protocol):
    """What a library takes from the line that it belongs to."""

    @property
    def project(self) -> Project:
        """The project."""

    @property
    def path(self) -> Path:
        """Its file."""

    @property
    def footing(self) -> Footing:
        """The models and the recipe."""

    @property
    def steps(self) -> Steps:
        """What this process does or finds."""

    @property
    def monitor(self) -> Monitor:
        """Who follows."""

    @property
    def dataset(self) -> tuple[Artifact, Dataset]:
        """The prepared rows."""

    @property
    def bench(self) -> Any:
        """The models in this process's memory."""

    @property
    def library(self) -> Library:
        """What can be looked up."""

    @property
    def metric(self) -> MetricName:
        """The deciding one."""

    def rows(self, split: SplitName, grounding: Artifact | None = None) -> list[Record]:
        """The rows of a split; those of `grounding` have passages before their questions."""


@dataclass
class Library:
    """What can be looked up. Properties are steps: reading one does it, or finds it done."""

    line: Surroundings
    indexes: dict[Content, tuple[Artifact, Index]] = field(default_factory=dict)
    """Those that this process has read or made."""

    @cached_property
    def documents(self) -> dict[str, str]:
        """Document → sha256 of its bytes.

        Raises: BadData naming every path that leads to none.
        """
        if not self.line.project.documents:
            return {}
        from tunesmith.data.documents_in import document_digests

        return document_digests(self.line.project.documents, self.line.path.parent)

    @cached_property
    def embedder(self) -> LocalModel:
        """What compares by meaning.

        Raises: NotFound with the command that fetches it, and how to do without.
        """
        try:
            return self.line.footing.embedder
        except NotFound as error:
            first = error.problems[0]
            fix = f"{first.fix.partition(';')[0]}; or do without what looks things up: rivals.few_shot_retrieved = 0"
            fix += ", and no `documents`" if self.line.project.documents else ""
            raise NotFound(
                "the embedding model of what is looked up is not on this machine", where=first.where, expected=first.expected, fix=fix
            ) from None

    @cached_property
    def passages(self) -> tuple[Artifact, Passages]:
        """The documents, cut."""
        from tunesmith.data.documents_in import VERSION as DOCUMENTS_VERSION
        from tunesmith.data.documents_in import take_in

        def make(work: Work) -> Passages:
            made = take_in(self.line.project.documents, self.line.path.parent, work.path, self.line.monitor)
            if changed := sorted(name for name in {*made.documents, *self.documents} if made.documents.get(name) != self.documents.get(name)):
                raise BadData("changed while it was read", where=", ".join(changed), fix="run the command again")
            return made

        step = Step("data", "cut the documents", "passages", {"version": DOCUMENTS_VERSION, "documents": self.documents})
        return self.line.steps.do(step, make, passages_words, Passages)

    def index(self, content: Content) -> tuple[Artifact, Index]:
        """The index over the documents' passages, or over the training rows."""
        if content not in self.indexes:
            self.indexes[content] = self._index(content)
        return self.indexes[content]

    def _index(self, content: Content) -> tuple[Artifact, Index]:
        source = self.passages[0] if content == "passages" else self.line.dataset[0]
        inputs = {"version": VERSION, "content": content, "source": source.name, "embedder": self.embedder.digest}

        def make(work: Work) -> Index:
            from tunesmith.answer.index import build

            encoder = (self.embedder, self.line.bench.embedder(self.embedder.id))
            return build(self._entries(content), content, source.name, encoder, work.path, self.line.monitor)

        step = Step("measure", f"index the {'passages' if content == 'passages' else 'training rows'}", "index", inputs, (source.name,))
        return self.line.steps.do(step, make, lambda found: f"{found.entries:,} {found.content}, {found.words:,} different words", Index)

    def _entries(self, content: Content) -> Iterable[Entry]:
        if content == "passages":
            from tunesmith.data.documents_in import read_excerpts

            self.passages[0].verify()
            return read_excerpts(self.passages[0].path)
        from tunesmith.decide.rivals import worked_example

        examples = ((row, worked_example(row)) for row in self.line.rows("train") if row.desirable is not False)
        return [Example(id=row.id, conversation=example, kin=kin_of(row)) for row, example in examples if example is not None]

    def found(self, candidate: Retrieval) -> Retrieval:
        """The candidate with the index that it looks things up in; worked examples of one that reads passages have read theirs."""
        artifact, _ = self.index("passages" if candidate.shown == "passages" else "rows")
        reader = candidate.reader
        if candidate.shown == "passages" and isinstance(reader, Prompted) and reader.prompt.examples:
            base = next(one for one in self.line.footing.bases if one.id == reader.model)
            reader = reader.model_copy(update={"prompt": self.demonstrations(reader.prompt, base)})
        return candidate.model_copy(update={"index": artifact.name, "reader": reader})

    def demonstrations(self, prompt: Prompt, base: LocalModel) -> Prompt:
        """The prompt with passages before the questions of its examples, as far as a quarter of the context of `base` reaches."""
        dataset, index = self.line.dataset, self.index("passages")[0]
        inputs = {
            "version": VERSION,
            "dataset": dataset[0].name,
            "index": index.name,
            "prompt": prompt.model_dump(mode="json"),
            "base": base.digest,
            "part": PROMPT_PART,
        }

        def make(work: Work) -> Prompt:
            from tunesmith.answer.lessons import demonstrated

            model, question = self.line.bench.model(base.id), Conversation(messages=(Message(role="user", content="?"),))
            room = model.context // PROMPT_PART

            def fits(made: Prompt) -> bool:
                return bool(len(model.template.prompt(made.apply(question))) <= room)

            return demonstrated(prompt, self.line.bench.retriever(index.name), fits, dataset[1].out_of_scope)

        step = Step("measure", "find passages for the examples", "demonstrations", inputs, (dataset[0].name, index.name), len(prompt.examples))
        return self.line.steps.do(step, make, lambda found: demonstrated_words(prompt, found), Prompt)[1]

    def grounding(self, prompt: Prompt, count: int, base: LocalModel) -> tuple[Artifact, Grounding]:
        """Training and dev rows with at most `count` passages before their questions, for `base` to be tuned on with `prompt`."""
        dataset, index = self.line.dataset[0], self.index("passages")[0]
        recipe = self.line.footing.recipe
        inputs = {
            "version": VERSION,
            "dataset": dataset.name,
            "index": index.name,
            "count": count,
            "seed": recipe.seed,
            "prompt": prompt.model_dump(mode="json"),
            "base": base.digest,
            "max_length": recipe.budget.max_length,
        }
        step = Step("measure", "find passages for the rows", "grounding", inputs, (dataset.name, index.name), self.line.dataset[1].rows["train"])
        return self.line.steps.do(step, lambda work: self._ground(work, prompt, count, base), grounding_words, Grounding)

    def _ground(self, work: Work, prompt: Prompt, count: int, base: LocalModel) -> Grounding:
        from tunesmith.answer.lessons import Lessons
        from tunesmith.train.resolve import max_length

        dataset, index, recipe = self.line.dataset[0], self.index("passages")[0], self.line.footing.recipe
        retriever = self.line.bench.retriever(index.name)
        model = self.line.bench.model(base.id)
        limit = int(max_length(recipe, model.context).value)

        def fits(row: Conversation) -> bool:
            return len(model.template.render(prompt.apply(row)).ids) <= limit

        def tell(done: int) -> None:
            self.line.monitor.emit(Progress(label="finding passages", done=done))
            if self.line.monitor.stopping():
                raise Interrupted("stopped while passages were looked up", where="grounding", fix="run the same command again")

        lessons = Lessons(retriever, count, recipe.seed, fits)
        train, dev = lessons.to_train(self.line.rows("train"), tell), lessons.to_look_at(self.line.rows("dev"), tell)
        for split, made in (("train", train), ("dev", dev)):
            text = "".join(lesson.row.model_dump_json(exclude_none=True) + "\n" for lesson in made)
            (work.path / f"{split}.jsonl").write_text(text, encoding="utf-8")
        shown = [len(lesson.shown) for lesson in train]
        most = max(shown, default=0)
        if most < count:
            text = f"training rows have room for {most} of {count} passages within {limit} tokens; train.budget.max_length sets the limit"
            self.line.monitor.emit(Note(level="warning", text=text))
        return Grounding(
            dataset=dataset.name,
            index=index.name,
            count=count,
            most=most,
            mean=round(sum(shown) / max(1, len(shown)), 3),
            with_best=sum(lesson.best in lesson.shown for lesson in train),
            seed=recipe.seed,
            rows={"train": len(train), "dev": len(dev)},
            files={name: file_digest(work.path / name) for name in ("dev.jsonl", "train.jsonl")},
        )


def made_of(candidate: Candidate) -> tuple[str, ...]:
    """Names of the artifacts that a candidate consists of."""
    match candidate:
        case Tuned():
            return (candidate.checkpoint,)
        case Classifier():
            return (candidate.weights,)
        case Retrieval():
            return (candidate.index, *made_of(candidate.reader))
        case _:
            return ()


def passages_words(found: Passages) -> str:
    """What was cut, in one line."""
    problems = sum(found.problems.values())
    said = f"{found.excerpts:,} passages of {len(found.documents):,} documents, {found.words:,} words"
    return said + (f"; {problems:,} files or parts could not be used" if problems else "")


def grounding_words(found: Grounding) -> str:
    """What the rows were given, in one line."""
    return f"{found.mean:g} passages before a row; the best one stands before {found.with_best} of {found.rows['train']}"


def demonstrated_words(before: Prompt, found: Prompt) -> str:
    """What became of the examples, in one line."""
    if found == before:
        return "no example has room for a passage; they stand without"
    return f"{len(found.examples)} of {len(before.examples)} examples, a passage before each"
