"""Logs as tables and JSON export them → turns with the line they begin on: flat rows, threads with a list of turns inside, and replies that name what they
answer.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tunesmith.data.make.thread_columns import Columns, is_internal, seconds, settle, side_of, text_of
from tunesmith.data.make.thread_turns import Turn
from tunesmith.data.sources.detection import SAMPLE_ROWS, raw_rows, shape_of
from tunesmith.data.sources.fault import RowFault, with_fix
from tunesmith.data.sources.json_rows import decode
from tunesmith.errors import BadData, Problem
from tunesmith.spec.making import ThreadWishes
from tunesmith.spec.passage import Skipped, Spot

INNER_LISTS = (
    "messages",
    "comments",
    "turns",
    "conversation",
    "conversations",
    "posts",
    "replies",
    "entries",
    "events",
    "conversation_parts",
    "thread",
)
MAX_OBJECT_BYTES = 200_000_000
MAX_FLATTENED = 3
Row = tuple[int, dict[str, Any] | RowFault]


def turns_of(path: Path, file: str, wishes: ThreadWishes) -> tuple[str, Iterator[Turn | Skipped]]:
    """(how the file is read and why, its turns and its faulty rows).

    Raises: BadData if the file as a whole cannot be read as a log.
    """
    sample = [row for _, row in itertools.islice(rows_of(path, file), SAMPLE_ROWS) if isinstance(row, dict)]
    if not sample:
        raise BadData("holds no row that can be read", where=file, expected="a table, or JSON with messages", fix="check how the file was exported")
    inner = inner_list(sample)
    if inner is not None:
        nested = [flat(turn) for row in sample for turn in row.get(inner) or () if isinstance(turn, dict)]
        columns = settle(nested, wishes)
        need(columns, ("text",), nested, file)
        outer = settle([flat({key: value for key, value in row.items() if key != inner}) for row in sample], wishes)
        return f"{file}: each row is a thread, its turns stand in `{inner}`; {columns.reasons()}", nested_turns(path, file, inner, columns, outer)
    rows = [flat(row) for row in sample]
    columns = settle(rows, wishes)
    need(columns, ("text", "author"), rows, file)
    if "thread" not in columns.named and not {"reply_to", "id"} <= set(columns.named) and wishes.gap_minutes is None:
        got = ", ".join(f"`{name}`" for name in list(rows[0])[:12])
        fix = "name it: thread = …; or set gap_minutes, so that a silence begins a new conversation"
        raise BadData("no column says which turns belong together", where=file, got=got, expected="a column with the ticket or the thread", fix=fix)
    return f"{file}: {columns.reasons()}", flat_turns(path, file, columns, wishes)


def need(columns: Columns, kinds: Sequence[str], rows: Sequence[dict[str, Any]], file: str) -> None:
    """Nothing, if columns of these kinds were found.

    Raises: BadData naming every kind that is missing, and every named column that is not there.
    """
    there = {key for row in rows for key in row}
    names = ", ".join(f"`{name}`" for name in sorted(there)[:20])
    missing = [kind for kind in kinds if kind not in columns.named and not (kind == "author" and "role" in columns.named)]
    problems = [
        Problem(f"no column can be taken for the {kind}", file, names, f"a column with the {kind} of a turn", f"name it: {kind} = …")
        for kind in missing
    ]
    problems += [
        Problem(f"there is no column `{guess.column}` ({kind})", file, names, "one of these", "name another one")
        for kind, guess in columns.named.items()
        if guess.reason == "as you named it" and guess.column not in there
    ]
    if problems:
        raise BadData(problems=problems)


def rows_of(path: Path, file: str) -> Iterator[Row]:
    """Every row of a table, of JSON Lines, of a JSON array, or of the list that a JSON object holds.

    Raises: BadData.
    """
    try:
        shape = shape_of(path, None, None, None, file)
    except BadData:
        if path.suffix.lower() != ".json" or path.stat().st_size > MAX_OBJECT_BYTES:
            raise
        yield from object_rows(path, file)
        return
    if shape.layout == "plain":
        raise BadData(
            "is not a table or JSON", where=file, got=shape.reason, expected="CSV, Parquet, JSON Lines or JSON", fix="export the log as CSV or JSON"
        )
    first = next(raw_rows(path, shape, file), None)
    is_one_object = (
        shape.layout == "jsonl" and path.suffix.lower() == ".json" and first is not None and (isinstance(first[1], RowFault) or has_list(first[1]))
    )
    if is_one_object and path.stat().st_size <= MAX_OBJECT_BYTES:
        yield from object_rows(path, file)
    else:
        yield from raw_rows(path, shape, file)


def object_rows(path: Path, file: str) -> Iterator[Row]:
    """The rows of the longest list of objects that one JSON object holds; they are numbered, since their lines are not known.

    Raises: BadData.
    """
    try:
        value = decode(path.read_text("utf-8-sig"))
    except (RowFault, UnicodeDecodeError) as error:
        raise BadData(
            "is not JSON", where=file, got=str(error)[:200], expected="a list of messages, or an object that holds one", fix="export it again"
        ) from None
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list) and inner and isinstance(inner[0], dict)]
        value = max(lists, key=len) if lists else [value]
    for number, row in enumerate(value, 1):
        yield number, row if isinstance(row, dict) else RowFault("not_an_object", "is not an object with keys")


def has_list(row: dict[str, Any]) -> bool:
    """True if a row holds a list of objects."""
    return any(isinstance(value, list) and value and isinstance(value[0], dict) for value in row.values())


def inner_list(rows: Sequence[dict[str, Any]]) -> str | None:
    """The key under which most rows hold a list of turns; None if they are turns themselves."""
    for key in INNER_LISTS:
        lists = [row[key] for row in rows if isinstance(row.get(key), list)]
        if len(lists) >= 0.8 * len(rows) and any(isinstance(turn, dict) for one in lists for turn in one):
            return key
    return None


def flat(row: dict[str, Any], deep: int = 0) -> dict[str, Any]:
    """A row without objects in it: `author: {name: …}` becomes `author_name`.

    >>> flat({"author": {"name": "Ann"}, "text": "hi"})
    {'author_name': 'Ann', 'text': 'hi'}
    """
    found: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, dict) and deep < MAX_FLATTENED:
            found.update({f"{key}_{inner}": said for inner, said in flat(value, deep + 1).items()})
        else:
            found[key] = value
    return found


def flat_turns(path: Path, file: str, columns: Columns, wishes: ThreadWishes) -> Iterator[Turn | Skipped]:
    """The turns of a file with a turn in each row."""
    by_reply = "thread" not in columns.named and {"reply_to", "id"} <= set(columns.named)
    roots = reply_roots(path, file, columns) if by_reply else {}
    last: float | None = None
    part = 0
    for line, row in rows_of(path, file):
        if isinstance(row, RowFault):
            yield faulty(file, line, row)
            continue
        cells = flat(row)
        turn = turn_of(cells, columns, file, line)
        if "thread" in columns.named:
            name = text_of(cells.get(columns.of("thread") or ""))
        elif by_reply:
            own = text_of(cells.get(columns.of("id") or ""))
            name = roots.get(own, own)
        else:
            gap = (wishes.gap_minutes or 0.0) * 60
            part += turn.time is not None and last is not None and turn.time - last > gap
            last = turn.time if turn.time is not None else last
            name = f"part {part + 1}"
        if name:
            yield turn._replace(thread=f"{file}\0{name}")
        else:
            yield Skipped(spot=Spot(file=file, line=line), reason="no_thread", message="does not say to which thread it belongs", fix="fill it in")


def reply_roots(path: Path, file: str, columns: Columns) -> dict[str, str]:
    """Id of a turn → id of the turn with which its conversation begins."""
    own, over = columns.of("id") or "", columns.of("reply_to") or ""
    parents: dict[str, str] = {}
    for _, row in rows_of(path, file):
        if isinstance(row, dict):
            cells = flat(row)
            parent = text_of(cells.get(over))
            if parent:
                parents[text_of(cells.get(own))] = parent
    roots: dict[str, str] = {}
    for start in parents:
        seen = [start]
        at = start
        while at in parents and parents[at] not in roots and parents[at] not in seen:
            at = parents[at]
            seen.append(at)
        root = roots.get(parents.get(at, ""), parents.get(at, at) if parents.get(at, at) not in seen else seen[-1])
        roots.update(dict.fromkeys(seen, root))
    return roots


def nested_turns(path: Path, file: str, inner: str, columns: Columns, outer: Columns) -> Iterator[Turn | Skipped]:
    """The turns of a file with a thread in each row; what the row itself says comes first, unless its first turn repeats it."""
    for line, row in rows_of(path, file):
        if isinstance(row, RowFault):
            yield faulty(file, line, row)
            continue
        name = text_of(row.get(outer.of("thread") or outer.of("id") or "id")) or str(line)
        head = turn_of(flat({key: value for key, value in row.items() if key != inner}), outer, file, line)
        turns = [turn_of(flat(turn), columns, file, line) for turn in row.get(inner) or () if isinstance(turn, dict)]
        if head.text and not (turns and turns[0].text.strip() == head.text.strip()) and outer.named["text"].reason.startswith("named"):
            turns.insert(0, head._replace(side=head.side or "customer"))
        for turn in turns:
            yield turn._replace(thread=f"{file}\0{name}", subject=turn.subject or head.subject)


def turn_of(cells: dict[str, Any], columns: Columns, file: str, line: int) -> Turn:
    """A row as a turn; its thread is not known yet."""

    def cell(kind: str) -> str:
        column = columns.of(kind)
        return text_of(cells.get(column)) if column is not None else ""

    role = columns.of("role")
    side = side_of(role, cells.get(role)) if role is not None else ""
    email = cell("email").casefold()
    author = cell("author") or email or (text_of(cells.get(role)) if role else "")
    note = columns.of("internal")
    fault = "internal_note" if is_internal(note, cells.get(note) if note else None) else ""
    time = seconds(cell("time"), columns.is_day_first)
    return Turn("", author, side, email if "@" in email else "", time, cell("text"), cell("subject"), file, line, fault)


def faulty(file: str, line: int, fault: RowFault) -> Skipped:
    """A row that cannot be read."""
    return Skipped(spot=Spot(file=file, line=line), reason=fault.reason, message=with_fix(fault.reason, fault.message))


def load_json(path: Path) -> Any:
    """What a small JSON file holds; None if it is no JSON."""
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError, OSError):
        return None
