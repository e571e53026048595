"""The body of an upload → its fields in memory and its one file on the disk, written as it comes in.

Nothing is decided by the name or the type that a client gives a file: the name is kept as a label only, and the content lies under a name of
ours. What is left of an upload that broke off is deleted here, or by the sweeper after a crash.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from tunesmith.console.failures import ApiError
from tunesmith.console.ids import new_id
from tunesmith.console.quotas import Room
from tunesmith.store.disk import disk_faults, remove

INCOMING = ".incoming-"
FIELD_BYTES = 1 << 16
PARTS = 64
NAME_CHARACTERS = 255
UNNAMED = "upload"
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass
class Incoming:
    """A file that is on the disk and belongs to nobody yet."""

    path: Path
    filename: str
    bytes: int
    sha256: str
    md5: str

    def discard(self) -> None:
        """Delete it, wherever it was not moved away."""
        remove(self.path)


@dataclass
class Form:
    """A form that was received completely."""

    fields: dict[str, str]
    file: Incoming | None


@dataclass
class Reading:
    """A form while it comes in: the parser's callbacks put its pieces here."""

    wanted: str
    """Name of the field that is a file."""
    path: Path
    room: Room
    fields: dict[str, str] = field(default_factory=dict)
    filename: str = UNNAMED
    written: int = 0
    parts: int = 0
    is_complete: bool = False
    has_file: bool = False
    out: IO[bytes] | None = None
    sha256: hashlib._Hash = field(default_factory=hashlib.sha256)
    md5: hashlib._Hash = field(default_factory=lambda: hashlib.md5(usedforsecurity=False))
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _headers: dict[bytes, bytes] = field(default_factory=dict)
    _name: str = ""
    _text: bytearray = field(default_factory=bytearray)

    def callbacks(self) -> dict[str, Callable[..., None]]:
        """What the parser calls."""
        return {
            "on_part_begin": self.on_part_begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self.on_header_end,
            "on_headers_finished": self.on_headers_finished,
            "on_part_data": self.on_part_data,
            "on_part_end": self.on_part_end,
            "on_end": self.on_end,
        }

    def on_part_begin(self) -> None:
        """A part begins."""
        self.parts += 1
        if self.parts > PARTS:
            raise ApiError(400, f"The form has more than {PARTS} parts.")
        self._headers, self._text = {}, bytearray()

    def on_header_end(self) -> None:
        """One header of a part is whole."""
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def on_headers_finished(self) -> None:
        """All headers of a part are there: it is a field, or the file."""
        _, options = parse_options_header(self._headers.get(b"content-disposition", b"").decode("latin-1"))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name != self.wanted:
            return
        if self.has_file:
            raise ApiError(400, f"Expected one file in '{self.wanted}', got several.", param=self.wanted)
        self.has_file = True
        self.filename = label(options.get(b"filename", b"").decode("utf-8", "replace"))
        self.out = self.path.open("xb")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Some content of a part."""
        piece = data[start:end]
        if self.out is None:
            self._text += piece
            if len(self._text) > FIELD_BYTES:
                raise ApiError(400, f"The field '{self._name[:80]}' is too long: expected at most {FIELD_BYTES} bytes.", param=self._name[:80])
            return
        self.written += len(piece)
        if self.written > self.room.bytes:
            raise self.room.refusal
        self.out.write(piece)
        self.sha256.update(piece)
        self.md5.update(piece)

    def on_part_end(self) -> None:
        """A part is whole."""
        if self.out is not None:
            self.out.flush()
            self.close()
        else:
            self.fields[self._name] = bytes(self._text).decode("utf-8", "replace")

    def on_end(self) -> None:
        """The last border was read."""
        self.is_complete = True

    def close(self) -> None:
        """Close the file, if it is open."""
        if self.out is not None:
            self.out.close()
            self.out = None


async def receive_form(request: Request, folder: Path, wanted: str, room: Room) -> Form:
    """The form of a request; the file in its field `wanted` lies in `folder`, flushed to the disk.

    Raises: ApiError 400 for a body that is no form or breaks off, the refusal of `room` for a file that is too large; StoreUnusable.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise ApiError(400, "Expected a body of the type multipart/form-data with a boundary.", code="invalid_content_type")
    reading = Reading(wanted, folder / (INCOMING + new_id("", 24)), room)
    try:
        with disk_faults(folder):
            parser = MultipartParser(boundary, reading.callbacks())  # type: ignore[arg-type]  # its types want a TypedDict
            async for chunk in request.stream():
                parser.write(chunk)
            reading.close()
            if not reading.is_complete:
                raise ApiError(400, "The form broke off before its end.")
            if reading.has_file:
                await run_in_threadpool(_flush, reading.path)
    except FormParserError:
        remove(reading.path)
        raise ApiError(400, "The body is no valid multipart form.") from None
    except BaseException:
        reading.close()
        remove(reading.path)
        raise
    file = Incoming(reading.path, reading.filename, reading.written, reading.sha256.hexdigest(), reading.md5.hexdigest())
    return Form(reading.fields, file if reading.has_file else None)


def label(name: str) -> str:
    """The name that a client gave a file, without folders and control characters.

    >>> label("../../etc/passwd"), label("C:\\\\data\\\\rows.jsonl"), label("")
    ('passwd', 'rows.jsonl', 'upload')
    """
    last = re.split(r"[/\\]", name)[-1]
    return UNSAFE.sub("_", last)[:NAME_CHARACTERS].strip() or UNNAMED


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
