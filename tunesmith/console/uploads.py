"""`/v1/uploads`: a large file in parts that arrive one by one, over lines that break."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tunesmith.console import jsonl, stored_files
from tunesmith.console.access import Caller, Uploader
from tunesmith.console.failures import ApiError, Reply, too_large
from tunesmith.console.files import LINED
from tunesmith.console.idempotent import once, request_key
from tunesmith.console.ids import new_id
from tunesmith.console.multipart import INCOMING, Incoming, label, receive_form
from tunesmith.console.seen import seen
from tunesmith.console.state import Console
from tunesmith.console.stored_files import Wanted
from tunesmith.errors import NotFound
from tunesmith.spec.openai import CompleteRequest, PartObject, UploadObject, UploadRequest
from tunesmith.store.disk import CHUNK_BYTES, disk_faults, remove, sync_folder
from tunesmith.store.objects import Stored

router = APIRouter(prefix="/v1/uploads", tags=["uploads"])
LIFE_S = 3600
FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "required": ["data"], "properties": {"data": {"type": "string", "format": "binary"}}},
            }
        },
    }
}


@router.post("", response_model=UploadObject)
def create(request: Request, body: UploadRequest, caller: Uploader) -> Response:
    """Announce a file."""
    console: Console = request.app.state.console
    if body.bytes > console.configuration.upload_bytes:
        raise too_large(console.configuration.upload_bytes)

    def make() -> dict[str, Any]:
        values = {
            "bytes": body.bytes,
            "filename": label(body.filename),
            "purpose": body.purpose,
            "expires_s": body.expires_after.seconds if body.expires_after else None,
            "expires_at": int(time.time()) + LIFE_S,
            "status": "pending",
            "file": None,
        }
        return shown(console, console.objects.add("upload", new_id("upload_"), values, owner=caller.key_id))

    return Reply(once(console, caller, request_key(request), "uploads", body.model_dump(mode="json"), make))


@router.post("/{upload_id}/parts", response_model=PartObject, openapi_extra=FORM)
async def add_part(request: Request, upload_id: str, caller: Uploader) -> Response:
    """Add a part."""
    console: Console = request.app.state.console
    await run_in_threadpool(_pending, console, upload_id, caller)
    room = await run_in_threadpool(console.quotas.room, caller, console.configuration.part_bytes)
    form = await receive_form(request, console.files, "data", room)
    return await run_in_threadpool(_store_part, console, upload_id, caller, form.file)


def _store_part(console: Console, upload_id: str, caller: Caller, file: Incoming | None) -> Response:
    if file is None:
        raise ApiError(400, "'data' is a required property", param="data", code="missing_required_parameter")
    try:
        upload = _pending(console, upload_id, caller)
        total = sum(part.body["bytes"] for part in _parts(console, upload_id)) + file.bytes
        if total > upload.body["bytes"]:
            message = f"The parts have {total} bytes together, more than the {upload.body['bytes']} bytes that this upload was announced with."
            raise ApiError(400, message, param="data", code="invalid_value")
        name = new_id("part_")
        with console.quotas.storing(caller, file.bytes), disk_faults(console.files):
            file.path.replace(console.files / name)
            sync_folder(console.files)
            part = console.objects.add("part", name, {"bytes": file.bytes}, parent=upload_id, owner=caller.key_id)
    finally:
        file.discard()
    return Reply(PartObject(id=part.id, created_at=int(part.created_at), upload_id=upload_id).model_dump(mode="json"))


@router.post("/{upload_id}/complete", response_model=UploadObject)
def complete(request: Request, upload_id: str, body: CompleteRequest, caller: Uploader) -> Response:
    """Join the parts, in the order given, to a file. Asked for again with the same parts it answers the same: a client may not have heard."""
    console: Console = request.app.state.console
    return Reply(shown(console, join(console, caller, upload_id, body)))


def join(console: Console, caller: Caller, upload_id: str, body: CompleteRequest) -> Stored:
    """The upload with its file.

    The id of the file is chosen before it is made, so that `mend` finds out what a crash left. Raises: ApiError 400 and 404; StoreUnusable.
    """
    upload = _mine(console, upload_id, caller)
    if upload.body["status"] == "completed" and upload.body.get("parts") == body.part_ids:
        return upload
    _pending(console, upload_id, caller)
    chosen = {"parts": body.part_ids, "file_id": new_id("file-")}
    upload = console.objects.change("upload", upload_id, _only_from("pending", "completing", **chosen))
    try:
        joined = _joined(console, _chosen(console, upload, body.part_ids), body.md5)
        try:
            if upload.body["purpose"] in LINED:
                jsonl.check(joined.path)
            wanted = Wanted(upload.body["filename"], upload.body["purpose"], caller.key_id, upload.body["expires_s"])
            stored_files.keep(console, joined, wanted, upload.body["file_id"])
        finally:
            joined.discard()
    except BaseException:
        console.objects.change("upload", upload_id, _only_from("completing", "pending"))
        raise
    done = console.objects.change("upload", upload_id, _completed)
    drop_parts(console, upload_id)
    return done


def mend(console: Console) -> None:
    """Bring back what a crash interrupted, before the first request: where the file is there the upload is completed, else it waits again.

    Raises: StoreUnusable.
    """
    for upload in console.objects.page("upload", where=lambda one: one.body["status"] == "completing").items:
        try:
            console.objects.get("file", upload.body.get("file_id", ""))
        except NotFound:
            console.objects.change("upload", upload.id, _only_from("completing", "pending"))
        else:
            console.objects.change("upload", upload.id, _completed)
    waiting = {upload.id for upload in console.objects.page("upload", where=lambda one: one.body["status"] == "pending").items}
    for owner in {part.parent for part in console.objects.page("part").items} - waiting:
        drop_parts(console, str(owner))


@router.post("/{upload_id}/cancel", response_model=UploadObject)
def cancel(request: Request, upload_id: str, caller: Uploader) -> Response:
    """Give an upload up."""
    console: Console = request.app.state.console
    _pending(console, upload_id, caller)
    upload = console.objects.change("upload", upload_id, _only_from("pending", "cancelled"))
    drop_parts(console, upload_id)
    return Reply(shown(console, upload))


def drop_parts(console: Console, upload_id: str) -> None:
    """Delete the parts of an upload, from the disk too."""
    for part in _parts(console, upload_id):
        remove(console.files / part.id)
        with suppress(NotFound):  # the sweeper was faster
            console.objects.remove("part", part.id)


def has_expired(upload: Stored) -> bool:
    """True once nothing can be added any more. What hangs in its completion, which a full disk can do, has an hour more."""
    life_s = {"pending": 0, "completing": LIFE_S}.get(upload.body["status"])
    return life_s is not None and upload.body["expires_at"] + life_s <= time.time()


def shown(console: Console, upload: Stored) -> dict[str, Any]:
    """The upload as clients see it."""
    body = upload.body
    status = "expired" if has_expired(upload) else "pending" if body["status"] == "completing" else body["status"]
    file = None
    if body["file"]:
        with suppress(NotFound):  # deleted since
            file = stored_files.shown(console.objects.get("file", body["file"]))
    values = {name: body[name] for name in ("bytes", "expires_at", "filename", "purpose")}
    return UploadObject(id=upload.id, created_at=int(upload.created_at), status=status, file=file, **values).model_dump(mode="json")


def _only_from(before: str, after: str, **more: Any) -> Any:
    def change(body: dict[str, Any]) -> dict[str, Any]:
        if body["status"] != before:
            raise ApiError(400, f"The upload is {body['status']}, not {before}.", param="upload_id", code="invalid_value")
        return {**body, "status": after, **more}

    return change


def _completed(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "status": "completed", "file": body["file_id"]}


def _mine(console: Console, upload_id: str, caller: Caller) -> Stored:
    """The upload. Raises: ApiError 404."""
    upload = seen(console, caller, "upload", upload_id)
    if upload is None:
        raise ApiError(404, f"No such Upload object: {upload_id[:120]}", param="upload_id")
    return upload


def _pending(console: Console, upload_id: str, caller: Caller) -> Stored:
    """The upload, which still takes parts. Raises: ApiError 404 or 400."""
    upload = _mine(console, upload_id, caller)
    if has_expired(upload) or upload.body["status"] != "pending":
        status = "expired" if has_expired(upload) else upload.body["status"]
        raise ApiError(400, f"Upload {upload_id} is {status} and cannot be changed.", param="upload_id", code="invalid_value")
    return upload


def _parts(console: Console, upload_id: str) -> list[Stored]:
    return console.objects.page("part", parent=upload_id, newest_first=False).items


def _chosen(console: Console, upload: Stored, names: list[str]) -> list[Stored]:
    """The parts in the order asked for. Raises: ApiError 400 for foreign, doubled and missing bytes."""
    mine = {part.id: part for part in _parts(console, upload.id)}
    for place, name in enumerate(names):
        if name not in mine:
            raise ApiError(400, f"No such part in this upload: {name[:120]}", param=f"part_ids[{place}]", code="invalid_value")
        if name in names[:place]:
            raise ApiError(400, f"The part {name} is named twice.", param=f"part_ids[{place}]", code="invalid_value")
    total = sum(mine[name].body["bytes"] for name in names)
    if total != upload.body["bytes"]:
        message = f"The parts have {total} bytes together, but the upload was announced with {upload.body['bytes']} bytes."
        raise ApiError(400, message, param="part_ids", code="invalid_value")
    return [mine[name] for name in names]


def _joined(console: Console, parts: list[Stored], md5: str | None) -> Incoming:
    path = console.files / (INCOMING + new_id("", 24))
    sha256, check, written = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    try:
        with disk_faults(console.files), path.open("xb") as out:
            for part in parts:
                with (console.files / part.id).open("rb") as file:
                    while chunk := file.read(CHUNK_BYTES):
                        out.write(chunk)
                        sha256.update(chunk)
                        check.update(chunk)
                        written += len(chunk)
            out.flush()
            os.fsync(out.fileno())
        if md5 is not None and md5.lower() != check.hexdigest():
            raise ApiError(400, "The md5 of the joined parts is not the one given.", param="md5", code="invalid_value")
    except BaseException:
        remove(path)
        raise
    return Incoming(path, "", written, sha256.hexdigest(), check.hexdigest())
