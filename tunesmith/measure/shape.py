"""JSON answers → the form that they share, in one line that a person and a small model can read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from tunesmith.measure.text import NOT_JSON, read_json

MOST = 600
"""Characters of a form that is worth telling."""
FEW_VALUES = 6
OFTEN = 5
"""So few different texts that come so often each, on average, are a choice, and named."""
LONGEST_VALUE = 30
"""Characters of a text that may be one of a choice."""


def shape_of(answers: Iterable[str]) -> str:
    """The form of the objects among the answers; empty where there are none, or where it would be longer than `MOST` characters.

    >>> shape_of(['{"name": "Ann", "age": 7, "tags": ["a"]}', '{"name": "Bo", "age": null, "tags": []}', "no"])
    '{"name": text, "age": number or null, "tags": [text]}'
    """
    found = [value for answer in answers if (value := read_json(answer)) is not NOT_JSON and isinstance(value, dict)]
    told = _told(found) if found else ""
    return told if len(told) <= MOST else ""


def _told(values: Sequence[Any]) -> str:
    """What stands at one place of all answers."""
    objects = [value for value in values if isinstance(value, dict)]
    lists = [value for value in values if isinstance(value, list)]
    texts = [value for value in values if isinstance(value, str)]
    kinds: list[str] = []
    if objects:
        keys = dict.fromkeys(key for value in objects for key in value)
        inner = (f"{json.dumps(key, ensure_ascii=False)}: {_told([value[key] for value in objects if key in value])}" for key in keys)
        kinds.append("{" + ", ".join(inner) + "}")
    if lists:
        kinds.append(f"[{_told([one for value in lists for one in value])}]")
    if texts:
        kinds.append(_choice(texts))
    kinds += ["true or false"] if any(isinstance(value, bool) for value in values) else []
    kinds += ["number"] if any(isinstance(value, int | float) and not isinstance(value, bool) for value in values) else []
    kinds += ["null"] if any(value is None for value in values) else []
    return " or ".join(kinds)


def _choice(texts: Sequence[str]) -> str:
    """The texts themselves, where they are a choice among few; else the word for any."""
    counts = Counter(texts)
    if len(counts) > FEW_VALUES or len(texts) < OFTEN * len(counts) or len(counts) < 2 or max(map(len, counts)) > LONGEST_VALUE:
        return "text"
    return " or ".join(json.dumps(text, ensure_ascii=False) for text in sorted(counts))
