"""A value with named fields → a frozen, comparable, hashable-by-content noun."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """A frozen value. Unknown fields are refused; the digest is that of its canonical JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=True, ser_json_inf_nan="constants")

    def content_digest(self) -> str:
        """sha256 (64 hex digits) of the canonical JSON: the same content always has the same digest."""
        return digest(self.model_dump(mode="json"))


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: the form that is hashed.

    >>> canonical({"b": 1, "a": [True, None]})
    '{"a":[true,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """sha256 (64 hex digits) of `value` in canonical JSON. `value` holds plain JSON types only."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()
