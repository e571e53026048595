"""A candidate → something that answers. Callers never ask which remedy it is."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, assert_never

from tunesmith.answer.embed import Embedder
from tunesmith.answer.engine import Engine, Usage
from tunesmith.answer.grounding import Grounded, fitted
from tunesmith.answer.index import open_index, read_entries
from tunesmith.answer.linear import LinearClassifier
from tunesmith.answer.remote import open_remote
from tunesmith.answer.remote_answerer import RemoteAnswerer
from tunesmith.answer.retrieve import Query, Retriever
from tunesmith.catalogue.footing import refuse_other_base
from tunesmith.catalogue.read import local, verify
from tunesmith.errors import BadProject, DamagedWeights
from tunesmith.model.device import Placement
from tunesmith.model.load import LoadedModel, load
from tunesmith.settings import secret
from tunesmith.spec.candidate import Answer, Candidate, Classifier, Constant, Decoding, Prompted, Remote, Retrieval, Tuned
from tunesmith.spec.chat import Conversation, Prompt
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.making_teacher import RemoteTeacher
from tunesmith.spec.model import LocalModel
from tunesmith.store.artifacts import Store


class Answerer(Protocol):
    """What evaluation and chat talk to."""

    @property
    def usage(self) -> Usage:
        """Tokens so far."""

    @property
    def remark(self) -> str:
        """What people should know about the way it answers; empty where it is the usual one."""

    def answer(self, questions: Sequence[Conversation], decoding: Decoding, *, done: Callable[[int], None], stop: Callable[[], bool]) -> list[Answer]:
        """One answer per question, in order; fewer once `stop()`."""

    def likelihood(self, conversations: Sequence[Conversation]) -> list[tuple[float, int]] | None:
        """(negative log-likelihood in nats, tokens) of each conversation's last answer; None for what has no probabilities of texts."""


@dataclass
class Bench:
    """The models in memory: one base and one embedder at a time, since the machine is small."""

    store: Store
    placement: Placement
    memory_limit: int | None = None
    say: Callable[[str], None] = lambda text: None
    """Told what a person should know while a model elsewhere is waited for."""
    loaded: dict[str, LoadedModel] = field(default_factory=dict)
    embedders: dict[str, Embedder] = field(default_factory=dict)
    retrievers: dict[str, Retriever] = field(default_factory=dict)

    def model(self, name: str, checkpoint: str | None = None) -> LoadedModel:
        """The base `name`, with a checkpoint's weights if one is named."""
        key = f"{name} {checkpoint or ''}"
        if key not in self.loaded:
            self.loaded.clear()
            base = self._sound(name)
            adapter, weights = checkpoint_files(self.store, checkpoint, base) if checkpoint else (None, None)
            self.loaded[key] = load(base, self.placement, adapter=adapter, weights=weights, memory_limit=self.memory_limit)
        return self.loaded[key]

    def embedder(self, name: str, *, quick: bool = False) -> Embedder:
        """The encoder `name`; `quick`: in the placement's dtype, for comparing many texts with one another."""
        key = f"{name} quick" if quick else name
        if key not in self.embedders:
            self.embedders[key] = Embedder(self._sound(name), self.placement, quick=quick)
        return self.embedders[key]

    def retriever(self, name: str) -> Retriever:
        """What searches the index `name`.

        Raises: NotFound, DamagedWeights, also where the embedding model is not the one that the index was made with.
        """
        if name not in self.retrievers:
            index = open_index(self.store.get(name, "index"))
            made_with, now = index.about.embedder_digest, local(self.store.models, index.about.embedder).digest
            if made_with != now:
                fix = f"put the original files of {index.about.embedder} back, or run the project again"
                raise DamagedWeights(
                    "is not the model that the index was made with", where=index.about.embedder, got=now[:12], expected=made_with[:12], fix=fix
                )
            self.retrievers[name] = Retriever(index, self.embedder(index.about.embedder))
        return self.retrievers[name]

    def _sound(self, name: str) -> LocalModel:
        model = local(self.store.models, name)
        verify(model, self.store.models)
        return model


def checkpoint_files(store: Store, name: str, base: LocalModel) -> tuple[Path | None, Path | None]:
    """(folder of an adapter, file of full weights): one of them is None. The hashes are checked."""
    artifact = store.get(name, "checkpoint")
    artifact.verify()
    checkpoint = artifact.load(Checkpoint)
    refuse_other_base(artifact.name, checkpoint, base)
    return (artifact.path, None) if checkpoint.kind == "lora" else (None, artifact.path / "model.safetensors")


def open_candidate(candidate: Candidate, bench: Bench) -> Answerer:
    """The candidate, ready to answer.

    Raises: NotFound if its model, checkpoint, classifier or index is not in the store; BadProject for a URL that must not be called.
    """
    match candidate:
        case Constant():
            return ConstantAnswerer(candidate.answer)
        case Classifier():
            return ClassifierAnswerer(bench.embedder(candidate.embedder), LinearClassifier(bench.store.get(candidate.weights, "classifier").path))
        case Prompted() | Tuned():
            return open_reader(candidate, bench)
        case Retrieval():
            return open_retrieval(candidate, bench)
        case Remote():
            there = RemoteTeacher(
                base_url=candidate.url, model=candidate.model, key_variable=candidate.key_variable, allow_private=candidate.allow_private
            )
            key = secret(candidate.key_variable) if candidate.key_variable else None
            return RemoteAnswerer(open_remote(there, key, bench.say), candidate.prompt)
        case _:
            assert_never(candidate)


def open_reader(candidate: Prompted | Tuned, bench: Bench) -> ModelAnswerer:
    """A language model with its prompt.

    Raises: NotFound, DamagedWeights.
    """
    if isinstance(candidate, Prompted):
        return ModelAnswerer(Engine(bench.model(candidate.model)), candidate.prompt)
    base = bench.store.get(candidate.checkpoint, "checkpoint").load(Checkpoint).base
    return ModelAnswerer(Engine(bench.model(base, candidate.checkpoint)), candidate.prompt)


def open_retrieval(candidate: Retrieval, bench: Bench) -> RetrievalAnswerer:
    """A language model that reads what an index finds.

    Raises: NotFound, DamagedWeights; BadProject where the index holds something else than is to be shown.
    """
    retriever = open_retriever(candidate, bench)
    return RetrievalAnswerer(open_reader(candidate.reader, bench), retriever, candidate.count)


def open_retriever(candidate: Retrieval, bench: Bench) -> Retriever:
    """What finds a candidate's passages or examples.

    Raises: as `open_retrieval`.
    """
    retriever = bench.retriever(candidate.index)
    wanted = "passages" if candidate.shown == "passages" else "rows"
    if retriever.index.about.content != wanted:
        raise BadProject(
            "the index holds something else", where=candidate.index, got=retriever.index.about.content, expected=wanted, fix="run the project again"
        )
    return retriever


@dataclass
class ConstantAnswerer:
    """Says the same to everything."""

    text: str
    usage: Usage = field(default_factory=Usage)
    remark: str = ""

    def answer(self, questions: Sequence[Conversation], decoding: Decoding, *, done: Callable[[int], None], stop: Callable[[], bool]) -> list[Answer]:
        """As in `Answerer`."""
        return [Answer(text=self.text, finish="constant") for _ in questions]

    def likelihood(self, conversations: Sequence[Conversation]) -> None:
        """As in `Answerer`."""


@dataclass
class ClassifierAnswerer:
    """Embeds the last user message and asks the linear model."""

    embedder: Embedder
    classifier: LinearClassifier
    usage: Usage = field(default_factory=Usage)
    remark: str = ""

    def answer(self, questions: Sequence[Conversation], decoding: Decoding, *, done: Callable[[int], None], stop: Callable[[], bool]) -> list[Answer]:
        """As in `Answerer`."""
        before = self.embedder.tokens
        vectors = self.embedder.embed([last_question(q) for q in questions], done)
        self.usage.prompt_tokens += self.embedder.tokens - before
        self.usage.computed_tokens += self.embedder.tokens - before
        return [Answer(text=label, confidence=chance, finish="choice") for label, chance in self.classifier.answer(vectors)]

    def likelihood(self, conversations: Sequence[Conversation]) -> None:
        """As in `Answerer`."""


@dataclass
class ModelAnswerer:
    """A language model with its prompt in front."""

    engine: Engine
    prompt: Prompt

    @property
    def usage(self) -> Usage:
        """As in `Answerer`."""
        return self.engine.usage

    @property
    def remark(self) -> str:
        """As in `Answerer`."""
        model = self.engine.model
        return "" if model.shares_prefixes else f"{model.local.id} answers every row alone: {model.sharing_reason}"

    def answer(self, questions: Sequence[Conversation], decoding: Decoding, *, done: Callable[[int], None], stop: Callable[[], bool]) -> list[Answer]:
        """As in `Answerer`."""
        return self.engine.answer([self.prompt.apply(q) for q in questions], decoding, done=done, stop=stop)

    def likelihood(self, conversations: Sequence[Conversation]) -> list[tuple[float, int]]:
        """As in `Answerer`."""
        return self.engine.likelihood([self.prompt.apply(c) for c in conversations])

    def length(self, question: Conversation) -> int:
        """Tokens of a question with the prompt in front."""
        return len(self.engine.model.template.prompt(self.prompt.apply(question)))

    def room(self, decoding: Decoding) -> int:
        """The longest question, in tokens, that leaves room for an answer: for a choice the longest label, for free text half of the context at most."""
        template, context = self.engine.model.template, self.engine.model.context
        if decoding.choices:
            return context - max(len(template.answer(choice)) for choice in decoding.choices)
        return context - min(decoding.max_new_tokens, context // 2)


@dataclass
class RetrievalAnswerer:
    """A language model that reads what is found for each question."""

    reader: ModelAnswerer
    retriever: Retriever
    count: int
    decoding: Decoding = field(default_factory=Decoding)
    """As it answered last: `likelihood` leaves the same room, so that both see the same passages."""

    @property
    def usage(self) -> Usage:
        """As in `Answerer`; the encoder's tokens count among the computed ones."""
        return self.reader.usage

    @property
    def remark(self) -> str:
        """As in `Answerer`."""
        return self.reader.remark

    def answer(self, questions: Sequence[Conversation], decoding: Decoding, *, done: Callable[[int], None], stop: Callable[[], bool]) -> list[Answer]:
        """As in `Answerer`; each answer says what was shown."""
        self.decoding = decoding
        grounded = self.ground(questions)
        answers = self.reader.answer([one.conversation for one in grounded], decoding, done=done, stop=stop)
        return [answer.model_copy(update={"shown": one.shown}) for answer, one in zip(answers, grounded, strict=False)]

    def likelihood(self, conversations: Sequence[Conversation]) -> list[tuple[float, int]]:
        """As in `Answerer`: of the answers to the questions as they were asked, with what was found for them."""
        asked = [conversation.question() for conversation in conversations]
        whole = [
            one.conversation.model_copy(update={"messages": one.conversation.messages + conversation.messages[len(question.messages) :]})
            for one, question, conversation in zip(self.ground(asked), asked, conversations, strict=True)
        ]
        return self.reader.likelihood(whole)

    def ground(self, questions: Sequence[Conversation]) -> list[Grounded]:
        """Each question with as much of what is found for it as leaves room for an answer."""
        embedder = self.retriever.embedder
        before = embedder.tokens
        found = self.retriever.search([Query(last_question(question)) for question in questions], self.count)
        self.usage.computed_tokens += embedder.tokens - before
        room = self.reader.room(self.decoding)
        return [
            fitted(question, [hit.entry for hit in hits], lambda asked: self.reader.length(asked) <= room)
            for question, hits in zip(questions, found, strict=True)
        ]


def spoken(answerer: Answerer, question: Conversation, decoding: Decoding) -> Generator[str, None, Answer]:
    """The answer to one question in pieces that, joined, are the answer's text; the generator returns the whole.

    Raises: DoesNotFit if the question leaves no room for an answer in the model's context.
    """
    if isinstance(answerer, ModelAnswerer):
        return (yield from answerer.engine.stream(answerer.prompt.apply(question), decoding))
    if isinstance(answerer, RetrievalAnswerer):
        answerer.decoding = decoding
        [grounded] = answerer.ground([question])
        answer = yield from spoken(answerer.reader, grounded.conversation, decoding)
        return answer.model_copy(update={"shown": grounded.shown})
    [answer] = answerer.answer([question], decoding, done=lambda n: None, stop=lambda: False)
    yield answer.text
    return answer


def with_system(answerer: Answerer, system: str) -> Answerer:
    """The same with another system message.

    Raises: BadProject where there is none to replace.
    """
    if isinstance(answerer, ModelAnswerer):
        return replace(answerer, prompt=answerer.prompt.model_copy(update={"system": system}))
    if isinstance(answerer, RetrievalAnswerer):
        return replace(answerer, reader=replace(answerer.reader, prompt=answerer.reader.prompt.model_copy(update={"system": system})))
    raise BadProject("is not told anything before a question", where="--system", expected="a language model of this machine", fix="leave it out")


def passages_shown(candidate: Candidate, store: Store) -> Callable[[Sequence[str]], tuple[str, ...] | None]:
    """What gives the texts that an answer could rest on, from the ids of what was shown, the nearest first; None for a candidate that is shown no passages at
    all. No model is asked or loaded.

    Raises: NotFound, DamagedWeights.
    """
    if not isinstance(candidate, Retrieval) or candidate.shown != "passages":
        return lambda shown: None
    texts = {entry.id: entry.searched() for entry in read_entries(store.get(candidate.index, "index"))}
    return lambda shown: tuple(texts[ident] for ident in shown)


def last_question(conversation: Conversation) -> str:
    """The text of the last user message; empty where there is none."""
    return next((m.content or "" for m in reversed(conversation.messages) if m.role == "user"), "")
