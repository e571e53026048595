"""`/v1/files`: uploads in one piece, the list, contents, deletion."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from tunesmith.console import jsonl, stored_files
from tunesmith.console.access import Caller, Looker, Uploader
from tunesmith.console.failures import ApiError, Reply, from_refusal, too_large
from tunesmith.console.idempotent import once, request_key
from tunesmith.console.multipart import Form, receive_form
from tunesmith.console.paging import After, Order, known, listing
from tunesmith.console.refusals import refusal
from tunesmith.console.state import Console
from tunesmith.console.stored_files import Wanted
from tunesmith.spec.openai import AnyPurpose, Deleted, ExpiresAfter, FileObject, Listing, Purpose

router = APIRouter(prefix="/v1/files", tags=["files"])
PURPOSES: tuple[str, ...] = get_args(Purpose)
LINED = frozenset({"fine-tune", "batch"})
"""Purposes whose files are lines of JSON."""
FIELDS = frozenset({"purpose", "expires_after[anchor]", "expires_after[seconds]"})
FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "purpose"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "purpose": {"type": "string", "enum": list(PURPOSES)},
                        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
                        "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 2_592_000},
                    },
                }
            }
        },
    }
}


@router.post("", response_model=FileObject, openapi_extra=FORM)
async def create(request: Request, caller: Uploader) -> Response:
    """Store a file."""
    console: Console = request.app.state.console
    room = await run_in_threadpool(console.quotas.room, caller, console.configuration.file_bytes)
    form = await receive_form(request, console.files, "file", room)
    return await run_in_threadpool(_store, console, caller, form, request_key(request))


def _store(console: Console, caller: Caller, form: Form, key: str | None) -> Response:
    file = form.file
    try:
        purpose, expires_s = purpose_of(form.fields), lifetime(form.fields)
        if file is None:
            raise ApiError(400, "'file' is a required property", param="file", code="missing_required_parameter")
        if file.bytes == 0:
            raise ApiError(400, "File is empty.", param="file")
        if purpose == "batch" and file.bytes > console.configuration.batch_file_bytes:
            raise too_large(console.configuration.batch_file_bytes)
        if purpose in LINED:
            jsonl.check(file.path)
        wanted = Wanted(file.filename, purpose, caller.key_id, expires_s)

        def make() -> dict[str, Any]:
            with console.quotas.storing(caller, file.bytes):
                return stored_files.shown(stored_files.keep(console, file, wanted)).model_dump(mode="json")

        content = {"sha256": file.sha256, "filename": file.filename, **form.fields}
        return Reply(once(console, caller, key, "files", content, make))
    finally:
        if file is not None:
            file.discard()  # nothing, where it was kept


def purpose_of(fields: dict[str, str]) -> str:
    """The purpose of an upload. Raises: ApiError 400 where it is missing, unknown, or beside fields that there are not."""
    purpose = fields.get("purpose")
    if purpose is None:
        raise ApiError(400, "'purpose' is a required property", param="purpose", code="missing_required_parameter")
    if purpose not in PURPOSES:
        raise ApiError(400, f"'{purpose[:80]}' is not one of {list(PURPOSES)} - 'purpose'", param="purpose", code="invalid_value")
    for name in fields:
        if name not in FIELDS:
            raise ApiError(400, f"Unknown parameter: '{name[:80]}'.", param=name[:80], code="unknown_parameter")
    return purpose


def lifetime(fields: dict[str, str]) -> int | None:
    """After how many seconds the file is to cease. Raises: ApiError 400."""
    given = {name: fields[f"expires_after[{name}]"] for name in ("anchor", "seconds") if f"expires_after[{name}]" in fields}
    if not given:
        return None
    seconds = given.get("seconds", "")
    try:
        body = {**given, "seconds": int(seconds)} if seconds.isdecimal() and seconds.isascii() and len(seconds) < 12 else given
        return ExpiresAfter.model_validate(body).seconds
    except ValidationError as error:
        why = refusal([{**fault, "loc": ("expires_after", *fault["loc"])} for fault in error.errors(include_url=False)])
        assert why is not None
        raise from_refusal(why) from None


@router.get("", response_model=Listing[FileObject])
def list_(
    request: Request,
    caller: Looker,
    purpose: Annotated[AnyPurpose | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    order: Order = "desc",
    after: After = None,
) -> Response:
    """The files, newest first unless asked otherwise."""
    console: Console = request.app.state.console
    with known(after):
        page = console.objects.page(
            "file",
            after=after,
            limit=limit,
            newest_first=order == "desc",
            where=lambda one: caller.sees_file(one.owner) and not stored_files.has_expired(one) and purpose in (None, one.body["purpose"]),
        )
    return listing([stored_files.shown(one) for one in page.items], page.has_more)


@router.get("/{file_id:path}/content", response_class=FileResponse)
def content(request: Request, file_id: str, caller: Looker) -> Response:
    """The content of a file, as it was sent."""
    console: Console = request.app.state.console
    stored = stored_files.find(console, file_id, caller)
    return FileResponse(stored_files.content(console, stored), media_type="application/octet-stream", filename=stored.body["filename"])


@router.get("/{file_id:path}", response_model=FileObject)
def retrieve(request: Request, file_id: str, caller: Looker) -> Response:
    """One file."""
    console: Console = request.app.state.console
    return Reply(stored_files.shown(stored_files.find(console, file_id, caller)).model_dump(mode="json"))


@router.delete("/{file_id:path}", response_model=Deleted)
def delete(request: Request, file_id: str, caller: Uploader) -> Response:
    """Delete a file. A job that was created with it goes on: it has its own copy."""
    console: Console = request.app.state.console
    stored = stored_files.find(console, file_id, caller)
    stored_files.delete(console, stored.id)
    return Reply(Deleted(id=stored.id, object="file").model_dump(mode="json"))
