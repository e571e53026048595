"""Answers of a batch, one by one → a file that survives a crash; and that file → the batch's output and error files.

An answer is on the disk before it counts. After a crash the lines that have one are not asked again; half a record at the end is cut off.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tunesmith.console.batches_lines import Line
from tunesmith.console.ids import new_id
from tunesmith.spec.wire_batches import BatchUsage, RequestCounts
from tunesmith.store.disk import disk_faults


@dataclass
class Tally:
    """What has been answered."""

    done: set[int] = field(default_factory=set)
    """Numbers of lines."""
    completed: int = 0
    failed: int = 0
    read: int = 0
    """Tokens, as are the next two."""
    cached: int = 0
    said: int = 0

    def add(self, record: dict[str, Any]) -> None:
        """Count one answer."""
        self.done.add(record["number"])
        self.completed += bool(record["is_ok"])
        self.failed += not record["is_ok"]
        read, cached, said = record["usage"]
        self.read, self.cached, self.said = self.read + read, self.cached + cached, self.said + said

    def counts(self, total: int) -> RequestCounts:
        """As clients read it."""
        return RequestCounts(total=total, completed=self.completed, failed=self.failed)

    def usage(self) -> BatchUsage:
        """As clients read it."""
        return BatchUsage(
            input_tokens=self.read,
            input_tokens_details={"cached_tokens": self.cached},
            output_tokens=self.said,
            total_tokens=self.read + self.said,
        )


class Journal:
    """The answers of one batch. Threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tally = Tally()
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None

    def open(self) -> None:
        """Count what is there, and go on behind it. Raises: StoreUnusable."""
        with self._lock, disk_faults(self.path):
            self.tally, whole = Tally(), 0
            for record, end in self._records():
                self.tally.add(record)
                whole = end
            file = self.path.open("ab")
            file.truncate(whole)
            self._file = file

    def append(self, line: Line, status: int, body: dict[str, Any], request_id: str) -> bool:
        """Keep one answer; False if the journal was closed meanwhile, and the answer comes too late. Raises: StoreUnusable."""
        entry = output_line(line, {"status_code": status, "request_id": request_id, "body": body}, None)
        is_ok = 200 <= status < 300
        record = {"number": line.number, "is_ok": is_ok, "usage": tokens_of(body) if is_ok else (0, 0, 0), "entry": entry}
        with self._lock, disk_faults(self.path):
            if self._file is None:
                return False
            try:
                self._file.write(json.dumps(record, separators=(",", ":")).encode("ascii") + b"\n")
                self._file.flush()
                os.fsync(self._file.fileno())
            except BaseException:  # half a record may stand there: `open` cuts it off before anything follows
                file, self._file = self._file, None
                with suppress(OSError):
                    file.close()
                raise
            self.tally.add(record)
            return True

    def close(self) -> None:
        """Take no more answers."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def entries(self, is_ok: bool) -> Iterator[dict[str, Any]]:
        """The lines of the output file, or of the error file."""
        return (record["entry"] for record, _ in self._records() if record["is_ok"] == is_ok)

    def _records(self) -> Iterator[tuple[dict[str, Any], int]]:
        """(record, where it ends), until the first that is not whole."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            end = 0
            for raw in file:
                end += len(raw)
                if not raw.endswith(b"\n"):
                    return
                yield json.loads(raw), end


def output_line(line: Line, response: dict[str, Any] | None, error: dict[str, str] | None) -> dict[str, Any]:
    """A line of the output or error file."""
    return {"id": new_id("batch_req_"), "custom_id": line.custom_id, "response": response, "error": error}


def tokens_of(body: dict[str, Any]) -> tuple[int, int, int]:
    """(tokens read, those of them that were cached, tokens said) of an answer of any endpoint.

    >>> tokens_of({"usage": {"prompt_tokens": 5, "completion_tokens": 2}})
    (5, 0, 2)
    """
    usage = body.get("usage") or {}
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    read = usage.get("prompt_tokens", usage.get("input_tokens", 0))
    return int(read), int(details.get("cached_tokens", 0)), int(usage.get("completion_tokens", usage.get("output_tokens", 0)))


def write_lines(path: Path, entries: Iterable[dict[str, Any]]) -> int:
    """How many entries there were; the file with them is on the disk. Raises: StoreUnusable."""
    count = 0
    with disk_faults(path), path.open("wb") as file:
        for entry in entries:
            file.write(json.dumps(entry, separators=(",", ":")).encode("ascii") + b"\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    return count
