"""Questions with short answers and the base model → which of the answers it knows already, and which it would have to learn by heart.

Each question is asked several times, once greedily: known (the greedy answer is right), maybe known (a sampled one is), unknown (none is).
Fine-tuning teaches form and skill well and new facts badly: unknown facts are learnt last and make the model invent others.
Source: Gekhman et al. 2024, "Does fine-tuning LLMs on new knowledge encourage hallucinations?" (arXiv 2405.05904) §2, SliCK; the categories
MaybeKnown and WeaklyKnown are one here, since one prompt with worked examples stands for their ten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from tunesmith.data.examine.meaning import I64
from tunesmith.data.intake import look
from tunesmith.errors import Interrupted
from tunesmith.measure.scorers import same_answer
from tunesmith.measure.statistics import wilson
from tunesmith.measure.text import normalise
from tunesmith.spec.candidate import Answer, Decoding
from tunesmith.spec.chat import Conversation, Prompt
from tunesmith.spec.job import Monitor
from tunesmith.spec.task import TaskKind

MOST_ROWS = 500
SAMPLES = 8
TEMPERATURE = 0.7
SHOWN = 4
"""Worked examples in front of every question: they show how short an answer is wanted."""
FACT_WORDS = 10
"""Words up to which an answer is a fact that can be right or wrong as a whole."""
FEWEST = 30
"""Facts below which a share says nothing."""
UNKNOWN_SHARE = 0.2
"""Share of unknown facts from which retrieval serves better than fine-tuning alone."""
SPARE_TOKENS = 8
CHARACTERS_PER_TOKEN = 2
QUESTIONS_AT_ONCE = 32
Grade = Literal["known", "maybe", "unknown"]


class Answers(Protocol):
    """Who is asked, like `answer.engine.Engine`."""

    def answer(
        self, conversations: Sequence[Conversation], decoding: Decoding, *, done: Callable[[int], None], stop: Callable[[], bool]
    ) -> list[Answer]:
        """One answer per conversation, in order; fewer once `stop()`."""


@dataclass(frozen=True)
class Known:
    """What the base knows of some rows' answers."""

    rows: I64
    """[R] numbers of the rows that were asked."""
    grades: tuple[Grade, ...]
    """[R]"""
    right: I64
    """[R] how many of the sampled answers were right."""
    facts: int
    """Rows with a short answer, of which these are all or a sample."""

    @property
    def unknown(self) -> I64:
        """Rows whose answer the base does not know."""
        return np.asarray(self.rows[np.array([grade == "unknown" for grade in self.grades], dtype=bool)])

    @property
    def share(self) -> tuple[float, float, float]:
        """(share of unknown facts, its Wilson interval)."""
        count = len(self.unknown)
        return (count / len(self.rows) if len(self.rows) else 0.0, *wilson(count, len(self.rows)))

    @property
    def wants_retrieval(self) -> bool:
        """There are enough facts to tell, and more than a fifth of them is unknown."""
        return len(self.rows) >= FEWEST and self.share[0] > UNKNOWN_SHARE


def known(conversations: Sequence[Conversation], engine: Answers, task: TaskKind, monitor: Monitor, seed: int = 0) -> Known:
    """What the base knows of the rows' last answers, of at most 500 rows with a short one. Answers of one question share its prefix.

    Raises: Interrupted once the user wants a stop.
    """
    facts = np.array([i for i, one in enumerate(conversations) if is_fact(one.answer() or "")], dtype=np.int64)
    random = np.random.default_rng(seed)
    drawn = random.permutation(facts)
    shown, rows = drawn[:SHOWN] if len(facts) > FEWEST else drawn[:0], np.sort(drawn[SHOWN : SHOWN + MOST_ROWS] if len(facts) > FEWEST else drawn)
    prompt = Prompt(name="shown", examples=tuple(_plain(conversations[i]) for i in shown.tolist()))
    grades: list[Grade] = []
    right: list[int] = []
    for start in range(0, len(rows), QUESTIONS_AT_ONCE):
        look(monitor, "asking the base what it knows", start, len(rows), "questions")
        some = [conversations[i] for i in rows[start : start + QUESTIONS_AT_ONCE].tolist()]
        for grade, count in _ask(some, engine, prompt, task, monitor, seed + start):
            grades.append(grade)
            right.append(count)
    look(monitor, "asking the base what it knows", len(rows), len(rows), "questions")
    return Known(rows, tuple(grades), np.array(right, dtype=np.int64), len(facts))


def _ask(
    conversations: Sequence[Conversation], engine: Answers, prompt: Prompt, task: TaskKind, monitor: Monitor, seed: int
) -> list[tuple[Grade, int]]:
    """Each question's grade, and how many of the sampled answers were right."""
    asked = [prompt.apply(one.question()) for one in conversations]
    references = [one.answer() or "" for one in conversations]
    room = max(len(text) for text in references) // CHARACTERS_PER_TOKEN + SPARE_TOKENS
    greedy = engine.answer(asked, Decoding(max_new_tokens=room, stop=("\n",)), done=_nobody, stop=monitor.stopping)
    many = [one for one in asked for _ in range(SAMPLES)]
    decoding = Decoding(max_new_tokens=room, temperature=TEMPERATURE, stop=("\n",), seed=seed)
    sampled = engine.answer(many, decoding, done=_nobody, stop=monitor.stopping)
    if len(greedy) < len(asked) or len(sampled) < len(many):
        raise Interrupted("stopped while the base was asked what it knows", fix="run the same command again")
    found: list[tuple[Grade, int]] = []
    for i, reference in enumerate(references):
        count = sum(is_right(task, one.text, reference) for one in sampled[i * SAMPLES : (i + 1) * SAMPLES])
        found.append(("known" if is_right(task, greedy[i].text, reference) else "maybe" if count else "unknown", count))
    return found


def _nobody(count: int) -> None:
    """Progress is told by question, not by answer."""


def _plain(conversation: Conversation) -> Conversation:
    """A worked example: without its system turn, which the question brings itself."""
    return conversation.model_copy(update={"messages": tuple(m for m in conversation.messages if m.role not in ("system", "developer"))})


def is_fact(answer: str) -> bool:
    """True for an answer so short that it is right or wrong as a whole."""
    return 0 < len(normalise(answer).split()) <= FACT_WORDS


def is_right(task: TaskKind, answer: str, reference: str) -> bool:
    """True if the answer is the reference by the task's own measure, or, in free text, says it among other words.

    >>> is_right("generate", "It is Paris, of course.", "Paris"), is_right("generate", "Paris", "Parish")
    (True, False)
    """
    if same_answer(task, answer, reference):
        return True
    wanted = normalise(reference)
    return task == "generate" and bool(wanted) and re.search(rf"(?:^| ){re.escape(wanted)}(?: |$)", normalise(answer)) is not None
