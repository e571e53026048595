"""`/v1/responses`: a turn of a conversation that the server can keep; asked at once, as a stream, or in the background."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tunesmith.console.access import Caller, Server
from tunesmith.console.asking import Account, Asked, EventStream, asked
from tunesmith.console.engine_client import Line, Lines, ask, gather, single, sources
from tunesmith.console.failures import ApiError, Reply, bug
from tunesmith.console.paging import After, Order, cut
from tunesmith.console.parsing import Parsed
from tunesmith.console.response_object import (
    engine_messages,
    engine_request,
    engine_tools,
    failed,
    finished,
    input_items,
    output_of,
    skeleton,
    without_oldest,
)
from tunesmith.console.responses_stream import ResponseStream
from tunesmith.console.seen import seen
from tunesmith.console.state import Console
from tunesmith.console.stored import page
from tunesmith.errors import NotFound
from tunesmith.spec.wire_responses import Item, ResponseRequest, TokenCountRequest, Turn
from tunesmith.store.objects import Stored

router = APIRouter(prefix="/v1/responses", tags=["responses"])
KIND = "response"
PENDING = frozenset({"queued", "in_progress"})
LOST = "The server was started again while this response was being made."
RUNNING: dict[str, asyncio.Task[None]] = {}
"""What this process makes in the background, by the response's id. A response that is pending and not here was lost with its process."""


async def create(console: Console, caller: Caller, parsed: Parsed[ResponseRequest]) -> Response:
    """The response, its stream of events, or, in the background, its beginning.

    Raises: ApiError.
    """
    wanted = parsed.body
    one = await asked(console, caller, wanted.model, "responses", parsed.ignored)
    items = await run_in_threadpool(conversation, console, caller, wanted)
    systems = [f"input[{i}]" for i, item in enumerate(wanted.items) if item.role in ("system", "developer")]
    one = one.marked(wanted, [*(["instructions"] if wanted.instructions is not None else []), *systems])
    engine_messages(items, wanted.instructions)  # whatever is wrong with them is told before anything is stored
    response = skeleton(wanted, one)
    if wanted.background:
        await keep(one, response, items)
        task = asyncio.create_task(_behind(wanted, one, items, response))
        RUNNING[response["id"]] = task
        task.add_done_callback(lambda _: RUNNING.pop(response["id"], None))
        return Reply(response, headers=one.headers())
    start, lines = await begin(wanted, one, items)
    try:
        account = Account(one, start["prompt_tokens"])
        if wanted.stream:
            stream = ResponseStream(wanted, response, start, keep=lambda done: keep(one, done, items))
            return EventStream(stream.frames(account.follow(lines)), lines, one.headers(start))
        body = await _whole(wanted, response, start, lines, account)
    finally:
        if not wanted.stream:
            lines.close()
    if wanted.store is not False:
        await keep(one, body, items)
    return Reply(body, headers=one.headers(start))


async def begin(wanted: ResponseRequest, one: Asked, items: Sequence[Item]) -> tuple[Line, Lines]:
    """(what the engine says first, the lines behind it). With `truncation: auto` the oldest turns go until the rest fits."""
    shorter: list[Item] | None = list(items)
    while True:
        assert shorter is not None
        lines = await ask(one.console.engine_socket, engine_request(wanted, one, shorter), one.about)
        try:
            return (await lines.first())["start"], lines
        except ApiError as error:
            if error.code != "context_length_exceeded" or wanted.truncation != "auto":
                raise in_words_of_responses(error) from None
            if (shorter := without_oldest(shorter)) is None:
                raise in_words_of_responses(error) from None


def in_words_of_responses(error: ApiError) -> ApiError:
    """The same error, about the parameter that this API has in place of `response_format`."""
    if error.param is None or not error.param.startswith("response_format"):
        return error
    param = error.param.replace("response_format.json_schema", "text.format").replace("response_format", "text.format")
    return ApiError(error.status_code, error.message.replace(error.param, param), error.type, param, error.code)


async def _whole(wanted: ResponseRequest, response: Mapping[str, Any], start: Line, lines: Lines, account: Account) -> dict[str, Any]:
    whole = await gather(start, account.follow(lines), 1)
    choice = whole.choices[0]
    return finished(response, output_of(choice, wanted.wants_logprobs), choice.reason, whole.usage, sources(start) | choice.own)


async def _behind(wanted: ResponseRequest, one: Asked, items: Sequence[Item], response: dict[str, Any]) -> None:
    """Make a response while nobody waits, and store how it ended."""
    lines: Lines | None = None
    try:
        start, lines = await begin(wanted, one, items)
        body = await _whole(wanted, response, start, lines, Account(one, start["prompt_tokens"]))
    except ApiError as error:
        body = failed(response, error)
    except asyncio.CancelledError:
        body = {**response, "status": "cancelled"}
    except Exception:  # the boundary of this request: nobody else would hear of it, and it must not stay pending
        body = failed(response, bug())
    finally:
        if lines is not None:
            lines.close()
    with suppress(NotFound):  # deleted meanwhile
        await run_in_threadpool(_settle, one.console, response["id"], body)


def _settle(console: Console, name: str, body: dict[str, Any]) -> Stored:
    """Write how a pending response ended, unless it has ended already."""
    return console.objects.change(KIND, name, lambda old: {**old, "response": body} if old["response"]["status"] in PENDING else old)


async def keep(one: Asked, response: Mapping[str, Any], items: Sequence[Item]) -> None:
    """Store a response and everything it was asked."""
    content = {"response": dict(response), "input": input_items(items)}
    await run_in_threadpool(one.console.objects.add, KIND, response["id"], content, owner=one.caller.key_id)


def conversation(console: Console, caller: Caller, wanted: Turn) -> list[Item]:
    """The items of this turn, behind those of the response that it goes on from.

    Raises: ApiError 400 if that one is not there or not complete.
    """
    name = wanted.previous_response_id
    if name is None:
        return list(wanted.items)
    try:
        earlier = mine(console, caller, name)
    except ApiError:
        message = f"Previous response with id '{name[:120]}' not found."
        raise ApiError(400, message, param="previous_response_id", code="previous_response_not_found") from None
    if earlier.body["response"]["status"] in PENDING:
        raise ApiError(400, f"Response '{name[:120]}' is not complete yet.", param="previous_response_id", code="invalid_value")
    before = [Item.model_validate_json(json.dumps(item)) for item in (*earlier.body["input"], *earlier.body["response"]["output"])]
    return [*before, *wanted.items]


async def count(console: Console, caller: Caller, parsed: Parsed[TokenCountRequest]) -> Response:
    """How many tokens the model would read."""
    wanted = parsed.body
    one = await asked(console, caller, wanted.model, "responses", parsed.ignored)
    items = await run_in_threadpool(conversation, console, caller, wanted)
    request = {
        **one.request("count"),
        "target": one.engine_target,
        "messages": engine_messages(items, wanted.instructions),
        "tools": engine_tools(wanted)[0],
    }
    if wanted.tunesmith is not None and wanted.tunesmith.no_prompt:
        request["no_prompt"] = True
    line = await single(console.engine_socket, request, "prompt_tokens", one.about)
    return Reply({"object": "response.input_tokens", "input_tokens": line["prompt_tokens"]}, headers=one.headers())


def mine(console: Console, caller: Caller, name: str) -> Stored:
    """The stored response, if the caller may see it. One whose process has ended is marked as failed first.

    Raises: ApiError 404.
    """
    stored = seen(console, caller, KIND, name)
    if stored is None:
        raise ApiError(404, f"Response with id '{name[:120]}' not found.", param="response_id", code="not_found")
    response = stored.body["response"]
    if response["status"] in PENDING and name not in RUNNING:
        return _settle(console, name, failed(response, ApiError(500, LOST)))
    return stored


async def shown(request: Request, work: Callable[[], dict[str, Any]]) -> Response:
    """What `work` finds in the store, as an answer."""
    return Reply(await run_in_threadpool(work))


@router.get("/{response_id}")
async def retrieve(request: Request, response_id: str, caller: Server, stream: bool = False) -> Response:
    """A stored response, as it stands."""
    if stream:
        raise ApiError(400, "A stored response cannot be streamed again here: ask for it without 'stream'.", param="stream", code="invalid_value")
    return await shown(request, lambda: dict(mine(request.app.state.console, caller, response_id).body["response"]))


@router.delete("/{response_id}")
async def remove(request: Request, response_id: str, caller: Server) -> Response:
    """Forget a response; one that is being made is stopped."""
    console: Console = request.app.state.console

    def removed() -> dict[str, Any]:
        mine(console, caller, response_id)
        console.objects.remove(KIND, response_id)
        return {"id": response_id, "object": "response", "deleted": True}

    reply = await shown(request, removed)
    if (task := RUNNING.get(response_id)) is not None:
        task.cancel()
    return reply


@router.post("/{response_id}/cancel")
async def cancel(request: Request, response_id: str, caller: Server) -> Response:
    """Stop a response that is made in the background. One that has ended stays as it is."""
    console: Console = request.app.state.console
    stored = await run_in_threadpool(mine, console, caller, response_id)
    if not stored.body["response"]["background"]:
        raise ApiError(400, "Cannot cancel a synchronous response.", param="response_id", code="invalid_value")
    if (task := RUNNING.get(response_id)) is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return await shown(request, lambda: dict(mine(console, caller, response_id).body["response"]))


@router.get("/{response_id}/input_items")
async def list_input_items(
    request: Request, response_id: str, caller: Server, after: After = None, limit: Annotated[int, Query(ge=1, le=100)] = 20, order: Order = "desc"
) -> Response:
    """What a response was asked, newest first."""
    stored = await run_in_threadpool(mine, request.app.state.console, caller, response_id)
    items = stored.body["input"]
    some, has_more = cut(items if order == "asc" else items[::-1], lambda item: str(item["id"]), after, limit)
    return page(some, has_more)
