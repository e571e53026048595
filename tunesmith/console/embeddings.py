"""POST /v1/embeddings: texts → vectors. POST /v1/moderations: an honest no."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from tunesmith.console.access import Caller
from tunesmith.console.asking import Asked, asked
from tunesmith.console.engine_client import single
from tunesmith.console.failures import ApiError, Reply
from tunesmith.console.parsing import Parsed
from tunesmith.console.state import Console
from tunesmith.spec.wire_completion import EmbeddingRequest

TRUNCATED_HEADER = "x-tunesmith-truncated"
"""Names the inputs of which the model saw the beginning only: it reads a few hundred tokens."""
SHOWN = 100


async def create(console: Console, caller: Caller, parsed: Parsed[EmbeddingRequest]) -> Response:
    """One vector per text.

    Raises: ApiError.
    """
    wanted = parsed.body
    one = await asked(console, caller, wanted.model, "embeddings", parsed.ignored)
    found = await single(console.engine_socket, engine_request(wanted, one), "vectors", one.about)
    vectors, tokens = found["vectors"], int(found["tokens"])
    one.spend(tokens, 0)
    check_dimensions(wanted.dimensions, vectors, one.target.name)
    data = [{"object": "embedding", "index": i, "embedding": encoded(vector, wanted.encoding_format)} for i, vector in enumerate(vectors)]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    headers = one.headers()
    if cut := found.get("truncated"):
        headers[TRUNCATED_HEADER] = ", ".join(str(place) for place in cut[:SHOWN]) + (", ..." if len(cut) > SHOWN else "")
    return Reply({"object": "list", "data": data, "model": one.target.name, "usage": usage}, headers=headers)


def engine_request(wanted: EmbeddingRequest, one: Asked) -> dict[str, Any]:
    """What the engine is asked."""
    return {**one.request("embed"), "model": one.target.base, "inputs": wanted.inputs}


def encoded(vector: Sequence[float], form: str | None) -> list[float] | str:
    """A vector as numbers, or as base64 of little-endian float32, which is a third of the size.

    >>> encoded([1.0], "base64")
    'AACAPw=='
    """
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii") if form == "base64" else list(vector)


def check_dimensions(wanted: int | None, vectors: Sequence[Sequence[float]], model: str) -> None:
    """Raise where other dimensions are wanted than the model has: it was not trained to be cut, and a cut vector would compare badly."""
    size = len(vectors[0])
    if wanted is not None and wanted != size:
        message = f"This model does not support specifying dimensions: `{model}` has {size}. Leave 'dimensions' out."
        raise ApiError(400, message, param="dimensions", code="invalid_value")


def no_moderation(name: str) -> ApiError:
    """The answer to a moderation: without a model for it, "not flagged" would be a lie."""
    message = f"The model `{name[:120]}` does not exist or you do not have access to it. No moderation model is installed here."
    return ApiError(404, message, code="model_not_found")
