"""An answer → whether it is a refusal, and by which sign: the project's own, almost that, or a general way of declining.

A keyword is no sign: "unfortunately the card cannot be used abroad" answers a question. Among labels a refusal is the label and nothing else, among JSON texts an
equal value. In free text it is

    fixed   the project's out-of-scope answer; what follows may only offer help
    near    almost that, where it has three words or more: token-F1 ≥ 0.8 or edit similarity ≥ 0.85, the same side of "not", no number of its own
    frame   it declines in English words of its own, and does nothing else (`declining.py`)

Frames that stand in the task's own right answers are not used there. How good the frames are: all of the 75 refusals that they were written with are found, of 20 that
were written afterwards, varied on purpose, 7 (17 with the frames that were then added); of 95 answers that look like refusals, and of the 158 answers of the Python
FAQ, none is mistaken for one. So a model that declines in unusual words looks worse than it is; one that declines as it was trained to is always understood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rapidfuzz import fuzz

from tunesmith.measure.declining import declines, only_offers
from tunesmith.measure.text import normalise, same_json, token_f1, words
from tunesmith.spec.task import Form, TaskKind, form_of

Sign = Literal["fixed", "near", "frame"]

NEAR_F1 = 0.8
NEAR_EDITS = 0.85
LEAST_WORDS = 3
"""A shorter text is near to too much: `nuclear` is no `unclear`."""
TRUSTED = 0.01
"""Frames are used where at most so many of the right answers in scope would be taken for refusals by them."""

_NEGATIONS = frozenset(
    words("not no nor never cannot cant dont doesnt didnt isnt arent wasnt wont couldnt unable without nothing none outside beyond only")
)


@dataclass(frozen=True)
class Refusals:
    """How refusals are recognised in one task, by whatever measures them. `sign` tells which sign an answer bears."""

    fixed: str | None
    """The project's out-of-scope answer; None where it has none."""
    form: Form
    """Of the task's answers."""
    frames: bool
    """Whether general ways of declining count."""

    def sign(self, answer: str) -> Sign | None:
        """By what the answer is a refusal; None where it is none. An empty answer is none: it says nothing.

        >>> Refusals("I only answer questions about the bank.", "generate", True).sign("Sorry, I only answer questions about the bank!")
        'near'
        """
        if self.fixed is not None and self._is_fixed(answer, self.fixed):
            return "fixed"
        if self.form != "generate" or not normalise(answer):
            return None
        if self.fixed is not None and near(answer, self.fixed):
            return "near"
        return "frame" if self.frames and declines(answer) else None

    def _is_fixed(self, answer: str, fixed: str) -> bool:
        if answer.strip() == fixed.strip():
            return True
        match self.form:
            case "classify":
                return False
            case "extract":
                return same_json(answer, fixed)
            case "generate":
                folded = normalise(answer)
                return bool(folded) and (folded == normalise(fixed) or _begins(answer, fixed))


def refusals_of(task: TaskKind, out_of_scope: str | None, right: Sequence[str] = ()) -> Refusals:
    """How to recognise refusals where `right` are right answers in scope.

    Frames count in free text, unless they would call more than 1 % of the right answers refusals.
    """
    form = form_of(task)
    mistaken = sum(declines(text) for text in right) if form == "generate" else 0
    return Refusals(out_of_scope, form, form == "generate" and mistaken <= TRUSTED * len(right))


def near(answer: str, known: str) -> bool:
    """True if `answer` is almost `known`, which is no mere word or two, and neither turns it round nor adds a number.

    >>> near("I can only help with questions about the bank", "I can only help you with questions about the bank."), near("I can help with it", "I cannot help with it")
    (True, False)
    """
    mine, theirs = words(answer), words(known)
    if len(theirs) < LEAST_WORDS or bool(_NEGATIONS & set(mine)) != bool(_NEGATIONS & set(theirs)) or _numbers(mine) - _numbers(theirs):
        return False
    return token_f1(answer, known) >= NEAR_F1 or fuzz.ratio(" ".join(mine), " ".join(theirs)) >= 100 * NEAR_EDITS


def _numbers(found: Sequence[str]) -> set[str]:
    return {word for word in found if any(c.isdigit() for c in word)}


def _begins(answer: str, known: str) -> bool:
    """True if the answer is the known text with nothing but offers behind it."""
    head, rest = answer.strip(), known.strip()
    if len(rest.split()) < LEAST_WORDS or not head.casefold().startswith(rest.casefold().rstrip(".!")):
        return False
    behind = head[len(rest.rstrip(".!")) :].lstrip(".!… \n")
    return only_offers(behind)
