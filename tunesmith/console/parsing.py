"""A request's body, as bytes → a frozen noun and the names of its fields without effect, or the error in OpenAI's words.

Lone surrogates, numbers that are not finite and nesting beyond 200 levels are refused by the parser, so that nothing behind it meets them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from tunesmith.console.failures import ApiError, from_refusal, unreadable
from tunesmith.console.refusals import param_of, refusal, what
from tunesmith.spec.wire import OWN, Body, Wire, unusable_number

B = TypeVar("B", bound=Wire)


@dataclass(frozen=True)
class Parsed(Generic[B]):
    """A sound request."""

    body: B
    ignored: tuple[str, ...]
    """Fields that were accepted and have no effect here."""


def read(shape: type[B], raw: bytes) -> Parsed[B]:
    """The request as `shape`.

    Raises: ApiError 400 for the first thing that is wrong with it.
    """
    try:
        plain = from_json(raw, allow_inf_nan=False)
    except ValueError:
        raise unreadable() from None
    if not isinstance(plain, dict):
        raise ApiError(400, f"Invalid type for the request body: expected an object, but got {what(plain)} instead.", code="invalid_type")
    if (where := unusable_number(plain)) is not None:
        raise ApiError(
            400, f"Invalid value for '{where[:200]}': expected a finite number of at most 64 bits.", param=where[:200], code="invalid_value"
        )
    try:
        body = shape.model_validate_json(raw)
    except ValidationError as error:
        raise refused(error.errors(include_url=False)) from None
    if isinstance(body, Body):
        if (name := body.unknown()) is not None:
            raise ApiError(400, f"Unknown parameter: '{name[:200]}'.", param=name[:200], code="unknown_parameter")
        return Parsed(body, tuple(body.without_effect()))
    return Parsed(body, ())


def refused(errors: list[ErrorDetails]) -> ApiError:
    """The first fault as an answer: in its own words where a validator of ours spoke."""
    plain: list[dict[str, Any]] = [{**error, "loc": without_tags(error["loc"])} for error in errors]
    first = plain[0]
    if first["type"] == OWN:
        return in_own_words(first)
    if first["type"] == "too_short" and not (first.get("ctx") or {}).get("actual_length"):
        param = param_of(first["loc"])
        message = (
            f"Invalid '{param}': empty array. Expected an array with minimum length {first['ctx']['min_length']}, but got an empty array instead."
        )
        return ApiError(400, message, param=param, code="empty_array")
    why = refusal([error for error in plain if error["type"] != OWN])
    return unreadable() if why is None else from_refusal(why)


def without_tags(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """A place in a request, without the tags of unions and pydantic's mark for keys."""
    return tuple(part for part in loc if isinstance(part, int) or not (part.startswith("@") or part == "[key]"))


def in_own_words(error: Mapping[str, Any]) -> ApiError:
    """What `spec.wire.refuse` said, with the path of the noun that it stands in."""
    said = error["ctx"]
    param = ".".join(part for part in (param_of(error["loc"]), said["param"]) if part) or None
    return ApiError(400, said["message"].replace("{param}", param or ""), param=param, code=said["code"])
