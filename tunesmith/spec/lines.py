"""A TOML text → the line on which each key is written, for messages: `tomllib` does not keep it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]
ENDS = ("]", "}", '"""', "'''")
"""A value of several lines ends with one of these: other lines need no look, or a long list would take its length squared."""


def key_lines(text: str) -> dict[Path, int]:
    """Path of every key, table and array item → the line, from 1, on which its statement begins. `text` must be sound TOML.

    >>> key_lines('name = "a"\\n[[sources]]\\nfile = "b"')
    {('name',): 1, ('sources',): 2, ('sources', 0): 2, ('sources', 0, 'file'): 3}
    """
    found: dict[Path, int] = {}
    here: Path = ()
    items: dict[Path, int] = {}
    for line, statement in statements(text):
        is_header = statement.lstrip().startswith("[")
        paths = list(_paths(tomllib.loads(statement)))
        if is_header:
            here = _counted(paths, items, is_item=statement.lstrip().startswith("[["))
        for path in [here[: i + 1] for i in range(len(here))] if is_header else [here + path for path in paths]:
            found.setdefault(path, line)
    return found


def statements(text: str) -> Iterator[tuple[int, str]]:
    """(first line, text) of each statement that says something: a key with its value, which may span lines, or a header."""
    begun, parts = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        goes_on = bool(parts)
        parts += line + "\n"
        if goes_on and not any(sign in line for sign in ENDS):
            continue
        try:
            says_something = bool(tomllib.loads(parts))
        except tomllib.TOMLDecodeError:  # the value goes on in the next line
            continue
        if says_something:
            yield begun, parts
        begun, parts = number + 1, ""


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a value, outer ones first."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield (*path, key)
        yield from _paths(item, (*path, key))


def _counted(paths: list[Path], items: dict[Path, int], *, is_item: bool) -> Path:
    """The place that a header opens, with the running number of each array's item; `items` counts them by name."""
    names = [part for part in max(paths, key=len) if isinstance(part, str)]
    here: Path = ()
    for i, name in enumerate(names):
        here = (*here, name)
        if is_item and i == len(names) - 1:
            items[here] = items.get(here, -1) + 1
        if here in items:
            here = (*here, items[here])
    return here
