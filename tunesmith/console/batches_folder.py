"""A batch → its folder while it is unfinished (a snapshot of its input, the journal), and the files it leaves.

HOME/batches/<id>/ is there as long as the batch is not final. The ids of the files it will leave are chosen before they are written, so that a
crash in between makes them again under the same ids, never twice.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tunesmith.console import stored_files
from tunesmith.console.batches_journal import Journal, output_line, write_lines
from tunesmith.console.batches_lines import lines
from tunesmith.console.ids import is_plain, new_id
from tunesmith.console.state import Console
from tunesmith.errors import NotFound
from tunesmith.spec.wire_batches import FINAL
from tunesmith.store.disk import disk_faults, file_digest, sync_folder
from tunesmith.store.objects import Stored

KIND = "batch"
LEFT = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "The batch was cancelled before this request was executed."),
}
"""How a batch ended → code and message for the lines that were not answered."""


def folder(console: Console, name: str) -> Path:
    """Where the batch works."""
    assert is_plain(name), name  # ids are made by us
    return console.store.home / "batches" / name


def make_folder(console: Console, name: str, source: Path) -> None:
    """Put the input beside the batch: whoever deletes the file later does not break it. Raises: StoreUnusable."""
    place = folder(console, name)
    with disk_faults(place):
        place.parent.mkdir(mode=0o700, exist_ok=True)
        place.mkdir(mode=0o700)
        try:
            os.link(source, place / "input.jsonl")
        except OSError:  # a file system without second names
            shutil.copyfile(source, place / "input.jsonl")
        sync_folder(place)


def drop_folder(console: Console, name: str) -> None:
    """Delete it, whether it is there or not."""
    shutil.rmtree(folder(console, name), ignore_errors=True)


def unfinished(console: Console) -> list[Stored]:
    """The batches that are to go on, oldest first; folders of others, left by a crash, are deleted."""
    found = console.objects.page(KIND, newest_first=False, where=lambda one: one.body["status"] not in FINAL).items
    names = {one.id for one in found}
    place = console.store.home / "batches"
    for path in place.iterdir() if place.is_dir() else ():
        if path.name not in names and is_plain(path.name):
            drop_folder(console, path.name)
    return found


def finish(console: Console, name: str, ending: str) -> Stored:
    """The batch in its last state, `ending`, with its files. Doing it again changes nothing.

    Raises: StoreUnusable.
    """
    reserved = {"output": new_id("file-"), "error": new_id("file-")}
    stored = console.objects.change(KIND, name, lambda old: {"reserved": reserved, **old})
    if stored.body["status"] in FINAL:
        return stored
    journal = Journal(folder(console, name) / "journal")
    journal.open()
    journal.close()
    outputs = _publish(console, stored, "output", journal.entries(True))
    errors = _publish(console, stored, "error", _errors(console, stored, journal, ending))
    total = int(stored.body["request_counts"]["total"])
    counts = journal.tally.counts(total)
    failed = counts.total - counts.completed

    def ended(old: dict[str, Any]) -> dict[str, Any]:
        return {
            **old,
            "status": ending,
            f"{ending}_at": int(time.time()),
            "output_file_id": outputs,
            "error_file_id": errors,
            "request_counts": counts.model_copy(update={"failed": failed}).model_dump(),
            "usage": journal.tally.usage().model_dump(),
        }

    stored = console.objects.change(KIND, name, ended)
    drop_folder(console, name)
    return stored


def _errors(console: Console, stored: Stored, journal: Journal, ending: str) -> Iterator[dict[str, Any]]:
    yield from journal.entries(False)
    if ending not in LEFT or not stored.body["request_counts"]["total"]:  # nothing is left, or nothing was found sound yet
        return
    code, message = LEFT[ending]
    for line in lines(folder(console, stored.id) / "input.jsonl", console.configuration.body_bytes):
        if line.number not in journal.tally.done:
            yield output_line(line, None, {"code": code, "message": message})


def _publish(console: Console, stored: Stored, which: str, entries: Iterable[dict[str, Any]]) -> str | None:
    """The id of the file with these lines; None if there are none."""
    name = str(stored.body["reserved"][which])
    path = folder(console, stored.id) / f"{which}.jsonl"
    if write_lines(path, entries) == 0:
        return None
    target = console.files / name
    size, sha256 = path.stat().st_size, file_digest(path)
    with disk_faults(target):
        path.replace(target)
        sync_folder(console.files)
    after = stored.body.get("output_expires_after")
    life_s = int(after["seconds"]) if after else stored_files.BATCH_LIFE_S
    body = {
        "filename": f"{stored.id}_{which}.jsonl",
        "purpose": "batch_output",
        "bytes": size,
        "sha256": sha256,
        "expires_at": int(time.time()) + life_s,
    }
    try:
        console.objects.change("file", name, lambda old: body)
    except NotFound:
        console.objects.add("file", name, body, owner=stored.owner)
    return name
