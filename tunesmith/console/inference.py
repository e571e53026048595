"""`/v1`: the routes that ask a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from pydantic_core import from_json
from starlette.responses import Response

from tunesmith.console import chat, completions, embeddings, responses, stored
from tunesmith.console.access import Caller, Server
from tunesmith.console.asking import unless_gone
from tunesmith.console.failures import ApiError
from tunesmith.console.parsing import read
from tunesmith.console.state import Console
from tunesmith.spec.wire_chat import ChatRequest
from tunesmith.spec.wire_completion import CompletionRequest, EmbeddingRequest
from tunesmith.spec.wire_responses import ResponseRequest, TokenCountRequest

router = APIRouter(tags=["inference"])
DEFAULT_MODERATOR = "omni-moderation-latest"


def takes(shape: type[BaseModel]) -> dict[str, Any]:
    """The description of a route's body for OpenAPI, references written out: they would point outside the document's own list."""
    schema = shape.model_json_schema()
    inner = schema.pop("$defs", {})
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": written_out(schema, inner)}}}}


def written_out(value: Any, inner: Mapping[str, Any]) -> Any:
    """`value` with every reference replaced by what it refers to. No shape of a request contains itself."""
    if isinstance(value, list):
        return [written_out(item, inner) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return {} if name == "JsonValue" else written_out({**inner[name], **{k: v for k, v in value.items() if k != "$ref"}}, inner)
    return {key: written_out(item, inner) for key, item in value.items()}


def request_id(request: Request) -> str:
    """The id that the gate gave this request."""
    return str(request.scope.get("tunesmith.request_id", ""))


@router.post("/v1/chat/completions", openapi_extra=takes(ChatRequest))
async def create_chat_completion(request: Request, caller: Server) -> Response:
    """The next message of a conversation."""
    parsed = read(ChatRequest, await request.body())
    return await unless_gone(request, chat.create(request.app.state.console, caller, parsed, request_id(request)))


@router.post("/v1/completions", openapi_extra=takes(CompletionRequest))
async def create_completion(request: Request, caller: Server) -> Response:
    """How a text goes on, or how probable it is."""
    parsed = read(CompletionRequest, await request.body())
    return await unless_gone(request, completions.create(request.app.state.console, caller, parsed))


@router.post("/v1/embeddings", openapi_extra=takes(EmbeddingRequest))
async def create_embedding(request: Request, caller: Server) -> Response:
    """Vectors of texts."""
    parsed = read(EmbeddingRequest, await request.body())
    return await unless_gone(request, embeddings.create(request.app.state.console, caller, parsed))


@router.post("/v1/moderations")
async def create_moderation(request: Request, caller: Server) -> Response:
    """Nothing here can judge what is harmful."""
    raise embeddings.no_moderation(moderator(await request.body()))


@router.post("/v1/responses", openapi_extra=takes(ResponseRequest))
async def create_response(request: Request, caller: Server) -> Response:
    """The next turn of a conversation whose earlier turns may be stored here."""
    parsed = read(ResponseRequest, await request.body())
    return await unless_gone(request, responses.create(request.app.state.console, caller, parsed))


@router.post("/v1/responses/input_tokens", openapi_extra=takes(TokenCountRequest))
async def count_input_tokens(request: Request, caller: Server) -> Response:
    """How many tokens an input has."""
    parsed = read(TokenCountRequest, await request.body())
    return await unless_gone(request, responses.count(request.app.state.console, caller, parsed))


router.include_router(stored.router)
router.include_router(responses.router)


def moderator(raw: bytes) -> str:
    """The moderation model that a body asks for."""
    try:
        body = from_json(raw)
    except ValueError:
        return DEFAULT_MODERATOR
    name = body.get("model") if isinstance(body, dict) else None
    return name if isinstance(name, str) else DEFAULT_MODERATOR


async def answer(console: Console, caller: Caller, path: str, raw: bytes) -> Response:
    """The reply to one line of a batch, as the route would give it.

    Raises: ApiError, also for a path that is no route of inference and for a stream, which has no place in a file.
    """
    match path:
        case "/v1/chat/completions":
            body = read(ChatRequest, raw)
            refuse_stream(body.body.stream)
            return await chat.create(console, caller, body)
        case "/v1/completions":
            text = read(CompletionRequest, raw)
            refuse_stream(text.body.stream)
            return await completions.create(console, caller, text)
        case "/v1/embeddings":
            return await embeddings.create(console, caller, read(EmbeddingRequest, raw))
        case "/v1/responses":
            turn = read(ResponseRequest, raw)
            refuse_stream(turn.body.stream)
            return await responses.create(console, caller, turn)
        case "/v1/moderations":
            raise embeddings.no_moderation(moderator(raw))
        case _:
            raise ApiError(400, f"Invalid value: '{path[:120]}'. It is no endpoint that a batch can ask.", param="url", code="invalid_value")


def refuse_stream(stream: bool | None) -> None:
    """Raise where a stream is asked for."""
    if stream:
        raise ApiError(400, "'stream' is not supported in a batch.", param="stream", code="invalid_value")
