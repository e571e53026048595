"""`/v1/chat/completions` as stored things: kept where a request says `store`, listed, labelled, deleted, for distillation and evals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tunesmith.console.access import Caller, Server
from tunesmith.console.asking import Asked
from tunesmith.console.failures import ApiError, Reply
from tunesmith.console.paging import After, Order, cut, known
from tunesmith.console.parsing import read
from tunesmith.console.seen import seen
from tunesmith.console.state import Console
from tunesmith.spec.wire_chat import ChatRequest, MetadataChange
from tunesmith.store.objects import Stored

router = APIRouter(prefix="/v1/chat/completions", tags=["stored completions"])
KIND = "completion"
Limit = Annotated[int, Query(ge=1, le=100)]
ECHOED = ("frequency_penalty", "presence_penalty", "response_format", "seed", "temperature", "tool_choice", "tools", "top_p")
"""Parameters that a stored completion repeats."""


async def keep_completion(one: Asked, body: dict[str, Any], chat: ChatRequest, messages: Sequence[dict[str, Any]], request_id: str) -> None:
    """Store a completion with its messages and parameters."""
    plain = chat.model_dump(mode="json", by_alias=True, exclude_none=True)
    repeated = {name: plain.get(name) for name in ECHOED}
    completion = {**body, **repeated, "metadata": dict(chat.metadata or {}), "request_id": request_id, "input_user": None}
    content = {"completion": completion, "messages": list(messages)}
    await run_in_threadpool(one.console.objects.add, KIND, body["id"], content, owner=one.caller.key_id)


def shown(stored: Stored) -> dict[str, Any]:
    """A stored completion as the API shows it."""
    completion: dict[str, Any] = stored.body["completion"]
    return completion


def mine(console: Console, caller: Caller, name: str) -> Stored:
    """The stored completion, if the caller may see it.

    Raises: ApiError 404.
    """
    stored = seen(console, caller, KIND, name)
    if stored is None:
        raise ApiError(404, f"No chat completion found with id '{name[:120]}'.", param="completion_id", code="not_found")
    return stored


def page(items: Sequence[dict[str, Any]], has_more: bool) -> Response:
    """Some objects as a list of the API."""
    first, last = (items[0]["id"], items[-1]["id"]) if items else (None, None)
    return Reply({"object": "list", "data": list(items), "first_id": first, "last_id": last, "has_more": has_more})


def wanted_labels(request: Request) -> dict[str, str]:
    """The labels of a query `metadata[key]=value`."""
    return {key[9:-1]: value for key, value in request.query_params.items() if key.startswith("metadata[") and key.endswith("]")}


@router.get("")
async def every(request: Request, caller: Server, after: After = None, limit: Limit = 20, order: Order = "asc", model: str | None = None) -> Response:
    """The caller's stored completions, oldest first, of one model or with some labels if the query names them."""
    console: Console = request.app.state.console
    labels = wanted_labels(request)

    def fits(stored: Stored) -> bool:
        one = shown(stored)
        has_labels = all(one["metadata"].get(key) == value for key, value in labels.items())
        return caller.sees(stored.owner) and model in (None, one["model"]) and has_labels

    def found() -> Response:
        with known(after):
            some = console.objects.page(KIND, after=after, limit=limit, newest_first=order == "desc", where=fits)
        return page([shown(stored) for stored in some.items], some.has_more)

    return await run_in_threadpool(found)


@router.get("/{completion_id}")
async def retrieve(request: Request, completion_id: str, caller: Server) -> Response:
    """One stored completion."""
    return Reply(shown(await run_in_threadpool(mine, request.app.state.console, caller, completion_id)))


@router.get("/{completion_id}/messages")
async def messages(request: Request, completion_id: str, caller: Server, after: After = None, limit: Limit = 20, order: Order = "asc") -> Response:
    """The messages that were asked, in their order."""
    stored = await run_in_threadpool(mine, request.app.state.console, caller, completion_id)
    items = [
        {"id": f"{completion_id}-{i}", "name": None, "content": None, "refusal": None, "content_parts": None, **message}
        for i, message in enumerate(stored.body["messages"])
    ]
    some, has_more = cut(items if order == "asc" else items[::-1], lambda item: str(item["id"]), after, limit)
    return page(some, has_more)


@router.post("/{completion_id}")
async def change(request: Request, completion_id: str, caller: Server) -> Response:
    """Other labels for a stored completion."""
    console: Console = request.app.state.console
    labels = read(MetadataChange, await request.body()).body.metadata or {}

    def changed() -> Response:
        mine(console, caller, completion_id)
        stored = console.objects.change(KIND, completion_id, lambda old: {**old, "completion": {**old["completion"], "metadata": dict(labels)}})
        return Reply(shown(stored))

    return await run_in_threadpool(changed)


@router.delete("/{completion_id}")
async def remove(request: Request, completion_id: str, caller: Server) -> Response:
    """Forget a stored completion."""
    console: Console = request.app.state.console

    def removed() -> Response:
        mine(console, caller, completion_id)
        console.objects.remove(KIND, completion_id)
        return Reply({"object": "chat.completion.deleted", "id": completion_id, "deleted": True})

    return await run_in_threadpool(removed)
