"""What pydantic found wrong with a project → problems in the words of the project file, each with the line it stands on."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tunesmith.errors import Problem
from tunesmith.spec.lines import Path, key_lines

BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}
TYPES = {
    "string": '"text in quotes"',
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "[ a, list ]",
    "dict": "a table",
}
GOT_CHARACTERS = 80


class Places:
    """Where the keys of a project stand: the lines of a file, and the `--set` options laid over it."""

    def __init__(self, where: str, text: str, options: Mapping[Path, str] | None = None) -> None:
        self.where = where
        self._text = text
        self._options = options or {}

    @cached_property
    def _lines(self) -> Mapping[Path, int]:
        return key_lines(self._text)  # only for messages: a sound file is not read twice

    def of(self, path: Path) -> str:
        """The option that sets the key at `path`, or the file with the line of that key or of the nearest table around it."""
        for end in range(len(path), 0, -1):
            if path[:end] in self._options:
                return self._options[path[:end]]
            if path[:end] in self._lines:
                return f"{self.where} line {self._lines[path[:end]]}"
        return self.where

    def line(self, path: Path) -> int:
        """The line of the key at `path`, or of the nearest table around it; 0 if the file has neither."""
        return next((self._lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self._lines), 0)


def problems(error: ValidationError, noun: type[BaseModel], places: Places) -> list[Problem]:
    """Every fault pydantic found, in the order of the file; what only follows from another fault is left out."""
    faults = sorted(((path_of(fault), fault) for fault in error.errors(include_url=False)), key=lambda pair: places.line(pair[0]))
    return [
        problem(fault, path, noun, places)
        for path, fault in faults
        if not (fault["type"] == "too_short" and any(len(other) > len(path) and other[: len(path)] == path for other, _ in faults))
    ]


def path_of(fault: ErrorDetails) -> Path:
    """The keys that lead to a fault; the tag of a union is not a key of the file."""
    return tuple(part for part in fault["loc"] if part not in ("lora", "full"))


def problem(fault: ErrorDetails, path: Path, noun: type[BaseModel], places: Places) -> Problem:
    """One fault as a person reads it."""
    key, kind, where = dotted(path), fault["type"], places.of(path)
    if kind == "extra_forbidden":
        known = known_keys(noun, path[:-1])
        near = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.5)
        return Problem(f"unknown key `{key}`", where, str(path[-1]), "one of " + ", ".join(known), f"write `{near[0]}`" if near else "remove it")
    meaning = describe(noun, path)
    if kind == "missing":
        example = '[[sources]] with file = "…"' if key == "sources" else f"{path[-1]} = …"
        return Problem(f"`{key}` is missing", where, expected=meaning or "a value", fix=f"add {example}")
    if kind == "value_error":
        return Problem(
            f"`{key}`: {plain(fault)}" if key else plain(fault), where, expected=meaning, fix=f"change `{key}`" if key else "remove one of them"
        )
    what, fix = wanted(fault, path)
    expected = " · ".join(part for part in (what, meaning) if part)
    return Problem(f"`{key}`: {plain(fault)}", where, repr(fault["input"])[:GOT_CHARACTERS], expected, fix)


def plain(fault: ErrorDetails) -> str:
    """What is wrong, without pydantic's words where there are plainer ones."""
    kind = fault["type"]
    if kind in BOUNDS:
        return "is out of range"
    if kind == "literal_error":
        return "is not one of the words that it can be"
    if kind == "string_pattern_mismatch":
        return "has characters that it cannot have, or too many"
    return fault["msg"].removeprefix("Value error, ")


def wanted(fault: ErrorDetails, path: Path) -> tuple[str, str]:
    """(what is expected, the fix) of a value that does not fit."""
    kind, context, name = fault["type"], fault.get("ctx", {}), path[-1] if path and isinstance(path[-1], str) else "it"
    if kind in BOUNDS:
        bound, words = BOUNDS[kind]
        limit = f"{words} {context[bound]:g}"
        return limit, f"write a number {limit}"
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", str(context["expected"]))
        near = difflib.get_close_matches(str(fault["input"]), known, n=1, cutoff=0.4)
        return "one of " + ", ".join(known), f'write {name} = "{near[0]}"' if near else "write one of them"
    if kind == "string_pattern_mismatch":
        slug = re.sub(r"[^a-z0-9._-]+", "-", str(fault["input"]).lower()).strip("._-")[:64]
        return "", f'write {name} = "{slug}"' if slug else f"change `{name}`"
    expected = next((words for prefix, words in TYPES.items() if kind.startswith(f"{prefix}_")), "")
    return expected, f"write {name} = {expected}" if expected else f"change `{dotted(path)}`"


def dotted(path: Sequence[str | int]) -> str:
    """A key as TOML people read it: `sources[0].file`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


def nouns_in(annotation: Any) -> list[type[BaseModel]]:
    """Every model class named anywhere in a type annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [noun for part in get_args(annotation) for noun in nouns_in(part)]


def nouns_at(noun: type[BaseModel], path: Sequence[str | int]) -> list[type[BaseModel]]:
    """The classes that may stand at `path` below `noun`."""
    here = [noun]
    for part in path:
        if isinstance(part, str):
            here = [n for h in here if part in h.model_fields for n in nouns_in(h.model_fields[part].annotation)]
    return here


def known_keys(noun: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """The keys that are allowed in the table at `path`."""
    return sorted({key for n in nouns_at(noun, path) for key in n.model_fields})


def describe(noun: type[BaseModel], path: Sequence[str | int]) -> str:
    """What a field is for: the first sentence of its docstring."""
    if not path or not isinstance(path[-1], str):
        return ""
    for owner in nouns_at(noun, path[:-1]):
        if path[-1] in owner.model_fields:
            text = " ".join((owner.model_fields[path[-1]].description or "").split())
            return text.partition(". ")[0].removesuffix(".")
    return ""
