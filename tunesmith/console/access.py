"""A request that passed the gate → who asks, if he may ask this.

A route names the scopes it needs: `caller: Annotated[Caller, Security(caller, scopes=["train"])]`, or one of the aliases below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import SecurityScopes

from tunesmith.console.failures import ApiError
from tunesmith.store.access import Key, Limits

IMPLIED: dict[str, frozenset[str]] = {
    "read": frozenset({"read", "models", "look"}),
    "train": frozenset({"train", "read", "models", "look", "upload"}),
    "serve": frozenset({"serve", "models", "look", "upload"}),
    "admin": frozenset({"admin", "train", "serve", "read", "models", "look", "upload"}),
}
"""Scope of a key → what it may do. `models` is to list what can be asked: whoever trains, reads or asks may. `look` and `upload` are about files:
who only asks models has batches, and sees no files but his own."""
NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
    "(i.e. Authorization: Bearer YOUR_KEY). `tunesmith keys create` makes one."
)


@dataclass(frozen=True)
class Caller:
    """Who asks."""

    key_id: str
    scopes: frozenset[str]
    limits: Limits

    def sees(self, owner: str | None) -> bool:
        """True if what this owner made may be shown: everything of the store, but for keys that are confined to their own."""
        return not self.limits.own_only or owner == self.key_id

    def sees_file(self, owner: str | None) -> bool:
        """True if a file of this owner may be shown: training rows are nothing for keys that only ask models."""
        return self.sees(owner) and ("read" in self.scopes or owner == self.key_id)


def caller_of(key: Key) -> Caller:
    """The caller who sent this key."""
    return Caller(key.id, frozenset().union(*(IMPLIED[scope] for scope in key.scopes)), key.limits)


def caller(request: Request, wanted: SecurityScopes) -> Caller:
    """Who asks.

    Raises: ApiError 403 if a scope that the route needs is missing.
    """
    found = request.scope.get("tunesmith.caller")
    if not isinstance(found, Caller):  # a route that the gate lets through without a key
        raise ApiError(401, NO_KEY)
    missing = [scope for scope in wanted.scopes if scope not in found.scopes]
    if missing:
        words = ", ".join(missing)
        raise ApiError(403, f"You have insufficient permissions for this operation. Missing scopes: {words}", code="missing_scope")
    return found


def mask(secret: str) -> str:
    """A key as it may be repeated.

    >>> mask("sk-ts-0123456789abcdef"), mask("short")
    ('sk-ts***cdef', '***')
    """
    return f"{secret[:5]}***{secret[-4:]}" if len(secret) >= 16 and secret.isascii() and secret.isprintable() else "***"


def wrong_key(secret: str) -> ApiError:
    """The answer to a key that is not known, or not any more."""
    message = f"Incorrect API key provided: {mask(secret)}. `tunesmith keys list` shows the keys of this server."
    return ApiError(401, message, code="invalid_api_key")


Asker = Annotated[Caller, Security(caller, scopes=["models"])]
Reader = Annotated[Caller, Security(caller, scopes=["read"])]
Looker = Annotated[Caller, Security(caller, scopes=["look"])]
Uploader = Annotated[Caller, Security(caller, scopes=["upload"])]
Trainer = Annotated[Caller, Security(caller, scopes=["train"])]
Server = Annotated[Caller, Security(caller, scopes=["serve"])]
Admin = Annotated[Caller, Security(caller, scopes=["admin"])]
