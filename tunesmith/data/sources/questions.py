"""A file of questions without answers → conversations with their lines: a question on each line of a text, or rows as a source has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tunesmith.data.sources.columns import by_name
from tunesmith.data.sources.detection import Detection, detect, raw_rows
from tunesmith.data.sources.fault import RowFault, with_fix
from tunesmith.data.sources.lines import read_lines
from tunesmith.data.sources.rows import scalar
from tunesmith.data.sources.turns import message_list
from tunesmith.errors import BadData, Problem, excerpt
from tunesmith.measure.text import single_spaced
from tunesmith.spec.chat import Conversation, Message
from tunesmith.spec.dataset import Origin

MOST_TOLD = 10
"""Problems told at once."""


def read_questions(path: Path, where: str) -> list[tuple[Origin, Conversation]]:
    """The questions of the file at `path`, which the user calls `where`, in order; one that says the same as an earlier one is left out.

    Rows are JSONL, JSON, CSV or Parquet, with `messages` that end with the user's turn, or with a column that is named like a question (`question`, `text`, `prompt` …).

    Raises: BadData with every line that cannot be used, up to ten; also where there is no question at all.
    """
    found = detect(path, where=where)
    if found.shape is None:
        raise BadData(found.reason, problems=found.problems)
    kept: dict[str, tuple[Origin, Conversation]] = {}
    wrong: list[Problem] = []
    for line, asked in plain_lines(found, where) if found.shape.layout == "plain" else rows(found, where):
        if isinstance(asked, RowFault):
            wrong.append(Problem(with_fix(asked.reason, asked.message), f"{where} line {line}"))
        else:
            said = single_spaced(asked.model_dump_json())
            kept.setdefault(said, (Origin(file=where, line=line), asked))
    if wrong:
        raise BadData(problems=wrong[:MOST_TOLD])
    if not kept:
        raise BadData("holds no questions", where=where, expected="one question on each line", fix="write some, or remove the file from the project")
    return list(kept.values())


def plain_lines(found: Detection, where: str) -> Iterator[tuple[int, Conversation | RowFault]]:
    """(line, question) of each line that is not empty."""
    assert found.shape is not None
    for line in read_lines(found.file, found.shape.codec, where):
        if line.fault:
            yield line.number, RowFault(line.fault, "holds bytes that are not UTF-8" if line.fault == "encoding" else "is too long")
        elif line.text.strip():
            yield line.number, question(line.text.strip())


def rows(found: Detection, where: str) -> Iterator[tuple[int, Conversation | RowFault]]:
    """(line, question) of each row.

    Raises: BadData if no column is named like a question.
    """
    assert found.shape is not None
    guess = by_name("input", found.columns)
    if guess is None and "messages" not in found.columns:
        got = ", ".join(excerpt(column, 30) for column in found.columns[:12])
        raise BadData("no column can be taken for the question", where=where, got=got, expected="a column `question`", fix="name the column so")
    for line, row in raw_rows(found.file, found.shape, where):
        if isinstance(row, RowFault):
            yield line, row
            continue
        try:
            yield line, in_messages(row) if guess is None or "messages" in row else in_column(row, guess.column)
        except RowFault as fault:
            yield line, fault
        except ValidationError as error:
            yield line, RowFault("bad_row", str(error.errors(include_url=False, include_input=False)[0]["msg"]))


def in_messages(row: dict[str, Any]) -> Conversation:
    """The conversation of a chat row, which ends with the user's turn.

    Raises: RowFault.
    """
    messages = message_list(row.get("messages"), {})
    if messages[-1].role != "user":
        raise RowFault("no_question", f"`messages` ends with the {messages[-1].role}'s turn; expected the question at the end")
    return Conversation(messages=messages)


def in_column(row: dict[str, Any], column: str) -> Conversation:
    """The question in a column.

    Raises: RowFault.
    """
    text = scalar(row.get(column), column)
    if text is None:
        raise RowFault("empty", f"`{column}` (the question) is empty")
    return question(text.strip())


def question(text: str) -> Conversation:
    """A single user turn."""
    return Conversation(messages=(Message(role="user", content=text),))
