"""An answer → whether it is a refusal, and by which sign: the project's own, almost that, or a general way of declining.

A keyword is no sign: "unfortunately the card cannot be used abroad" answers a question. Among labels a refusal is the label and nothing else, among JSON texts an
equal value. In free text it is

    fixed   the project's out-of-scope answer, or an answer that training rows out of scope have; what follows may only offer help
    near    almost one of these: token-F1 ≥ 0.8 or edit similarity ≥ 0.85, the same side of "not", no number of its own
    frame   it declines in English words of its own, and does nothing else (`declining.py`)

Frames that stand in the task's own right answers are not used there. How good the frames are: all of the 75 refusals that they were written with are found, of 20 that
were written afterwards, varied on purpose, 7 (17 with the frames that were then added); of 95 answers that look like refusals, and of the 158 answers of the Python
FAQ, none is mistaken for one. So a model that declines in unusual words looks worse than it is; one that declines as it was trained to is always understood.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rapidfuzz import fuzz

from tunesmith.measure.declining import declines, only_offers
from tunesmith.measure.text import normalise, same_json, token_f1, words
from tunesmith.spec.task import Form, TaskKind, form_of

Sign = Literal["fixed", "near", "frame"]

NEAR_F1 = 0.8
NEAR_EDITS = 0.85
MOST_KNOWN = 50
"""Different refusals of the training rows that an answer is compared with, the most frequent ones."""
TRUSTED = 0.01
"""Frames are used where at most so many of the right answers in scope would be taken for refusals by them."""

_NEGATIONS = frozenset(
    words("not no nor never cannot cant dont doesnt didnt isnt arent wasnt wont couldnt unable without nothing none outside beyond only")
)


@dataclass(frozen=True)
class Refusals:
    """How refusals are recognised in one task, by whatever measures them. `sign` tells which sign an answer bears."""

    known: tuple[str, ...]
    """Texts: the project's out-of-scope answer first, then those of the training rows."""
    form: Form
    """Of the task's answers."""
    frames: bool
    """Whether general ways of declining count."""

    def sign(self, answer: str) -> Sign | None:
        """By what the answer is a refusal; None where it is none. An empty answer is none: it says nothing.

        >>> Refusals(("I only answer questions about the bank.",), "generate", True).sign("Sorry, I only answer questions about the bank!")
        'near'
        """
        if self.form != "generate":
            is_value = self.form == "extract"
            return "fixed" if any(answer.strip() == text.strip() or (is_value and same_json(answer, text)) for text in self.known) else None
        folded = normalise(answer)
        if not folded:
            return None
        if any(folded == normalise(text) or _begins(answer, text) for text in self.known):
            return "fixed"
        if any(near(answer, text) for text in self.known):
            return "near"
        return "frame" if self.frames and declines(answer) else None


def refusals_of(task: TaskKind, out_of_scope: str | None, refused: Iterable[str], right: Sequence[str]) -> Refusals:
    """How to recognise refusals where `refused` are answers of training rows out of scope, the most frequent first, and `right` those of rows in scope.

    Frames count in free text, unless they would call more than 1 % of the right answers refusals.
    """
    texts = ([out_of_scope] if out_of_scope is not None else []) + list(refused)
    known = tuple(dict.fromkeys(text for text in texts if text.strip()))[:MOST_KNOWN]
    form = form_of(task)
    mistaken = sum(declines(text) for text in right) if form == "generate" else 0
    return Refusals(known, form, form == "generate" and mistaken <= TRUSTED * len(right))


def near(answer: str, known: str) -> bool:
    """True if `answer` is almost `known`, and neither turns it round nor adds a number.

    >>> near("I can only help with questions about the bank", "I can only help you with questions about the bank."), near("I can help with it", "I cannot help with it")
    (True, False)
    """
    mine, theirs = words(answer), words(known)
    if bool(_NEGATIONS & set(mine)) != bool(_NEGATIONS & set(theirs)) or _numbers(mine) - _numbers(theirs):
        return False
    return token_f1(answer, known) >= NEAR_F1 or fuzz.ratio(" ".join(mine), " ".join(theirs)) >= 100 * NEAR_EDITS


def _numbers(found: Sequence[str]) -> set[str]:
    return {word for word in found if any(c.isdigit() for c in word)}


def _begins(answer: str, known: str) -> bool:
    """True if the answer is the known text with nothing but offers behind it."""
    head, rest = answer.strip(), known.strip()
    if len(rest.split()) < 3 or not head.casefold().startswith(rest.casefold().rstrip(".!")):
        return False
    behind = head[len(rest.rstrip(".!")) :].lstrip(".!… \n")
    return only_offers(behind)
