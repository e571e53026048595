"""The rows of a run, from its request or a file → a checked snapshot on the disk, and rows from it again.

Every row is held against the schema of its eval before the run is there. Schemas are never fetched: a reference to elsewhere is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import jsonschema_rs
from pydantic import ValidationError

from tunesmith.console import stored_files
from tunesmith.console.access import Caller
from tunesmith.console.batches_lines import raw_lines
from tunesmith.console.failures import ApiError
from tunesmith.console.ids import is_plain
from tunesmith.console.state import Console
from tunesmith.spec.wire_evals import MAX_ROWS, FileContent, FileId, Row
from tunesmith.store.disk import disk_faults, remove, sync_folder

SAMPLE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "model": {"type": "string"},
        "choices": {"type": "array", "items": {"type": "object"}},
        "output_text": {"type": "string"},
        "output_json": {},
        "output_tools": {"type": "array", "items": {"type": "object"}},
    },
}
SHOWN = 200


def expanded(item_schema: dict[str, Any], with_sample: bool) -> dict[str, Any]:
    """The schema of a whole row, as an eval shows it."""
    properties = {"item": item_schema} | ({"sample": SAMPLE_SCHEMA} if with_sample else {})
    return {"type": "object", "properties": properties, "required": list(properties)}


def check_schema(item_schema: dict[str, Any]) -> None:
    """Return if this is a JSON schema. Raises: ApiError 400."""
    validator(json.dumps(item_schema))


@lru_cache(maxsize=64)
def validator(item_schema: str) -> jsonschema_rs.Draft202012Validator:
    """What checks a row against the schema, given as JSON. Patterns are matched in linear time.

    Raises: ApiError 400.
    """
    try:
        return jsonschema_rs.Draft202012Validator(json.loads(item_schema), retriever=no_retrieval, pattern_options=jsonschema_rs.RegexOptions())
    except (ValueError, RecursionError) as error:
        said = str(error).partition("\n")[0][:SHOWN]
        raise ApiError(400, f"Invalid JSON schema: {said}", param="data_source_config.item_schema", code="invalid_schema") from None


def no_retrieval(uri: str) -> NoReturn:
    """Refuse to read anything from anywhere for the sake of a schema."""
    raise ValueError("references to other documents are not followed")


def snapshot_path(console: Console, run: str) -> Path:
    """Where the rows of a run lie."""
    assert is_plain(run), run  # ids are made by us
    return console.store.home / "evals" / f"{run}.jsonl"


def take(console: Console, caller: Caller, run: str, source: FileContent | FileId, item_schema: dict[str, Any]) -> int:
    """How many rows the run has; they are on the disk.

    Raises: ApiError 400 for a file that is not there, and for the first row that does not fit; StoreUnusable.
    """
    rows = ((f"row {i}", row) for i, row in enumerate(source.content, 1)) if isinstance(source, FileContent) else from_file(console, caller, source)
    path = snapshot_path(console, run)
    try:
        with disk_faults(path):
            path.parent.mkdir(mode=0o700, exist_ok=True)
            count = _write(path, rows, validator(json.dumps(item_schema)))
            sync_folder(path.parent)
    except BaseException:
        remove(path)
        raise
    return count


def _write(path: Path, rows: Iterable[tuple[str, Row]], schema: jsonschema_rs.Draft202012Validator) -> int:
    count = 0
    with path.open("wb") as file:
        for where, row in rows:
            fault = next(iter(schema.iter_errors(row.item)), None)
            if fault is not None:
                place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault.instance_path)
                message = f"The data source does not fit the eval's schema: {where}, item{place[:80]}: {str(fault.message)[:SHOWN]}"
                raise ApiError(400, message, param="data_source", code="schema_mismatch")
            file.write(json.dumps(row.model_dump(mode="json", exclude_none=True), separators=(",", ":")).encode("ascii") + b"\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    if not count:
        raise ApiError(400, "The data source has no rows.", param="data_source.source", code="invalid_value")
    return count


def from_file(console: Console, caller: Caller, source: FileId) -> Iterator[tuple[str, Row]]:
    """(line, row) of a stored file.

    Raises: ApiError 400.
    """
    param = "data_source.source.id"
    try:
        path = stored_files.content(console, stored_files.find(console, source.id, caller))
    except ApiError as error:
        raise ApiError(400, error.message, param=param, code="invalid_value") from None
    for count, (number, raw) in enumerate(raw_lines(path, console.configuration.body_bytes), 1):
        if count > MAX_ROWS:
            raise ApiError(400, f"The file has more than {MAX_ROWS:,} rows.", param=param, code="invalid_value")
        try:
            yield f"line {number}", Row.model_validate_json(raw)
        except ValidationError as error:
            said = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in said["loc"])
            message = f'Line {number} of the file is no row: expected {{"item": {{…}}}}; {where or "the line"}: {said["msg"][:SHOWN]}'
            raise ApiError(400, message, param=param, code="invalid_value") from None


def rows_of(console: Console, run: str) -> Iterator[tuple[int, Row]]:
    """(0-based number, row) of the snapshot."""
    with snapshot_path(console, run).open("rb") as file:
        for number, raw in enumerate(file):
            yield number, Row.model_validate_json(raw)
