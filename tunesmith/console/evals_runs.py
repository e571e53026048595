"""`/v1/evals/{id}/runs`: begin, follow, cancel and delete runs, and read what they say about each row."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tunesmith.console import evals_rows, graders
from tunesmith.console.access import Caller, Server
from tunesmith.console.evals_run import EvalRunner
from tunesmith.console.evals_sample import chat_body
from tunesmith.console.failures import ApiError, Reply, from_ours
from tunesmith.console.idempotent import once, request_key
from tunesmith.console.ids import new_id
from tunesmith.console.inference import takes
from tunesmith.console.names import resolve
from tunesmith.console.paging import After, Order, known
from tunesmith.console.parsing import read
from tunesmith.console.seen import seen
from tunesmith.console.state import Console
from tunesmith.console.stored import page
from tunesmith.errors import NotFound
from tunesmith.measure import graders_template
from tunesmith.measure.graders_template import BadTemplate
from tunesmith.spec.wire_chat import ChatRequest
from tunesmith.spec.wire_evals import PENDING, Absent, Completions, ItemReference, RunRequest, RunState, TemplateMessages
from tunesmith.store.disk import remove as remove_file
from tunesmith.store.objects import Stored

router = APIRouter(prefix="/{eval_id}/runs")
NO_COUNTS = {"total": 0, "errored": 0, "failed": 0, "passed": 0}
Limit = Annotated[int, Query(ge=1, le=100)]


def my_eval(console: Console, caller: Caller, name: str) -> Stored:
    """The eval with this id, if the caller may see it.

    Raises: ApiError 404.
    """
    return _mine(console, caller, "eval", name, None)


def _mine(console: Console, caller: Caller, kind: str, name: str, parent: str | None) -> Stored:
    stored = seen(console, caller, kind, name)
    if stored is None or parent not in (None, stored.parent):
        words = {"eval": ("eval", "eval_id"), "run": ("eval run", "run_id"), "item": ("output item", "output_item_id")}[kind]
        raise ApiError(404, f"No {words[0]} found with id '{name[:120]}'.", param=words[1], code="not_found")
    return stored


def my_run(console: Console, caller: Caller, eval_id: str, run_id: str) -> Stored:
    """The run of this eval.

    Raises: ApiError 404.
    """
    my_eval(console, caller, eval_id)
    return _mine(console, caller, "run", run_id, eval_id)


@router.post("", status_code=201, openapi_extra=takes(RunRequest))
async def create(request: Request, eval_id: str, caller: Server) -> Response:
    """Begin a run. Rows that do not fit the eval's schema are refused at once."""
    console: Console = request.app.state.console
    body = read(RunRequest, await request.body()).body
    address = f"{request.base_url}v1/evals/{eval_id}/runs/"
    made: list[Stored] = []

    def make() -> dict[str, Any]:
        parent = my_eval(console, caller, eval_id)
        made.append(_add(console, caller, parent, body, address))
        return shown(request, made[0])

    asked = [eval_id, body.model_dump(mode="json", by_alias=True)]
    answer = await run_in_threadpool(once, console, caller, request_key(request), "evals.runs", asked, make)
    if made:
        runner_of(request).go_on(made[0])
    sampling = body.data_source.sampling_params if isinstance(body.data_source, Completions) else None
    has_effort = sampling is not None and sampling.reasoning_effort is not None
    return Reply(answer, status_code=201, headers=graders.ignored(("data_source.sampling_params.reasoning_effort",) if has_effort else ()))


def _add(console: Console, caller: Caller, parent: Stored, body: RunRequest, address: str) -> Stored:
    data = body.data_source
    assert not isinstance(data, Absent)
    assert not isinstance(data.source, Absent)
    model = _check_completions(console, caller, data) if isinstance(data, Completions) else None
    console.quotas.refuse_more_work(caller)
    name = new_id("evalrun_")
    evals_rows.take(console, caller, name, data.source, parent.body["data_source_config"]["schema"]["properties"]["item"])
    whole = data.model_dump(mode="json", by_alias=True, exclude_none=True)
    # What the run goes by: its rows are in the snapshot, and a run of many is not to carry them through every change of its counts.
    lean = whole | {"source": {"type": "file_id", "id": name}}
    content = {
        "name": body.name or "",
        "model": model,
        "status": "queued",
        "report_url": address + name,
        "result_counts": NO_COUNTS,
        "per_model_usage": None,
        "per_testing_criteria_results": None,
        "data_source": whole,
        "data": lean,
        "metadata": body.metadata or {},
        "error": None,
    }
    try:
        with console.quotas.working(caller):
            return console.objects.add("run", name, content, parent=parent.id, owner=caller.key_id)
    except BaseException:
        remove_file(evals_rows.snapshot_path(console, name))
        raise


def _check_completions(console: Console, caller: Caller, data: Completions) -> str:
    """The name of the model. Raises: ApiError for a model that is not there, templates that cannot be read, parameters that cannot be."""
    try:
        match data.input_messages:
            case TemplateMessages() as written:
                for message in written.template:
                    graders_template.pieces(message.template)
            case ItemReference() as reference:
                graders_template.path(reference.item_reference)
            case Absent():
                raise AssertionError("refused when it was read")
    except BadTemplate as error:
        raise ApiError(400, from_ours(error).message, param="data_source.input_messages", code=error.code) from None
    name = resolve(console, data.model, caller).name
    try:
        read(ChatRequest, bytes(Reply(chat_body(data, [{"role": "user", "content": "x"}])).body))
    except ApiError as error:
        param = f"data_source.sampling_params.{error.param}" if error.param else "data_source.sampling_params"
        raise ApiError(error.status_code, error.message, param=param, code=error.code) from None
    return name


@router.get("")
async def list_(
    request: Request, eval_id: str, caller: Server, after: After = None, limit: Limit = 20, order: Order = "asc", status: RunState | None = None
) -> Response:
    """The runs of an eval, oldest first unless asked otherwise."""
    console: Console = request.app.state.console

    def found() -> Response:
        my_eval(console, caller, eval_id)

        def fits(one: Stored) -> bool:
            return caller.sees(one.owner) and status in (None, one.body["status"])

        with known(after):
            some = console.objects.page("run", parent=eval_id, after=after, limit=limit, newest_first=order == "desc", where=fits)
        return page([shown(request, one) for one in some.items], some.has_more)

    return await run_in_threadpool(found)


@router.get("/{run_id}")
async def retrieve(request: Request, eval_id: str, run_id: str, caller: Server) -> Response:
    """One run, as it stands."""
    return Reply(shown(request, await run_in_threadpool(my_run, request.app.state.console, caller, eval_id, run_id)))


@router.post("/{run_id}/cancel")
@router.post("/{run_id}")
async def cancel(request: Request, eval_id: str, run_id: str, caller: Server) -> Response:
    """Stop a run; its output items stay."""
    console: Console = request.app.state.console

    def canceled(old: dict[str, Any]) -> dict[str, Any]:
        if old["status"] not in PENDING:
            raise ApiError(400, f"Cannot cancel a run with status '{old['status']}'.", param="run_id", code="invalid_run_state")
        return {**old, "status": "canceled"}

    def change() -> Stored:
        my_run(console, caller, eval_id, run_id)
        return console.objects.change("run", run_id, canceled)

    await run_in_threadpool(change)
    await runner_of(request).end(run_id)
    await run_in_threadpool(remove_file, evals_rows.snapshot_path(console, run_id))
    return Reply(shown(request, await run_in_threadpool(my_run, console, caller, eval_id, run_id)))


@router.delete("/{run_id}")
async def remove(request: Request, eval_id: str, run_id: str, caller: Server) -> Response:
    """Delete a run with its output items."""
    console: Console = request.app.state.console
    await run_in_threadpool(my_run, console, caller, eval_id, run_id)
    await runner_of(request).end(run_id)
    await run_in_threadpool(forget_run, console, run_id)
    return Reply({"object": "eval.run.deleted", "deleted": True, "run_id": run_id})


def forget_run(console: Console, name: str) -> None:
    """Delete a run, its items and its rows."""
    with suppress(NotFound):
        console.objects.remove("run", name)
    for item in console.objects.page("item", parent=name).items:
        with suppress(NotFound):
            console.objects.remove("item", item.id)
    remove_file(evals_rows.snapshot_path(console, name))


@router.get("/{run_id}/output_items")
async def list_output_items(
    request: Request,
    eval_id: str,
    run_id: str,
    caller: Server,
    after: After = None,
    limit: Limit = 20,
    order: Order = "asc",
    status: Literal["pass", "fail", "error"] | None = None,
) -> Response:
    """What the run says about each row, in the order of the rows unless asked otherwise."""
    console: Console = request.app.state.console

    def found() -> Response:
        my_run(console, caller, eval_id, run_id)

        def fits(one: Stored) -> bool:
            return status in (None, one.body["item"]["status"])

        with known(after):
            some = console.objects.page("item", parent=run_id, after=after, limit=limit, newest_first=order == "desc", where=fits)
        return page([one.body["item"] for one in some.items], some.has_more)

    return await run_in_threadpool(found)


@router.get("/{run_id}/output_items/{output_item_id}")
async def retrieve_output_item(request: Request, eval_id: str, run_id: str, output_item_id: str, caller: Server) -> Response:
    """What the run says about one row."""
    console: Console = request.app.state.console

    def found() -> Response:
        my_run(console, caller, eval_id, run_id)
        return Reply(_mine(console, caller, "item", output_item_id, run_id).body["item"])

    return await run_in_threadpool(found)


def runner_of(request: Request) -> EvalRunner:
    """Who works on this server's runs."""
    runner: EvalRunner = request.app.state.evals
    return runner


def shown(request: Request, stored: Stored) -> dict[str, Any]:
    """A run as clients see it."""
    body = {name: value for name, value in runner_of(request).seen(stored).items() if name != "data"}
    return {"object": "eval.run", "id": stored.id, "eval_id": stored.parent, "created_at": int(stored.created_at), **body}
