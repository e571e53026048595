"""`/v1/models`: the bases on this machine, what was tuned from them, and deletion of the latter."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from tunesmith.catalogue.folder import MANIFEST
from tunesmith.console.access import Asker, Caller, Trainer
from tunesmith.console.failures import ApiError, Reply
from tunesmith.console.names import bases, find, may_use, registered, unknown
from tunesmith.console.state import Console
from tunesmith.errors import NotFound
from tunesmith.spec.openai import Deleted, Listing, ModelObject
from tunesmith.store.objects import Stored

router = APIRouter(prefix="/v1/models", tags=["models"])
OURS = "tunesmith"


@router.get("", response_model=Listing[ModelObject])
def list_(request: Request, caller: Asker) -> Response:
    """Everything that can be asked: bases, fine-tuned models and their checkpoints, models and candidates that `tunesmith run` registered."""
    console: Console = request.app.state.console
    tuned = console.objects.page("model", where=lambda one: may_use(console, one, caller)).items
    every = [*_bases(console), *(_tuned(console, one) for one in tuned), *_registered(console, caller)]
    return Reply({"object": "list", "data": [model.model_dump(mode="json") for model in every]})


@router.get("/{model:path}", response_model=ModelObject)
def retrieve(request: Request, model: str, caller: Asker) -> Response:
    """One model; an alias answers with the model it stands for, and says so in a header."""
    console: Console = request.app.state.console
    target = find(console, model, caller)
    if target is None:
        raise unknown(console, model, caller)
    try:
        found = _tuned(console, console.objects.get("model", target.name))
    except NotFound:
        found = next(one for one in (*_bases(console), *_registered(console, caller)) if one.id == target.name)
    return Reply(found.model_dump(mode="json"), headers=target.headers())


@router.delete("/{model:path}", response_model=Deleted)
def delete(request: Request, model: str, caller: Trainer) -> Response:
    """Forget a fine-tuned model or checkpoint; bases and registered models belong to the machine and are not deleted from afar."""
    console: Console = request.app.state.console
    try:
        stored = console.objects.get("model", model)
    except NotFound:
        if find(console, model, caller) is None:
            raise unknown(console, model, caller) from None
        raise ApiError(403, f"You are not allowed to delete the model `{model[:120]}`: it was not made by a fine-tuning job.") from None
    if not caller.sees(stored.owner):  # leave to use it is no leave to delete it
        raise unknown(console, model, caller)
    for permission in console.objects.page("permission", parent=stored.id).items:
        console.objects.remove("permission", permission.id)
    console.objects.remove("model", stored.id)
    return Reply(Deleted(id=stored.id, object="model").model_dump(mode="json"))


def _bases(console: Console) -> list[ModelObject]:
    return [ModelObject(id=model.id, created=int((Path(model.folder) / MANIFEST).stat().st_mtime), owned_by=OURS) for model in bases(console)]


def _tuned(console: Console, stored: Stored) -> ModelObject:
    created = int(stored.body.get("created") or stored.created_at)
    return ModelObject(id=stored.id, created=created, owned_by=console.configuration.organization)


def _registered(console: Console, caller: Caller) -> list[ModelObject]:
    return [ModelObject(id=one.model, created=int(one.at), owned_by=OURS) for one in registered(console, caller)]
