"""Some rows and what the project names → what kind of task they are examples of, with the reason. A guess, and always shown as one.

`data/kind.py` finds the form of the answers (labels, JSON, free text); this looks at what free text is for. Each rule asks for a clear majority of
the rows; where none has one the answer is `generate`, which claims nothing.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tunesmith.data.writing import read_rows
from tunesmith.measure.support import supported_share
from tunesmith.measure.text import token_f1, words
from tunesmith.spec.task import KINDS, Form, Task, TaskKind, form_of

SAMPLE_ROWS = 200
"""Rows that are looked at, spread over the data."""
CLEAR = 0.8
"""Share of the rows that have to agree."""
SEVERAL_TURNS = 0.3
"""Share of rows with earlier turns, from which it is a chat."""
LONG_TEXT_WORDS = 60
MUCH_SHORTER = 0.5
"""Words of a summary per word of its text, at most."""
FROM_THE_TEXT = 0.6
"""Share of an answer's words that the question holds, from which it was taken from there."""
ALIKE = 0.4
"""Token F1 of question and answer, from which one is the other in other words."""
ROUTES = re.compile(r"^(?:route|queue|team|department|dept|desk|handler|assignee|skill|agent|target|destination|inbox|abteilung|zust\w+)$", re.I)
_SQL = re.compile(
    r"\A\s*(?:```\w*\s*)?(?:SELECT|WITH|INSERT|UPDATE|DELETE|CREATE)\b.*?\b(?:FROM|INTO|SET|AS|TABLE|VALUES)\b|\A\s*(?:```\w*\s*)?SELECT\s",
    re.I | re.S,
)
_CODE = re.compile(
    r"```|^\s*(?:def |class |import |from \w+ import |return\b|#include|public |private |function |const |let |var |fn |func |package |using )"
    r"|[;{}]\s*$|=>|\)\s*:\s*$", re.M
)  # fmt: skip
_QUESTION = re.compile(r"[?？؟]\s*$")
Language = Callable[[str], str]


@dataclass(frozen=True)
class Row:
    """What a guess needs of a row."""

    question: str
    """The last user turn."""
    answer: str
    has_history: bool = False
    """Earlier turns stand before the question."""


def purpose_of(
    task: Task, form: Form, why: str, rows: Sequence[Row], *, has_documents: bool, label: str | None, language: Language
) -> tuple[TaskKind, str]:
    """(kind, why): what the project says, else what the rows look like; always of the given form.

    `why` is the reason for the form, `label` the column that holds the label, `language` tells the language of a text (`und` where it cannot).
    """
    given = task.kind_given()
    if given is not None and form_of(given[0]) == form:
        return given
    match form:
        case "extract":
            return "extract", why
        case "classify":
            if label is not None and ROUTES.match(label):
                return "route", f"the answer is the column `{label}`: it says who takes care of the message"
            return "classify", why
        case "generate":
            return free_text(sample(rows), has_documents, language)


def looked_at(folder: Path, most: int = 2_000) -> list[Row]:
    """The first training rows of a prepared data set."""
    found = []
    for record in itertools.islice(read_rows(folder, "train"), most):
        if record.conversation is not None:
            asked = record.conversation.question().messages
            users = [message.content or "" for message in asked if message.role == "user"]
            found.append(Row(users[-1] if users else "", record.conversation.answer() or "", any(message.role == "assistant" for message in asked)))
    return found


def sample(rows: Sequence[Row]) -> Sequence[Row]:
    """At most 200 rows, evenly spread."""
    step = max(1, -(-len(rows) // SAMPLE_ROWS))
    return rows[::step]


def free_text(rows: Sequence[Row], has_documents: bool, language: Language) -> tuple[TaskKind, str]:
    """(kind, why) of rows whose answers are free text; the surest signs first."""
    if not rows:
        return "generate", "there are no rows to tell a kind of task by"
    if (part := share(rows, lambda row: _SQL.search(row.answer) is not None)) >= CLEAR:
        return "sql", f"{part:.0%} of the answers are SQL queries"
    if (part := share(rows, looks_like_code)) >= CLEAR:
        return "code", f"{part:.0%} of the answers look like programs"
    pairs = Counter((language(row.question), language(row.answer)) for row in rows)
    ((first, second), often), known = pairs.most_common(1)[0], sum(count for pair, count in pairs.items() if "und" not in pair)
    if first != second and "und" not in (first, second) and known and often >= CLEAR * known and known >= len(rows) / 2:
        return "translate", f"{often / len(rows):.0%} of the questions are in `{first}` and their answers in `{second}`"
    if (part := share(rows, lambda row: row.has_history)) >= SEVERAL_TURNS:
        return "chat", f"{part:.0%} of the rows have earlier turns"
    if has_documents:
        return "answer", "the project names documents that answer the questions"
    return of_the_text(rows)


def of_the_text(rows: Sequence[Row]) -> tuple[TaskKind, str]:
    """(kind, why) by how answers and questions resemble each other."""
    lengths = [(len(words(row.question)), len(words(row.answer))) for row in rows]
    ratio = median(mine / max(theirs, 1) for theirs, mine in lengths)
    is_long = median(theirs for theirs, _ in lengths) >= LONG_TEXT_WORDS
    taken = median(supported_share(row.answer, [row.question]) for row in rows)
    asks = share(rows, lambda row: any(_QUESTION.search(line) for line in row.question.strip().split("\n")))
    if is_long and asks >= CLEAR and taken >= FROM_THE_TEXT and ratio <= MUCH_SHORTER:
        return "answer", f"the questions bring long texts, and the answers have {taken:.0%} of their words from there"
    if is_long and taken >= FROM_THE_TEXT and ratio <= MUCH_SHORTER:
        return "summarise", f"the answers are {ratio:.0%} as long as the texts, and have {taken:.0%} of their words from there"
    alike = median(token_f1(row.answer, row.question) for row in rows)
    if alike >= ALIKE and 0.5 <= ratio <= 2 and asks < CLEAR:
        return "rewrite", f"answers and texts are of like length and share most of their words (token-F1 {alike:.2f})"
    return "generate", "the answers are free text, and nothing tells what it is for; set `task.kind` to say it"


def share(rows: Sequence[Row], holds: Callable[[Row], bool]) -> float:
    """The share of the rows for which something holds."""
    return sum(map(holds, rows)) / len(rows)


def looks_like_code(row: Row) -> bool:
    """True if an answer is fenced as code, or a third of its lines, and two at least, are written like code."""
    if row.answer.lstrip().startswith("```"):
        return True
    lines = [line for line in row.answer.split("\n") if line.strip()]
    hits = sum(_CODE.search(line) is not None for line in lines)
    return hits >= 2 and hits >= len(lines) / 3


def advice(kind: TaskKind, *, has_groups: bool) -> tuple[str, ...]:
    """What should be known about how rows of this kind are split; nothing where the user named groups."""
    together = KINDS[kind].together
    if together is None or has_groups:
        return ()
    return (f"{together} should stand in one split, or the test is easier than the task: name the column that tells them apart as `group`",)
