"""A source of a project → its records and its rejected rows, one at a time, in the order of the file.

`plan` looks first and settles what the source leaves open, with the reasons; `read_plan` then streams. Every row of the file comes
out exactly once: as a Record, or as a Rejected with its line and what to do.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tunesmith.data.sources.detection import Detection, Shape, detect, raw_rows
from tunesmith.data.sources.documents import pieces
from tunesmith.data.sources.fault import RowFault, with_fix
from tunesmith.data.sources.lines import Position, read_lines
from tunesmith.data.sources.rows import document_of, own_group, parse_row
from tunesmith.errors import BadData, Problem, excerpt
from tunesmith.spec.chat import Conversation, Message
from tunesmith.spec.dataset import FormatName, Origin, Record, Rejected, Source

__all__ = ["Plan", "Position", "has_labels", "plan", "read", "read_plan"]

FORMAT_KEYS: dict[FormatName, tuple[str, ...]] = {
    "chat": ("messages",), "completion": ("prompt", "completion"), "alpaca": ("instruction", "output"), "sharegpt": ("conversations",), "preference": ("chosen", "rejected"),
    "rated": (),
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """A source with nothing left open, and why it is read this way."""

    source: Source
    path: Path
    shape: Shape
    reason: str


def plan(source: Source, root: Path) -> Plan:
    """How `source` will be read; `root` is the folder of the project file.

    Raises: BadData with all problems of this source.
    """
    path = root / source.file
    found = detect(path, encoding=source.encoding, delimiter=source.delimiter, as_format=source.format, where=source.file)
    if found.shape is None:
        raise BadData(found.reason, problems=found.problems)
    format_ = source.format or found.format
    assert format_ is not None
    reason = f"as `format` says; {found.shape.reason}" if source.format and source.format != found.format else found.reason
    named = source.input or source.output or (source.label and found.shape.layout == "csv")
    is_named = named or (source.label and found.format == "text")  # of documents in rows, somebody says that they are more than that
    if is_named and source.format is None and found.shape.layout != "plain":
        format_ = "table"
    if format_ in ("text", "markdown"):
        if source.columns:
            raise BadData("documents have no columns that answers could be told apart by", where=source.file, got=f"columns = {list(source.columns)}",
                          expected="rows with a question and an answer", fix="remove `columns` from this source")  # fmt: skip
        return Plan(source.model_copy(update={"format": format_}), path, found.shape, f"{format_}: {reason}")
    problems = format_problems(source, format_, found)
    if problems:
        raise BadData(problems[0].message, problems=problems)
    settled, why = settle_columns(source, format_, found)
    return Plan(settled, path, found.shape, f"{format_}: {reason}{why}")


def format_problems(source: Source, format_: FormatName, found: Detection) -> list[Problem]:
    """What speaks against reading the file in this format, all at once."""
    if found.shape is None or found.shape.layout == "plain":
        return [
            Problem(
                f"holds plain text, which cannot be read as {format_}",
                source.file,
                found.reason,
                "JSONL, JSON, CSV or Parquet",
                '--format text, or in a project: set format = "text"; or export it as a table',
            )
        ]
    wanted = [(key, getattr(source, key)) for key in ("input", "output", "label", "group")] + [("columns", name) for name in source.columns]
    problems = [
        missing_column(kind, name, header_place(found, source.file), found) for kind, name in wanted if name is not None and name not in found.columns
    ]
    if format_ != "table" and (source.input or source.output):
        problems.append(
            Problem(
                "`input` and `output` name columns of a table",
                source.file,
                format_,
                'format = "table"',
                f"remove them, or set the format to table instead of {format_}",
            )
        )
    keys = FORMAT_KEYS.get(format_, ())
    if keys and source.format and not set(keys) <= set(found.columns) and found.format != format_:
        got = ", ".join(excerpt(c, 30) for c in found.columns[:12])
        problems.append(
            Problem(
                f"is not of format {format_}",
                source.file,
                f"keys {got}",
                " and ".join(f"`{key}`" for key in keys),
                f"remove `format` ({found.format} was detected), or rename the keys",
            )
        )
    if format_ == "table" and not problems:
        problems += table_problems(source, found)
    return problems


def table_problems(source: Source, found: Detection) -> list[Problem]:
    """What is missing to read a table: a column for the question, or one for the answer."""
    has_answer = source.output or source.label or found.output or found.label
    if (source.input or found.input) and has_answer:
        return []
    got = ", ".join(excerpt(c, 30) for c in found.columns[:12])
    return [
        Problem(
            "no column can be taken for the " + ("answer" if source.input or found.input else "question"),
            source.file,
            got,
            "`input`, and `output` or `label`",
            'name them: --input COLUMN --label COLUMN, or in a project: input = "…", label = "…"',
        )
    ]


def missing_column(kind: str, name: str, where: str, found: Detection) -> Problem:
    """A column that is not there, with the nearest that is."""
    near = difflib.get_close_matches(name.lower(), [c.lower() for c in found.columns], n=1, cutoff=0.5)
    nearest = next((c for c in found.columns if near and c.lower() == near[0]), None)
    option = "" if kind in ("group", "columns") else f" in a project, --{kind} {excerpt(nearest)} in a command"
    value = f"[{excerpt(nearest)}]" if kind == "columns" else excerpt(nearest)
    fix = f"write {kind} = {value}{option}" if nearest is not None else f"name one of them in `{kind}`"
    known = "one of " + ", ".join(excerpt(c, 40) for c in found.columns[:30])
    return Problem(f"there is no column {excerpt(name)} (`{kind}`)", where, f"{kind} = {excerpt(name)}", known, fix)


def header_place(found: Detection, file: str) -> str:
    """Where the column names stand: the file, with the line of a table's header."""
    if found.shape is None or found.shape.layout != "csv":
        return file
    line = next((line.number for line in read_lines(found.file, found.shape.codec, file) if line.text.strip()), 1)
    return f"{file} line {line}"


def settle_columns(source: Source, format_: FormatName, found: Detection) -> tuple[Source, str]:
    """(the source with every column named, why each was taken); named columns are never overruled."""
    chosen: dict[str, object] = {"format": format_}
    why: list[str] = []
    if format_ == "table":
        guesses = {"input": found.input, "output": found.output, "label": found.label}
        if source.output or source.label:  # the user named the answer: nothing is added to it
            guesses |= {"output": None, "label": None}
        taken = {getattr(source, key) for key in ("input", "output", "label", "group")} - {None}
        for kind, guess in guesses.items():
            if getattr(source, kind) is None and guess is not None and guess.column not in taken:
                chosen[kind] = guess.column
                why.append(f"{kind} = {excerpt(guess.column, 40)} ({guess.reason})")
    settled = source.model_copy(update=chosen)
    if format_ == "table" and settled.input is None:
        raise BadData(
            "no column is left for the question",
            where=source.file,
            got=", ".join(excerpt(c, 30) for c in found.columns[:12]),
            fix='name it: --input COLUMN, or in a project: input = "…"',
        )
    return settled, ("; " + "; ".join(why) if why else "")


def has_labels(source: Source) -> bool:
    """True if the answers of a settled source are what stands in its column of labels."""
    return source.format == "table" and source.output is None


def read(source: Source, root: Path, position: Position | None = None) -> Iterator[Record | Rejected]:
    """Every row of the source, as a Record or as a Rejected.

    Raises: BadData if something is wrong with the file as a whole.
    """
    yield from read_plan(plan(source, root), position)


def read_plan(settled: Plan, position: Position | None = None) -> Iterator[Record | Rejected]:
    """Every row that the plan's file holds, in order."""
    source = settled.source
    if settled.shape.layout == "plain":
        for line, piece in pieces(settled.path, settled.shape.codec, source.file, markdown=source.format == "markdown", position=position):
            origin = Origin(file=source.file, line=line)
            yield rejected(origin, piece) if isinstance(piece, RowFault) else record(origin, text=piece)
        return
    for line, row in raw_rows(settled.path, settled.shape, source.file, position):
        origin = Origin(file=source.file, line=line)
        if isinstance(row, RowFault):
            yield rejected(origin, row)
            continue
        try:
            if source.format == "text":
                yield record(origin, text=document_of(row), group=own_group(row, source))
            else:
                yield record(origin, **vars(parse_row(row, source)))
        except RowFault as fault:
            yield rejected(origin, fault)
        except ValidationError as error:  # half a surrogate pair from a Parquet file, or a type that the checks above let pass
            first = error.errors(include_url=False)[0]
            yield rejected(origin, RowFault("bad_row", f"`{'.'.join(map(str, first['loc']))}`: {first['msg']}"))


def record(origin: Origin, **parts: Any) -> Record:
    """A Record with the id that its content gives it."""
    id_ = content_id(parts.get("conversation"), parts.get("rejected"), parts.get("text"), parts.get("desirable"))
    return Record(id=id_, origin=origin, **parts)


def content_id(conversation: Conversation | None, rejected: Sequence[Message] | None, text: str | None, desirable: bool | None = None) -> str:
    """16 hex digits of the sha256 of a row's content, not of where it came from; absent fields do not count, so that new ones change no id.

    Raises: PydanticSerializationError if a text holds half a surrogate pair.
    """
    parts = [conversation.model_dump_json(exclude_none=True) if conversation else ""]
    parts += [turn.model_dump_json(exclude_none=True) for turn in rejected or ()]
    if text is not None:
        parts.append(text)
    if desirable is not None:
        parts.append("liked" if desirable else "disliked")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def rejected(origin: Origin, fault: RowFault) -> Rejected:
    """The row as one that is not used, with what mends it."""
    return Rejected(origin=origin, reason=fault.reason, message=with_fix(fault.reason, fault.message))
