"""A training or validation file in OpenAI's fine-tuning formats → proof that every example can be used, and its records in file order.

The file is read twice and never held: `check_given` reads all of it, and tells what is wrong in the words of the hosted service;
`Given.records` reads it again when the rows are wanted. Rows in are rows out: nothing is cleaned, dropped, joined or sorted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tunesmith.data.given_lines import Example, Read, examples
from tunesmith.data.given_rows import GivenFormat, format_of, method_of, parts
from tunesmith.data.given_words import (
    MAX_PROBLEMS,
    MIN_EXAMPLES,
    NEITHER,
    TOO_FEW_FIX,
    Faults,
    FileRole,
    Flaw,
    GivenFault,
    Method,
    file_fault,
    too_few,
    wrong_method,
)
from tunesmith.data.intake import ROWS_PER_LOOK, look
from tunesmith.data.sources.reading import record
from tunesmith.spec.dataset import Origin, Record
from tunesmith.spec.job import Monitor, Silent

__all__ = ["FileRole", "Given", "GivenFault", "Method", "check_given"]


@dataclass(frozen=True)
class Given:
    """A file whose every example can be used."""

    path: Path
    file_id: str
    role: FileRole
    format: GivenFormat
    rows: int
    size_bytes: int
    sha256: str
    remarks: dict[str, list[int]]
    """What is worth a remark and fails nothing, with its lines: `undeclared_tool`, `parallel_tool_calls`, `parallel_calls_forbidden`, `response_format`."""

    def records(self) -> Iterator[Record]:
        """Every example as a record, in the order of the file; the i-th one is example i + 1.

        Raises: GivenFault if the file is no longer what was checked.
        """
        read = Read()
        for example in examples(self.path, read):
            row = example.row
            if not isinstance(row, Flaw):
                faults = Faults(example.number, example.line, self.file_id, method_of(self.format), {})
                found = parts(row, self.format, faults)
                if found is not None:
                    yield record(Origin(file=self.file_id, line=example.line), **vars(found))
                    continue
            raise self._changed()
        if read.digest.hexdigest() != self.sha256:
            raise self._changed()

    def _changed(self) -> GivenFault:
        return file_fault(
            self.role, [Flaw(f"File '{self.file_id}' changed while the job was running.", "upload the file again and create a new job")]
        )


def check_given(path: Path, method: Method, *, role: FileRole, file_id: str, monitor: Monitor | None = None) -> Given:
    """The file at `path`, every example of which can be trained on with `method`.

    Raises: GivenFault with the first thing wrong in OpenAI's words and up to 19 more; Interrupted.
    """
    check = _Check(method, role, file_id)
    read = Read()
    total = path.stat().st_size
    watcher = monitor or Silent()
    for example in examples(path, read):
        if example.number % ROWS_PER_LOOK == 1:
            look(watcher, f"validating {role.replace('_', ' ')}", read.size_bytes, total, "bytes")
        check.see(example)
        if len(check.flaws) >= MAX_PROBLEMS or check.is_other_method:
            break
    format_ = check.concluded(read.examples)
    return Given(path, file_id, role, format_, read.examples, read.size_bytes, read.digest.hexdigest(), check.remarks)


class _Check:
    """What has been seen of a file: its format, once an example speaks of one, and its flaws."""

    def __init__(self, method: Method, role: FileRole, file_id: str) -> None:
        self.method: Method = method
        self.role: FileRole = role
        self.file_id = file_id
        self.format: GivenFormat | None = None
        self.flaws: list[Flaw] = []
        self.is_other_method = False
        self.remarks: dict[str, list[int]] = {}
        self._unknown: list[Example] = []
        """Examples that speak of no format, before one that does."""

    def see(self, example: Example) -> None:
        """Check one example."""
        row = example.row
        if isinstance(row, Flaw):
            self._tell(row)
            return
        if self.format is None:
            self._settle(example, format_of(row))
        if self.format is not None and not self.is_other_method:
            faults = self._faults(example)
            parts(row, self.format, faults)
            for flaw in faults.found:
                self._tell(flaw)

    def concluded(self, count: int) -> GivenFormat:
        """The format of a file without flaws and with enough examples.

        Raises: GivenFault.
        """
        if self._unknown and self.format is None:
            if self.method == "dpo":
                self._tell_missing("input")
            else:
                self.flaws.append(Flaw(NEITHER, 'write {"messages": […]} or {"prompt": …, "completion": …} on every line', self._unknown[0].line))
        if self.flaws:
            flaws = sorted(self.flaws, key=lambda flaw: flaw.line or 0)  # the wrong method comes first
            if count < MIN_EXAMPLES and not self.is_other_method:
                flaws = [*flaws, Flaw(too_few(self.role, count).message, TOO_FEW_FIX)]
            raise file_fault(self.role, flaws)
        if count < MIN_EXAMPLES or self.format is None:
            raise too_few(self.role, count)
        return self.format

    def _settle(self, example: Example, found: GivenFormat | None) -> None:
        """Take the first format that an example speaks of; the examples before it lack its key."""
        if found is None:
            if len(self._unknown) < MAX_PROBLEMS:
                self._unknown.append(example)
            return
        if method_of(found) != self.method and not (self.method == "dpo" and found == "completion"):
            self.is_other_method = True
            self.flaws.append(wrong_method(self.file_id, found, self.method))
            return
        self.format = "preference" if self.method == "dpo" else found  # prompt/completion rows in a dpo job lack `input`
        self._tell_missing({"chat": "messages", "completion": "prompt", "preference": "input"}[self.format])

    def _tell_missing(self, key: str) -> None:
        for example in self._unknown:
            faults = self._faults(example)
            faults.missing(key)
            self._tell(faults.found[0])

    def _tell(self, flaw: Flaw) -> None:
        if len(self.flaws) < MAX_PROBLEMS and all(flaw.text != other.text for other in self.flaws):
            self.flaws.append(flaw)

    def _faults(self, example: Example) -> Faults:
        return Faults(example.number, example.line, self.file_id, self.method, self.remarks)
