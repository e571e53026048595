"""What can be looked up in a project, done for real on a tiny one: documents, indexes, and rows that are rendered as they will be served."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import tiny
from tests.ears import Ears
from tests.line.tiny_project import make
from tunesmith import library
from tunesmith.answer.candidate import Bench, RetrievalAnswerer, open_candidate
from tunesmith.answer.lessons import BEST_SHARE, drawn
from tunesmith.decide.rivals import worked_example
from tunesmith.library import made_of
from tunesmith.line import Line
from tunesmith.pipeline import opened
from tunesmith.spec.candidate import Classifier, Constant, Decoding, Prompted, Retrieval, Tuned
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.index import Example, Excerpt
from tunesmith.spec.job import Note
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.steps import Step, Steps
from tunesmith.store.work import Work


class AnyStage(Steps):
    """The steps of all stages in one process."""

    def do(self, step: Step, make: Callable[[Work], Any], summary: Callable[[Any], str], noun: type[Any], beside: Any = dict) -> tuple[Artifact, Any]:
        self.stage = None
        return super().do(step, make, summary, noun, beside)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("library") / "project")


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[Store]:
    found = Store.open(folder.parent / "home")
    yield found
    found.close()


def open_line(folder: Path, store: Store, *overrides: str) -> Line:
    line = opened({"project": str(folder / "reading.toml"), "overrides": overrides}, store, Ears())
    line.__dict__ |= {"steps": AnyStage(store, line.monitor), "bench": Bench(store, tiny.CPU)}
    return line


@pytest.fixture(scope="module")
def line(folder: Path, store: Store) -> Line:
    return open_line(folder, store)


def notes(line: Line) -> list[str]:
    assert isinstance(line.monitor, Ears)
    return [event.text for event in line.monitor.heard if isinstance(event, Note)]


def test_documents_become_passages_and_an_index(line: Line) -> None:
    artifact, passages = line.library.passages
    assert (passages.excerpts, len(passages.documents), passages.problems) == (30, 30, {"not_a_document": 1})
    index, about = line.library.index("passages")
    assert (about.entries, about.source, index.parents) == (30, artifact.name, (artifact.name,))
    assert all(isinstance(entry, Excerpt) for entry in line.bench.retriever(index.name).index.entries)
    assert line.library.index("passages")[0] == index


def test_training_rows_alone_become_examples(line: Line) -> None:
    index, about = line.library.index("rows")
    examples = line.bench.retriever(index.name).index.entries
    assert {entry.id for entry in examples} == {row.id for row in line.rows("train")}
    assert all(isinstance(entry, Example) for entry in examples)
    assert about.source == line.dataset[0].name


def reader(line: Line) -> RetrievalAnswerer:
    """The untuned model, asked as a tuned reader would be."""
    prompted = Prompted(name="reader", model=line.footing.base.id, prompt=line.trainings.prompt(reads=True))
    candidate = line.library.found(Retrieval(name="reader", reader=prompted, index="", count=line.trainings.reading(line.footing.base)[1].most))
    answerer = open_candidate(candidate, line.bench)
    assert isinstance(answerer, RetrievalAnswerer)
    return answerer


@pytest.mark.invariant
def test_dev_rows_are_rendered_in_training_as_they_are_served(line: Line) -> None:
    answerer, prompt = reader(line), line.trainings.prompt(reads=True)
    answerer.decoding = Decoding(max_new_tokens=line.project.task.max_new_tokens)
    template = answerer.reader.engine.model.template
    rows = line.rows("dev", line.trainings.reading(line.footing.base)[0])
    assert len(rows) == 6
    for row, plain in zip(rows, line.rows("dev"), strict=True):
        assert row.conversation is not None
        assert plain.conversation is not None
        [served] = answerer.ground([plain.conversation.question()])
        assert served.shown
        rendered = template.render(prompt.apply(row.conversation))
        assert rendered.ids[: rendered.prompt_length] == template.prompt(prompt.apply(served.conversation))
        assert row.model_copy(update={"conversation": plain.conversation}) == plain


def test_training_rows_have_the_best_passage_in_four_of_five(line: Line) -> None:
    _, about = line.trainings.reading(line.footing.base)
    rows = line.rows("train", line.trainings.reading(line.footing.base)[0])
    assert [row.id for row in rows] == [row.id for row in line.rows("train")]
    assert all(row.conversation is not None and (row.conversation.messages[0].content or "").startswith("Passages:\n\n[1] docs/") for row in rows)
    assert about.with_best == sum(drawn(about.seed, row.id) < BEST_SHARE for row in rows)
    assert (about.count, about.most, about.mean, about.rows) == (2, 2, 2.0, {"train": len(rows), "dev": 6})


def test_rows_that_have_no_room_are_told_and_served_as_they_were_trained(folder: Path, store: Store) -> None:
    line = open_line(folder, store, "train.budget.max_length=260")
    assert line.trainings.reading(line.footing.base)[1].most == 1
    assert any("room for 1 of 2 passages within 260 tokens" in text for text in notes(line))
    template = line.bench.model(line.footing.base.id).template
    prompt = line.trainings.prompt(reads=True)
    assert all(
        len(template.render(prompt.apply(row.conversation)).ids) <= 260
        for row in line.rows("train", line.trainings.reading(line.footing.base)[0])
        if row.conversation
    )


def test_nothing_is_looked_up_for_nobody(folder: Path, store: Store) -> None:
    assert open_line(folder, store, "documents=[]").library.documents == {}


def test_examples_of_a_reader_have_read_the_passage_that_their_answer_stands_in(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "PROMPT_PART", 1)  # the tiny model's whole context
    examples = tuple(example for row in line.rows("train")[:3] if (example := worked_example(row)) is not None)
    plain = Prompted(name="rag-few-shot", model=line.footing.base.id, prompt=Prompt(name="rag-few-shot", system="Read.", examples=examples))
    found = line.library.found(Retrieval(name=plain.name, reader=plain, index="", count=2))
    shown = found.reader.prompt.examples
    assert 0 < len(shown) <= len(examples)
    index = line.bench.retriever(found.index).index
    for before, after in zip(examples, shown, strict=False):
        assert after.answer() == before.answer()
        text, asked = after.messages[0].content or "", before.messages[0].content or ""
        assert text.startswith("Passages:\n\n[1] docs/")
        assert text.endswith(f"\n\nQuestion: {asked}")
        assert sum(entry.text in text for entry in index.entries if isinstance(entry, Excerpt)) == 1
    model = line.bench.model(line.footing.base.id)
    whole = model.template.prompt(found.reader.prompt.apply(Conversation(messages=(Message(role="user", content="?"),))))
    assert len(whole) <= model.context
    assert line.library.found(Retrieval(name=plain.name, reader=plain, index="", count=2)) == found
    [kept] = line.steps.store.artifacts("demonstrations")
    assert set(kept.parents) == {line.dataset[0].name, found.index}  # what is forgotten of the rows is forgotten of their copies
    without = plain.model_copy(update={"prompt": Prompt(name="plain")})
    assert line.library.found(Retrieval(name="r", reader=without, index="", count=2)).reader == without


def test_what_a_candidate_is_made_of() -> None:
    prompt = Prompt(name="x")
    tuned = Tuned(name="t", checkpoint="checkpoint-1", prompt=prompt)
    assert made_of(Retrieval(name="r", reader=tuned, index="index-1")) == ("index-1", "checkpoint-1")
    assert made_of(Retrieval(name="r", reader=Prompted(name="p", model="m", prompt=prompt), index="index-1")) == ("index-1",)
    assert (made_of(tuned), made_of(Classifier(name="c", embedder="e", weights="w"))) == (("checkpoint-1",), ("w",))
    assert made_of(Constant(name="c", answer="a")) == ()
