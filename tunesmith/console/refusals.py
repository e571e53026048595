"""What pydantic found wrong with a request → the message, parameter and code that OpenAI's service gives for it.

Only the first fault is told, as the hosted service does: unknown parameters last, for they often follow from another fault.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

OUTER = frozenset({"body", "query", "path", "header"})
KINDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("int_", "int"), "an integer"),
    (("float_", "finite_number", "decimal"), "a decimal"),
    (("string_type", "string_sub_type", "string_unicode"), "a string"),
    (("bool_",), "a boolean"),
    (("list_", "tuple_", "set_", "iterable"), "an array"),
    (("dict_", "model_", "mapping_", "dataclass_"), "an object"),
)
SHOWN = 80


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused."""

    message: str
    param: str | None
    code: str | None


def refusal(errors: Sequence[Mapping[str, Any]]) -> Refusal | None:
    """The fault to tell; None where the body is no JSON at all."""
    first = min(errors, key=_rank)
    if first["type"] == "json_invalid" or (tuple(first["loc"]) == ("body",) and isinstance(first["input"], bytes)):
        return None
    return _refusal(first, param_of(first["loc"]))


def _rank(error: Mapping[str, Any]) -> int:
    return 1 if error["type"] == "extra_forbidden" else 0


def param_of(loc: Sequence[str | int]) -> str | None:
    """The place of a fault as OpenAI writes it.

    >>> param_of(("body", "messages", 0, "content"))
    'messages[0].content'
    """
    path = list(loc[1:] if loc and loc[0] in OUTER else loc)
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text[:200] or None


def _refusal(error: Mapping[str, Any], param: str | None) -> Refusal:
    kind, context, got = str(error["type"]), error.get("ctx") or {}, error.get("input")
    name = f"'{param}'" if param else "the request body"
    if kind == "missing" or (got is None and param is None):
        return Refusal(f"Missing required parameter: {name}." if param else "Missing request body.", param, "missing_required_parameter")
    if kind == "extra_forbidden":
        return Refusal(f"Unknown parameter: {name}.", param, "unknown_parameter")
    if kind in ("literal_error", "enum", "union_tag_invalid"):
        return Refusal(f"Invalid value: {shown(got, context)}. Supported values are: {listed(context)}.", param, "invalid_value")
    if kind == "union_tag_not_found":
        return Refusal(f"Missing required parameter: '{param}.{tag(context)}'.", f"{param}.{tag(context)}", "missing_required_parameter")
    if kind in BOUNDS:
        return _out_of_range(kind, context, got, name, param)
    if kind in LENGTHS:
        return _wrong_length(kind, context, name, param)
    if kind in ("value_error", "assertion_error"):
        return Refusal(f"Invalid {name}: {str(error['msg']).removeprefix('Value error, ')}", param, "invalid_value")
    if kind == "string_pattern_mismatch":
        return Refusal(f"Invalid {name}: string does not match pattern. Expected a string that matches {context['pattern']}.", param, "invalid_value")
    expected = next((words for beginnings, words in KINDS if kind.startswith(beginnings)), "another type")
    return Refusal(f"Invalid type for {name}: expected {expected}, but got {what(got)} instead.", param, "invalid_type")


BOUNDS = {
    "greater_than": ("gt", "below_min", "below minimum", ">"),
    "greater_than_equal": ("ge", "below_min", "below minimum", ">="),
    "less_than": ("lt", "above_max", "above maximum", "<"),
    "less_than_equal": ("le", "above_max", "above maximum", "<="),
}
LENGTHS = {
    "string_too_long": ("string too long", "a string with", "maximum length {max_length}", "length {actual_length}", "string_above_max_length"),
    "string_too_short": ("string too short", "a string with", "minimum length {min_length}", "length {actual_length}", "string_below_min_length"),
    "too_long": ("array too long", "an array with", "maximum length {max_length}", "length {actual_length}", "array_above_max_length"),
    "too_short": ("array too short", "an array with", "minimum length {min_length}", "length {actual_length}", "array_below_min_length"),
    "too_long Dictionary": (
        "too many properties", "an object with", "at most {max_length} properties", "{actual_length} properties", "object_above_max_properties",
    ),
}  # fmt: skip


def _out_of_range(kind: str, context: Mapping[str, Any], got: Any, name: str, param: str | None) -> Refusal:
    key, side, words, sign = BOUNDS[kind]
    number = "integer" if isinstance(context[key], int) else "decimal"
    said = str(got)[:SHOWN]
    message = f"Invalid {name}: {number} {words} value. Expected a value {sign} {context[key]}, but got {said} instead."
    return Refusal(message, param, f"{number}_{side}_value")


def _wrong_length(kind: str, context: Mapping[str, Any], name: str, param: str | None) -> Refusal:
    fault, thing, bound, had, code = LENGTHS.get(f"{kind} {context.get('field_type')}", LENGTHS[kind])
    got = f", but got {thing} {had.format(**context)} instead" if context.get("actual_length") is not None else ""
    return Refusal(f"Invalid {name}: {fault}. Expected {thing} {bound.format(**context)}{got}.", param, code)


def what(value: Any) -> str:
    """The JSON type of a value, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal"
        case str() | bytes():
            return "a string"
        case list() | tuple():
            return "an array"
        case _:
            return "an object"


def shown(value: Any, context: Mapping[str, Any]) -> str:
    """A value that is not among those that are allowed; of an object, the tag that was looked at."""
    value = context.get("tag", value)
    return f"'{value[:SHOWN]}'" if isinstance(value, str) else str(value)[:SHOWN] if isinstance(value, int | float) else what(value)


def listed(context: Mapping[str, Any]) -> str:
    """The values that are allowed, as a sentence.

    >>> listed({"expected": "'a', 'b' or 'c'"})
    "'a', 'b', and 'c'"
    """
    words = re.findall(r"'[^']*'", str(context.get("expected") or context.get("expected_tags") or ""))
    if len(words) < 3:
        return " and ".join(words)
    return ", ".join(words[:-1]) + f", and {words[-1]}"


def tag(context: Mapping[str, Any]) -> str:
    """The name of the key that tells the members of a union apart."""
    return str(context.get("discriminator", "type")).strip("'")
