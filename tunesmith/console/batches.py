"""`/v1/batches`: many requests in one file, answered behind the back of whoever asked."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tunesmith.console import stored_files
from tunesmith.console.access import Caller, Server
from tunesmith.console.batches_folder import KIND, drop_folder, make_folder
from tunesmith.console.batches_lane import lane_of
from tunesmith.console.batches_run import BatchRunner
from tunesmith.console.failures import ApiError, Reply
from tunesmith.console.idempotent import once, request_key
from tunesmith.console.ids import new_id
from tunesmith.console.inference import takes
from tunesmith.console.paging import After, known, listing
from tunesmith.console.parsing import read
from tunesmith.console.seen import seen
from tunesmith.console.state import Console
from tunesmith.spec.openai import Listing
from tunesmith.spec.wire_batches import BatchObject, BatchRequest
from tunesmith.store.objects import Stored

WINDOW_S = 86_400


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    runner = app.state.batches = BatchRunner(app.state.console, lane_of(app))
    await runner.start()
    yield
    await runner.stop()


router = APIRouter(prefix="/v1/batches", tags=["batches"], lifespan=_running)


@router.post("", response_model=BatchObject, openapi_extra=takes(BatchRequest))
async def create(request: Request, caller: Server) -> Response:
    """Ask everything in a file. Its lines are looked at afterwards: what is wrong with them appears on the batch."""
    console: Console = request.app.state.console
    body = read(BatchRequest, await request.body()).body
    made: list[Stored] = []

    def make() -> dict[str, Any]:
        made.append(_add(console, caller, body))
        return shown(request, made[0]).model_dump(mode="json")

    answer = await run_in_threadpool(once, console, caller, request_key(request), "batches", body.model_dump(mode="json"), make)
    if made:
        runner_of(request).go_on(made[0])
    return Reply(answer)


def _add(console: Console, caller: Caller, body: BatchRequest) -> Stored:
    try:
        file = stored_files.find(console, body.input_file_id, caller)
    except ApiError as error:
        raise ApiError(400, error.message, param="input_file_id", code="invalid_value") from None
    if file.body["purpose"] != "batch":
        message = f"Invalid value for 'input_file_id': the purpose of {file.id} is '{file.body['purpose']}', expected 'batch'."
        raise ApiError(400, message, param="input_file_id", code="invalid_value")
    console.quotas.refuse_more_work(caller)
    name = new_id("batch_")
    make_folder(console, name, stored_files.content(console, file))
    content = {
        **body.model_dump(mode="json"),
        "status": "validating",
        "expires_at": int(time.time()) + WINDOW_S,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
    }
    try:
        with console.quotas.working(caller):
            return console.objects.add(KIND, name, content, owner=caller.key_id)
    except BaseException:
        drop_folder(console, name)
        raise


@router.get("", response_model=Listing[BatchObject])
async def list_(request: Request, caller: Server, after: After = None, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Response:
    """The batches, newest first."""
    console: Console = request.app.state.console

    def found() -> Response:
        with known(after):
            page = console.objects.page(KIND, after=after, limit=limit, where=lambda one: caller.sees(one.owner))
        return listing([shown(request, one) for one in page.items], page.has_more)

    return await run_in_threadpool(found)


@router.get("/{batch_id}", response_model=BatchObject)
async def retrieve(request: Request, batch_id: str, caller: Server) -> Response:
    """One batch, as it stands."""
    stored = await run_in_threadpool(mine, request.app.state.console, caller, batch_id)
    return Reply(shown(request, stored).model_dump(mode="json"))


@router.post("/{batch_id}/cancel", response_model=BatchObject)
async def cancel(request: Request, batch_id: str, caller: Server) -> Response:
    """Stop a batch; answers that are there already can be downloaded."""
    console: Console = request.app.state.console

    def cancelled() -> Stored:
        mine(console, caller, batch_id)
        return console.objects.change(KIND, batch_id, _cancelling)

    stored = await run_in_threadpool(cancelled)
    runner_of(request).cancel(batch_id)
    return Reply(shown(request, stored).model_dump(mode="json"))


def _cancelling(old: dict[str, Any]) -> dict[str, Any]:
    match old["status"]:
        case "validating" | "in_progress":
            return {**old, "status": "cancelling", "cancelling_at": int(time.time())}
        case "cancelling":
            return old
        case status:
            raise ApiError(400, f"Cannot cancel a batch with status '{status}'.", param="batch_id", code="invalid_batch_state")


def mine(console: Console, caller: Caller, name: str) -> Stored:
    """The batch with this id, if the caller may see it.

    Raises: ApiError 404.
    """
    stored = seen(console, caller, KIND, name)
    if stored is None:
        raise ApiError(404, f"No batch found with id '{name[:120]}'.", param="batch_id", code="not_found")
    return stored


def runner_of(request: Request) -> BatchRunner:
    """Who works on this server's batches."""
    runner: BatchRunner = request.app.state.batches
    return runner


def shown(request: Request, stored: Stored) -> BatchObject:
    """A batch as clients see it."""
    return BatchObject.of(stored.id, stored.created_at, runner_of(request).seen(stored))
