"""A file → an exclusive claim that ends with its process, and a note that tells others who holds it.

The claim is the kernel's `flock`: when the owner dies, however it dies, the claim is gone at the same moment, so there is no timeout to tune
and no stale owner to guess about. The note is only for people: the lock, not the note, decides.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tunesmith.errors import Busy

RETRY_S = 0.02
NOTE_WAIT_S = 0.2


@dataclass(frozen=True)
class Holder:
    """Who took a lease, when, and for what."""

    host: str
    pid: int
    since: float
    title: str
    stage: str = ""
    parents: tuple[str, ...] = ()
    """Names of the artifacts that the work reads."""

    def __str__(self) -> str:
        clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"{self.host}:{self.pid} since {clock}, {self.title}"


def this_process(title: str, stage: str = "", parents: tuple[str, ...] = ()) -> Holder:
    """The note of the calling process."""
    return Holder(socket.gethostname(), os.getpid(), time.time(), title, stage, parents)


class Lease:
    """A held lock. `free` gives it back; so does the end of the process."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle: int | None = handle

    @classmethod
    def take(cls, path: Path, note: Holder, *, shared: bool = False, wait_s: float = 0.1) -> Lease:
        """The lease on `path`, after waiting at most `wait_s` seconds (a look by `is_held` lasts microseconds). Shared leases leave no note.

        Raises: Busy, with the holder's note in `got`, where another process (or another lease of this one) holds it.
        """
        give_up = time.monotonic() + wait_s
        while True:
            handle = _try(path, shared)
            if handle is not None:
                break
            if time.monotonic() >= give_up:
                raise busy(note.title, read_note(path))
            time.sleep(RETRY_S)
        if not shared:
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(asdict(note)).encode(), 0)
        return cls(path, handle)

    def free(self, *, remove: bool = False) -> None:
        """Give the lease back; `remove` also deletes the file, while the lock is still held so that nobody can have it in between."""
        if self._handle is None:
            return
        if remove:
            self.path.unlink(missing_ok=True)
        os.close(self._handle)
        self._handle = None


def _try(path: Path, shared: bool) -> int | None:
    """An open, locked file descriptor, or None where somebody else has the lock."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError:
            os.close(handle)
            raise
        try:
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except FileNotFoundError:
            pass
        os.close(handle)  # the former owner deleted the file between our open and our lock: what we hold is a file without a name


def read_note(path: Path) -> Holder | None:
    """The note in a lock file; None where there is none (yet)."""
    give_up = time.monotonic() + NOTE_WAIT_S
    while True:
        try:
            raw = json.loads(path.read_bytes())
            return Holder(**{**raw, "parents": tuple(raw["parents"])})
        except (OSError, ValueError, TypeError, KeyError):  # just taken: the note is being written
            if time.monotonic() >= give_up:
                return None
            time.sleep(RETRY_S)


def is_held(path: Path) -> bool:
    """True if some process holds the lease exclusively now."""
    if not path.exists():
        return False
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def busy(wanted: str, holder: Holder | None) -> Busy:
    """The error for a lease that somebody else has."""
    got = str(holder) if holder else "another process that has just taken it"
    return Busy(
        "somebody else is at it",
        where=wanted,
        got=got,
        fix="wait until it is done, or stop it, and run the command again: what it finishes is reused",
    )
