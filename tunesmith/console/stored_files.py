"""Content on the disk ↔ files of the API: kept under an id, read, expired, deleted.

HOME/files/<id> is the content, the object of kind `file` says what it is. The content is there before the object and goes after it, so that
no object is ever without its content; what a crash leaves without an object is swept away.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tunesmith.console.access import Caller
from tunesmith.console.failures import ApiError
from tunesmith.console.ids import is_plain, new_id
from tunesmith.console.multipart import Incoming
from tunesmith.console.state import Console
from tunesmith.errors import NotFound
from tunesmith.spec.openai import FileObject
from tunesmith.store.disk import disk_faults, remove, sync_folder
from tunesmith.store.objects import Stored

DAY_S = 86_400
BATCH_LIFE_S = 30 * DAY_S
"""A file for a batch ceases to be after so long, if nothing else was asked for."""


@dataclass(frozen=True)
class Wanted:
    """What a file is to be."""

    filename: str
    purpose: str
    owner: str | None
    expires_s: int | None = None
    """Seconds until it ceases to be; None: as its purpose has it."""


def keep(console: Console, incoming: Incoming, wanted: Wanted, name: str | None = None) -> Stored:
    """The file, under a new id if none is given. Raises: StoreUnusable."""
    name = name or new_id("file-")
    life_s = wanted.expires_s or (BATCH_LIFE_S if wanted.purpose == "batch" else None)
    with disk_faults(console.files):
        incoming.path.replace(console.files / name)
        sync_folder(console.files)
    body = {
        "filename": wanted.filename,
        "purpose": wanted.purpose,
        "bytes": incoming.bytes,
        "sha256": incoming.sha256,
        "expires_at": int(time.time()) + life_s if life_s is not None else None,
    }
    return console.objects.add("file", name, body, owner=wanted.owner)


def find(console: Console, name: str, caller: Caller | None) -> Stored:
    """The file with this id, if it has not expired and this caller sees it.

    Raises: ApiError 404.
    """
    try:
        stored = console.objects.get("file", name)
    except NotFound:
        raise missing(name) from None
    if has_expired(stored) or (caller is not None and not caller.sees_file(stored.owner)):
        raise missing(name)
    return stored


def missing(name: str) -> ApiError:
    """The answer where no file has this id."""
    return ApiError(404, f"No such File object: {name[:120]}", param="id")


def has_expired(stored: Stored) -> bool:
    """True once a file's time is over."""
    expires_at = stored.body.get("expires_at")
    return expires_at is not None and float(expires_at) <= time.time()


def content(console: Console, stored: Stored) -> Path:
    """Where the content of a file lies. Raises: ApiError 404 if somebody deleted it from the disk."""
    assert is_plain(stored.id), stored.id  # ids are made by us
    path = console.files / stored.id
    if not path.is_file():
        raise missing(stored.id)
    return path


def delete(console: Console, name: str) -> None:
    """Delete the object, then its content. Jobs that use it have a snapshot of their own."""
    console.objects.remove("file", name)
    remove(console.files / name)


def shown(stored: Stored) -> FileObject:
    """The file as clients see it."""
    body = stored.body
    return FileObject(
        id=stored.id,
        bytes=body["bytes"],
        created_at=int(stored.created_at),
        expires_at=body.get("expires_at"),
        filename=body["filename"],
        purpose=body["purpose"],
    )
