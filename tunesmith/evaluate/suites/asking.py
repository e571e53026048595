"""Questions → a candidate's answers, with progress, a count of what was asked, and an end when the user wants one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunesmith.answer.candidate import Answerer
from tunesmith.answer.continuation import recall
from tunesmith.errors import Interrupted
from tunesmith.measure.memorisation import Recalled
from tunesmith.spec.candidate import Answer, Candidate, Decoding
from tunesmith.spec.chat import Conversation
from tunesmith.spec.job import Monitor, Progress


@dataclass
class Asker:
    """One candidate that is examined."""

    candidate: Candidate
    answerer: Answerer
    decoding: Decoding
    """As it is evaluated: greedy, among the labels where there are some."""
    monitor: Monitor
    asked: int = 0

    def ask(self, label: str, questions: Sequence[Conversation], decoding: Decoding | None = None) -> list[Answer]:
        """One answer per question, in order.

        Raises: Interrupted.
        """
        told = f"{self.candidate.name}: {label}"
        self._tell(told, 0, len(questions))
        answers = self.answerer.answer(
            list(questions), decoding or self.decoding, done=lambda n: self._tell(told, n, len(questions)), stop=self.monitor.stopping
        )
        self._check(len(answers), len(questions))
        self.asked += len(questions)
        return answers

    def recall(self, label: str, conversations: Sequence[Conversation]) -> list[Recalled] | None:
        """What it recalls of begun answers, in order; None if it cannot be made to go on with one.

        Raises: Interrupted.
        """
        told = f"{self.candidate.name}: {label}"
        found = recall(self.answerer, conversations, done=lambda n: self._tell(told, n, len(conversations)), stop=self.monitor.stopping)
        if found is not None:
            self._check(len(found), len(conversations))
            self.asked += len(conversations)
        return found

    def _tell(self, label: str, done: int, total: int) -> None:
        self.monitor.emit(Progress(label=label, done=done, total=total))

    def _check(self, got: int, wanted: int) -> None:
        if got < wanted or self.monitor.stopping():
            raise Interrupted(f"stopped while {self.candidate.name} was being examined", where="suites", fix="run the same command again")
