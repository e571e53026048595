"""Texts for an embedding model → vectors, a few at a time, so that nobody who is being answered waits for long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from tunesmith.answer.embed import LONGEST, Embedder
from tunesmith.answer.residents import Residents
from tunesmith.catalogue.read import local, verify
from tunesmith.errors import BadProject

AT_ONCE = 16


class Vectors:
    """The embedding models in memory: one at a time."""

    def __init__(self, residents: Residents) -> None:
        self.residents = residents
        self.loading: dict[str, Future[Embedder]] = {}

    def of(self, model: str, inputs: Sequence[str | Sequence[int]]) -> Asked:
        """What will hold the vectors of `inputs`, once its parts are done."""
        return Asked(self, model, inputs)

    def get(self, model: str) -> Embedder | None:
        """The encoder; None while it is being loaded.

        Raises: NotFound, DamagedWeights; BadProject for a model that writes.
        """
        if model not in self.loading:
            self.loading.clear()
            self.loading[model] = self.residents.loader.submit(self._load, model)
        if not self.loading[model].done():
            return None
        try:
            return self.loading[model].result()
        except Exception:
            del self.loading[model]  # it may be pulled or mended before somebody asks again
            raise

    def _load(self, name: str) -> Embedder:
        model = local(self.residents.store.models, name)
        verify(model, self.residents.store.models)
        if model.use != "embed":
            raise BadProject("is no embedding model", where=name, expected="for example all-minilm-l6-v2", fix="name an embedding model")
        return Embedder(model, self.residents.placement)


@dataclass(eq=False)
class Asked:
    """Inputs and, part by part, their vectors."""

    models: Vectors
    model: str
    inputs: Sequence[str | Sequence[int]]
    vectors: list[list[float]] = field(default_factory=list)
    tokens: int = 0
    truncated: list[int] = field(default_factory=list)
    """Inputs of which the model saw the beginning only."""

    def parts(self) -> Iterator[bool]:
        """Does some of the work each time it is asked; False while the model is being loaded.

        Raises: NotFound, DamagedWeights, BadProject.
        """
        while (embedder := self.models.get(self.model)) is None:
            yield False
        texts = [_text(embedder, one, number) for number, one in enumerate(self.inputs)]
        for start in range(0, len(texts), AT_ONCE):
            part, before = texts[start : start + AT_ONCE], embedder.tokens
            self.vectors += embedder.embed(part).tolist()
            self.tokens += embedder.tokens - before
            self.truncated += [start + i for i, text in enumerate(part) if len(text) > LONGEST and len(embedder.tokenizer.encode(text)) > LONGEST]
            yield True


def _text(embedder: Embedder, given: str | Sequence[int], number: int) -> str:
    if isinstance(given, str):
        return given
    size = len(embedder.tokenizer)
    wrong = [token for token in given if not 0 <= token < size]
    if wrong:
        raise BadProject(
            "is no token of this model", where=f"inputs[{number}]", got=str(wrong[0]), expected=f"0 to {size - 1}",
            fix="send text: token ids of another model's tokenizer mean other words here",
        )  # fmt: skip
    text = embedder.tokenizer.decode(list(given), skip_special_tokens=True)
    assert isinstance(text, str)
    return text
