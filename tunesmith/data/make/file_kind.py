"""A file → what kind of document it is, by its content first and its name second, with the reason where the two disagree."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Literal

from tunesmith.data.sources.lines import check_file, text_encoding
from tunesmith.errors import BadData, excerpt
from tunesmith.spec.making import Limits

DocumentKind = Literal["pdf", "word", "html", "markdown", "rst", "plain"]
SUFFIXES: dict[str, DocumentKind] = {
    ".pdf": "pdf", ".docx": "word", ".docm": "word", ".html": "html", ".htm": "html", ".xhtml": "html", ".md": "markdown", ".markdown": "markdown",
    ".mdown": "markdown", ".mkd": "markdown", ".rst": "rst", ".rest": "rst", ".txt": "plain", ".text": "plain",
}  # fmt: skip
HEAD_BYTES = 65_536
EXPECTED = "PDF, Word (.docx), HTML, Markdown, reStructuredText or plain text"
ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
PACKAGES = (
    ("xl/workbook.xml", "an Excel workbook", "save the sheet as CSV (UTF-8)"),
    ("ppt/presentation.xml", "a PowerPoint file", "save it as PDF"),
    ("META-INF/container.xml", "an e-book (EPUB)", "convert it to HTML"),
    ("META-INF/manifest.xml", "an OpenDocument file", "save it as .docx"),
)
_HTML = re.compile(r"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html)\b", re.I | re.S)
_RST = re.compile(r"^(?:\.\. (?:[\w:-]+::(?: |$)|_[^:\n]+:)|:(?:ref|doc|func|class|mod|meth|term|file|option):`)|\w`?_(?=[\s.,;)]|$)|:(?:ref|func|class|mod|meth):`", re.M)  # fmt: skip
_MARKDOWN = re.compile(r"^(?:#{1,6} +\S|```|~~~|\|.+\|\s*$)|\[[^\]\n]+\]\([^)\s]+\)|\*\*\S[^*\n]*\*\*", re.M)


def kind_of(path: Path, file: str, limits: Limits) -> tuple[DocumentKind, str]:
    """(the kind, why: empty where the name says the same as the content).

    Raises: BadData for a file that is absent, empty, too large, or of a kind that is not read.
    """
    check_file(path, file)
    size = path.stat().st_size
    if size > limits.file_bytes:
        raise BadData("is too large", where=file, got=f"{size:,} bytes", expected=f"at most {limits.file_bytes:,}", fix="split it into parts")
    named = named_kind(path)
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    found = by_bytes(path, head, file)
    if found is None:
        found = by_text(path, head, file, named)
    if found not in ("pdf", "word") and size > limits.text_bytes:
        raise BadData(
            "is too large for a text", where=file, got=f"{size:,} bytes", expected=f"at most {limits.text_bytes:,}", fix="split it into parts"
        )
    reason = f"named {path.suffix or 'without a suffix'}, but its content is {WORDS[found]}" if named != found and not _usual(named, found) else ""
    return found, reason


WORDS: dict[DocumentKind, str] = {
    "pdf": "a PDF",
    "word": "a Word file",
    "html": "HTML",
    "markdown": "Markdown",
    "rst": "reStructuredText",
    "plain": "plain text",
}


def _usual(named: DocumentKind | None, found: DocumentKind) -> bool:
    """Texts are often named .txt, whatever their markup is."""
    return named == "plain" and found in ("markdown", "rst")


def named_kind(path: Path) -> DocumentKind | None:
    """What the name says; `faq.rst.txt` is what `faq.rst` would be."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if len(suffixes) == 2 and suffixes[1] == ".txt" and suffixes[0] in SUFFIXES:
        return SUFFIXES[suffixes[0]]
    return SUFFIXES.get(suffixes[-1]) if suffixes else None


def by_bytes(path: Path, head: bytes, file: str) -> DocumentKind | None:
    """The kind of a file that is not text; None for text.

    Raises: BadData for kinds that are not read, with what to do.
    """
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return _packed(path, file)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        if ENCRYPTED_PACKAGE in head or ENCRYPTED_PACKAGE in path.read_bytes():
            raise BadData("is encrypted", where=file, expected=EXPECTED, fix="open it in Word, remove the password, and save it again")
        raise BadData("is an old Word file", where=file, expected=EXPECTED, fix="save it as .docx")
    if head.startswith(b"{\\rtf"):
        raise BadData("is a rich-text file (RTF)", where=file, expected=EXPECTED, fix="save it as .docx")
    return None


def _packed(path: Path, file: str) -> DocumentKind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise BadData("is a damaged Word file or zip archive", where=file, got=excerpt(str(error)), fix="save it again") from None
    if "word/document.xml" in names:
        return "word"
    kind, fix = next(((kind, fix) for part, kind, fix in PACKAGES if part in names), ("a zip archive", "unpack it, and name the folder"))
    raise BadData(f"is {kind}", where=file, expected=EXPECTED, fix=fix)


def by_text(path: Path, head: bytes, file: str, named: DocumentKind | None) -> DocumentKind:
    """The kind of a text.

    Raises: BadData if it is no text.
    """
    if named == "html" and not head.startswith((b"\xff\xfe", b"\xfe\xff")) and 0 not in head:
        return "html"  # a page may be in any encoding; it says itself in which
    try:
        codec, _ = text_encoding(path, None, file)
    except BadData as error:
        problem = error.problems[0]
        raise BadData(problem.message, where=file, got=problem.got, expected=EXPECTED, fix=problem.fix) from None
    text = head.decode(codec, errors="replace")
    if not text.strip():
        raise BadData("holds nothing but white space", where=file, expected="text", fix="check how the file was exported")
    if _HTML.match(text):
        return "html"
    if named in ("markdown", "rst"):
        return named
    rst, markdown = len(_RST.findall(text)), len(_MARKDOWN.findall(text))
    if max(rst, markdown) < 2:
        return "plain"
    return "rst" if rst > markdown else "markdown"
