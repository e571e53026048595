"""Files and the faults of disks → durable, hashed files and errors that name the fault.

Everything that is promised to survive goes through `seal` (hash and fsync in one pass over the file) and one rename.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tunesmith.errors import Problem, StoreUnusable
from tunesmith.spec.noun import canonical

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
REFUSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
CHUNK_BYTES = 1 << 20


def disk_full(path: Path) -> StoreUnusable:
    """The error for a write below `path` that found no room, with its file system and what is free there."""
    there = next((p for p in (path, *path.absolute().parents) if p.exists()), Path("/"))
    mount = next((p for p in (there.absolute(), *there.absolute().parents) if os.path.ismount(p)), Path("/"))
    return StoreUnusable(
        "the disk is full, or its quota is spent",
        where=str(path),
        got=f"{shutil.disk_usage(there).free:,} bytes free on the file system at {mount}",
        fix="free some space and run the command again: finished steps are kept; or set TUNESMITH_HOME to a folder with room",
    )


def not_writable(path: Path, why: str) -> StoreUnusable:
    """The error for a store folder that cannot be written."""
    return StoreUnusable(
        "cannot write here",
        where=str(path),
        got=why,
        expected="a folder that you may write",
        fix="set TUNESMITH_HOME to a folder that you own, or change its permissions",
    )


@contextmanager
def disk_faults(path: Path, *, only_full: bool = False) -> Iterator[None]:
    """Name the faults that writing below `path` can meet; `only_full` where the body also touches files that are not the store's.

    Raises: StoreUnusable for a full disk, a read-only folder, or a file where a folder is needed.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(Path(error.filename) if isinstance(error.filename, str) else path) from error
        if error.errno in REFUSED and not only_full:
            raise not_writable(path, error.strerror or str(error)) from error
        if error.errno in (errno.ENOTDIR, errno.EEXIST) and not only_full:
            raise StoreUnusable(
                "is not a folder", where=str(error.filename or path), expected="a folder", fix="set TUNESMITH_HOME to a folder"
            ) from error
        raise


def seal(path: Path) -> str:
    """sha256 (64 hex digits) of the file, which is on the disk when this returns."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            found.update(chunk)
        os.fsync(file.fileno())
    return found.hexdigest()


def file_digest(path: Path) -> str:
    """sha256 (64 hex digits) of the file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(path: Path) -> None:
    """Put the folder's own entries on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, value: Any) -> None:
    """Write canonical JSON; a reader sees the old file or the new one, never a part."""
    fresh = path.with_name(f".{path.name}.new")  # a dot: should this process be killed here, the leftover is no payload
    with fresh.open("wb") as file:
        file.write((canonical(value) + "\n").encode("utf-8", "surrogatepass"))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def copy_whole(source: Path, path: Path) -> None:
    """Copy a file to where a person wants it; a reader sees the old file or the new one, never a part, and two writers do not mix."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    shutil.copyfile(source, fresh)
    fresh.replace(path)


def no_places(folder: Path | None, files: Iterable[Path]) -> list[Problem]:
    """What is wrong with writing these files, all of them into `folder` if there is one: a folder stands where a file should, or the other way round."""
    wrong = [path for path in files if path.is_dir()] if folder is None or folder.is_dir() or not folder.exists() else [folder]
    return [Problem("is no place for a file to be written in", str(path), fix="name another folder with --out") for path in wrong]


def make_read_only(path: Path) -> None:
    """Take the write permission from a file. Best effort: root and some file systems ignore it; hashes are the proof, not this."""
    with suppress(OSError):
        path.chmod(0o444)


def remove(path: Path) -> None:
    """Delete a file or a whole folder, whether it is there or not."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=False, onerror=_already_gone)
    else:
        path.unlink(missing_ok=True)


def _already_gone(_call: Any, _path: str, caught: Any) -> None:
    if not isinstance(caught[1], FileNotFoundError):  # two processes may tidy the same leftovers
        raise caught[1]
