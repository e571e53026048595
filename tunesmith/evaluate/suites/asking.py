"""Questions → a candidate's answers, with progress, a count of what was asked, and an end when the user wants one. What was said before is not asked again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from tunesmith.answer.candidate import Answerer
from tunesmith.answer.continuation import recall
from tunesmith.answer.engine import Usage
from tunesmith.errors import Interrupted
from tunesmith.evaluate.answers import found_part, keep_part
from tunesmith.measure.memorisation import Recalled
from tunesmith.spec.candidate import Answer, Candidate, Decoding
from tunesmith.spec.chat import Conversation
from tunesmith.spec.job import Monitor, Progress
from tunesmith.spec.noun import Noun, digest


class Call(Noun):
    """What was said to some questions that were put together."""

    key: str
    """Digest of the questions, and of how they were to be answered."""
    answers: tuple[Answer, ...] = ()
    recalled: tuple[tuple[int, tuple[bool, ...]], ...] | None = None
    """Of begun answers: as in `Recalled`. None: there were none, or nothing goes on with one."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    computed_tokens: int = 0


class Calls(Noun):
    """The manifest of what a candidate said while it was examined: it knows nothing of what marks it."""

    candidate: Candidate
    calls: tuple[Call, ...]


@dataclass
class Asker:
    """One candidate that is examined."""

    candidate: Candidate
    opened: Callable[[], Answerer]
    """Gives who answers; not called where all of it was said before."""
    decoding: Decoding
    """As it is evaluated: greedy, among the labels where there are some."""
    monitor: Monitor
    before: Sequence[Call] = ()
    """What was said in an earlier examination."""
    kept: Path | None = None
    """The folder where this one leaves what was said, and where a killed one has left it."""
    asked: int = 0
    calls: list[Call] = field(default_factory=list)
    """What was said in this one."""

    @property
    def usage(self) -> Usage:
        """Tokens of all that was said."""
        return Usage.total(self.calls)

    def ask(self, label: str, questions: Sequence[Conversation], decoding: Decoding | None = None) -> list[Answer]:
        """One answer per question, in order.

        Raises: Interrupted.
        """
        told, how = f"{self.candidate.name}: {label}", decoding or self.decoding

        def answer(answerer: Answerer, key: str) -> Call:
            self._tell(told, 0, len(questions))
            answers = answerer.answer(list(questions), how, done=lambda n: self._tell(told, n, len(questions)), stop=self.monitor.stopping)
            self._check(len(answers), len(questions))
            return Call(key=key, answers=tuple(answers))

        key = digest({"questions": [one.model_dump(mode="json") for one in questions], "decoding": how.model_dump(mode="json")})
        found = self._said(key, answer)
        self.asked += len(questions)
        return list(found.answers)

    def recall(self, label: str, conversations: Sequence[Conversation]) -> list[Recalled] | None:
        """What it recalls of begun answers, in order; None if it cannot be made to go on with one.

        Raises: Interrupted.
        """
        told = f"{self.candidate.name}: {label}"

        def answer(answerer: Answerer, key: str) -> Call:
            found = recall(answerer, conversations, done=lambda n: self._tell(told, n, len(conversations)), stop=self.monitor.stopping)
            if found is not None:
                self._check(len(found), len(conversations))
            recalled = None if found is None else tuple((one.given, one.hits) for one in found)
            return Call(key=key, recalled=recalled)

        recalled = self._said(digest({"begun": [one.model_dump(mode="json") for one in conversations]}), answer).recalled
        if recalled is None:
            return None
        self.asked += len(conversations)
        return [Recalled(*one) for one in recalled]

    def _said(self, key: str, answer: Callable[[Answerer, str], Call]) -> Call:
        """What was said before to the same questions, else now."""
        found = next((call for call in self.before if call.key == key), None)
        place = self.kept / f"said-{key[:16]}.json" if self.kept is not None else None
        if found is None and place is not None:
            found = found_part(place, Call)
        if found is None:
            answerer = self.opened()
            start = replace(answerer.usage)
            found = answer(answerer, key).model_copy(update=asdict(answerer.usage.since(start)))
            if place is not None:
                keep_part(place, found)
        self.calls.append(found)
        return found

    def _tell(self, label: str, done: int, total: int) -> None:
        self.monitor.emit(Progress(label=label, done=done, total=total))

    def _check(self, got: int, wanted: int) -> None:
        if got < wanted or self.monitor.stopping():
            raise Interrupted(f"stopped while {self.candidate.name} was being examined", where="suites", fix="run the same command again")
