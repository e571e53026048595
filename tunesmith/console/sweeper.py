"""What has outlived its time → deleted: expired files and uploads, stored answers, answers kept for repeated requests, leftovers of a crash."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import delete

from tunesmith.console import responses, stored, stored_files, uploads
from tunesmith.console.idempotent import KEPT_S
from tunesmith.console.state import Console
from tunesmith.errors import NotFound
from tunesmith.store.disk import remove
from tunesmith.store.tables import OBJECTS

SWEEP_GAP_S = 60.0
LEFTOVER_S = 6 * 3600.0
"""Content without an object is deleted at this age: younger, it may still be on its way."""
OURS = {"file-": "file", "part_": "part"}


def sweep(console: Console) -> None:
    """One round."""
    for file in console.objects.page("file", where=stored_files.has_expired).items:
        with suppress(NotFound):  # a client was faster
            stored_files.delete(console, file.id)
    for upload in console.objects.page("upload", where=uploads.has_expired).items:
        if console.objects.change("upload", upload.id, _expired_from(upload.body["status"])).body["status"] == "expired":
            uploads.drop_parts(console, upload.id)
    _sweep_aged(console)
    _sweep_folder(console)


def _expired_from(status: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Expire an upload, unless its client was faster and completes it just now."""
    return lambda old: {**old, "status": "expired"} if old["status"] == status else old


def _sweep_aged(console: Console) -> None:
    """Delete what has a time to live from its creation on, without reading it: it may be much."""
    answers_s = console.configuration.answers_life_s
    lives = {"idempotent": KEPT_S, responses.KIND: answers_s, stored.KIND: answers_s}
    with console.store.database.write() as connection:
        for kind, life_s in lives.items():
            connection.execute(delete(OBJECTS).where(OBJECTS.c.kind == kind, OBJECTS.c.created_at < time.time() - life_s))


def _sweep_folder(console: Console) -> None:
    for path in console.files.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_ctime < LEFTOVER_S:
                continue
            kind = next((kind for prefix, kind in OURS.items() if path.name.startswith(prefix)), None)
            if path.name.startswith(".incoming-") or (kind is not None and not _is_known(console, kind, path.name)):
                remove(path)


def _is_known(console: Console, kind: str, name: str) -> bool:
    try:
        console.objects.get(kind, name)
    except NotFound:
        return False
    return True
