"""JSON Lines or one JSON array → rows (dictionaries) with their line, one at a time.

Strict where leniency would change data unseen: a key that stands twice, NaN, Infinity and half a surrogate pair are faults.
An array is decoded over a window of text, so that memory follows the largest row and not the file.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunesmith.data.sources.fault import FIX, RowFault
from tunesmith.data.sources.lines import MAX_LINE_CHARACTERS, Position, has_surrogate, read_lines
from tunesmith.errors import BadData, excerpt

WINDOW_CHARACTERS = 1 << 16
MAX_DEPTH = 64
Row = tuple[int, dict[str, Any] | RowFault]
"""(line where the row begins, the row or what is wrong with it)"""

_SPACE = re.compile(r"[ \t\r\n]*")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise RowFault("duplicate_key", f"the key {excerpt(twice)} stands twice; one of its values would be lost: remove one")
    return found


def _refuse_constant(name: str) -> Any:
    raise RowFault("not_a_number", f"{name} is not JSON; write null, or leave the key out")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise RowFault("not_a_number", f"{excerpt(text)} is more than a number can hold; write a smaller one, or a text")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite)


def decode(text: str) -> Any:
    """The value that `text` holds.

    Raises: RowFault for anything that is not strict JSON, nested too deeply or holding half a surrogate pair.
    """
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise RowFault("bad_json", not_json(error, text)[0]) from None
    except RecursionError:
        raise RowFault("bad_json", f"is nested more than {MAX_DEPTH} levels deep") from None
    except ValueError as error:  # an integer of thousands of digits
        raise RowFault("bad_json", f"cannot be read: {str(error)[:80]}") from None
    _check_value(value, text)
    return value


def not_json(error: json.JSONDecodeError, text: str) -> tuple[str, int]:
    """(what is wrong, with the column in its line and a fix; where the fault is in `text`).

    The decoder skips white space before it misses something, and so points at the beginning of the next line: the fault is behind the last character
    that it could read.
    """
    read = text[: error.pos].rstrip(" \t\r\n")
    at = len(read) if "\n" in text[len(read) : error.pos] or not text[error.pos :].strip() else error.pos
    column = at - text.rfind("\n", 0, at)
    near = excerpt(text[max(0, at - 15) : at + 25].strip("\r\n"))
    if error.msg.startswith("Unterminated"):
        fix = "the text that begins there is never closed: close its quote, and what stands open around it"
    elif not text[at:].strip():
        fix = "the text ends too early: close every quote, bracket and brace"
    else:
        fix = "mend it there; texts stand in double quotes, parts are separated by commas"
    return f"is not JSON: {error.msg.removesuffix(' at')} at column {column}, near {near}; fix: {fix}", at


def _check_value(value: Any, text: str) -> None:
    """Look into the value only where its text can hide something."""
    if (text.count("{") + text.count("[")) > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise RowFault("bad_json", f"is nested more than {MAX_DEPTH} levels deep")
    if "\\ud" in text or "\\uD" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise RowFault(
                "encoding", "holds half of a surrogate pair (\\ud800 to \\udfff): a character was cut in two when the text was exported"
            ) from None


def _depth(value: Any) -> int:
    """Levels of nesting; an explicit stack, since the value may be deeper than Python's."""
    deepest, stack = 0, [(value, 1)]
    while stack:
        item, level = stack.pop()
        deepest = max(deepest, level)
        if level > MAX_DEPTH:
            return level
        if isinstance(item, dict | list):
            stack.extend((child, level + 1) for child in (item.values() if isinstance(item, dict) else item))
    return deepest


def as_row(value: Any) -> dict[str, Any] | RowFault:
    """The value if it is an object with keys, else the fault."""
    return value if isinstance(value, dict) else RowFault("not_an_object", f"is {excerpt(value)}; expected an object with keys")


def json_lines(path: Path, codec: str, where: str, position: Position | None = None) -> Iterator[Row]:
    """One row per line that is not blank."""
    for line in read_lines(path, codec, where, position):
        if line.fault == "too_long":
            yield line.number, RowFault("too_long", f"is longer than {MAX_LINE_CHARACTERS:,} characters; is the file one JSON object per line?")
        elif line.fault == "encoding":
            yield line.number, RowFault("encoding", f"holds bytes that are not UTF-8, in {excerpt(line.text)}")
        elif not line.text.isspace():
            try:
                yield line.number, as_row(decode(line.text.rstrip("\r\n")))
            except RowFault as fault:
                yield line.number, fault


class _Window:
    """A stretch of text that moves over a file: `text[at:]` is what has not been used yet, `line` where it begins."""

    def __init__(self, path: Path, codec: str, where: str, position: Position | None) -> None:
        self.lines = read_lines(path, codec, where, position)
        self.text, self.at, self.line, self.ended = "", 0, 1, False

    def grow(self, characters: int) -> None:
        """At least so many unused characters, or all there are."""
        parts, size = [self.text[self.at :]], len(self.text) - self.at
        while size < characters:
            line = next(self.lines, None)
            if line is None:
                self.ended = True
                break
            if line.fault == "too_long":
                raise RowFault("too_long", f"a line is longer than {MAX_LINE_CHARACTERS:,} characters; write one JSON object per line")
            parts.append(line.text)
            size += len(line.text)
        self.text, self.at = "".join(parts), 0

    def take(self, end: int) -> None:
        """Everything before `end` is used."""
        self.line += self.text.count("\n", self.at, end)
        self.at = end

    def next_mark(self) -> str:
        """The next character that is not white space, which is left unused; empty at the end."""
        while True:
            match = _SPACE.match(self.text, self.at)
            self.take(match.end() if match else self.at)
            if self.at < len(self.text):
                return self.text[self.at]
            if self.ended:
                return ""
            self.grow(WINDOW_CHARACTERS)


def json_array(path: Path, codec: str, where: str, position: Position | None = None) -> Iterator[Row]:
    """One row per element of the array that the file holds; an element that begins on the line of the one before it is numbered one higher, so that
    each row has a number of its own: findings and mending name rows by it.

    Raises: BadData where the array itself is broken, since nothing after that point can be told apart.
    """
    window = _Window(path, codec, where, position)

    def broken(message: str, line: int) -> BadData:
        return BadData(
            message, where=f"{where} line {line}", expected="[ {…}, {…} ]", fix="mend the array, or write one JSON object per line (JSONL)"
        )

    try:
        if window.next_mark() != "[":
            raise broken("is not a JSON array", window.line)
        window.take(window.at + 1)
        if window.next_mark() == "]":
            window.take(window.at + 1)
        else:
            line = 0
            while True:
                window.next_mark()
                line = max(window.line, line + 1)
                yield line, _element(window)
                mark = window.next_mark()
                window.take(window.at + 1)
                if mark == "]":
                    break
                if mark != ",":
                    raise broken(f"expected `,` or `]` after an element, got {excerpt(mark)}" if mark else "ends inside the array", window.line)
        if window.next_mark():
            raise broken("has text after the array's end", window.line)
    except RowFault as fault:
        raise broken(fault.message.partition(FIX)[0], window.line) from None


def _element(window: _Window) -> dict[str, Any] | RowFault:
    """The next element; the window grows until it holds it and the mark behind it.

    Raises: RowFault if the element is broken in a way that hides where it ends.
    """
    size = WINDOW_CHARACTERS
    while True:
        try:
            value, end = _decode_at(window.text, window.at)
        except json.JSONDecodeError as error:
            if window.ended or size > MAX_LINE_CHARACTERS:
                message, at = not_json(error, window.text)
                window.line += window.text.count("\n", window.at, at)
                raise RowFault("bad_json", message) from None
        except RecursionError:
            raise RowFault("bad_json", f"is nested more than {MAX_DEPTH} levels deep") from None
        except ValueError as error:  # an integer of thousands of digits
            raise RowFault("bad_json", f"cannot be read: {str(error)[:80]}") from None
        else:
            if window.ended or window.text[end:].lstrip(" \t\r\n"):
                raw = window.text[window.at : end]
                window.take(end)
                return _checked(value, raw)
            if size > MAX_LINE_CHARACTERS:
                raise RowFault("too_long", f"an element is longer than {MAX_LINE_CHARACTERS:,} characters")
        size *= 2
        window.grow(size)


def _decode_at(text: str, at: int) -> tuple[Any, int]:
    """(value or fault, where it ends); a fault that leaves the end in sight spoils only this element."""
    try:
        return _DECODER.raw_decode(text, at)
    except RowFault as fault:
        return fault, json.JSONDecoder().raw_decode(text, at)[1]


def _checked(value: Any, raw: str) -> dict[str, Any] | RowFault:
    if isinstance(value, RowFault):
        return value
    if not raw.isascii() and has_surrogate(raw):
        return RowFault("encoding", f"holds bytes that are not UTF-8, in {excerpt(raw)}")
    try:
        _check_value(value, raw)
    except RowFault as fault:
        return fault
    return as_row(value)
