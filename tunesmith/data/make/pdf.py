"""A PDF → passages with their pages: columns in order, headers and page numbers off, words that a line end cut joined.

PDFium reads the characters (pdf_page.py), their places give lines (pdf_layout.py), and lines of the whole file give what repeats, how large running text
is, and so what is a heading.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunesmith.data.make.packages import package
from tunesmith.data.make.pdf_blocks import Blocks, folded
from tunesmith.data.make.pdf_layout import Line, lines_of
from tunesmith.data.make.pdf_margins import without_margins
from tunesmith.data.make.pdf_page import PageText, page_text
from tunesmith.errors import BadData, excerpt
from tunesmith.spec.making import Limits
from tunesmith.spec.passage import Passage, Skipped, Spot

MIN_CHARACTERS = 8
"""A page with fewer letters has no text layer."""
MAX_BAD_SHARE = 0.3
MAX_OUTLINE = 5_000
OCR = "make the text readable by OCR first, with a program such as ocrmypdf"


def pdf_passages(path: Path, file: str, limits: Limits) -> Iterator[Passage | Skipped]:
    """The passages of a PDF, and the pages that hold no text.

    Raises: BadData, MissingDependency.
    """
    pdfium = package("pypdfium2", "pypdfium2", "reading PDF")
    raw = package("pypdfium2.raw", "pypdfium2", "reading PDF")
    document = opened(pdfium, path, file)
    try:
        count = len(document)
        if count > limits.pages:
            raise BadData("has too many pages", where=file, got=f"{count:,} pages", expected=f"at most {limits.pages:,}", fix="split it into parts")
        pages: list[list[Line]] = []
        heights: list[float] = []
        skipped: list[Skipped] = []
        for number in range(1, count + 1):
            text, fault = read_page(pdfium, raw, document, number, file)
            skipped += [fault] if fault else []
            pages.append(lines_of(text.runs, number) if text and not fault else [])
            heights.append(text.height if text else 0.0)
        titles = contents(document)
    finally:
        document.close()
    scanned = [one for one in skipped if one.reason == "scanned"]
    if scanned and not any(pages):
        raise BadData("has no text layer: its pages are pictures", where=file, got=f"{count:,} pages", expected="text", fix=OCR)
    if not any(pages) and not skipped:
        raise BadData("holds no text", where=file, got=f"{count:,} pages", expected="text", fix="check how the file was made")
    yield from skipped
    yield from Blocks(file, [line for page in without_margins(pages, heights) for line in page], titles).passages()


def opened(pdfium: Any, path: Path, file: str) -> Any:
    """The document.

    Raises: BadData for an encrypted or damaged file.
    """
    try:
        return pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        text = str(error)
    if "assword" in text or "ecurity" in text:
        fix = "save it without a password; with qpdf: qpdf --decrypt --password=… in.pdf out.pdf"
        raise BadData("is encrypted", where=file, got=excerpt(text, 100), expected="a PDF that opens without a password", fix=fix)
    raise BadData("is not a PDF that can be read", where=file, got=excerpt(text, 100), fix="open it in a reader and save it again")


def read_page(pdfium: Any, raw: Any, document: Any, number: int, file: str) -> tuple[PageText | None, Skipped | None]:
    """(the text of a page, what is wrong with it)."""
    spot = Spot(file=file, page=number)
    try:
        page = document[number - 1]
    except pdfium.PdfiumError as error:
        return None, Skipped(spot=spot, reason="damaged", message=f"the page cannot be read: {str(error)[:80]}", fix="save the file again")
    try:
        text = page_text(page, raw)
    except pdfium.PdfiumError as error:
        return None, Skipped(
            spot=spot, reason="damaged", message=f"the text of the page cannot be read: {str(error)[:80]}", fix="save the file again"
        )
    finally:
        page.close()
    if text.bad_characters > MAX_BAD_SHARE * (text.characters + text.bad_characters):
        message = "the text of the page cannot be read: its fonts do not say which letters their shapes are"
        return text, Skipped(spot=spot, reason="unreadable_text", message=message, fix=OCR)
    if text.characters < MIN_CHARACTERS and text.has_images:
        return text, Skipped(spot=spot, reason="scanned", message="the page is a picture without text", fix=OCR)
    return text, None


def contents(document: Any) -> dict[tuple[int, str], int]:
    """(page, title as folded words) → level, from the outline that the file brings along; empty where it has none."""
    found: dict[tuple[int, str], int] = {}
    for item in document.get_toc(max_depth=8):
        target = item.get_dest() if hasattr(item, "get_dest") else item
        index = (target.get_index() if hasattr(target, "get_index") else target.page_index) if target is not None else None
        title = item.get_title() if hasattr(item, "get_title") else item.title
        if index is not None and title:
            found.setdefault((index + 1, folded(title)), item.level + 1)
        if len(found) >= MAX_OUTLINE:
            break
    return found
