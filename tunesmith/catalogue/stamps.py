"""Files → sha256, remembering what was hashed by size and time of change so that daily use does not read gigabytes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

CHUNK_BYTES = 1 << 20


def sha256(path: Path, each: Callable[[int], None] = lambda _: None) -> str:
    """Hex digest of the file's bytes; `each(bytes)` is called for every chunk read."""
    result = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            result.update(chunk)
            each(len(chunk))
    return result.hexdigest()


def stamp(path: Path) -> list[int]:
    """Size and time of change: a file that kept both is taken to be the file that was hashed."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def hashes(folder: Path, names: Iterable[str], memory: Path | None, *, full: bool = False) -> dict[str, str]:
    """Relative name → sha256 of each file that is there. `memory` holds what was hashed before; `full` does not believe it.

    The memory is a convenience: where it cannot be written (a read-only store) the files are hashed again next time.
    """
    known = {} if memory is None or full else recall(memory)
    result: dict[str, str] = {}
    fresh: dict[str, tuple[list[int], str]] = {}
    for name in sorted(names):
        path = folder / name
        if not path.is_file():
            continue
        before = stamp(path)
        old = known.get(name)
        result[name] = old[1] if old is not None and old[0] == before else sha256(path)
        fresh[name] = (before, result[name])
    if memory is not None and fresh != known:
        remember(memory, fresh)
    return result


def recall(memory: Path) -> dict[str, tuple[list[int], str]]:
    """What `remember` wrote; nothing if the file is absent or not ours."""
    try:
        raw = json.loads(memory.read_text(encoding="utf-8"))
        return {str(name): ([int(size), int(changed)], str(value)) for name, ((size, changed), value) in raw.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def remember(memory: Path, stamps: dict[str, tuple[list[int], str]]) -> None:
    """Write the stamps in one rename, so that a reader never sees half of them."""
    with contextlib.suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        scratch = memory.with_name(f"{memory.name}.{os.getpid()}")
        scratch.write_text(json.dumps(stamps), encoding="utf-8")
        os.replace(scratch, memory)
