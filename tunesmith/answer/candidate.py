"""A candidate → something that answers. Callers never ask which remedy it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, assert_never

from tunesmith.answer.embed import Embedder
from tunesmith.answer.engine import Engine, Usage
from tunesmith.answer.linear import LinearClassifier
from tunesmith.catalogue.footing import refuse_other_base
from tunesmith.catalogue.read import local, verify
from tunesmith.model.device import Placement
from tunesmith.model.load import LoadedModel, load
from tunesmith.spec.candidate import Answer, Candidate, Classifier, Constant, Decoding, Prompted, Tuned
from tunesmith.spec.chat import Conversation, Prompt
from tunesmith.spec.checkpoint import Checkpoint
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
    loaded: dict[str, LoadedModel] = field(default_factory=dict)
    embedders: dict[str, Embedder] = field(default_factory=dict)

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

    Raises: NotFound if its model, checkpoint or classifier is not in the store.
    """
    match candidate:
        case Constant():
            return ConstantAnswerer(candidate.answer)
        case Classifier():
            return ClassifierAnswerer(bench.embedder(candidate.embedder), LinearClassifier(bench.store.get(candidate.weights, "classifier").path))
        case Prompted():
            return ModelAnswerer(Engine(bench.model(candidate.model)), candidate.prompt)
        case Tuned():
            base = bench.store.get(candidate.checkpoint, "checkpoint").load(Checkpoint).base
            return ModelAnswerer(Engine(bench.model(base, candidate.checkpoint)), candidate.prompt)
        case _:
            assert_never(candidate)


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


def last_question(conversation: Conversation) -> str:
    """The text of the last user message; empty where there is none."""
    return next((m.content or "" for m in reversed(conversation.messages) if m.role == "user"), "")
