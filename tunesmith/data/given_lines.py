"""Bytes of a fine-tuning file → its examples, one JSON object per line, each with its number and line; or what is wrong with a line.

Strict where leniency would change data unseen: a key that stands twice, NaN, Infinity, numbers beyond float64 and half a surrogate pair
are flaws. Lenient where nothing is lost: a byte-order mark, CRLF and blank lines. Every step is bounded or linear in the line's length.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunesmith.data.given_words import Flaw, cannot_be_parsed, not_a_dictionary, quoted
from tunesmith.data.sources.lines import has_surrogate

MAX_LINE_BYTES = 16_000_000
MAX_DEPTH = 64
MAX_DIGITS = 400
MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Example:
    """One line that is not blank. `number` counts such lines from 1; `line` is the physical one."""

    number: int
    line: int
    row: dict[str, Any] | Flaw


@dataclass
class Read:
    """How far reading has come; the digest is that of the bytes read."""

    size_bytes: int = 0
    examples: int = 0

    def __post_init__(self) -> None:
        self.digest = hashlib.sha256()


class _NotJson(Exception):
    """What the decoder lets pass and JSON does not."""


def examples(path: Path, read: Read) -> Iterator[Example]:
    """Every example of the file, in order."""
    for number, raw in _lines(path, read):
        if raw is not None and not raw.strip():
            continue
        read.examples += 1
        yield Example(read.examples, number, _row(raw, read.examples, number))


def _lines(path: Path, read: Read) -> Iterator[tuple[int, bytes | None]]:
    """(number, bytes) of each line; None for one that is too long, which is passed over."""
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            _count(read, raw)
            too_long = len(raw) > MAX_LINE_BYTES
            while too_long and not raw.endswith(b"\n") and (raw := file.readline(MAX_LINE_BYTES)):
                _count(read, raw)
            yield number, None if too_long else raw.removeprefix(MARK) if number == 1 else raw


def _count(read: Read, raw: bytes) -> None:
    read.digest.update(raw)
    read.size_bytes += len(raw)


def _row(raw: bytes | None, example: int, line: int) -> dict[str, Any] | Flaw:
    if raw is None:
        return cannot_be_parsed(example, line, f"the line is longer than {MAX_LINE_BYTES:,} bytes")
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        return cannot_be_parsed(example, line, f"byte 0x{raw[error.start]:02x} at position {error.start} is not UTF-8")
    try:
        value = decode(text)
    except (ValueError, _NotJson) as error:  # a JSONDecodeError is a ValueError
        return cannot_be_parsed(example, line, str(error)) if text.lstrip().startswith("{") else not_a_dictionary(line, text)
    return value if isinstance(value, dict) else not_a_dictionary(line, text)


def decode(text: str) -> Any:
    """The value that `text` holds.

    Raises: JSONDecodeError with Python's words, or another exception with ours, for what is not strict JSON.
    """
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise _NotJson(f"nested more than {MAX_DEPTH} levels deep") from None
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer of thousands of digits
        raise _NotJson("a number has too many digits") from None
    if text.count("{") + text.count("[") > MAX_DEPTH and _is_too_deep(value):
        raise _NotJson(f"nested more than {MAX_DEPTH} levels deep")
    if ("\\ud" in text or "\\uD" in text) and has_surrogate(json.dumps(value, ensure_ascii=False)):
        raise _NotJson("half of a surrogate pair (\\ud800 to \\udfff): a character was cut in two")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _NotJson(f"the key {quoted(twice)} stands twice")
    return found


def _constant(name: str) -> Any:
    raise _NotJson(f"{name} is not a JSON number")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _NotJson("a number has too many digits")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits) if len(digits) <= MAX_DIGITS else math.inf
    if not math.isfinite(number):
        raise _NotJson("a number is too large or has too many digits")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant, parse_float=_float, parse_int=_integer)


def _is_too_deep(value: Any) -> bool:
    """True if the value has more than MAX_DEPTH levels; an explicit stack, since it may be deeper than Python's."""
    stack = [(value, 1)]
    while stack:
        item, level = stack.pop()
        if level > MAX_DEPTH:
            return True
        if isinstance(item, dict | list):
            stack.extend((child, level + 1) for child in (item.values() if isinstance(item, dict) else item))
    return False
