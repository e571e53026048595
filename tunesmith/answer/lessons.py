"""Training and dev rows → the same rows with passages before their questions, as a reader of passages will meet them.

A dev row is asked as it will be served: with what its question finds. Of the training rows four in five have the passage that fits question and
answer best among theirs, one in five has it taken out, and all others are distractors, those that the question finds most easily. So the model
learns to read, to pass over what does not help, and not to trust blindly that the answer is there. Which row is which depends on its id and the
seed alone. No row is shown itself, nor a row of its cluster or group, where rows are what is looked up.

Source: Zhang et al., "RAFT: adapting language model to domain specific RAG" (2403.10131), with the share that evidence.md names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunesmith.answer.candidate import last_question
from tunesmith.answer.grounding import fitted, put_before
from tunesmith.answer.retrieve import Hit, Query, Retriever
from tunesmith.spec.chat import Conversation, Prompt
from tunesmith.spec.dataset import Record
from tunesmith.spec.index import Entry, kin_of

BEST_SHARE = 0.8
"""Of the training rows: those that have the best passage among theirs."""


@dataclass(frozen=True)
class Lesson:
    """One row with what it was given."""

    row: Record
    shown: tuple[str, ...]
    """Ids, the nearest first."""
    best: str | None
    """Id of the passage that fits question and answer best; None for a dev row, which is not asked by its answer."""


@dataclass(frozen=True)
class Lessons:
    """How rows are given passages."""

    retriever: Retriever
    count: int
    """Passages before a question, at most."""
    seed: int
    fits: Callable[[Conversation], bool]
    """Whether a whole row, its answer included, keeps within the length limit."""

    def to_train(self, rows: Sequence[Record], done: Callable[[int], None] = lambda n: None) -> list[Lesson]:
        """The rows that a reader learns from."""
        kept = [row for row in rows if row.conversation is not None]
        found = self.retriever.search([query_of(row) for row in kept], self.count + 1, done)
        best = self.retriever.search([query_of(row, with_answer=True) for row in kept], 1, done)
        lessons = []
        for row, hits, top in zip(kept, found, best, strict=True):
            gold = top[0].entry if top else None
            lessons.append(self._lesson(row, self.context(row, hits, gold), gold))
        return lessons

    def to_look_at(self, rows: Sequence[Record], done: Callable[[int], None] = lambda n: None) -> list[Lesson]:
        """The rows that tell how it is getting on, as they will be served."""
        kept = [row for row in rows if row.conversation is not None]
        found = self.retriever.search([query_of(row) for row in kept], self.count, done)
        return [self._lesson(row, [hit.entry for hit in hits], None) for row, hits in zip(kept, found, strict=True)]

    def context(self, row: Record, hits: Sequence[Hit], gold: Entry | None) -> list[Entry]:
        """What a training row is shown, the nearest first.

        Where the question does not find the best passage by itself, that takes the nearest place: the last to be cut off.
        """
        found = [hit.entry for hit in hits]
        if gold is None:
            return found[: self.count]
        if drawn(self.seed, row.id) >= BEST_SHARE:
            return [entry for entry in found if entry.id != gold.id][: self.count]
        served = found[: self.count]
        return served if any(entry.id == gold.id for entry in served) else [gold, *served[: self.count - 1]]

    def _lesson(self, row: Record, context: Sequence[Entry], gold: Entry | None) -> Lesson:
        assert row.conversation is not None
        question = row.conversation.question()
        answer = row.conversation.messages[len(question.messages) :]

        def whole(asked: Conversation) -> Conversation:
            return asked.model_copy(update={"messages": asked.messages + answer})

        grounded = fitted(question, context, lambda asked: self.fits(whole(asked)))
        made = row.model_copy(update={"conversation": whole(grounded.conversation)})
        return Lesson(made, grounded.shown, gold.id if gold is not None else None)


def demonstrated(prompt: Prompt, retriever: Retriever, fits: Callable[[Prompt], bool], out_of_scope: str | None = None) -> Prompt:
    """`prompt` whose worked examples read as well, each the passage that fits its question and answer best: the first ones, as many as `fits` allows.

    One that declines reads what its question finds. Where not even one has room, `prompt` as it is.
    """
    asked = (wanted(example, with_answer=example.answer() != out_of_scope) for example in prompt.examples)
    found = retriever.search([Query(text) for text in asked], 1)
    shown = [put_before(example, [hit.entry for hit in hits]) for example, hits in zip(prompt.examples, found, strict=True)]
    made = (prompt.model_copy(update={"examples": tuple(shown[:count])}) for count in range(len(shown), 0, -1))
    return next((one for one in made if fits(one)), prompt)


def query_of(row: Record, *, with_answer: bool = False) -> Query:
    """What is looked for on behalf of a row: never itself, nor one of its cluster or group."""
    assert row.conversation is not None
    return Query(wanted(row.conversation, with_answer=with_answer), apart=frozenset({row.id, *kin_of(row)}))


def wanted(said: Conversation, *, with_answer: bool) -> str:
    """What is looked for on behalf of a conversation: its last question, and its answer where that is to be found as well."""
    question = last_question(said.question())
    return f"{question}\n{said.answer() or ''}" if with_answer else question


def drawn(seed: int, ident: str) -> float:
    """A number in [0, 1) that depends on seed and id alone."""
    found = hashlib.sha256(f"{seed}\0best passage\0{ident}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(found[:8], "big") / 2**64
