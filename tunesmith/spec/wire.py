"""What the shapes of all requests to models have in common: strictness, hosted-only fields, and how a validator says no in OpenAI's words.

Bodies are validated as JSON, strictly: "1" is no number and 1 is no truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NoReturn, TypeVar

from pydantic import ConfigDict, Discriminator, Tag
from pydantic_core import PydanticCustomError

from tunesmith.spec.noun import Noun

MAX_INTEGER = 2**63 - 1
MAX_TOKENS = 2**31 - 1
OWN = "in_openais_words"
"""Type of the errors that `refuse` raises; their context holds message, param and code."""


class Wire(Noun):
    """A part of a request. Unknown fields are refused, nothing is converted."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, hide_input_in_errors=True)


class Body(Wire):
    """A whole request. Fields that only a hosted service can honour stand in `hosted_only`: they are accepted, and named in the reply."""

    model_config = ConfigDict(extra="allow")
    hosted_only: ClassVar[Mapping[str, str]] = {}

    def unknown(self) -> str | None:
        """The first field that is neither ours nor one that only a hosted service can honour."""
        return next((name for name in self.model_extra or {} if name not in self.hosted_only), None)

    def without_effect(self) -> list[str]:
        """The fields of this request that were accepted and change nothing."""
        return [name for name, value in (self.model_extra or {}).items() if value is not None]


def kind_of(value: Any) -> str:
    """The tag of a value that may be a string or an array."""
    return "@string" if isinstance(value, str) else "@array"


T = TypeVar("T")
StringOr = Annotated[Annotated[str, Tag("@string")] | Annotated[T, Tag("@array")], Discriminator(kind_of)]


def refuse(message: str, param: str | None = None, code: str | None = None) -> NoReturn:
    """Stop a validator: `param` is relative to the noun that is being validated; `{param}` in the message becomes the whole path."""
    raise PydanticCustomError(OWN, "{message}", {"message": message, "param": param, "code": code})


def unusable_number(value: Any, path: str = "") -> str | None:
    """Where a number stands that JSON cannot carry on: not finite, or longer than 64 bits. None: nowhere.

    >>> unusable_number({"a": [1, float("inf")]})
    'a[1]'
    """
    if isinstance(value, dict):
        return next((found for key, item in value.items() if (found := unusable_number(item, f"{path}.{key}" if path else str(key)))), None)
    if isinstance(value, list):
        return next((found for i, item in enumerate(value) if (found := unusable_number(item, f"{path}[{i}]"))), None)
    if isinstance(value, float):
        return (path or "body") if value != value or value in (float("inf"), float("-inf")) else None
    return (path or "body") if isinstance(value, int) and abs(value) > MAX_INTEGER + 1 else None
