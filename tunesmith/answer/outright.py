"""A conversation and a candidate that no model of this machine writes for (a constant, a classifier, a model elsewhere) → its answer, as evaluation gets it.

The first two are computed where all models compute, between two steps of the others' answers: an encoder reads a question in some milliseconds. A model
elsewhere is asked in a thread of its own, for nothing here computes meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from tunesmith.answer.asked import Target, conversation
from tunesmith.answer.candidate import Answerer, open_candidate
from tunesmith.answer.engine import Usage
from tunesmith.answer.live import Live
from tunesmith.answer.remote_answerer import RemoteAnswerer
from tunesmith.answer.replies import InMemory
from tunesmith.answer.requests import Chat
from tunesmith.answer.residents import elected_of
from tunesmith.errors import BadProject, DoesNotFit, Overloaded
from tunesmith.spec.candidate import Remote
from tunesmith.spec.elected import Elected

AT_ONCE = 16
"""Requests to models elsewhere that are on their way."""
MOST_WAITING = 256


@dataclass(frozen=True, eq=False)
class Opened:
    """A candidate, ready to answer."""

    elected: Elected
    answerer: Answerer


class Outright:
    """The candidates of one engine that answer at one stroke."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.opened: dict[str, Future[Opened]] = {}
        self.elsewhere = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="elsewhere")
        self.places = threading.BoundedSemaphore(MOST_WAITING)

    def open(self, target: Target) -> Future[Opened]:
        """The candidate; the loading thread opens it when it is first asked for, and again after it could not be opened.

        The future raises: NotFound, DamagedWeights; BadProject for a model elsewhere that must not be called.
        """
        name = str(target)
        known = self.opened.get(name)
        if known is None or (known.done() and known.exception() is not None):
            self.opened[name] = known = self.live.residents.loader.submit(self._load, target)
        return known

    def answer(self, opened: Opened, asked: Chat, gone: threading.Event) -> Future[list[dict[str, Any]]]:
        """The lines of the reply, as the protocol has them; once `gone` is set nobody waits for them.

        Raises: Unsupported for what the candidate cannot do; Overloaded. The future raises what the candidate raises; DoesNotFit for a conversation that is
        too long for it.
        """
        wanted = asked.as_measured(opened.elected)
        if not isinstance(opened.answerer, RemoteAnswerer):
            return self.live.call(lambda: lines(opened, opened.answerer, wanted, gone.is_set))
        if not self.places.acquire(blocking=False):
            raise Overloaded(
                "too many requests are waiting for a model elsewhere", where="engine", got=f"{MOST_WAITING} waiting", fix="try again in a moment"
            )
        fresh = replace(opened.answerer, kept=InMemory(), usage=Usage())
        future = self.elsewhere.submit(lines, opened, fresh, wanted, gone.is_set)
        future.add_done_callback(lambda _: self.places.release())
        return future

    def close(self) -> None:
        """End the threads that wait for others."""
        self.elsewhere.shutdown(wait=False, cancel_futures=True)

    def _load(self, target: Target) -> Opened:
        residents = self.live.residents
        elected = elected_of(target, residents.store)
        if elected.reader is not None:
            raise BadProject("is answered by a model of this machine", where=str(target), fix="name its base")
        return Opened(elected, open_candidate(elected.candidate, residents.bench))


def lines(opened: Opened, answerer: Answerer, asked: Chat, stop: Callable[[], bool]) -> list[dict[str, Any]]:
    """The reply: the answer in one piece, and what it cost.

    Raises: what the candidate raises; DoesNotFit.
    """
    elected, threshold = opened.elected, opened.elected.threshold if asked.decline else None
    drawn = {
        "temperature": asked.sampling.temperature,
        "top_p": asked.sampling.top_p,
        "stop": asked.sampling.stop,
        "seed": abs(asked.sampling.seed or 0),
    }
    room = {} if asked.sampling.max_tokens is None else {"max_new_tokens": max(1, asked.sampling.max_tokens)}
    decoding = elected.decoding.model_copy(update=room if elected.is_fixed else drawn | room)
    before = replace(answerer.usage)
    found = answerer.answer([conversation(asked.messages)], decoding, done=lambda n: None, stop=stop)
    if not found:
        return []  # nobody waits
    [answer] = found
    if answer.finish == "too_long":
        raise DoesNotFit("the conversation is longer than the model's context", where=f"model {elected.candidate.name}", fix="shorten the messages")
    declined = {} if threshold is None else {"declined": threshold.declines(answer.confidence)}
    told = answer if threshold is None else threshold.applied(answer)
    sure = {} if answer.confidence is None else {"confidence": answer.confidence}
    used = {
        "prompt_tokens": answerer.usage.prompt_tokens - before.prompt_tokens,
        "completion_tokens": answerer.usage.completion_tokens - before.completion_tokens,
        "cached_tokens": 0,
    }
    whose = _system_prompt(elected, asked)
    return [
        {"start": {"prompt_tokens": used["prompt_tokens"], "cached_tokens": 0, "system_prompt": whose, "model": elected.candidate.name}},
        {"delta": {"index": 0, "text": told.text, "logprobs": None}},
        {"finish": {"index": 0, "reason": "length" if answer.finish == "length" else "stop"} | sure | declined},
        {"end": {"usage": used}},
    ]


def _system_prompt(elected: Elected, asked: Chat) -> str:
    """Whose system message the answer rests on."""
    if not isinstance(elected.candidate, Remote):
        return "none"
    own = any(m.role in ("system", "developer") for m in conversation(asked.messages).messages[:1])
    return "own" if own else "applied" if elected.candidate.prompt.system else "none"
