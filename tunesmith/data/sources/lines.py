"""Bytes of a file → its text lines with their physical numbers, bounded in length, or what is wrong with the encoding.

Lines end at LF, CRLF or CR and nowhere else (`str.splitlines` would also cut at U+2028, and line numbers would no longer be those of
an editor). UTF-8 is decoded with `surrogateescape`, so that one bad byte spoils one row and not the file; whether the file as a whole
is in another encoding is decided once, by looking at all of it, when the first bad byte is met.
"""

from __future__ import annotations

import codecs
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from tunesmith.errors import BadData, Problem, excerpt

MAX_LINE_CHARACTERS = 16_000_000
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MAGIC = (
    (b"\x1f\x8b", "a gzip archive", "unpack it first: gunzip FILE"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "unpack it, or save the sheet as CSV (UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", "save it as CSV (UTF-8) or as text"),
    (b"%PDF", "a PDF", "save its text as .txt or .md"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it first: unzstd FILE"),
    (b"BZh", "a bzip2 archive", "unpack it first: bunzip2 FILE"),
    (b"\xfd7zXZ", "an xz archive", "unpack it first: unxz FILE"),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV"),
    (b"\x80\x04", "a pickle", "never loaded, since it can run code: export it as JSONL or Parquet"),
    (b"PAR1", "a Parquet file", "remove `format`: it is a table"),
    (b"ARROW1", "an Arrow file", "save it as Parquet"),
)


@dataclass
class Position:
    """How far reading has come; the reader updates it, whoever shows progress looks at it."""

    done: float = 0
    total: float | None = None
    unit: str = "bytes"


@dataclass(frozen=True)
class Line:
    """One physical line. `fault` is empty, `encoding` or `too_long`; a faulty line's text is not to be used as data."""

    number: int
    text: str
    fault: str = ""


def check_file(path: Path, where: str) -> None:
    """Nothing, if `path` is a readable file with something in it.

    Raises: BadData if it is absent, a folder, unreadable or empty.
    """
    if path.is_dir():
        inside = ", ".join(file_names(path)[:8])
        raise BadData(
            "is a folder", where=where, expected="one file; several sources may be listed", fix=f"name a file in it: {inside or 'it has none'}"
        )
    if not path.exists():
        names = file_names(path.parent)
        near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.6)
        names = [name for name in names if Path(name).suffix.lower() == path.suffix.lower()] or names  # who asks for a table is helped by tables
        raise BadData(
            "there is no such file",
            where=where,
            expected="a file; in a project its path is relative to the project file",
            fix=f"did you mean {' or '.join(near)}?" if near else f"files there: {', '.join(names[:8])}" if names else "check the path",
        )
    if not path.is_file():
        raise BadData("is not a regular file", where=where, expected="a file that can be read twice", fix="copy its content to a file")
    try:
        with path.open("rb") as file:
            first = file.read(1)
    except OSError as error:
        raise BadData(f"cannot be read: {error.strerror}", where=where, fix="check the file's permissions") from None
    if not first:
        raise BadData("is empty", where=where, got="0 bytes", expected="rows", fix="check how the file was exported")


def file_names(folder: Path) -> list[str]:
    """The names of the files in a folder, sorted; none if it cannot be listed."""
    try:
        return sorted(path.name for path in folder.iterdir() if path.is_file())
    except OSError:
        return []


def text_encoding(path: Path, declared: str | None, where: str) -> tuple[str, str]:
    """(codec, why): the declared one, what a byte-order mark says, or UTF-8.

    Raises: BadData for binary files, for UTF-16 without a mark and for an encoding that Python does not know.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    marked = next((codec for mark, codec in MARKS if head.startswith(mark)), None)
    if declared is not None:
        try:
            name = codecs.lookup(declared).name
        except LookupError:
            raise BadData(
                f"unknown encoding {excerpt(declared)}",
                where=where,
                expected="utf-8, utf-16, cp1252, latin-1, gb18030 …",
                fix="change --encoding, or `encoding` in the project",
            ) from None
        return (marked if marked == "utf-8-sig" and name == "utf-8" else name), "as `encoding` says"
    if marked is not None:
        return marked, "its byte-order mark"
    for magic, kind, fix in MAGIC:
        if head.startswith(magic):
            raise BadData(
                f"is {kind}, not text",
                where=where,
                got=f"first bytes {head[:4].hex(' ')}",
                expected="CSV, JSONL, JSON, Parquet, text or Markdown",
                fix=fix,
            )
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) > len(head) // 4 > min(even, odd):
        raise BadData(
            "is not UTF-8",
            where=where,
            got=f"{even + odd} zero bytes in the first {len(head)}",
            expected="UTF-8",
            fix=f"it looks like UTF-16: {encoding_hint('utf-16-le' if odd > even else 'utf-16-be')}",
        )
    if 0 in head and not is_utf8(head):
        raise BadData(
            "is binary, not text",
            where=where,
            got=f"first bytes {head[:8].hex(' ')}",
            expected="CSV, JSONL, JSON, Parquet, text or Markdown",
            fix="export the data as one of these",
        )
    return "utf-8", "the default"


def encoding_hint(codec: str) -> str:
    """How a file is declared to be in this encoding: to a command, and in a project."""
    return f'--encoding {codec}, or in a project: set encoding = "{codec}" for this source'


def is_utf8(head: bytes) -> bool:
    """True if these first bytes of a file are UTF-8, but for a character that is cut at their end."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def read_lines(path: Path, codec: str, where: str, position: Position | None = None) -> Iterator[Line]:
    """Every line with its end, numbered from 1; a line longer than MAX_LINE_CHARACTERS comes once, cut, with its fault.

    Raises: BadData if the file as a whole is not in this encoding.
    """
    at = position or Position()
    at.total = path.stat().st_size
    tolerant = codec.startswith("utf-8")
    judged = False
    with path.open("r", encoding=codec, errors="surrogateescape" if tolerant else "strict", newline="") as file:
        binary = cast(BinaryIO, file.buffer)
        number = 0
        while True:
            try:
                text = file.readline(MAX_LINE_CHARACTERS)
            except UnicodeError as error:
                raise BadData(
                    f"is not {codec}",
                    where=f"{where}, after line {number}",
                    got=str(error)[:120],
                    expected=codec,
                    fix="change --encoding, or `encoding` in the project, or save the file as UTF-8",
                ) from None
            if not text:
                break
            number += 1
            if number % 512 == 1:
                at.done = binary.tell()
            fault = ""
            if not text.isascii() and has_surrogate(text):
                fault = "encoding"
                if not judged:
                    judge_encoding(path, where)
                    judged = True
            if len(text) == MAX_LINE_CHARACTERS and not text.endswith(("\n", "\r")):
                fault = "too_long"
                text = text[:1000]
                while (rest := file.readline(MAX_LINE_CHARACTERS)) and not rest.endswith(("\n", "\r")):
                    pass
            yield Line(number, text, fault)
    at.done = at.total


def has_surrogate(text: str) -> bool:
    """True if some character is half a surrogate pair: a byte that could not be decoded, or a character cut in two."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def judge_encoding(path: Path, where: str) -> None:
    """Nothing, if the bad bytes are the exception in a UTF-8 file (their rows are then rejected one by one).

    Raises: BadData with the first bad byte's line and offset if lines with bad bytes outnumber lines with good non-ASCII text.
    """
    good = bad = offset = 0
    first: tuple[int, int, int, bytes] | None = None
    sample = bytearray()
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE_CHARACTERS):
            number += 1
            if not line.isascii():
                try:
                    line.decode()
                    good += 1
                except UnicodeDecodeError as error:
                    bad += 1
                    if first is None:
                        first = (number, offset + error.start, line[error.start], line[max(0, error.start - 12) : error.start + 12])
                    if len(sample) < 1_000_000:
                        sample += line
            offset += len(line)
    if first is None or bad <= good:
        return
    number, at, bad_byte, around = first
    guess = likely_encoding(bytes(sample))
    got = f"byte 0x{bad_byte:02X} at offset {at} in {excerpt(around.decode('latin-1'))}; lines like it: {bad:,}"
    raise BadData(problems=[Problem("is not UTF-8", f"{where} line {number}", got, "UTF-8", f"{encoding_hint(guess)}, or save the file as UTF-8")])


def likely_encoding(sample: bytes) -> str:
    """The encoding that fits lines which are not UTF-8, as a suggestion.

    Western text has a few high bytes between ASCII letters; Cyrillic and East Asian encodings are mostly high bytes.
    """
    high = sum(byte >= 0x80 for byte in sample) / max(1, sum(byte > 0x40 for byte in sample))
    order = ("gb18030", "shift_jis", "cp1251") if high > 0.5 else ("cp1252",)
    if high > 0.5 and sum(byte >= 0xC0 for byte in sample) > 0.9 * sum(byte >= 0x80 for byte in sample):
        order = ("cp1251", *order)
    for name in order:
        try:
            sample.decode(name)
        except UnicodeDecodeError:
            continue
        return name
    return "latin-1"
