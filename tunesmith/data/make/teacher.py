"""Requests → a teacher's answers, each asked once and kept; answers in JSON are read strictly, and asked for a second time where they are none.

    teaching = Teaching(config, opened_teacher, Answers(folder / "answers.jsonl"), monitor)
    found = teaching.ask_json(requests, Pairs, "asking for questions")

What answers is behind `Opened`: an endpoint (answer/remote.py) or a model of the store (teacher_local.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from tunesmith.answer.json_reply import Bad, read, repaired
from tunesmith.answer.replies import Opened
from tunesmith.data.make.teacher_answers import Answers
from tunesmith.data.make.teacher_cost import spent
from tunesmith.errors import Interrupted
from tunesmith.spec.job import Monitor, Progress
from tunesmith.spec.making_teacher import Asked, Failure, LocalTeacher, Reply, Spent, Teacher
from tunesmith.spec.noun import Noun

T = TypeVar("T", bound=Noun)
BUDGET = Failure(reason="budget", message="not asked: the budget is spent; raise `budget` and run the same command again, what was answered is kept")


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
        bad = [(place, one) for place, one in enumerate(found) if isinstance(one, Bad)]
        repairs = self.ask([repaired(asked[place], one) for place, one in bad], f"{label}, once more") if bad else []
        for (place, _), reply in zip(bad, repairs, strict=True):
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
