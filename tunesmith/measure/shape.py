"""JSON answers → the form that they share, in one line that a person and a small model can read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tunesmith.measure.text import NOT_JSON, read_json

MOST = 600
"""Characters of a form that is worth telling."""
FEW_VALUES = 6
OFTEN = 5
"""So few different texts that come so often each are a choice, and named; a rarer one is somebody's value, and not told."""
LONGEST_VALUE = 30
"""Characters of a text that may be one of a choice."""


def shape_of(answers: Iterable[str]) -> str:
    """The form of the answers; empty where no more than half of them are objects, or lists. Longer than `MOST` characters: without choices, then keys alone.

    >>> shape_of(['{"name": "Ann", "age": 7, "tags": ["a"]}', '{"name": "Bo", "age": null, "tags": []}', "no"])
    '{"name": text, "age": number or null, "tags": [text]}'
    """
    values = [None if (value := read_json(answer)) is NOT_JSON else value for answer in answers]
    found = next((some for kind in (dict, list) if 2 * len(some := [one for one in values if isinstance(one, kind)]) > len(values)), [])
    if not found:
        return ""
    keys, others = _keys([value for value in found if isinstance(value, dict)])
    outline = "{" + ", ".join([*(f"{key}: …" for key in keys.values()), *others]) + "}" if keys else ""
    told = (_told(found), _told(found, choices=False), outline)
    return next((text for text in told if len(text) <= MOST), "")


def _told(values: Sequence[Any], *, choices: bool = True) -> str:
    """What stands at one place of all answers."""
    objects = [value for value in values if isinstance(value, dict)]
    lists = [value for value in values if isinstance(value, list)]
    texts = [value for value in values if isinstance(value, str)]
    kinds: list[str] = []
    if objects:
        keys, others = _keys(objects)
        inner = [f"{key}: {_told([value[name] for value in objects if name in value], choices=choices)}" for name, key in keys.items()]
        kinds.append("{" + ", ".join([*inner, *others]) + "}")
    if lists:
        kinds.append(f"[{_told([one for value in lists for one in value], choices=choices)}]")
    if texts:
        kinds.append(_choice(texts) if choices else "text")
    kinds += ["true or false"] if any(isinstance(value, bool) for value in values) else []
    kinds += ["number"] if any(isinstance(value, int | float) and not isinstance(value, bool) for value in values) else []
    kinds += ["null"] if any(value is None for value in values) else []
    return " or ".join(kinds)


def _keys(objects: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], list[str]]:
    """(key → how it is written, of those that come often; what stands for the others). A rare key may be somebody's value."""
    counts = Counter(key for value in objects for key in value)
    known = {key: json.dumps(key, ensure_ascii=False) for key, count in counts.items() if count >= min(OFTEN, len(objects) / 2)}
    return known, ["…"] * (len(known) < len(counts))


def _choice(texts: Sequence[str]) -> str:
    """The texts themselves, where they are a choice among few; else the word for any."""
    counts = Counter(texts)
    if len(counts) > FEW_VALUES or min(counts.values()) < OFTEN or len(counts) < 2 or max(map(len, counts)) > LONGEST_VALUE:
        return "text"
    return " or ".join(json.dumps(text, ensure_ascii=False) for text in sorted(counts))
