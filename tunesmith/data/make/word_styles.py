"""The styles and numberings of a Word file → what a paragraph of a style is: a heading, a list item, code, a table of contents."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MAX_INHERITED = 20
_HEADING = re.compile(r"heading (\d)$")
_CODE = re.compile(r"\b(?:code|preformatted|macro text|listing|source)\b|^plain text$")
BODY_LEVEL = 9


@dataclass(frozen=True)
class Style:
    """What a style says of its paragraphs."""

    name: str = ""
    level: float | None = None
    """Of a heading."""
    list_id: str | None = None
    is_bullet: bool = False
    is_code: bool = False
    is_contents: bool = False


class Styles:
    """The styles of one document."""

    def __init__(self, document: Any) -> None:
        self._raw = {style.get(W + "styleId"): style for style in document.styles.element.iter(W + "style")}
        self._known: dict[str | None, Style] = {None: Style()}
        self._formats = formats_of(document)

    def __getitem__(self, style_id: str | None) -> Style:
        found = self._known.get(style_id)
        if found is None:
            found = self._known[style_id] = self._read(style_id)
        return found

    def is_numbered(self, list_id: str, level: int) -> bool:
        """True if a list counts its items on this level."""
        return self._formats.get((list_id, level), "bullet") not in ("bullet", "none")

    def _read(self, style_id: str | None) -> Style:
        chain: list[Any] = []
        at = style_id
        while at in self._raw and len(chain) < MAX_INHERITED:
            chain.append(self._raw[at])
            at = value(self._raw[at], "basedOn")
        names = [(value(style, "name") or "").lower() for style in chain]
        level: float | None = next((float(found[1]) for name in names if (found := _HEADING.match(name))), None)
        if level is None:
            said = next((number for style in chain if (number := value(style, "pPr", "outlineLvl")) is not None), None)
            level = float(said) + 1 if said is not None and said.isdecimal() and int(said) < BODY_LEVEL else None
        if names[:1] == ["title"]:
            level = 0.5
        list_id = next((number for style in chain if (number := value(style, "pPr", "numPr", "numId")) is not None), None)
        first = names[0] if names else ""
        return Style(
            name=first,
            level=level,
            list_id=list_id if level is None else None,
            is_bullet=first.startswith("list bullet"),
            is_code=any(_CODE.search(name) for name in names),
            is_contents=first.startswith("toc ") or first in ("toc heading", "table of figures"),
        )


def value(element: Any, *path: str) -> str | None:
    """The `w:val` at a path below `element`."""
    found = element.find("/".join(W + name for name in path))
    said = found.get(W + "val") if found is not None else None
    return str(said) if said is not None else None


def formats_of(document: Any) -> dict[tuple[str, int], str]:
    """(list, level) → how its items are marked."""
    part = next((rel.target_part for rel in document.part.rels.values() if rel.reltype.endswith("/numbering") and not rel.is_external), None)
    root = getattr(part, "element", None)
    if root is None:
        return {}
    abstract: dict[str, dict[int, str]] = {}
    for one in root.iter(W + "abstractNum"):
        levels = {int(level.get(W + "ilvl") or 0): value(level, "numFmt") or "decimal" for level in one.iter(W + "lvl")}
        abstract[one.get(W + "abstractNumId")] = levels
    found: dict[tuple[str, int], str] = {}
    for number in root.iter(W + "num"):
        for level, mark in abstract.get(value(number, "abstractNumId") or "", {}).items():
            found[number.get(W + "numId"), level] = mark
    return found
