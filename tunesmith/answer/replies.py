"""Requests → replies of a model that may be elsewhere, in order, each asked once and kept where there is a place for it.

What replies is behind `Opened`: an endpoint (remote.py), or a model of the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from tunesmith.spec.making_teacher import Asked, Failure, Reply


class Opened(Protocol):
    """A model that can be asked."""

    @property
    def identity(self) -> str:
        """Where and which model: what its answers depend on besides the request."""

    def answer(self, asked: Sequence[Asked], take: Callable[[int, Reply | Failure], None], stop: Callable[[], bool]) -> None:
        """Tell `take` the place and the answer of each request, in any order, as they come; fewer once `stop()`."""


class Kept(Protocol):
    """Where answers that were paid for are kept."""

    def get(self, key: str, /) -> Reply | None:
        """The answer to the request with that digest; None if it was not answered yet."""

    def add(self, key: str, reply: Reply, /) -> None:
        """Keep an answer."""


class InMemory(dict[str, Reply]):
    """Answers kept as long as the process lives."""

    def add(self, key: str, reply: Reply, /) -> None:
        """Keep an answer."""
        self[key] = reply


def replies(
    model: Opened, asked: Sequence[Asked], kept: Kept, *, done: Callable[[int], None], stop: Callable[[], bool]
) -> list[Reply | Failure | None]:
    """The reply to each request, in order; None for what a stop left unasked. Equal requests are asked once, kept ones not at all.

    Raises: what the model raises; what was answered before is kept.
    """
    keys = [one.key(model.identity) for one in asked]
    failures: dict[str, Failure] = {}
    waiting = {key: one for key, one in zip(keys, asked, strict=True) if kept.get(key) is None}
    places = list(waiting)
    ready = len(keys) - sum(key in waiting for key in keys)
    times = {key: keys.count(key) for key in places} if len(places) < len(keys) else dict.fromkeys(places, 1)
    done(ready)

    def take(place: int, found: Reply | Failure) -> None:
        nonlocal ready
        ready += times[places[place]]
        if isinstance(found, Reply):
            kept.add(places[place], found)
        else:
            failures[places[place]] = found
        done(ready)

    if waiting:
        model.answer(list(waiting.values()), take, stop)
    return [kept.get(key) or failures.get(key) for key in keys]
