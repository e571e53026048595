"""Passages without headings that ask → questions with their answers: marked `Q:` and `A:`, columns of a table, definitions, lines that end in `?`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tunesmith.data.make.outline import plain, written
from tunesmith.data.make.question_rules import as_question, bare
from tunesmith.spec.passage import Passage

MIN_LOOSE = 3
"""A document in which so many lines stand alone and end in `?` asks questions that way; fewer may be a manner of speaking."""
MAX_LOOSE_CHARACTERS = 200
_ASKS = r"(?:Q|(?i:question|frage|pregunta|domanda|问|問|質問|вопрос)|[FPD](?=\s?\d{0,3}:))"
_ANSWERS = r"(?:A|(?i:answer|ans|antwort|respuesta|risposta|réponse|答|回答|ответ)|R(?=\s?\d{0,3}:))"
Q_LABEL = re.compile(rf"\s*(?:[-*•]\s+)?(?:\*\*|__)?{_ASKS}\s?#?\d{{0,3}}\s?[.:：)](?:\*\*|__)?\s*(?=\S)")
A_LABEL = re.compile(rf"\s*(?:[-*•]\s+)?(?:\*\*|__)?{_ANSWERS}\s?#?\d{{0,3}}\s?[.:：)](?:\*\*|__)?\s*(?=\S)")
_ASKED_AND_SAID = re.compile(r"[?？]\s+(?=\S)")
_ASKED_COLUMN = re.compile(r"(?:questions?|q|faqs?|frage|pregunta|domanda|customer question|user question|query|问题|質問|вопрос)$", re.I)
_ANSWER_COLUMN = re.compile(r"(?:answers?|a|antwort|respuesta|risposta|réponse|responses?|reply|solution|答案|回答|ответ)$", re.I)
_GLOSSARY = re.compile(r"glossary|glossar|terminology|definitions?$|terms used|key terms|vocabulary|abbreviations", re.I)


class Pair(NamedTuple):
    """A question with the passages, or the text, that answer it."""

    question: str
    answer: str
    """Where it is a part of one passage; else empty, and `passages` hold it."""
    passages: tuple[Passage, ...]
    """Those that the pair was taken from, the one that asks first."""
    how: str


def of_rows(passage: Passage, path: tuple[str, ...]) -> Iterator[Pair]:
    """The pairs of a table, of definitions, or of what a page states in its data."""
    if passage.kind == "faq":
        for question, answer in (row for row in passage.rows if len(row) == 2):
            yield Pair(as_question(question) or bare(question), answer, (passage,), "schema.org")
    elif passage.kind == "definitions":
        is_glossary = bool(path) and bool(_GLOSSARY.search(path[-1]))
        for term, meaning in (row for row in passage.rows if len(row) == 2):
            asked = as_question(term)
            if asked:
                yield Pair(asked, meaning, (passage,), "definition")
            elif is_glossary and 1 < len(term) <= 80:
                yield Pair(f"What does “{plain(term)}” mean?", meaning, (passage,), "glossary")
    elif passage.kind == "table":
        columns = asking_columns(passage.rows)
        if columns:
            question_at, answer_at, first = columns
            for row in passage.rows[first:]:
                if len(row) > max(question_at, answer_at) and row[question_at].strip():
                    yield Pair(as_question(row[question_at]) or bare(row[question_at]), row[answer_at].strip(), (passage,), "table")


def asking_columns(rows: Sequence[Sequence[str]]) -> tuple[int, int, int] | None:
    """(column of questions, column of answers, first row of them): by their names, or because one of two columns asks in nearly every row."""
    if len(rows) < 2 or len(rows[0]) < 2:
        return None
    names = [" ".join(cell.split()).strip("*: ") for cell in rows[0]]
    asked = next((i for i, name in enumerate(names) if _ASKED_COLUMN.match(name)), None)
    answered = next((i for i, name in enumerate(names) if _ANSWER_COLUMN.match(name)), None)
    if asked is not None and answered is not None and asked != answered:
        return asked, answered, 1
    if all(len(row) == 2 for row in rows):
        for first in (0, 1):
            some = [row for row in rows[first:] if row[0].strip()]
            if len(some) >= 2 and sum(as_question(row[0]) is not None and not row[1].strip().endswith("?") for row in some) >= 0.9 * len(some):
                return 0, 1, first
    return None


def labelled(passages: Sequence[Passage]) -> Iterator[Pair]:
    """The pairs that are marked `Q:` and `A:` in passages under the same headings."""
    question: list[str] = []
    answer: list[str] = []
    used: list[Passage] = []
    is_answering = False

    def pair() -> Iterator[Pair]:
        asked, said = bare(" ".join(question)), "\n\n".join(answer).strip()
        if not said and (end := _ASKED_AND_SAID.search(asked)):  # the answer stands behind the question, without a mark
            asked, said = asked[: end.start() + 1], asked[end.end() :]
        if asked and said:
            yield Pair(as_question(asked) or asked, said, tuple(used), "labelled")

    for passage in passages:
        if passage.kind == "heading":
            yield from pair()
            question, answer, used, is_answering = [], [], [], False
            continue
        if passage.kind == "code" or (passage.kind == "table"):
            if is_answering:
                answer.append(written(passage))
                used.append(passage)
            continue
        opened = False
        for line in passage.text.split("\n"):
            if mark := Q_LABEL.match(line):
                yield from pair()
                question, answer, used, is_answering = [line[mark.end() :]], [], [passage], False
            elif question and (mark := A_LABEL.match(line)):
                is_answering = True
                answer.append(line[mark.end() :])
            elif is_answering:
                if answer and opened:
                    answer[-1] += "\n" + line
                else:
                    answer.append(line)
            elif question and question[-1].rstrip().endswith(("?", "？")):
                is_answering = True
                answer.append(line)
            elif question and opened:
                question.append(line)
            opened = True
            if question and used[-1] is not passage:
                used.append(passage)
    yield from pair()


def loose(passages: Sequence[Passage]) -> Iterator[Pair]:
    """The pairs of a document in which questions stand alone as lines of their own, each with its answer under it."""
    places = [i for i, passage in enumerate(passages) if is_loose(passages, i)]
    if len(places) < MIN_LOOSE:
        return
    for place in places:
        path = passages[place].headings
        end = place + 1
        while end < len(passages) and passages[end].headings == path and passages[end].kind not in ("heading", "faq") and end not in places:
            end += 1
        question = as_question(passages[place].text)
        assert question is not None  # `is_loose` has looked
        yield Pair(question, "", tuple(passages[place:end]), "line")


def is_loose(passages: Sequence[Passage], i: int) -> bool:
    """True if passage `i` is one short question, and something that asks nothing stands under it."""
    passage = passages[i]
    text = passage.text
    if passage.kind not in ("paragraph", "list") or "\n" in text or len(text) > MAX_LOOSE_CHARACTERS or not text.rstrip().endswith(("?", "？")):
        return False
    if as_question(text) is None or i + 1 >= len(passages):
        return False
    follows = passages[i + 1]
    return follows.headings == passage.headings and follows.kind != "heading" and not follows.text.rstrip().endswith(("?", "？"))
