"""A Word file (.docx) → passages: python-docx opens the package, and its body is walked as XML, so that insertions and content controls are not lost."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunesmith.data.make.outline import Outline, barred, one_line, plain
from tunesmith.data.make.packages import package
from tunesmith.data.make.word_styles import Styles, W
from tunesmith.data.make.word_text import Paragraph, paragraph_of, text_boxes
from tunesmith.errors import BadData, excerpt
from tunesmith.spec.making import Limits
from tunesmith.spec.passage import Passage

MAX_PARTS = 10_000
HEAD_BYTES = 4_096
BOLD_QUESTION, BOLD_LINE = 20.0, 21.0
"""Levels of lines in bold; Word's own headings end at 9."""
MAX_BOLD_CHARACTERS = 200
WRAPPERS = frozenset(W + name for name in ("sdt", "sdtContent", "customXml", "smartTag", "ins", "moveTo"))


def word_passages(path: Path, file: str, limits: Limits) -> Iterator[Passage]:
    """The passages of a Word file.

    Raises: BadData, MissingDependency.
    """
    check_package(path, file, limits)
    docx = package("docx", "python-docx", "reading Word files")
    etree = package("lxml.etree", "lxml", "reading Word files")
    malformed = (KeyError, ValueError, AttributeError, TypeError, OSError, EOFError, NotImplementedError, RuntimeError)
    try:
        document = docx.Document(str(path))
        body, styles = document.element.body, Styles(document)
        if body is None:
            raise ValueError("no body")
    except (*malformed, zipfile.BadZipFile, zlib.error, etree.LxmlError, docx.opc.exceptions.OpcError) as error:
        got = excerpt(str(error), 100)
        raise BadData(
            "is a damaged Word file", where=file, got=got, expected="a .docx that Word opens", fix="open it in Word and save it again"
        ) from None
    yield from Walk(Outline(file), styles, limits.depth).all_of(body)


def check_package(path: Path, file: str, limits: Limits) -> None:
    """Nothing, if the package can be unpacked without harm.

    Raises: BadData for a package that unpacks to far more than its size, is encrypted, or brings its own XML entities.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            size = sum(part.file_size for part in parts)
            if len(parts) > MAX_PARTS or size > limits.unpacked_bytes:
                got = f"{size:,} bytes in {len(parts):,} parts, packed in {path.stat().st_size:,}"
                expected = f"at most {limits.unpacked_bytes:,} bytes in {MAX_PARTS:,} parts"
                raise BadData("unpacks to too much", where=file, got=got, expected=expected, fix="save it without its pictures, or split it")
            if any(part.flag_bits & 1 for part in parts):
                raise BadData("is encrypted", where=file, expected="a file without a password", fix="remove the password in Word and save it again")
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    with archive.open(part) as stream:
                        if b"<!DOCTYPE" in stream.read(HEAD_BYTES):
                            raise BadData(
                                "brings its own XML entities", where=file, got=excerpt(part.filename), expected="no DTD", fix="save it in Word"
                            )
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        got = excerpt(str(error), 100)
        raise BadData(
            "is a damaged Word file", where=file, got=got, expected="a .docx that Word opens", fix="open it in Word and save it again"
        ) from None


class Walk:
    """Over the body of one document."""

    def __init__(self, outline: Outline, styles: Styles, depth: int) -> None:
        self.outline, self.styles, self.depth = outline, styles, depth
        self._number = 0
        self._code: list[str] = []
        self._items: list[str] = []
        self._began = 0
        self._counts: dict[tuple[str, int], int] = {}

    def all_of(self, body: Any) -> Iterator[Passage]:
        """The passages of the whole body."""
        yield from self.blocks(body, 0)
        yield from self._end()

    def blocks(self, container: Any, level: int) -> Iterator[Passage]:
        """The passages of the blocks in `container`."""
        if level > self.depth:
            return
        for child in container:
            if child.tag == W + "p":
                self._number += 1
                yield from self._paragraph(paragraph_of(child, self.styles))
                for box in text_boxes(child):
                    yield from self.blocks(box, level + 1)
            elif child.tag == W + "tbl":
                yield from self._end()
                yield from self._table(child, level)
            elif child.tag in WRAPPERS:
                yield from self.blocks(child, level + 1)

    def _paragraph(self, paragraph: Paragraph) -> Iterator[Passage]:
        style = paragraph.style
        if style.is_contents or (not paragraph.text.strip() and not (paragraph.is_code and self._code)):
            return
        if paragraph.is_code:
            yield from self._end(but="code")
            self._began = self._began or self._number
            self._code.append(paragraph.raw)
            return
        if paragraph.list_level is not None:
            yield from self._end(but="list")
            self._began = self._began or self._number
            self._items.append(self._item(paragraph))
            return
        yield from self._end()
        level = paragraph.level
        if level is not None:
            yield self.outline.heading(level, plain(one_line(paragraph.text)), paragraph=self._number)
            return
        bold, rest = paragraph.bold, paragraph.text[len(paragraph.bold) :].strip()
        asks = bold.rstrip(" :").endswith(("?", "？"))
        if bold and len(bold) <= MAX_BOLD_CHARACTERS and ((not rest and bold[-1] not in ":.,") or asks):
            yield self.outline.heading(BOLD_QUESTION if asks else BOLD_LINE, plain(one_line(bold.rstrip(" :"))), paragraph=self._number)
        else:
            rest = paragraph.text
        if rest:
            yield self.outline.block("paragraph", rest, paragraph=self._number)

    def _item(self, paragraph: Paragraph) -> str:
        """A list item with its mark, as deep as it stands."""
        deep = paragraph.list_level or 0
        mark = "- "
        if paragraph.is_numbered:
            key = (paragraph.list_id, deep)
            self._counts[key] = self._counts.get(key, 0) + 1
            mark = f"{self._counts[key]}. "
        inner = " " * (3 * deep + len(mark))
        return " " * 3 * deep + mark + paragraph.text.replace("\n", "\n" + inner)

    def _end(self, but: str = "") -> Iterator[Passage]:
        """What has been gathered: code or a list, unless it goes on."""
        if self._code and but != "code":
            yield self.outline.block("code", "\n".join(self._code).strip("\n"), paragraph=self._began)
            self._code, self._began = [], 0
        if self._items and but != "list":
            yield self.outline.block("list", "\n".join(self._items), paragraph=self._began)
            self._items, self._began, self._counts = [], 0, {}

    def _table(self, table: Any, level: int) -> Iterator[Passage]:
        rows = [[self._cell(cell, level + 1) for cell in row.iter(W + "tc") if nearest(cell, W + "tbl") is table] for row in rows_of(table)]
        rows = [row for row in rows if any(row)]
        if max((len(row) for row in rows), default=0) < 2:
            for row in rows:
                for text in row:
                    yield self.outline.block("paragraph", text, paragraph=max(1, self._number))
        elif rows:
            yield self.outline.block("table", barred(rows), rows, paragraph=max(1, self._number))

    def _cell(self, cell: Any, level: int) -> str:
        merge = cell.find(f"{W}tcPr/{W}vMerge")
        if (merge is not None and merge.get(W + "val") != "restart") or level > self.depth:
            return ""
        parts = []
        for paragraph in cell.iter(W + "p"):
            found = paragraph_of(paragraph, self.styles)
            if found.text.strip():
                parts.append(("- " if found.list_level is not None else "") + found.text)
        return "\n".join(parts)


def rows_of(table: Any) -> list[Any]:
    """The rows of a table, those of tables inside it not among them."""
    return [row for row in table.iter(W + "tr") if nearest(row, W + "tbl") is table]


def nearest(element: Any, tag: str) -> Any:
    """The nearest element of this tag around `element`."""
    return next(element.iterancestors(tag), None)
