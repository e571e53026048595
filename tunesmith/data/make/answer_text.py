"""The passages under a question → the answer as it is written into a row, or why they are none."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tunesmith.data.fold import fold
from tunesmith.data.make.outline import written
from tunesmith.spec.making import QuestionWishes
from tunesmith.spec.passage import Passage

POINTER_CHARACTERS = 250
_LABEL = re.compile(r"^\s*(?:\*\*)?(?:A|Answer|Ans|Antwort|Respuesta|Risposta|Réponse|R|答|回答|Ответ)\s?\d{0,3}\s?[.:：)](?:\*\*)?\s*(?=\S)")
_FURNITURE = re.compile(
    r"^(?:(?:↑|\^|«)?\s*(?:back|return) to (?:the )?top\b.{0,20}|was this (?:page|article|answer|information)? ?helpful\?.{0,40}|yes\s*[|/]?\s*no|"
    r"last (?:updated|modified|reviewed)\b.{0,40}|read more\W*|show (?:more|less)\W*|share(?: this)?\W*|print(?: this page)?\W*|copy link\W*|\[?edit\]?|¶)$",
    re.I,
)
_NUMBER = re.compile(r"\(?\d{1,3}(?:\.\d{1,3})*[.)]\Z")
_PLACEHOLDER = re.compile(r"^\W*(?:t\.?b\.?d\.?|to ?do|to be (?:determined|done|written|added)|coming soon|n/?a|none|lorem ipsum\b.*|answer goes here|under construction|\.{3}|…|x{3,9}|work in progress)\W*$", re.I | re.S)  # fmt: skip
_POINTER = re.compile(r"^(?:please\s+)?(?:also\s+)?(?:see|refer to|siehe|voir|véase|vedi)\b", re.I)
_SENTENCE_END = re.compile(r"[.!?…]\s+(?=[A-Z\"“(])")
Fault = tuple[str, str, str]
"""(reason, message, fix)"""


def answer_of(passages: Sequence[Passage]) -> str:
    """The passages as one text: code in fences, inner headings in bold, the label `A:` and the furniture of pages off."""
    parts = [written(passage) for passage in passages]
    if parts and not any(map(_LABEL.match, parts[1:])):  # `Answer 1` of two stays
        parts[0] = _LABEL.sub("", parts[0], count=1)
    kept = [left for part in parts if (left := without_furniture(part))]
    while kept and _NUMBER.match(kept[-1]):  # that of the next question
        kept.pop()
    return "\n\n".join(kept)


def without_furniture(text: str) -> str:
    """The text without lines that a page puts under every answer."""
    if "```" in text:
        return text.strip("\n")
    return "\n".join(line for line in text.split("\n") if not _FURNITURE.match(line.strip())).strip("\n")


def quote_of(passages: Sequence[Passage]) -> str:
    """The words of the document, passage by passage."""
    return "\n\n".join(passage.text for passage in passages)


def fault_of(question: str, answer: str, wishes: QuestionWishes) -> Fault | None:
    """What makes an answer useless; None if nothing does."""
    if not answer.strip():
        return "no_answer", "nothing stands under this question", "write the answer under it, or remove the question"
    if _PLACEHOLDER.match(answer):
        return "placeholder", "the answer was never written", "write the answer"
    if fold(answer) == fold(question):
        return "no_answer", "the answer only repeats the question", "write the answer"
    if len(answer) < wishes.min_characters or not any(c.isalnum() for c in answer):
        return "too_short", f"the answer has {len(answer)} characters; expected at least {wishes.min_characters}", "write more"
    if len(answer) > wishes.max_characters:
        fix = "split it under several questions, or raise max_characters"
        return "too_long", f"the answer has {len(answer):,} characters; expected at most {wishes.max_characters:,}", fix
    if is_pointer(answer):
        return "points_elsewhere", "the answer only says where to look, which helps nobody without the document", "write the answer itself here"
    return None


def is_pointer(answer: str) -> bool:
    """True if an answer is one sentence that sends the reader elsewhere in the document.

    >>> is_pointer("See the next question."), is_pointer("See https://peps.python.org/ for a list."), is_pointer("See it? Then press it.")
    (True, False, False)
    """
    text = " ".join(answer.split())
    if len(text) > POINTER_CHARACTERS or not _POINTER.match(text) or "://" in text:
        return False
    return not _SENTENCE_END.search(text) and len(text.split()) >= 2
