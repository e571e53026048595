"""A text with `{{ item.path }}` or `{{ sample.path }}` in it → the text with values in their place.

Paths are names, `.0`, `[0]` and `["any key"]`, as deep as the values go. What is put in is never looked at again, so that a row cannot bring
templates of its own. Nothing is evaluated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tunesmith.errors import BadProject

NAMESPACES = ("item", "sample")
MAX_CHARACTERS = 1 << 20
MAX_STEPS = 32
HOLE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
STEP = re.compile(r"""\.\s*([\w$-]+)|\[\s*(\d{1,9})\s*\]|\[\s*"([^"\]]*)"\s*\]|\[\s*'([^'\]]*)'\s*\]""")
NAMESPACE = re.compile(r"\s*([A-Za-z_]\w*)\s*")


class NoSuchVariable(BadProject):
    """A template names something that the row or the sample does not have."""

    code = "invalid_variable"


class BadTemplate(BadProject):
    """A template that is not `{{ item.path }}` or `{{ sample.path }}`."""

    code = "invalid_template"


@dataclass(frozen=True)
class Path:
    """What stands between the braces."""

    text: str
    namespace: str
    steps: tuple[str | int, ...]


@lru_cache(maxsize=4096)
def pieces(template: str) -> tuple[str | Path, ...]:
    """The template as texts and paths in turn.

    >>> pieces("a {{ item.b[0] }}")
    ('a ', Path(text='item.b[0]', namespace='item', steps=('b', 0)), '')

    Raises: BadTemplate.
    """
    if len(template) > MAX_CHARACTERS:
        raise BadTemplate("is too long", where="template", got=f"{len(template):,} characters", expected=f"at most {MAX_CHARACTERS:,}")
    found: list[str | Path] = []
    for place, part in enumerate(HOLE.split(template)):
        found.append(part if place % 2 == 0 else path(part))
    return tuple(found)


def path(text: str) -> Path:
    """The path that is written so, without braces.

    Raises: BadTemplate.
    """
    shown = text.strip()[:80]
    head = NAMESPACE.match(text)
    if head is None or head[1] not in NAMESPACES:
        raise BadTemplate("there is no such namespace", where="{{ " + shown + " }}", expected="item or sample, as in {{ item.answer }}")
    steps: list[str | int] = []
    place = head.end()
    while place < len(text) and text[place:].strip():
        step = STEP.match(text, place)
        if step is None or len(steps) == MAX_STEPS:
            raise BadTemplate("cannot be read", where="{{ " + shown + " }}", expected="a path such as item.answers[0].text")
        name, index, quoted, single = step.groups()
        steps.append(int(index) if index is not None else next(part for part in (name, quoted, single) if part is not None))
        place = step.end()
        while place < len(text) and text[place].isspace():
            place += 1
    return Path(text.strip(), head[1], tuple(steps))


def value_of(where: Path, spaces: Mapping[str, Any]) -> Any:
    """What stands there.

    Raises: NoSuchVariable.
    """
    value: Any = spaces.get(where.namespace)
    for step in where.steps:
        if isinstance(value, Mapping) and str(step) in value:
            value = value[str(step)]
        elif isinstance(value, list) and str(step).isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            raise NoSuchVariable("there is no such value", where="{{ " + where.text[:80] + " }}", got=f"nothing at `{str(step)[:80]}`")
    return value


def as_text(value: Any) -> str:
    """A value as it is put into a text: strings as they are, the rest as JSON.

    >>> as_text("a"), as_text({"b": [1, None]})
    ('a', '{"b": [1, null]}')
    """
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def render(template: str, spaces: Mapping[str, Any]) -> str:
    """The template with the values of `spaces` (`item` and `sample`) in it.

    >>> render("{{item.q}} = {{ sample.output_json.n }}?", {"item": {"q": "1+1"}, "sample": {"output_json": {"n": 2}}})
    '1+1 = 2?'

    Raises: BadTemplate, NoSuchVariable.
    """
    return "".join(piece if isinstance(piece, str) else as_text(value_of(piece, spaces)) for piece in pieces(template))
