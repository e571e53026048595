"""A model's name and conversations, one at a time → answers in pieces, by the code that evaluates."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

from tunesmith.answer.candidate import Bench
from tunesmith.answer.engine import Engine
from tunesmith.catalogue.read import local
from tunesmith.errors import NotFound
from tunesmith.spec.candidate import Answer, Decoding
from tunesmith.spec.chat import Conversation, Prompt
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.dataset import Dataset

OPTIONS = ("temperature", "top_p", "seed", "max_new_tokens")


def talk(payload: Mapping[str, Any], bench: Bench, lines: Iterator[dict[str, Any]], emit: Callable[[dict[str, Any]], None]) -> None:
    """Answer `lines` until they end: pieces as they come, then the whole answer.

    A tuned model answers with the prompt it was tuned with, and among its labels if it has some.
    Raises: NotFound if nothing bears the model's name.
    """
    name, system = str(payload["model"]), payload.get("system")
    prompt, choices, note, engine = _opened(name, bench)
    if system is not None:
        prompt = prompt.model_copy(update={"system": system})
        note = note and f"{note.partition(';')[0]}, but asked with another system message than it was tuned with"
    decoding = Decoding(choices=choices, **{option: payload[option] for option in OPTIONS if option in payload})
    emit({"ready": {"model": name, "choices": len(choices), "note": note}})
    for line in lines:
        conversation = prompt.apply(Conversation.model_validate({"messages": line["messages"]}))
        answer = _spoken(engine.stream(conversation, decoding), emit)
        emit({"answer": answer.model_dump(mode="json")})


def _opened(name: str, bench: Bench) -> tuple[Prompt, tuple[str, ...], str, Engine]:
    """(prompt, labels, what to tell the user, the engine) of a tuned model, or of a base model."""
    try:
        artifact = bench.store.get(name, "checkpoint")
    except NotFound:
        local(bench.store.models, name)  # raises NotFound, with the nearest names, if it is no base model either
        return Prompt(name="none"), (), "", Engine(bench.model(name))
    found = artifact.load(Checkpoint)
    labels = bench.store.get(found.dataset, "dataset").load(Dataset).labels
    note = f"tuned from {found.base}; it answers with the prompt it was tuned with"
    return found.prompt, labels, note, Engine(bench.model(found.base, artifact.name))


def _spoken(pieces: Generator[str, None, Answer], emit: Callable[[dict[str, Any]], None]) -> Answer:
    """The answer, after each of its pieces was passed on."""
    while True:
        try:
            emit({"piece": next(pieces)})
        except StopIteration as end:
            answer: Answer = end.value
            return answer
