"""What has outlived its time → deleted: expired files and uploads, answers kept for repeated requests, leftovers of a crash."""

from __future__ import annotations

import time
from contextlib import suppress

from tunesmith.console import stored_files, uploads
from tunesmith.console.idempotent import KEPT_S
from tunesmith.console.state import Console
from tunesmith.errors import NotFound
from tunesmith.store.disk import remove

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
        console.objects.change("upload", upload.id, lambda old: {**old, "status": "expired"})
        uploads.drop_parts(console, upload.id)
    old = time.time() - KEPT_S
    for answer in console.objects.page("idempotent", where=lambda one: one.created_at < old).items:
        with suppress(NotFound):
            console.objects.remove("idempotent", answer.id)
    _sweep_folder(console)


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
