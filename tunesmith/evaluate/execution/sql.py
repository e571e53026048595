"""A query and a SQLite file → its result, read without any chance to change the file, to reach another one, or to run for ever.

The file is opened read-only. The authorizer lets a query read and compute and refuses all else while it is prepared: writes, ATTACH, PRAGMA, extensions.
Limits hold the length of texts, the depth of expressions and the number of rows; a progress handler watches the clock. Since one step of SQLite can
still take long, and its C code meets hostile input here, all of this runs in a process of its own (`database.py`).
"""

from __future__ import annotations

import math
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

Value = int | float | str | None
Row = tuple[Value, ...]
DIGITS = 9
"""Significant ones in which numbers must agree: sums of floats depend on their order."""
STEPS = 1_000
"""Of SQLite's machine between two looks at the clock: well under a millisecond."""
LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 10_000_000,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 20_000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 10,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
FORBIDDEN_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "sqlite_log", "randomblob", "random"})
"""Some reach out of the database, the others give another result each time."""
_WORD = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)|[()]|[^\W\d]\w*", re.S)


@dataclass(frozen=True)
class Bounds:
    """What one query may use."""

    seconds: float = 5.0
    rows: int = 10_000
    memory_bytes: int = 1 << 30
    """Of the process that runs queries."""


@dataclass(frozen=True)
class Found:
    """The rows of a query, or why there are none."""

    rows: tuple[Row, ...] = ()
    error: str | None = None


def open_read_only(path: Path) -> sqlite3.Connection:
    """A connection that can only read, and leaves nothing beside the file.

    Raises: sqlite3.Error for what is no SQLite file.
    """
    has_log = path.with_name(path.name + "-wal").exists()  # then the newest rows stand there, and only the ordinary way reads them
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro{'' if has_log else '&immutable=1'}", uri=True, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    connection.execute("SELECT 1 FROM json_each('[]'), json_tree('[]')")  # these two are set up when they are first used, by more than reading
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    for limit, most in LIMITS.items():
        connection.setlimit(limit, most)
    connection.set_authorizer(authorized)
    return connection


def authorized(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    """What SQLite is told about one part of a query while it prepares it."""
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in FORBIDDEN_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in ALLOWED else sqlite3.SQLITE_DENY


def run(connection: sqlite3.Connection, query: str, bounds: Bounds) -> Found:
    """The rows of one query, or what is wrong with it: never an exception."""
    until = time.monotonic() + bounds.seconds
    connection.set_progress_handler(lambda: time.monotonic() > until, STEPS)
    try:
        cursor = connection.execute(query)
        if cursor.description is None:
            return Found(error="it is no query that gives rows")
        rows = cursor.fetchmany(bounds.rows + 1)
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
        late = "interrupted" in str(error)
        return Found(error=f"it took longer than {bounds.seconds:g} s" if late else str(error)[:200])
    except MemoryError:
        return Found(error="it needs too much memory")
    finally:
        connection.set_progress_handler(None, 0)
    if len(rows) > bounds.rows:
        return Found(error=f"it gives more than {bounds.rows:,} rows")
    return Found(tuple(tuple(plain(value) for value in row) for row in rows))


def plain(value: object) -> Value:
    """A value of SQLite in the form in which equal ones are equal: numbers to nine significant digits, bytes as hexadecimal text.

    >>> plain(2.0), plain(0.1 + 0.2), plain(b"a")
    (2, 0.3, "x'61'")
    """
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        short = float(f"{value:.{DIGITS}g}")
        return int(short) if short.is_integer() and abs(short) < 2**53 else short
    return value if isinstance(value, int | str) else None


def same_result(answer: Sequence[Row], reference: Sequence[Row], *, in_order: bool) -> bool:
    """True if both have the same rows, as often; in the same order where the reference asks for one. Names of columns do not count.

    >>> same_result([(1, "a"), (2, "b")], [(2, "b"), (1, "a")], in_order=False), same_result([(1,)], [(1,), (1,)], in_order=False)
    (True, False)
    """
    if in_order:
        return list(answer) == list(reference)
    return Counter(answer) == Counter(reference)


def orders(query: str) -> bool:
    """True if the query itself asks for an order: ORDER BY outside of every parenthesis.

    >>> orders("SELECT a FROM t ORDER BY a"), orders("SELECT a FROM (SELECT a FROM t ORDER BY b)"), orders("SELECT 'order by'")
    (True, False, False)
    """
    depth, before = 0, ""
    for word in (found[0].lower() for found in _WORD.finditer(query)):
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth == 0 and word == "by" and before == "order":
            return True
        if not word.startswith(("--", "/*")):
            before = word
    return False
