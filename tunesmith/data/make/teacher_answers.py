"""A teacher's answers → a file in the work folder, so that a killed run goes on without paying for one of them again.

One line of JSON for each answer, written by one append and synced: a kill leaves whole lines and at most one half line, which is passed over.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from pydantic import ValidationError

from tunesmith.spec.making_teacher import Reply
from tunesmith.spec.noun import canonical
from tunesmith.store.disk import disk_faults

PRIVATE = 0o600
"""Answers repeat what stands in the documents."""


class Answers:
    """Answers by the digest of their request."""

    def __init__(self, path: Path) -> None:
        """Raises: StoreUnusable for a folder that cannot be written."""
        self.path = path
        self._found: dict[str, Reply] = {}
        self.prompt_tokens = self.answer_tokens = 0
        self.unreadable = 0
        """Lines that hold no answer: what a kill or a full disk cut off."""
        with disk_faults(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_bytes() if path.exists() else b""
        self._is_whole = not text or text.endswith(b"\n")
        for line in text.split(b"\n"):
            if line.strip():
                self._read(line)

    def _read(self, line: bytes) -> None:
        try:
            found = json.loads(line)
            self._enter(str(found.pop("key")), Reply.model_validate(found))
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError, ValidationError):
            self.unreadable += 1

    def _enter(self, key: str, reply: Reply) -> None:
        if key not in self._found:
            self._found[key] = reply
            self.prompt_tokens += reply.prompt_tokens
            self.answer_tokens += reply.answer_tokens

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: str) -> Reply | None:
        """The answer to the request with that digest; None if it was not answered yet."""
        return self._found.get(key)

    def add(self, key: str, reply: Reply) -> None:
        """Keep an answer; it is on the disk when this returns.

        Raises: StoreUnusable on a full or read-only disk.
        """
        if key in self._found:
            return
        line = canonical({"key": key, **reply.model_dump(mode="json")}).encode("utf-8", "surrogatepass") + b"\n"
        with disk_faults(self.path):
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE)
            try:
                whole = line if self._is_whole else b"\n" + line  # behind a half line a new one begins
                self._is_whole = os.write(file, whole) == len(whole)
                os.fsync(file)
            finally:
                os.close(file)
            if not self._is_whole:
                raise OSError(28, "No space left on device", str(self.path))
        self._enter(key, reply)
