"""`/v1/fine_tuning/checkpoints/{model}/permissions`: which keys may use a fine-tuned model that another key owns.

The hosted service gives a checkpoint to other projects. Here a project is a key: a key that is confined to what it made itself
(`tunesmith keys create --own-only`) may use the models that it has a permission for. All others see everything anyway.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from tunesmith.console.access import Caller, Reader, Trainer
from tunesmith.console.failures import ApiError, Reply
from tunesmith.console.ids import new_id
from tunesmith.console.names import unknown
from tunesmith.console.paging import known, listing
from tunesmith.console.state import Console
from tunesmith.errors import NotFound
from tunesmith.spec.openai import Deleted, Listing, PermissionObject, PermissionRequest
from tunesmith.store.objects import Stored

router = APIRouter(prefix="/v1/fine_tuning/checkpoints", tags=["fine-tuning"])
OBJECT = "checkpoint.permission"


class Asked(BaseModel):
    """Which permissions to list."""

    project_id: str | None = Field(default=None, max_length=256)
    limit: int = Field(default=10, ge=1, le=100)
    order: Literal["ascending", "descending"] = "descending"
    after: str | None = Field(default=None, max_length=256)


@router.get("/{model:path}/permissions", response_model=Listing[PermissionObject])
def list_(
    request: Request,
    model: str,
    caller: Reader,
    asked: Annotated[Asked, Query()],
) -> Response:
    """The permissions of a model."""
    console: Console = request.app.state.console
    stored = _model(console, model, caller)
    with known(asked.after):
        page = console.objects.page(
            "permission",
            parent=stored.id,
            after=asked.after,
            limit=asked.limit,
            newest_first=asked.order == "descending",
            where=lambda one: asked.project_id in (None, one.body["project_id"]),
        )
    return listing([_shown(one) for one in page.items], page.has_more)


@router.post("/{model:path}/permissions", response_model=Listing[PermissionObject])
def create(request: Request, model: str, body: PermissionRequest, caller: Trainer) -> Response:
    """Let keys use a model; `project_ids` are ids or names of keys."""
    console: Console = request.app.state.console
    stored = _model(console, model, caller)
    wanted = [_key_id(console, name, place) for place, name in enumerate(body.project_ids)]
    there = {one.body["project_id"]: one for one in console.objects.page("permission", parent=stored.id).items}
    given = []
    for key_id in dict.fromkeys(wanted):
        one = there.get(key_id) or console.objects.add("permission", new_id("cp_"), {"project_id": key_id}, parent=stored.id, owner=caller.key_id)
        given.append(_shown(one))
    return listing(given, False)


@router.delete("/{model:path}/permissions/{permission_id}", response_model=Deleted)
def delete(request: Request, model: str, permission_id: str, caller: Trainer) -> Response:
    """Take a permission back."""
    console: Console = request.app.state.console
    stored = _model(console, model, caller)
    try:
        if console.objects.get("permission", permission_id).parent != stored.id:
            raise NotFound("belongs to another model")
    except NotFound:
        raise ApiError(404, f"No such permission: {permission_id[:120]}", param="permission_id") from None
    console.objects.remove("permission", permission_id)
    return Reply(Deleted(id=permission_id, object=OBJECT).model_dump(mode="json"))


def _model(console: Console, name: str, caller: Caller) -> Stored:
    """A fine-tuned model that this caller owns or sees. Raises: ApiError 404."""
    try:
        stored = console.objects.get("model", name)
    except NotFound:
        raise unknown(console, name, caller) from None
    if not caller.sees(stored.owner):
        raise unknown(console, name, caller)
    return stored


def _key_id(console: Console, name: str, place: int) -> str:
    try:
        return console.keys.get(name).id
    except NotFound:
        fix = "Here a project is a key of this server; `tunesmith keys list` shows them."
        raise ApiError(400, f"No such project: '{name[:120]}'. {fix}", param=f"project_ids[{place}]", code="invalid_value") from None


def _shown(stored: Stored) -> PermissionObject:
    return PermissionObject(id=stored.id, created_at=int(stored.created_at), project_id=stored.body["project_id"])
