"""`/v1/evals`: what is asked of answers. Its runs are in `evals_runs.py`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tunesmith.console import evals_runs, graders
from tunesmith.console.access import Caller, Server
from tunesmith.console.batches_lane import lane_of
from tunesmith.console.evals_rows import check_schema, expanded
from tunesmith.console.evals_run import EvalRunner
from tunesmith.console.failures import Reply
from tunesmith.console.idempotent import once, request_key
from tunesmith.console.ids import new_id
from tunesmith.console.inference import takes
from tunesmith.console.paging import After, Order, cut
from tunesmith.console.parsing import read
from tunesmith.console.state import Console
from tunesmith.console.stored import page
from tunesmith.spec.wire_evals import CustomConfig, EvalChange, EvalRequest
from tunesmith.spec.wire_graders import plain, without_effect
from tunesmith.store.objects import Stored


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    runner = app.state.evals = EvalRunner(app.state.console, lane_of(app))
    await runner.start()
    yield
    await runner.stop()


router = APIRouter(prefix="/v1/evals", tags=["evals"], lifespan=_running)


@router.post("", status_code=201, openapi_extra=takes(EvalRequest))
async def create(request: Request, caller: Server) -> Response:
    """An eval: the shape of its rows, and the graders that every answer must pass."""
    console: Console = request.app.state.console
    body = read(EvalRequest, await request.body()).body
    criteria = [graders.given(one) for one in body.testing_criteria]

    def add() -> dict[str, Any]:
        for i, one in enumerate(criteria):
            graders.check(console, caller, one, f"testing_criteria[{i}]")
        config = body.data_source_config
        assert isinstance(config, CustomConfig)
        check_schema(config.item_schema)
        content = {
            "name": body.name or "",
            "metadata": body.metadata or {},
            "data_source_config": {"type": "custom", "schema": expanded(config.item_schema, config.include_sample_schema)},
            "testing_criteria": [plain(one) for one in criteria],
            "updated_at": time.time(),
        }
        return shown(console.objects.add("eval", new_id("eval_"), content, owner=caller.key_id))

    answer = await run_in_threadpool(once, console, caller, request_key(request), "evals", body.model_dump(mode="json"), add)
    ignored = tuple(dict.fromkeys(name for one in criteria for name in without_effect(one)))
    return Reply(answer, status_code=201, headers=graders.ignored(ignored))


@router.get("")
async def list_(
    request: Request,
    caller: Server,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Order = "asc",
    order_by: Literal["created_at", "updated_at"] = "created_at",
) -> Response:
    """The evals, oldest first unless asked otherwise."""
    console: Console = request.app.state.console

    def found() -> Response:
        every = console.objects.page("eval", newest_first=False, where=lambda one: caller.sees(one.owner)).items
        if order_by == "updated_at":
            every.sort(key=lambda one: float(one.body["updated_at"]))
        some, has_more = cut(every if order == "asc" else every[::-1], lambda one: one.id, after, limit)
        return page([shown(one) for one in some], has_more)

    return await run_in_threadpool(found)


@router.get("/{eval_id}")
async def retrieve(request: Request, eval_id: str, caller: Server) -> Response:
    """One eval."""
    return Reply(shown(await run_in_threadpool(evals_runs.my_eval, request.app.state.console, caller, eval_id)))


@router.post("/{eval_id}", openapi_extra=takes(EvalChange))
async def change(request: Request, eval_id: str, caller: Server) -> Response:
    """Another name, other labels."""
    console: Console = request.app.state.console
    body = read(EvalChange, await request.body()).body
    given = {name: getattr(body, name) for name in ("name", "metadata") if name in body.model_fields_set}
    new = {"name": given.get("name") or ""} if "name" in given else {}
    new |= {"metadata": given["metadata"] or {}} if "metadata" in given else {}

    def changed() -> Response:
        evals_runs.my_eval(console, caller, eval_id)
        return Reply(shown(console.objects.change("eval", eval_id, lambda old: old | new | {"updated_at": time.time()})))

    return await run_in_threadpool(changed)


@router.delete("/{eval_id}")
async def remove(request: Request, eval_id: str, caller: Server) -> Response:
    """Delete an eval with its runs."""
    console: Console = request.app.state.console
    await run_in_threadpool(_forget, console, caller, eval_id)
    for run in await run_in_threadpool(lambda: console.objects.page("run", parent=eval_id).items):
        await evals_runs.runner_of(request).end(run.id)
        await run_in_threadpool(evals_runs.forget_run, console, run.id)
    return Reply({"object": "eval.deleted", "deleted": True, "eval_id": eval_id})


def _forget(console: Console, caller: Caller, name: str) -> None:
    evals_runs.my_eval(console, caller, name)
    console.objects.remove("eval", name)  # first, so that no new run comes to be


def shown(stored: Stored) -> dict[str, Any]:
    """An eval as clients see it."""
    body = {name: value for name, value in stored.body.items() if name != "updated_at"}
    return {"object": "eval", "id": stored.id, "created_at": int(stored.created_at), **body}


router.include_router(evals_runs.router)
