"""The input file of a batch → its lines, or everything that is wrong with them, by line number."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from tunesmith.console.refusals import what
from tunesmith.spec.wire_batches import BatchFault

BOM = b"\xef\xbb\xbf"
MAX_LINES = 50_000
MAX_ID = 512
SHOWN_FAULTS = 100
"""More are counted, not shown: they are often one fault, made everywhere."""
NEEDED = ("custom_id", "method", "url", "body")


@dataclass(frozen=True)
class Line:
    """One request of a batch."""

    number: int
    """1-based, blank lines counted."""
    custom_id: str
    body: bytes
    """JSON."""


@dataclass
class Survey:
    """What an input file holds."""

    total: int = 0
    faults: list[BatchFault] = field(default_factory=list)
    models: dict[str, int] = field(default_factory=dict)
    """Name → the line that asks it first."""
    ids: set[str] = field(default_factory=set)
    found: int = 0

    def fault(self, code: str, message: str, line: int | None = None, param: str | None = None) -> None:
        """Note something wrong."""
        self.found += 1
        if len(self.faults) < SHOWN_FAULTS:
            self.faults.append(BatchFault(code=code, message=message, param=param, line=line))


def raw_lines(path: Path, limit: int) -> Iterator[tuple[int, bytes]]:
    """(number, bytes) of every line that is not blank; of one that is longer than `limit`, a beginning that is no JSON."""
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(limit + 1):
            number += 1
            is_whole = raw.endswith(b"\n") or len(raw) <= limit
            while not is_whole:
                is_whole = (rest := file.readline(limit + 1)).endswith(b"\n") or not rest
            line = raw.removeprefix(BOM) if number == 1 else raw
            if line.strip():
                yield number, line


def survey(path: Path, endpoint: str, limit: int, is_known: Callable[[str], bool]) -> Survey:
    """What the file holds; `limit`: bytes of a line, `is_known`: whether there is a model of this name."""
    seen = Survey()
    for number, raw in raw_lines(path, limit):
        seen.total += 1
        if seen.total > MAX_LINES:
            seen.fault("too_many_requests", f"The input file has more than {MAX_LINES:,} requests.", number)
            break
        _look_at(seen, number, raw, endpoint, limit)
    if seen.total == 0:
        seen.fault("empty_file", "The input file is empty. Please ensure that it holds at least one request.")
    for name, number in seen.models.items():
        if not is_known(name):
            message = f"The provided model '{name[:120]}' does not exist or you do not have access to it."
            seen.fault("model_not_found", message, number, "body.model")
    seen.faults.sort(key=lambda one: one.line or 0)
    return seen


def _look_at(seen: Survey, number: int, raw: bytes, endpoint: str, limit: int) -> None:
    if len(raw) > limit:
        seen.fault("line_too_large", f"This line has more than {limit:,} bytes.", number)
        return
    plain = _parsed(raw)
    if not isinstance(plain, dict):
        seen.fault("invalid_json_line", "This line is not parseable as a JSON object.", number)
        return
    missing = [name for name in NEEDED if name not in plain]
    for name in missing:
        seen.fault("missing_required_parameter", f"Missing required parameter: '{name}'.", number, name)
    if not missing:
        _look_into(seen, number, plain, endpoint)


def _look_into(seen: Survey, number: int, plain: dict[str, Any], endpoint: str) -> None:
    own, body = plain["custom_id"], plain["body"]
    if not isinstance(own, str) or not 1 <= len(own) <= MAX_ID:
        message = f"Invalid 'custom_id': expected a string of 1 to {MAX_ID} characters, but got {what(own)}."
        seen.fault("invalid_value", message, number, "custom_id")
    elif own in seen.ids:
        message = f"The custom_id '{own[:80]}' for this request is a duplicate of another request. It must be unique for each request in a batch."
        seen.fault("duplicate_custom_id", message, number, "custom_id")
    else:
        seen.ids.add(own)
    if plain["method"] != "POST":
        seen.fault("invalid_method", "Invalid value for 'method'. The only supported value is: 'POST'.", number, "method")
    if plain["url"] != endpoint:
        seen.fault("invalid_url", f"The URL provided for this request does not match the batch endpoint, {endpoint}.", number, "url")
    unknown = next((name for name in plain if name not in NEEDED), None)
    if unknown is not None:
        seen.fault("unknown_parameter", f"Unknown parameter: '{unknown[:80]}'.", number, unknown[:80])
    if not isinstance(body, dict):
        seen.fault("invalid_type", f"Invalid type for 'body': expected an object, but got {what(body)} instead.", number, "body")
    elif endpoint != "/v1/moderations" and not isinstance(body.get("model"), str):
        seen.fault("missing_required_parameter", "Missing required parameter: 'body.model'.", number, "body.model")
    elif isinstance(body.get("model"), str):
        seen.models.setdefault(body["model"], number)


def lines(path: Path, limit: int) -> Iterator[Line]:
    """The requests of a file that `survey` found sound."""
    for number, raw in raw_lines(path, limit):
        plain = _parsed(raw)
        yield Line(number, plain["custom_id"], json.dumps(plain["body"], separators=(",", ":")).encode("ascii"))


def _parsed(raw: bytes) -> Any:
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError:
        return None
