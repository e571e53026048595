"""Plain text or Markdown → pieces of text with the line they begin on, for documents without roles.

Markdown is cut at headings (not inside fenced code), plain text at blank lines; a piece that grows beyond PIECE_CHARACTERS
is cut at its next blank line, so that memory follows a piece and not the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tunesmith.data.sources.fault import RowFault
from tunesmith.data.sources.lines import Position, read_lines
from tunesmith.errors import excerpt

PIECE_CHARACTERS = 4_000
Piece = tuple[int, str | RowFault]

HEADING = re.compile(r"#{1,6}\s+\S")
FENCE = re.compile(r" {0,3}(```+|~~~+)")


def pieces(path: Path, codec: str, where: str, *, markdown: bool, position: Position | None = None) -> Iterator[Piece]:
    """(first line, text) of every piece that is not blank."""
    kept: list[str] = []
    first, size, fence = 1, 0, ""
    for line in read_lines(path, codec, where, position):
        if line.fault:
            yield line.number, RowFault(line.fault, f"cannot be used: {excerpt(line.text)}")
            continue
        mark = FENCE.match(line.text) if markdown else None
        opens = bool(markdown and not fence and HEADING.match(line.text))
        full = size >= PIECE_CHARACTERS and not line.text.strip() and not fence
        if (opens or full) and kept:
            yield from _piece(first, kept)
            kept, size = [], 0
        if not kept:
            first = line.number
        if mark:
            fence = "" if fence and mark[1].startswith(fence) else (fence or mark[1])
        if kept or line.text.strip():
            kept.append(line.text)
            size += len(line.text)
    yield from _piece(first, kept)


def _piece(first: int, kept: list[str]) -> Iterator[Piece]:
    text = "".join(kept).strip()
    if text:
        yield first, text
