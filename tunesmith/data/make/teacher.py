"""Requests → a teacher's answers, each asked once and kept; answers in JSON are read strictly, and asked for a second time where they are none.

    teaching = Teaching(config, opened_teacher, Answers(folder / "answers.jsonl"), monitor)
    found = teaching.ask_json(requests, Pairs, "asking for questions")

What answers is behind `Opened`: an endpoint (teacher_remote.py) or a model of the store (teacher_local.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError

from tunesmith.data.make.teacher_answers import Answers
from tunesmith.data.make.teacher_cost import spent
from tunesmith.errors import Interrupted
from tunesmith.measure.text import NOT_JSON, read_json
from tunesmith.spec.chat import Message
from tunesmith.spec.job import Monitor, Progress
from tunesmith.spec.making_teacher import Asked, Failure, LocalTeacher, Reply, Spent, Teacher
from tunesmith.spec.noun import Noun

T = TypeVar("T", bound=Noun)
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>\s*", re.S)
_FENCE = re.compile(r"\A\s*```(?:json)?[^\S\n]*\n(.*?)\n?\s*```\s*\Z", re.S)
AGAIN = "That is not the JSON that was asked for: {problem}. Answer again with the JSON object only, nothing before or after it."
SHORTER = "That answer was cut off before its end. Answer again with at most half as many entries, as a JSON object only."
BUDGET = Failure(reason="budget", message="not asked: the budget is spent; raise `budget` and run the same command again, what was answered is kept")
SHOWN_PROBLEMS = 3


class Opened(Protocol):
    """A teacher that can be asked."""

    @property
    def identity(self) -> str:
        """Where and which model: what its answers depend on besides the request."""

    def answer(self, asked: Sequence[Asked], take: Callable[[int, Reply | Failure], None], stop: Callable[[], bool]) -> None:
        """Tell `take` the place and the answer of each request, in any order, as they come; fewer once `stop()`."""


@dataclass
class Teaching:
    """One work with one teacher."""

    config: Teacher
    teacher: Opened
    answers: Answers
    monitor: Monitor

    def spent(self) -> Spent:
        """What was paid so far, earlier runs of this work included."""
        return spent(self.config, len(self.answers), self.answers.prompt_tokens, self.answers.answer_tokens)

    def known(self, asked: Asked) -> Reply | None:
        """The answer to a request that was answered before."""
        return self.answers.get(asked.key(self.teacher.identity))

    def ask(self, asked: Sequence[Asked], label: str) -> list[Reply | Failure]:
        """One answer or failure for each request, in order; what is known already is not asked again, and equal requests are asked once.

        Raises: Interrupted on a stop; StoreUnusable on a full disk; what the teacher raises.
        """
        keys = [one.key(self.teacher.identity) for one in asked]
        failures: dict[str, Failure] = {}
        open_ = {key: one for key, one in zip(keys, asked, strict=True) if self.answers.get(key) is None}
        places = list(open_)
        total = len(set(keys))
        done = total - len(open_)
        self._look(label, done, total)

        def take(place: int, found: Reply | Failure) -> None:
            nonlocal done
            done += 1
            if isinstance(found, Reply):
                self.answers.add(places[place], found)
            else:
                failures[places[place]] = found
            self.monitor.emit(Progress(label=label, done=done, total=total, unit="requests"))

        if open_ and not self._is_spent():
            self.teacher.answer(list(open_.values()), take, lambda: self.monitor.stopping() or self._is_spent())
        if self.monitor.stopping() and any(self.answers.get(key) is None and key not in failures for key in keys):
            raise stopped()
        return [self.answers.get(key) or failures.get(key) or BUDGET for key in keys]

    def ask_json(self, asked: Sequence[Asked], noun: type[T], label: str) -> list[T | Failure]:
        """One value or failure for each request, in order. An answer that is no such JSON is shown to the teacher once, and asked for again.

        Raises: as `ask`.
        """
        found: list[T | Failure | Bad] = [read(reply, noun) for reply in self.ask(asked, label)]
        bad = [place for place, one in enumerate(found) if isinstance(one, Bad)]
        repairs = self.ask([repaired(asked[place], found[place]) for place in bad], f"{label}, once more") if bad else []
        for place, reply in zip(bad, repairs, strict=True):
            found[place] = read(reply, noun)
        return [
            Failure(reason="bad_answer", message=f"the teacher's answer is not the JSON asked for: {one.problem}") if isinstance(one, Bad) else one
            for one in found
        ]

    def _is_spent(self) -> bool:
        budget = None if isinstance(self.config, LocalTeacher) else self.config.budget
        cost = self.spent().cost if budget is not None else None
        return budget is not None and cost is not None and cost >= budget

    def _look(self, label: str, done: int, total: int) -> None:
        self.monitor.emit(Progress(label=label, done=done, total=total, unit="requests"))
        if self.monitor.stopping():
            raise stopped()


def stopped() -> Interrupted:
    """The error for a stop: nothing that was paid for is lost."""
    return Interrupted("stopped while asking the teacher", fix="run the same command again: what was answered is kept and not asked again")


@dataclass(frozen=True)
class Bad:
    """An answer that cannot be read."""

    reply: Reply
    problem: str


def repaired(asked: Asked, bad: Any) -> Asked:
    """The request with the bad answer behind it, and what is wrong with it."""
    assert isinstance(bad, Bad)
    again = AGAIN.format(problem=bad.problem) if bad.reply.is_whole else SHORTER
    more = (Message(role="assistant", content=bad.reply.text), Message(role="user", content=again))
    return asked.model_copy(update={"messages": (*asked.messages, *more)})


def read(reply: Reply | Failure, noun: type[T]) -> T | Failure | Bad:
    """The value in an answer. A thought before it and one fence around it are taken off; else it has to be the JSON alone, without unknown keys."""
    if isinstance(reply, Failure):
        return reply
    text = bare(reply.text)
    if read_json(text) is NOT_JSON:
        return Bad(reply, "it was cut off" if not reply.is_whole else "it is not one JSON value")
    try:
        return noun.model_validate_json(text, strict=True)
    except ValidationError as error:
        return Bad(reply, "; ".join(problems(error)))


def bare(text: str) -> str:
    """The text without a thought before it and a fence around it.

    >>> bare('<think>hm</think>```json\\n{"a": 1}\\n```')
    '{"a": 1}'
    """
    text = _THOUGHT.sub("", text)
    fenced = _FENCE.match(text)
    return (fenced[1] if fenced else text).strip()


def problems(error: ValidationError) -> Iterator[str]:
    """The first few things that do not fit, without the values."""
    for one in error.errors(include_url=False, include_input=False, include_context=False)[:SHOWN_PROBLEMS]:
        yield f"`{'.'.join(map(str, one['loc'])) or 'answer'}`: {one['msg']}"
