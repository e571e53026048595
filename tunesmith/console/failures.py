"""Every way in which a request can fail → the one error body that OpenAI's clients understand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from tunesmith.console.refusals import Refusal, refusal
from tunesmith.errors import Busy, TunesmithError

INVALID = "invalid_request_error"
SERVER = "server_error"
BUG_MESSAGE = "The server had an error while processing your request. Sorry about that!"


class Reply(JSONResponse):
    """A JSON answer in ASCII: text with half of a surrogate pair cannot be written in UTF-8, and a request may hold any."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


class ApiError(HTTPException):
    """An answer that says no. It derives from starlette's exception because the framework lets only those through while it reads a body."""

    def __init__(
        self,
        status: int,
        message: str,
        type: str = INVALID,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, dict(headers or {}))
        self.message = message
        self.type = type
        self.param = param
        self.code = code

    def body(self) -> dict[str, dict[str, str | None]]:
        """The envelope: all four keys, always."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


def reply(error: ApiError) -> Response:
    """The answer that carries the error."""
    return Reply(error.body(), status_code=error.status_code, headers=error.headers)


def bug() -> ApiError:
    """A mistake of ours: nothing of it is shown, the request id leads to the log."""
    return ApiError(500, BUG_MESSAGE, SERVER)


def overloaded(message: str = "The server is currently overloaded with other requests. Please try again in a moment.", after_s: int = 1) -> ApiError:
    """More is asked at once than can be done."""
    return ApiError(503, message, SERVER, code="overloaded", headers={"retry-after": str(after_s)})


def from_refusal(why: Refusal, status: int = 400) -> ApiError:
    """The error for a request that does not have the right shape."""
    return ApiError(status, why.message, param=why.param, code=why.code)


def from_ours(error: TunesmithError) -> ApiError:
    """One of our errors as an answer. Faults of the machine are named by their code only: their text holds paths."""
    if isinstance(error, Busy):
        return overloaded("The server is busy with another request for the same thing. Please try again in a moment.")
    if error.http_status >= 500:
        return ApiError(error.http_status, f"{BUG_MESSAGE} ({error.code})", SERVER, code=error.code)
    said = []
    for problem in error.problems:
        parts = [f"{problem.where}: {problem.message}" if problem.where else problem.message]
        parts += [f"{name} {value}" for name, value in (("got", problem.got), ("expected", problem.expected), ("fix:", problem.fix)) if value]
        said.append("; ".join(parts))
    return ApiError(error.http_status, " · ".join(said), code=error.code)


def from_framework(error: HTTPException, method: str, path: str) -> ApiError:
    """What the framework found, in the words of the contract."""
    if isinstance(error, ApiError):
        return error
    headers = dict(error.headers or {})
    if error.status_code == 404:
        return ApiError(404, f"Invalid URL ({method} {path[:200]})", code="unknown_url", headers=headers)
    if error.status_code == 405:
        return ApiError(405, f"Not allowed to {method} on {path[:200]}", code="method_not_supported", headers=headers)
    if error.status_code == 413:
        return too_large(None)
    if error.status_code == 400:
        return unreadable()
    return ApiError(error.status_code, str(error.detail), headers=headers)


def unreadable() -> ApiError:
    """The body is no JSON."""
    return ApiError(
        400,
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. "
        "The API expects a JSON payload, but what was sent was not valid JSON.)",
    )


def too_large(limit: int | None) -> ApiError:
    """The body has more bytes than this route, or this key, may send."""
    most = f" Expected at most {limit:,} bytes." if limit is not None else ""
    return ApiError(413, f"The request body is too large.{most}", code="request_too_large", headers={"connection": "close"})


def install(app: FastAPI) -> None:
    """Have every exception of a route answered in the envelope. What is not named here is caught in `gate.py`."""

    def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return reply(from_framework(error, request.method, request.url.path))

    def on_ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, TunesmithError)
        return reply(from_ours(error))

    def on_shape(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        why = refusal(error.errors())
        return reply(unreadable() if why is None else from_refusal(why))

    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(TunesmithError, on_ours)
    app.add_exception_handler(RequestValidationError, on_shape)
