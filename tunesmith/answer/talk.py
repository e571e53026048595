"""A model's name and conversations, one at a time → answers in pieces, by the code that evaluates."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

from tunesmith.answer.as_measured import no_threshold, sources_of
from tunesmith.answer.candidate import Answerer, Bench, ModelAnswerer, RetrievalAnswerer, open_candidate, spoken, with_system
from tunesmith.answer.engine import Engine
from tunesmith.catalogue.read import local
from tunesmith.errors import NotFound
from tunesmith.spec.candidate import Answer, Decoding
from tunesmith.spec.chat import Conversation, Prompt
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.elected import Elected
from tunesmith.spec.suite import Threshold

OPTIONS = ("temperature", "top_p", "seed", "max_new_tokens")


def talk(payload: Mapping[str, Any], bench: Bench, lines: Iterator[dict[str, Any]], emit: Callable[[dict[str, Any]], None]) -> None:
    """Answer `lines` until they end: pieces as they come, then the whole answer.

    A tuned model answers with the prompt it was tuned with, and among its labels if it has some; a candidate that won as it was measured. With
    `decline`, an answer below the candidate's threshold is not given: nothing of it is said before its end.
    Raises: NotFound if nothing bears the model's name; BadProject for a system message to what takes none; Unsupported for `decline` without a threshold.
    """
    name, system = str(payload["model"]), payload.get("system")
    answerer, decoding, note, threshold = _opened(name, bench)
    if payload.get("decline") and threshold is None:
        raise no_threshold(name)
    if system is not None:
        answerer = with_system(answerer, system)
        note = note and f"{note.partition(';')[0]}, but asked with another system message than it was tuned with"
    decoding = Decoding.model_validate(decoding.model_dump() | {option: payload[option] for option in OPTIONS if option in payload})
    emit({"ready": {"model": name, "choices": len(decoding.choices), "note": note}})
    for line in lines:
        conversation = Conversation.model_validate({"messages": line["messages"]})
        pieces = spoken(answerer, conversation, decoding)
        if not payload.get("decline") or threshold is None:
            answer = _spoken(pieces, emit)
            emit({"answer": answer.model_dump(mode="json"), "sources": _sources(answerer, answer)})
            continue
        answer = _spoken(pieces, lambda piece: None)
        declined = threshold.declines(answer.confidence)
        sources = [] if declined else _sources(answerer, answer)
        emit({"answer": threshold.applied(answer).model_dump(mode="json"), "declined": declined, "sources": sources})


def _sources(answerer: Answerer, answer: Answer) -> list[dict[str, str]]:
    """What stood before the question, the nearest first."""
    return sources_of(answerer.retriever, answer.shown) if isinstance(answerer, RetrievalAnswerer) else []


def _opened(name: str, bench: Bench) -> tuple[Answerer, Decoding, str, Threshold | None]:
    """(what answers, how, what to tell the user, below what it can decline) of a candidate that won, a tuned model, or a base model."""
    try:
        elected = bench.store.get(name, "candidate").load(Elected)
    except NotFound:
        return (*_model(name, bench), None)
    note = f"{elected.candidate.name}, the candidate that was recommended"
    return open_candidate(elected.candidate, bench), elected.decoding, note, elected.threshold


def _model(name: str, bench: Bench) -> tuple[Answerer, Decoding, str]:
    """The same of a tuned or a base model."""
    try:
        artifact = bench.store.get(name, "checkpoint")
    except NotFound:
        local(bench.store.models, name)  # raises NotFound, with the nearest names, if it is no base model either
        return ModelAnswerer(Engine(bench.model(name)), Prompt(name="none")), Decoding(), ""
    found = artifact.load(Checkpoint)
    labels = bench.store.get(found.dataset, "dataset").load(Dataset).labels
    note = f"tuned from {found.base}; it answers with the prompt it was tuned with"
    return ModelAnswerer(Engine(bench.model(found.base, artifact.name)), found.prompt), Decoding(choices=labels), note


def _spoken(pieces: Generator[str, None, Answer], emit: Callable[[dict[str, Any]], None]) -> Answer:
    """The answer, after each of its pieces was passed on."""
    while True:
        try:
            emit({"piece": next(pieces)})
        except StopIteration as end:
            answer: Answer = end.value
            return answer
