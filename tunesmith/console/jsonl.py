"""A file of lines → nothing, or the error that OpenAI's service gives at upload for what is no JSONL.

Only the beginning of a large file is read here, so that an upload is answered quickly; the validation of the job or batch reads all of it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from tunesmith.console.failures import ApiError

LOOKED_AT_BYTES = 8 << 20
HINT_CHARACTERS = 10
BOM = b"\xef\xbb\xbf"
EXPECTED = "Expected file to have JSONL format, where every line is a valid JSON dictionary."


def check(path: Path) -> None:
    """Return if the lines are JSON objects; blank ones do not count, a byte order mark is passed over.

    Raises: ApiError 400.
    """
    has_any, seen = False, 0
    with path.open("rb") as file:
        for number, raw in enumerate(iter(lambda: file.readline(LOOKED_AT_BYTES + 1), b""), start=1):
            line = raw.removeprefix(BOM) if number == 1 else raw
            if len(raw) > LOOKED_AT_BYTES and line.lstrip().startswith(b"{"):  # too long to look at, and it begins well
                return
            if line.strip() and (refused := _refused(number, line)):
                raise refused
            has_any = has_any or bool(line.strip())
            seen += len(raw)
            if seen > LOOKED_AT_BYTES:
                return
    if not has_any:
        raise ApiError(400, "File is empty.", param="file")


def _refused(number: int, line: bytes) -> ApiError | None:
    """Why a line is refused; None for a JSON object."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as fault:
        return ApiError(
            400, f"{EXPECTED} Line {number} is not in UTF-8 (byte {fault.start + 1}): save the file in UTF-8 and upload it again.", param="file"
        )
    with suppress(ValueError, RecursionError):  # a JSONDecodeError is a ValueError
        if isinstance(json.loads(text), dict):
            return None
    start = text.strip()[:HINT_CHARACTERS]
    return ApiError(400, f'{EXPECTED} Line {number} is not a dictionary (HINT: line starts with: "{start}...").', param="file")
