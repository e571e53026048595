"""A paragraph of a Word file as XML → its text, what of it is bold, and whether it is a heading, an item of a list or code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tunesmith.data.make.word_styles import BODY_LEVEL, Style, Styles, W, value

FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
SKIPPED = frozenset(
    {FALLBACK, *(W + name for name in ("del", "moveFrom", "delText", "instrText", "pPr", "rPr", "txbxContent", "footnoteReference", "endnoteReference", "annotationRef", "commentReference"))}
)  # fmt: skip
_FIXED = re.compile(r"courier|mono|consol|menlo|lucida console|typewriter", re.I)


@dataclass(frozen=True)
class Paragraph:
    """What a paragraph says and is."""

    raw: str
    """Its text, spaces as they are."""
    text: str
    bold: str
    """The words in bold at its beginning."""
    style: Style
    level: float | None
    list_id: str
    list_level: int | None
    is_numbered: bool
    is_code: bool


@dataclass(frozen=True)
class Piece:
    """Text of one run."""

    text: str
    is_bold: bool
    is_fixed: bool


def paragraph_of(element: Any, styles: Styles) -> Paragraph:
    """The paragraph of a `w:p`."""
    properties = element.find(W + "pPr")
    style = styles[value(element, "pPr", "pStyle")]
    pieces = list(pieces_of(element))
    raw = "".join(piece.text for piece in pieces)
    said = value(element, "pPr", "outlineLvl")
    level = float(said) + 1 if said is not None and said.isdecimal() and int(said) < BODY_LEVEL else style.level
    number = value(properties, "numPr", "numId") if properties is not None else None
    list_id = number if number is not None else style.list_id
    deep = value(properties, "numPr", "ilvl") if properties is not None else None
    is_item = level is None and ((list_id is not None and list_id != "0") or style.is_bullet or style.name.startswith("list number"))
    list_level = (int(deep) if deep is not None and deep.isdecimal() else 0) if is_item else None
    solid = [piece for piece in pieces if piece.text.strip()]
    return Paragraph(
        raw=raw,
        text=tidied(raw),
        bold=bold_start(pieces),
        style=style,
        level=level,
        list_id=list_id or style.name,
        list_level=min(list_level, 9) if list_level is not None else None,
        is_numbered=is_item and (style.name.startswith("list number") if list_id is None else styles.is_numbered(list_id, list_level or 0)),
        is_code=level is None and (style.is_code or (bool(solid) and all(piece.is_fixed for piece in solid))),
    )


def pieces_of(element: Any, *, bold: bool = False, fixed: bool = False) -> Iterator[Piece]:
    """The text below an element, run by run; what was deleted, and what is only an instruction, left out."""
    for child in element:
        tag = child.tag
        if tag in SKIPPED or not isinstance(tag, str):
            continue
        if tag == W + "r":
            yield from pieces_of(child, bold=is_on(child, "b"), fixed=is_fixed(child))
        elif tag == W + "t":
            yield Piece(child.text or "", bold, fixed)
        elif tag == W + "tab":
            yield Piece("\t", bold, fixed)
        elif tag in (W + "br", W + "cr"):
            yield Piece("\n" if child.get(W + "type") in (None, "textWrapping") else " ", bold, fixed)
        elif tag == W + "noBreakHyphen":
            yield Piece("-", bold, fixed)
        else:
            yield from pieces_of(child, bold=bold, fixed=fixed)


def is_on(run: Any, name: str) -> bool:
    """True if a property of a run is switched on."""
    found = run.find(f"{W}rPr/{W}{name}")
    return found is not None and found.get(W + "val") not in ("0", "false", "off", "none")


def is_fixed(run: Any) -> bool:
    """True if a run stands in a typewriter's font."""
    fonts = run.find(f"{W}rPr/{W}rFonts")
    return fonts is not None and bool(_FIXED.search(fonts.get(W + "ascii") or fonts.get(W + "hAnsi") or ""))


def bold_start(pieces: list[Piece]) -> str:
    """The words in bold that a paragraph begins with."""
    text = ""
    for piece in pieces:
        if piece.text.strip() and not piece.is_bold:
            break
        text += piece.text
    return tidied(text)


def tidied(text: str) -> str:
    """Runs of spaces and tabs as one space; line ends stay."""
    return "\n".join(" ".join(line.split()) for line in text.strip().split("\n"))


def text_boxes(element: Any) -> Iterator[Any]:
    """The contents of the text boxes that hang on a paragraph, those inside others left to them."""
    for box in element.iter(W + "txbxContent"):
        around = list(box.iterancestors())
        at = next((i for i, parent in enumerate(around) if parent.tag == W + "p"), 0)
        if around and around[at] is element and not any(parent.tag == FALLBACK for parent in around[:at]):
            yield box
